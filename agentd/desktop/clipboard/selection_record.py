"""What is known of one selection, over all X servers of the daemon's life.

Serial numbers, the offer that is ours, and who has fetched it. A new X server finds the record as
the old one left it, so that what was offered is offered again. It does not speak X.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

import msgspec

from agentd.base.errors import Conflict, TimedOut
from agentd.desktop.clipboard.icccm import Owner
from agentd.desktop.clipboard.selection_content import Content, Selection
from agentd.desktop.clipboard.selection_owner import Offer

_FETCHES_KEPT = 64


class Fetch(msgspec.Struct, frozen=True):
    """A program has been given the content: when (Unix time), as which X target, and who."""

    time: float
    target: str
    by: Owner


class SelectionRecord:
    """One selection. Event loop only.

    Attributes:
        serial: grows by one whenever the selection gets an owner, or loses it.
        owner: the window that owns it, 0 for none.
        offer: what we own it with, None while others do.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.serial = 0
        self.owner = 0
        self.offer: Offer | None = None
        # What we are about to own it with: the server's word makes it the offer.
        self._wanted: Offer | None = None
        self._fetches: deque[Fetch] = deque(maxlen=_FETCHES_KEPT)
        self._fetched_serial = 0
        self._changed = asyncio.Event()

    def want(self, content: Content, time_: int, *, serial: int = 0) -> None:
        """Note what we ask the server to let us offer.

        Args:
            time_: on the server's clock.
            serial: the number that it had before; 0 for new content.
        """
        self._wanted = Offer(content, serial, time_)

    def note_ours(self, window: int, time_: int) -> bool:
        """The server says that we own it; return whether that is news."""
        wanted, self._wanted = self._wanted or self.offer, None
        if wanted is None:  # Nothing stands behind it: as good as empty.
            return self.note_others(window)
        is_news = not wanted.serial
        if is_news:
            self.serial += 1
            self._fetches.clear()
        self.owner = window
        self.offer = Offer(wanted.content, self.serial, time_)
        self._fetched_serial = self.serial
        self._wake()
        return is_news

    def note_others(self, window: int) -> bool:
        """Another window owns it, or none for 0; our content is dropped. It is always news."""
        self.serial += 1
        self.owner = window
        self.offer = None
        self._wake()
        return True

    def forget_wanted(self) -> bool:
        """Drop what the server did not let us offer; return whether there was anything."""
        refused, self._wanted = self._wanted is not None, None
        return refused

    def note_fetched(self, offer: Offer, target: str, by: Owner) -> None:
        """A program has been given what we offer, or offered before."""
        if offer.serial == self._fetched_serial:
            self._fetches.append(Fetch(time.time(), target, by))
            self._wake()

    async def wait_fetched(self, serial: int, timeout_s: float) -> list[Fetch]:
        """Wait until a program has been given the content with this number; return who was.

        Raises: Conflict when that content is no longer offered and nobody has fetched it, or
            never was ours; TimedOut. Cancelling is safe.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (serial == self._fetched_serial and self._fetches):
                    if self.offer is None or self.offer.serial != serial:
                        raise Conflict(
                            f"the {self.selection} does not hold our content {serial}; "
                            f"it is at {self.serial}",
                            code="selection_replaced",
                        )
                    await self._changed.wait()
        except TimeoutError:
            raise TimedOut(
                f"no program has fetched the {self.selection} within {timeout_s:g} s",
                code="not_fetched",
            ) from None
        return list(self._fetches)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
