"""Watches the desktop for one viewer, over all its X servers.

Keeps what is newest: the frame, what has changed since it was last taken, the pointer, the lights
of the keyboard. Whatever is new sets one event. While there is no desktop, what was last seen
stays. It sends nothing: `updater.py` does.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, suppress

from agentd.base.errors import AgentdError, Unavailable
from agentd.desktop.hands.keyboard_news import KeyboardNews
from agentd.desktop.screen.changes import Change, Follower
from agentd.desktop.screen.cursor_news import CursorNews
from agentd.desktop.screen.frame import Frame, Size
from agentd.desktop.screen.overlay import Cursor
from agentd.desktop.session import Live
from agentd.desktop.xlink import DisplayLost
from agentd.vnc.protocol.numbers import Led
from agentd.vnc.sessions.house import House

logger = logging.getLogger(__name__)

# A screen that goes on changing is looked at this often while somebody watches.
_PACE_S = 1 / 60
_AGAIN_S = 0.1


class Watch:
    """What is newest on the desktop.

    Attributes:
        attached: how often a desktop was found; between two of them nobody has watched.

    Args:
        size: of the screen that the viewer was told when it came in.
        stir: is set whenever something is new.
    """

    def __init__(self, house: House, size: Size, stir: asyncio.Event) -> None:
        self._house = house
        self._stir = stir
        self._follower: Follower | None = None
        self._frame = house.blank(size)
        self._cursor_news: CursorNews | None = None
        self._keyboard_news: KeyboardNews | None = None
        self._has_looked_for_pointer = False
        self._rung = 0
        self._leds = Led(0)
        self.attached = 0

    @property
    def is_ready(self) -> bool:
        """Whether the frame is worth showing; a running desktop is waited for a moment."""
        return self.attached > 0 or self._house.live_or_none() is None

    @property
    def frame(self) -> Frame:
        """The newest frame, as of the last `take`: what changed until then was told."""
        return self._frame

    @property
    def cursor(self) -> Cursor | None:
        """The pointer; None while it is not seen."""
        return None if self._cursor_news is None else self._cursor_news.cursor

    @property
    def knows_pointer(self) -> bool:
        """Whether it is known if there is a pointer: that takes longer than the first picture."""
        return self._has_looked_for_pointer or self._house.live_or_none() is None

    @property
    def leds(self) -> Led:
        """The lights of the keyboard, as last seen."""
        if self._keyboard_news is not None:
            self._leds = Led(self._keyboard_news.leds)
        return self._leds

    def take_bells(self) -> int:
        """Return how often the bell has rung since it was last asked."""
        if self._keyboard_news is None:
            return 0
        before, self._rung = self._rung, self._keyboard_news.bells
        return self._rung - before

    def take(self) -> Change | None:
        """Take what has changed since it was last taken; None if nothing has."""
        if self._follower is None:
            return None
        try:
            change = self._follower.take()
        except DisplayLost:
            # What has changed is lost with it, so the frame stays that of the last change told.
            return None
        self._frame = self._follower.frame
        return change

    async def run(self) -> None:
        """Watch whatever desktop there is, until cancelled."""
        session = self._house.desktop.session
        while True:
            live = await session.wait_live()
            try:
                await self._watch(live)
            except DisplayLost:
                await session.wait_gone(live)
            except AgentdError as exc:
                # Too much at once, or a resize in the midst.
                logger.debug("watching put off reason=%s", exc)
                await asyncio.sleep(_AGAIN_S)

    async def _watch(self, live: Live) -> None:
        """Watch one X server to its end. Raises: DisplayLost, Busy."""
        async with AsyncExitStack() as stack:
            follower = await stack.enter_async_context(
                live.changes.follow(self._stir.set, pace_s=_PACE_S)
            )
            self._follower, self._frame = follower, follower.frame
            self.attached += 1
            self._stir.set()
            try:
                await self._follow_more(stack, live)
                await self._house.desktop.session.wait_gone(live)
            finally:
                self._follower = self._cursor_news = self._keyboard_news = None
                self._has_looked_for_pointer = False
                self._stir.set()

    async def _follow_more(self, stack: AsyncExitStack, live: Live) -> None:
        """Follow pointer and keyboard; a server that does not tell of them is watched as well."""
        with suppress(Unavailable):
            self._keyboard_news = await stack.enter_async_context(
                live.keyboard_news.follow(self._stir.set)
            )
            self._rung = self._keyboard_news.bells
        with suppress(Unavailable):
            self._cursor_news = await stack.enter_async_context(
                live.cursor_news.follow(self._stir.set)
            )
        # The last of all: who sees the pointer hears the bell.
        self._has_looked_for_pointer = True
        self._stir.set()
