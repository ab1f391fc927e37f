"""The requestor's side of a selection: asks its owner, and receives small and large answers.

Every wait has an end: an owner that is silent, that dies midway or that sends without limit is an
error that names it. It does not choose targets and does not decode: `clipboard.py` does. Source:
ICCCM 2.0 sections 2.4 and 2.7.2.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from Xlib import X

from agentd.base.errors import Busy, NotFound, TimedOut, Unavailable
from agentd.desktop.clipboard.icccm import Icccm, Owner, Property
from agentd.desktop.clipboard.selection_transfer import Incoming, too_large
from agentd.desktop.xlink import DisplayLost, XLink


class Refused(NotFound):
    """The owner does not give its selection as this target."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    property: int
    selection: int
    target: int
    time: int
    owner: int
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    def is_answered_by(self, event: Any) -> bool:
        """Whether a SelectionNotify belongs to this question; refusals name no property."""
        return (
            event.selection == self.selection
            and event.target == self.target
            and event.property in (self.property, X.NONE)
            and event.time in (self.time, X.CurrentTime)
        )


class Requestor:
    """Asks for selections on one connection.

    Args:
        link: the connection.
    """

    def __init__(self, link: XLink, icccm: Icccm) -> None:
        self._link = link
        self._icccm = icccm
        # Answers to questions that were given up may still come: a property that was used waits
        # longest before it is used again.
        self._free = deque(icccm.known(name) for name in icccm.ANSWERS)
        self._questions: list[_Question] = []
        self._times: set[asyncio.Future[int]] = set()

    def hear(self, event: Any) -> None:
        """Take an event that may be an answer."""
        match event.type:
            case X.SelectionNotify:
                for question in self._questions:
                    if question.is_answered_by(event):
                        question.events.put_nowait(event)
                        break
            case X.PropertyNotify if event.window.id == self._icccm.window:
                if event.atom == self._icccm.known("_AGENTD_TIME"):
                    self._tell_time(event.time)
                for question in self._questions:
                    if question.property == event.atom and event.state == X.PropertyNewValue:
                        question.events.put_nowait(event)
            case X.DestroyNotify:
                for question in self._questions:
                    if question.owner == event.window.id:
                        question.events.put_nowait(event)

    def close(self) -> None:
        """End all that wait: no more events will come. Idempotent."""
        for question in self._questions:
            question.events.put_nowait(None)
        for future in self._times:
            if not future.done():
                future.set_exception(DisplayLost("the display went before it told its time"))

    async def now(self) -> int:
        """Return the X server's time, milliseconds modulo 2^32 (ICCCM section 2.1).

        Raises: DisplayLost. Cancelling is safe.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._times.add(future)
        try:
            # Its round trip brings the event along.
            await self._link.call(self._icccm.touch)
            return await future
        finally:
            self._times.discard(future)

    async def fetch(
        self,
        selection: int,
        target: str,
        *,
        owner: Owner,
        limit_bytes: int,
        silence_s: float,
    ) -> Property:
        """Return a selection as a target.

        Args:
            owner: who has it, to hear of its end and to name it.
            limit_bytes: refuse to receive more.
            silence_s: how long the owner may let us wait, for the answer and for each piece.

        Raises: Refused; TimedOut; TooLarge; Unavailable when the owner ends midway; Busy;
            DisplayLost. Cancelling is safe.
        """
        time = await self.now()
        target_atom = await self._link.call(self._icccm.atom, target)
        if not self._free:
            raise Busy("too many programs are being asked for selections", retry_after_s=1)
        question = _Question(self._free.popleft(), selection, target_atom, time, owner.window)
        self._questions.append(question)
        watch = 0
        try:
            watch = await self._link.call(
                self._icccm.ask, selection, target_atom, question.property, time, owner.window
            )
            return await self._receive(question, target, owner, limit_bytes, silence_s)
        except TimeoutError:
            raise TimedOut(
                f"asking for {target}: {named(owner)} was silent for {silence_s:g} s",
                code="selection_owner_silent",
                data={"window": owner.window, "pid": owner.pid},
            ) from None
        finally:
            self._questions.remove(question)
            self._free.append(question.property)
            await self._link.call(self._icccm.unwatch, owner.window, watch)

    async def _receive(
        self,
        question: _Question,
        target: str,
        owner: Owner,
        limit_bytes: int,
        silence_s: float,
    ) -> Property:
        """Wait for the answer, and for its pieces if it comes in such."""
        while True:
            event = await self._next(question, owner, silence_s)
            if event.type == X.SelectionNotify:
                break
        if event.property == X.NONE:
            raise Refused(
                f"{named(owner)} does not give its selection as {target}", code="type_not_offered"
            )
        found = await self._read(question, limit_bytes)
        if found is None:
            raise Refused(
                f"{named(owner)} said that it gave {target}, and gave nothing",
                code="type_not_offered",
            )
        if found.type != "INCR":
            return found
        return await self._receive_pieces(question, owner, found, limit_bytes, silence_s)

    async def _receive_pieces(
        self,
        question: _Question,
        owner: Owner,
        head: Property,
        limit_bytes: int,
        silence_s: float,
    ) -> Property:
        incoming = Incoming(limit_bytes, announced_bytes=(head.numbers or [0])[0])
        type_ = ""
        while not incoming.is_complete:
            await self._next(question, owner, silence_s)
            piece = await self._read(question, limit_bytes)
            if piece is None:
                continue  # Its news came late: it was read with the piece before.
            type_ = type_ or piece.type
            incoming.add(piece.data)
        data = incoming.data()
        return Property(type_, data, [], len(data))

    async def _next(self, question: _Question, owner: Owner, silence_s: float) -> Any:
        async with asyncio.timeout(silence_s):
            event = await question.events.get()
        if event is None:
            raise DisplayLost("the display went while a program was asked for its selection")
        if event.type == X.DestroyNotify:
            raise Unavailable(
                f"{named(owner)} ended before it had given its selection",
                code="selection_owner_ended",
            )
        return event

    async def _read(self, question: _Question, limit_bytes: int) -> Property | None:
        found = await self._link.call(self._icccm.read, question.property, limit_bytes)
        if found is not None and found.size_bytes > limit_bytes:
            raise too_large(found.size_bytes, limit_bytes)
        return found

    def _tell_time(self, time: int) -> None:
        """Answer all who asked: whose touch it was cannot be told, and does not matter."""
        for future in self._times:
            if not future.done():
                future.set_result(time)


def named(owner: Owner) -> str:
    """Return an owner in words, as `window 0x1a00003 (XTerm, pid 4711)`."""
    pid = f"pid {owner.pid}" if owner.pid else ""
    known = ", ".join(filter(None, (owner.class_name, pid)))
    return f"window {owner.window:#x}" + (f" ({known})" if known else "")
