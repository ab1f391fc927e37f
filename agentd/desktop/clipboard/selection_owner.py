"""The owner's side of a selection: gives what is offered to the programs that ask.

Answers one event at a time, each in one step on the lane, so that several programs are served in
turn and one that dies midway costs nothing. It does not take selections and does not know who owns
them: `clipboard.py` does. Source: ICCCM 2.0 sections 2.2, 2.6 and 2.7.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from Xlib.display import Display

from agentd.desktop.clipboard.icccm import PIECE_BYTES, Icccm, Request
from agentd.desktop.clipboard.selection_content import Content, Encoded, Selection
from agentd.desktop.clipboard.selection_transfer import Outgoing
from agentd.desktop.xlink import XLink

logger = logging.getLogger(__name__)

# A program that takes a piece needs no longer for the next one, unless it is stopped.
_IDLE_S = 30.0
_MAX_TRANSFERS = 64
_MAX_PAIRS = 256
_LATER = 1 << 31


@dataclass(frozen=True, slots=True)
class Offer:
    """Content that we own a selection with, since `time` on the server's clock."""

    content: Content
    serial: int
    time: int
    # Large encodings are shared by all who ask.
    _large: dict[str, Encoded] = field(default_factory=dict)

    def encoded(self, target: str) -> Encoded | None:
        """Return the content as a target, None if it cannot be had as that."""
        if target in self._large:
            return self._large[target]
        encoded = self.content.encoded(target)
        if encoded is not None and len(encoded.data) > PIECE_BYTES:
            self._large[target] = encoded
        return encoded

    def is_asked_before(self, time: int) -> bool:
        """Whether a request's time lies before our ownership; 0 is now (ICCCM section 2.2)."""
        return time != 0 and (time - self.time) % (1 << 32) >= _LATER


@dataclass(slots=True)
class _Transfer:
    """A large answer under way to one property of one window."""

    request: Request
    offer: Offer
    type: str
    outgoing: Outgoing
    deadline: float
    # By which we hear of the window; set on the lane, where that begins.
    watch: int = 0


