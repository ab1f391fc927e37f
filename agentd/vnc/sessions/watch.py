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
from agentd.vnc.numbers import Led
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
        self._seen_cursor: Cursor | None = None
        self._keyboard_news: KeyboardNews | None = None
        self._rung = 0
        self._leds: Led | None = None
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
        """The pointer, as last seen; None while there is no desktop."""
        if self._cursor_news is not None:
            self._seen_cursor = self._cursor_news.cursor
        return self._seen_cursor

    @property
    def leds(self) -> Led | None:
        """The lights of the keyboard, as last seen; None before they were."""
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
            # The first picture has the pointer, and waits for no connection that follows it.
            self._seen_cursor = (await live.capture.shot()).cursor
            self._follower, self._frame = follower, follower.frame
            self.attached += 1
            self._stir.set()
            try:
                await self._follow_more(stack, live)
                await self._house.desktop.session.wait_gone(live)
            finally:
                self._follower = self._cursor_news = self._keyboard_news = None
                self._seen_cursor = None
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
        self._stir.set()
