"""The clipboard of one display: what is in it, putting something into it, who takes it.

An owner in this process: what is set here is given to every program that asks, until another
program copies something. Nobody is asked for content before a caller wants it. It does not know
commands, and not how bytes travel (`selection_owner.py`, `selection_request.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from Xlib import X

from agentd.base.errors import Conflict, NotFound, TimedOut, Unavailable
from agentd.base.events import EventBus
from agentd.desktop.clipboard.icccm import Icccm, Owner, Request
from agentd.desktop.clipboard.selection_content import (
    Content,
    ContentType,
    Encoded,
    Selection,
    Value,
    best_target,
    decoded,
    types_among,
)
from agentd.desktop.clipboard.selection_news import SelectionNews
from agentd.desktop.clipboard.selection_owner import Offer, SelectionOwner
from agentd.desktop.clipboard.selection_record import Fetch, SelectionRecord
from agentd.desktop.clipboard.selection_request import Refused, Requestor, named
from agentd.desktop.windows.ewmh import Window
from agentd.desktop.xlink import XLink

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How often an owner may be replaced while it is asked.
_ATTEMPTS = 5
# Events of programs that wait to be served; X clients must not fill our memory.
_INBOX = 4096
_TARGETS_BYTES = 4096


class Held(NamedTuple):
    """What a selection holds: content of one kind, its number, and who gave it."""

    value: Value
    serial: int
    owner: Owner


class Offered(NamedTuple):
    """What can be had from a selection: kinds, X targets, its number, and who gives it."""

    types: list[ContentType]
    targets: list[str]
    serial: int
    owner: Owner


class _Present(NamedTuple):
    """How a selection stands: its atom, its owner, our offer if that is us, its number."""

    atom: int
    owner: Owner
    offer: Offer | None
    serial: int


class Clipboard:
    """CLIPBOARD and PRIMARY of one display. Made by `open`.

    Args:
        bus: takes `clipboard.changed` and `clipboard.fetched`, never with content.
        records: what is known from earlier displays; brought up to date here.
        window_of: finds the topmost window of a process, to tell who a hidden window belongs to.
    """

    def __init__(
        self,
        bus: EventBus,
        records: dict[Selection, SelectionRecord],
        *,
        window_of: Callable[[int], Window | None],
    ) -> None:
        self._bus = bus
        self._records = records
        self._window_of = window_of
        self._link: XLink | None = None
        self._setting = asyncio.Lock()
        self._inbox: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(_INBOX)

    @property
    def link(self) -> XLink:
        """The connection, for whoever watches whether it lives."""
        assert self._link is not None, "link before open"
        return self._link

    def serial(self, selection: Selection) -> int:
        """Return the number of a selection's present content."""
        return self._records[selection].serial

    def statistics(self) -> dict[str, int]:
        """Return the numbers of the contents, and how much is under way."""
        serials = {str(selection): record.serial for selection, record in self._records.items()}
        return {**serials, "transfers": self._owner.transfers, "waiting": self._inbox.qsize()}

    async def open(self, link: XLink) -> None:
        """Follow the selections, and offer again what we offered on the last display.

        Raises: DisplayLost. Cancelling is safe.
        """
        self._icccm = icccm = await link.call(Icccm)
        self._news = news = SelectionNews(
            self._bus, self._records, link, icccm, window_of=self._window_of, serve=self._serve
        )
        self._owner = SelectionOwner(
            link, icccm, lambda selection: self._records[selection].offer, news.tell_fetched
        )
        self._requestor = Requestor(link, icccm)
        self._link = link
        for atom, selection in icccm.selections.items():
            record = self._records[selection]
            owner = await link.call(icccm.owner, atom)
            if owner == 0 and record.offer is not None:
                await self._take(atom, record, record.offer.content, serial=record.offer.serial)
            elif owner or record.owner:
                # Also if the number is the same: another server gives the same numbers.
                record.note_others(owner)
                self._news.tell_changed(selection)

    def close(self) -> None:
        """End all that wait for other programs. Idempotent."""
        if self._link is not None:
            self._requestor.close()

    def on_events(self, events: Sequence[Any]) -> None:
        """Take what the display tells; the link calls this on the event loop."""
        if self._link is None:
            return
        for event in events:
            self._hear(event)

    def on_lane_events(self, events: Sequence[Any]) -> None:
        """Take the same on the lane, before anything else runs there. Thread: the lane's."""
        if self._link is not None:
            self._icccm.on_lane_events(events)

    async def run(self) -> None:
        """Serve the programs that ask, until the link is lost or this is cancelled."""
        while True:
            try:
                async with asyncio.timeout_at(self._owner.deadline):
                    step = await self._inbox.get()
            except TimeoutError:
                await self._owner.expire()
                continue
            await step()
            # Also while others keep us busy.
            await self._owner.expire()

    async def get(
        self, selection: Selection, kind: ContentType, *, limit_bytes: int, silence_s: float
    ) -> Held:
        """Return what a selection holds, as one kind.

        Args:
            limit_bytes: refuse to receive more.
            silence_s: how long its owner may let us wait, for the answer and for each piece.

        Raises: NotFound when it is empty or not of that kind; TooLarge; TimedOut when its owner
            is silent; Unavailable when its owner ends midway; DisplayLost. Cancelling is safe.
        """

        async def ask(now: _Present) -> Held:
            if now.offer is not None:
                content = now.offer.content
                value = content.value(kind)
                if value is None:
                    raise _not_offered(selection, kind, now.owner, content.targets)
                return Held(value, now.serial, now.owner)
            targets = await self._targets(now, silence_s)
            target = best_target(kind, targets)
            if target is None:
                raise _not_offered(selection, kind, now.owner, targets)
            found = await self._requestor.fetch(
                now.atom, target, owner=now.owner, limit_bytes=limit_bytes, silence_s=silence_s
            )
            if found.numbers:  # No content has this form.
                raise _not_offered(selection, kind, now.owner, [])
            return Held(decoded(kind, Encoded(found.type, found.data)), now.serial, now.owner)

        return await self._asked(selection, ask)

    async def offered(self, selection: Selection, *, silence_s: float) -> Offered:
        """Return what can be had from a selection, without fetching it.

        Raises: NotFound when it is empty; TimedOut; Unavailable; DisplayLost.
        """

        async def ask(now: _Present) -> Offered:
            if now.offer is not None:
                content = now.offer.content
                return Offered(content.types, content.targets, now.serial, now.owner)
            targets = await self._targets(now, silence_s)
            return Offered(types_among(targets), targets, now.serial, now.owner)

        return await self._asked(selection, ask)

    async def set(self, selection: Selection, content: Content) -> int:
        """Put content into a selection; return its number.

        Raises: Conflict when another program takes it in the same moment; DisplayLost.
        Cancelling: the selection may or may not be ours.
        """
        return await self._take(self._atom(selection), self._records[selection], content)

    async def clear(self, selection: Selection) -> int:
        """Leave a selection empty, whoever owned it; return its number.

        Raises: Conflict, DisplayLost.
        """
        record = self._records[selection]
        async with self._setting:
            time = await self._requestor.now()
            if await self.link.call(self._icccm.disown, self._atom(selection), time):
                raise _taken_meanwhile(selection)
            return record.serial

    async def wait_fetched(
        self, selection: Selection, serial: int, *, timeout_s: float
    ) -> list[Fetch]:
        """Wait until a program has been given our content; see SelectionRecord.wait_fetched."""
        return await self._records[selection].wait_fetched(serial, timeout_s)

    async def _take(
        self, atom: int, record: SelectionRecord, content: Content, *, serial: int = 0
    ) -> int:
        """Own a selection with content; `serial` is its number if it had one before."""
        async with self._setting:
            time = await self._requestor.now()
            record.want(content, time, serial=serial)
            # The server tells of the change before it answers: `_hear` has run when this returns.
            await self.link.call(self._icccm.own, atom, time)
            if record.forget_wanted():
                raise _taken_meanwhile(record.selection)
            return record.serial

    async def _asked(self, selection: Selection, ask: Callable[[_Present], Awaitable[T]]) -> T:
        """Ask the owner; one that was replaced meanwhile, and may have ended, is asked no more."""
        record = self._records[selection]
        for _ in range(_ATTEMPTS):
            now = await self._look(selection)
            try:
                return await ask(now)
            except (NotFound, TimedOut, Unavailable):
                if record.serial == now.serial or not record.owner:
                    raise
        raise Conflict(
            f"the {selection} has another owner whenever it is asked", code="selection_restless"
        )

    async def _look(self, selection: Selection) -> _Present:
        """Return how a selection stands now. Raises: NotFound when it is empty."""
        atom, record = self._atom(selection), self._records[selection]
        # The answer brings all news from before it along, and maybe later ones: what the record
        # says then belongs together.
        await self.link.call(self._icccm.owner, atom)
        window, offer, serial = record.owner, record.offer, record.serial
        if not window:
            raise NotFound(f"the {selection} is empty: no program owns it", code="selection_empty")
        return _Present(atom, await self._news.identify(window), offer, serial)

    async def _targets(self, now: _Present, silence_s: float) -> list[str]:
        """Ask an owner what it gives; one that cannot say is taken to give STRING."""
        try:
            found = await self._requestor.fetch(
                now.atom,
                "TARGETS",
                owner=now.owner,
                limit_bytes=_TARGETS_BYTES,
                silence_s=silence_s,
            )
        except Refused:
            return ["STRING"]
        return await self.link.call(self._icccm.names, found.numbers)

    def _hear(self, event: Any) -> None:
        """Sort one event: news of owners at once, what must be served into the inbox."""
        icccm = self._icccm
        match event.type:
            case X.SelectionRequest:
                request = Request(
                    event.requestor.id, event.selection, event.target, event.property, event.time
                )
                self._serve(lambda: self._owner.answer(request))
            case X.PropertyNotify if event.window.id != icccm.window:
                if event.state == X.PropertyDelete:
                    key = event.window.id, event.atom
                    self._serve(lambda: self._owner.note_taken(*key))
            case X.DestroyNotify:
                window = event.window.id
                self._serve(lambda: self._owner.note_gone(window))
                self._requestor.hear(event)
            case X.SelectionNotify | X.PropertyNotify:
                self._requestor.hear(event)
            case _ if hasattr(event, "selection_timestamp"):
                self._note_owner(event)

    def _note_owner(self, event: Any) -> None:
        """XFixes says that a selection has another owner, or none."""
        selection = self._icccm.selections.get(event.selection)
        if selection is None:
            return
        record = self._records[selection]
        # The window that was destroyed is named as the owner that it was.
        window = event.owner if isinstance(event.owner, int) else event.owner.id
        window = window if event.sub_code == 0 else 0
        if window == self._icccm.window:
            is_news = record.note_ours(window, event.selection_timestamp)
        else:
            is_news = record.note_others(window)
        if is_news:
            self._news.tell_changed(selection)

    def _serve(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Have `run` take a step; False when too many wait already."""
        try:
            self._inbox.put_nowait(step)
        except asyncio.QueueFull:
            logger.warning("clipboard step dropped reason=too_many_at_once")
            return False
        return True

    def _atom(self, selection: Selection) -> int:
        return self._icccm.known(selection.name)


def _not_offered(
    selection: Selection, kind: ContentType, owner: Owner, targets: Sequence[str]
) -> NotFound:
    types = [str(found) for found in types_among(targets)]
    told = ", ".join(types) or "nothing that is known here"
    return NotFound(
        f"the {selection} holds no {kind}; {named(owner)} offers {told}",
        code="type_not_offered",
        data={"types": types, "targets": list(targets)},
    )


def _taken_meanwhile(selection: Selection) -> Conflict:
    return Conflict(
        f"another program took the {selection} in the same moment",
        code="selection_taken",
        hint="try again, if yours is to win",
    )