class SelectionOwner:
    """Answers requests for the selections that we own.

    Args:
        link: the connection that owns them.
        offer_of: what is offered in a selection now.
        on_fetched: called when a program has been given content, with its window and the target.
    """

    def __init__(
        self,
        link: XLink,
        icccm: Icccm,
        offer_of: Callable[[Selection], Offer | None],
        on_fetched: Callable[[Selection, Offer, str, int], None],
    ) -> None:
        self._link = link
        self._icccm = icccm
        self._offer_of = offer_of
        self._on_fetched = on_fetched
        self._transfers: dict[tuple[int, int], _Transfer] = {}

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do, on the event loop's clock."""
        return min((transfer.deadline for transfer in self._transfers.values()), default=None)

    @property
    def transfers(self) -> int:
        """How many large answers are under way."""
        return len(self._transfers)

    async def answer(self, request: Request) -> None:
        """Answer a request. Raises: DisplayLost. Cancelling: it may stay unanswered."""
        selection = self._icccm.selections.get(request.selection)
        offer = self._offer_of(selection) if selection is not None else None
        if selection is None or offer is None or offer.is_asked_before(request.time):
            await self._link.call(self._icccm.notify, request, is_refused=True)
            return
        if request.target == self._icccm.known("MULTIPLE"):
            await self._answer_many(selection, request, offer)
            return
        if not request.property:
            # An obsolete requestor: the property is called as the target (ICCCM section 2.2).
            request = request._replace(property=request.target)
        write = self._writer(request, offer)
        await self._link.call(self._finish, request, [write] if write else [], not write)
        self._note_given(selection, offer, [request] if write else [])

    async def note_taken(self, window: int, property_: int) -> None:
        """Send the next piece of a transfer: its last one was taken. Raises: DisplayLost."""
        transfer = self._transfers.get((window, property_))
        if transfer is None:
            return
        piece = transfer.outgoing.next_piece()
        await self._link.call(self._icccm.put, transfer.request, transfer.type, piece)
        if transfer.outgoing.is_ended:
            self._fetched(transfer.request, transfer.offer)
            await self._end(transfer)
        else:
            transfer.deadline = asyncio.get_running_loop().time() + _IDLE_S

    async def note_gone(self, window: int) -> None:
        """Drop the transfers to a window that is no more. Raises: DisplayLost."""
        for transfer in list(self._transfers.values()):
            if transfer.request.window == window:
                logger.debug("selection transfer dropped window=%#x reason=gone", window)
                await self._end(transfer)

    async def expire(self) -> None:
        """Drop the transfers to programs that have not taken a piece for long."""
        now = asyncio.get_running_loop().time()
        for transfer in list(self._transfers.values()):
            if transfer.deadline <= now:
                window = transfer.request.window
                logger.info("selection transfer dropped window=%#x reason=idle", window)
                await self._end(transfer)

    async def _answer_many(self, selection: Selection, request: Request, offer: Offer) -> None:
        """MULTIPLE: pairs of target and property, the refused ones marked (ICCCM 2.6.2)."""
        asked = None
        if request.property:
            asked = await self._link.call(
                self._icccm.read, request.property, _MAX_PAIRS * 8, window=request.window
            )
        if asked is None or not asked.numbers or len(asked.numbers) % 2:
            await self._link.call(self._icccm.notify, request, is_refused=True)
            return
        pairs = list(zip(asked.numbers[::2], asked.numbers[1::2], strict=True))
        parts = [request._replace(target=target, property=name) for target, name in pairs]
        writers = [
            self._writer(part, offer) if part.property and part.target != request.target else None
            for part in parts
        ]
        told = [
            number
            for part, writer in zip(parts, writers, strict=True)
            for number in (part.target, part.property if writer else 0)
        ]
        names = partial(self._icccm.put_numbers, request=request, type_="ATOM_PAIR", numbers=told)
        given = [part for part, writer in zip(parts, writers, strict=True) if writer]
        await self._link.call(self._finish, request, [*filter(None, writers), names], False)
        self._note_given(selection, offer, given)

    def _writer(self, request: Request, offer: Offer) -> Callable[[Display], None] | None:
        """Return what puts the answer into a request's property, None to refuse it."""
        icccm, target = self._icccm, self._icccm.known_name(request.target)
        if target == "TARGETS":
            own = ("TARGETS", "TIMESTAMP", "MULTIPLE")
            atoms = [icccm.known(name) for name in (*own, *offer.content.targets)]
            return partial(icccm.put_numbers, request=request, type_="ATOM", numbers=atoms)
        if target == "TIMESTAMP":
            return partial(
                icccm.put_numbers, request=request, type_="INTEGER", numbers=[offer.time]
            )
        encoded = offer.encoded(target)
        if encoded is None:
            return None
        if len(encoded.data) <= PIECE_BYTES:
            return partial(icccm.put, request=request, type_=encoded.type, data=encoded.data)
        return self._begin(request, offer, encoded)

    def _begin(
        self, request: Request, offer: Offer, encoded: Encoded
    ) -> Callable[[Display], None] | None:
        """Note a transfer in pieces and return what announces it."""
        if len(self._transfers) >= _MAX_TRANSFERS:
            logger.warning("selection transfer refused reason=too_many")
            return None
        outgoing = Outgoing(encoded.data, PIECE_BYTES)
        deadline = asyncio.get_running_loop().time() + _IDLE_S
        transfer = _Transfer(request, offer, encoded.type, outgoing, deadline)
        key = request.window, request.property
        if (unfinished := self._transfers.get(key)) is not None:
            transfer.watch = unfinished.watch
        self._transfers[key] = transfer

        def announce(display: Display) -> None:
            if not transfer.watch:
                transfer.watch = self._icccm.watch(display, request.window)
            self._icccm.put_numbers(display, request, "INCR", [outgoing.size_bytes])

        return announce

    def _finish(
        self,
        display: Display,
        request: Request,
        writers: list[Callable[[Display], None]],
        is_refused: bool,
    ) -> None:
        """Write all properties, then tell the requestor. Thread: the lane's."""
        for write in writers:
            write(display)
        self._icccm.notify(display, request, is_refused=is_refused)

    async def _end(self, transfer: _Transfer) -> None:
        request = transfer.request
        if self._transfers.pop((request.window, request.property), None) is not None:
            await self._link.call(self._icccm.unwatch, request.window, transfer.watch)

    def _note_given(self, selection: Selection, offer: Offer, requests: list[Request]) -> None:
        """Report the content among what was written whole."""
        for request in requests:
            if (request.window, request.property) not in self._transfers:
                self._fetched(request, offer)

    def _fetched(self, request: Request, offer: Offer) -> None:
        target = self._icccm.known_name(request.target)
        selection = self._icccm.selections[request.selection]
        if offer.encoded(target) is not None:
            self._on_fetched(selection, offer, target, request.window)
