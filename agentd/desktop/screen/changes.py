"""One stream of true changes for all: which tiles of the screen changed, and when.

Whoever waits for the screen follows it: settling, viewers, a recorder. One service takes a shot
when something was drawn, at a bounded pace; the capture compares it once with the frame before, and
every follower adds the changed tiles to what it has not taken yet. There is no queue of frames:
each follower has the newest one and the union of tiles. While nobody follows nothing runs, and
while nothing is drawn nothing is copied. It does not decide when a screen is quiet (`settle.py`),
nor how often it may be looked at (`pace.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentd.base.errors import Busy, Unavailable
from agentd.desktop.screen.capture import Capture, Sight
from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.frame import Frame
from agentd.desktop.screen.pace import Pace
from agentd.desktop.screen.periodic import Periodic
from agentd.desktop.xlink import DisplayLost

logger = logging.getLogger(__name__)

# A screen that is drawn all the time is looked at this often, unless a follower is in a hurry.
_PACE_S = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What changed since the follower last took a change.

    Args:
        frame: the newest frame.
        before: the frame that the follower took last, or its baseline.
        tiles: which tiles showed something else at any moment since then, though they may show
            by now what they did; all of them after another size or generation.
        news: the tiles but for what keeps changing by itself; the same as `tiles` while nobody
            learns that, see `Follower.learn`.
        at: the moment (monotonic) by which the newest change had been drawn.
        generation_changed: the screen has another size, or is another server's.
    """

    frame: Frame
    before: Frame
    tiles: Tiles
    news: Tiles
    at: float
    generation_changed: bool


class Changes:
    """The changes of one display's capture.

    Args:
        capture: an open one; nobody else watches it.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followers: set[Follower] = set()
        self._stir = asyncio.Event()
        self._newest: Frame | None = None
        self._looks = 0
        self._pace = Pace()
        self._may_look_at = 0.0
        # Set by the event loop; what it holds is the capture lane's alone.
        self._periodic: Periodic | None = None
        self._has_ended = False

    @asynccontextmanager
    async def follow(
        self, on_news: Callable[[], None] | None = None, *, pace_s: float = _PACE_S
    ) -> AsyncIterator[Follower]:
        """Follow the screen: nothing that changes after the entering is missed.

        Args:
            on_news: called on the event loop whenever there is something to `take`: a change, or
                the display's end. It may come while something else is still untaken.
            pace_s: from one look at a screen that goes on changing to the next; of all
                followers' the shortest counts.

        Raises: DisplayLost when the display is gone.
        """
        if self._has_ended:
            raise _gone()
        self._loop = asyncio.get_running_loop()
        follower = Follower(self._look, self._learn, on_news=on_news, pace_s=pace_s)
        self._followers.add(follower)
        self._capture.watch(self)
        try:
            shot = await self._capture.shot()
            self._note_newest(shot.frame)
            assert self._newest is not None, "just noted"
            follower.begin(self._newest)
            yield follower
        finally:
            self._followers.discard(follower)
            if not any(other.is_learning for other in self._followers):
                self._periodic = None
            if not self._followers:
                self._capture.watch(None)
                self._newest = None

    async def run(self) -> None:
        """Look at the screen whenever something was drawn, for as long as somebody follows.

        Raises: DisplayLost. Cancelling: every follower is told that the display is gone.
        """
        try:
            while True:
                await self._stir.wait()
                await self._rest()
                self._stir.clear()
                if self._followers:
                    await self._look_again()
        finally:
            self.close()

    def statistics(self) -> dict[str, int]:
        """Return how many follow, and how often their service has looked."""
        return {"followers": len(self._followers), "looks": self._looks}

    def close(self) -> None:
        """Tell every follower that the display is gone. Idempotent."""
        self._has_ended = True
        self._capture.watch(None)
        for follower in tuple(self._followers):
            follower.end()

    def stirred(self) -> None:
        """Look soon; the capture calls this on the event loop."""
        self._stir.set()

    async def arrived(self) -> bool:
        """Look at once if it may be; the capture calls this.

        Returns: whether it has looked.
        Raises: DisplayLost.
        """
        if not self._followers or time.monotonic() < self._may_look_at:
            return False
        return await self._look_again()

    def saw(self, sight: Sight) -> None:
        """Take a new frame. Thread: the capture lane's."""
        assert self._loop is not None, "a watcher has a loop"
        periodic, news = self._periodic, sight.tiles
        if periodic is not None and sight.before is not None and sight.tiles.any():
            news = periodic.news(sight.before.pixels, sight.frame.pixels, sight.tiles, sight.at)
        try:
            self._loop.call_soon_threadsafe(self._spread, sight, news)
        except RuntimeError:
            logger.debug("sight dropped reason=loop_closed")

    async def _rest(self) -> None:
        while (rest_s := self._may_look_at - time.monotonic()) > 0:  # noqa: ASYNC110 - a pace
            await asyncio.sleep(rest_s)

    async def _look_again(self) -> bool:
        """Take a shot; what is new in it comes through `saw`. Return whether it was taken."""
        self._looks += 1
        began = time.monotonic()
        try:
            await self._capture.shot()
            return True
        except DisplayLost:
            raise
        except (Busy, Unavailable) as exc:
            # Too much at once, or a resize in the midst: what was drawn is still to be seen.
            logger.debug("look postponed reason=%s", exc)
            self._stir.set()
            return False
        finally:
            now = time.monotonic()
            pace_s = min((follower.pace_s for follower in self._followers), default=_PACE_S)
            self._may_look_at = now + self._pace.rest_s(began, now, pace_s)

    async def _look(self) -> None:
        """See to it that all that was drawn until now is known to every follower."""
        try:
            await self._capture.shot()
        except Unavailable as exc:
            if self._has_ended:
                # Its lane was closed a moment before or after the display went.
                raise _gone() from exc
            raise

    def _learn(self) -> None:
        if self._periodic is None:
            self._periodic = Periodic()

    def _spread(self, sight: Sight, news: Tiles) -> None:
        self._note_newest(sight.frame)
        for follower in tuple(self._followers):
            follower.add(sight, news)

    def _note_newest(self, frame: Frame) -> None:
        if self._newest is None or self._newest.id < frame.id:
            self._newest = frame


class Follower:
    """One who follows the screen; made by `Changes.follow`. One task waits at a time.

    Args:
        look: sees to it that all that was drawn until now has been added.
        learn: has the periodic learnt from now on.
        on_news: called when there is something to take.
        pace_s: how often it wants the screen looked at.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[None]],
        learn: Callable[[], None],
        *,
        on_news: Callable[[], None] | None,
        pace_s: float,
    ) -> None:
        self.pace_s = pace_s
        self._look = look
        self._learn = learn
        self._on_news = on_news
        self._is_learning = False
        self._news = asyncio.Event()
        self._baseline: Frame | None = None
        self._newest: Frame | None = None
        # What was not taken yet: since when, where, until when.
        self._before: Frame | None = None
        self._tiles: Tiles | None = None
        self._fresh: Tiles | None = None
        self._at = 0.0
        self._has_ended = False

    @property
    def baseline(self) -> Frame:
        """What the screen showed on entering."""
        assert self._baseline is not None, "the baseline is there before the follower is"
        return self._baseline

    @property
    def frame(self) -> Frame:
        """The newest frame that is known, taken or not."""
        assert self._newest is not None, "the baseline is there before the follower is"
        return self._newest

    @property
    def is_learning(self) -> bool:
        """Whether it has asked to learn."""
        return self._is_learning

    def learn(self) -> None:
        """Learn from now on what keeps changing by itself; the lesson is shared by all who do."""
        self._is_learning = True
        self._learn()

    async def next(self, timeout_s: float | None) -> Change | None:
        """Wait for a change, and take all that was not taken yet.

        Args:
            timeout_s: at most this long; 0 or less does not wait; None waits for ever.

        Returns: the change; None when nothing has changed until now, for which the X server was
            asked: what it had drawn by now is known, however busy this process was.
        Raises: DisplayLost when the display is gone; Busy, Unavailable when it cannot be asked.
        Cancelling is safe: nothing is lost.
        """
        if not self._news.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                await self._look()
        return self.take()

    def take(self) -> Change | None:
        """Take all that is known and was not taken yet, without waiting; None if it is nothing.

        Raises: DisplayLost when the display is gone.
        """
        if self._has_ended:
            raise _gone()
        return self._take()

    def begin(self, baseline: Frame) -> None:
        """Start from a frame; `Changes` calls this."""
        self._baseline = self._newest = self._before = baseline

    def add(self, sight: Sight, news: Tiles) -> None:
        """Add what a new frame shows; `Changes` calls this."""
        if self._newest is None:
            return  # It has not begun: its baseline will show this.
        self._newest = sight.frame
        if not sight.tiles.any():
            return
        self._tiles = _union(self._tiles, sight.tiles)
        self._fresh = _union(self._fresh, news)
        self._at = sight.at
        self._tell()

    def end(self) -> None:
        """Say that the display is gone; `Changes` calls this."""
        self._has_ended = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        if self._on_news is not None:
            self._on_news()

    def _take(self) -> Change | None:
        tiles, news, before = self._tiles, self._fresh, self._before
        if tiles is None or news is None or before is None:
            return None
        change = Change(
            self.frame,
            before,
            tiles,
            news,
            self._at,
            generation_changed=(self.frame.generation, self.frame.rect)
            != (before.generation, before.rect),
        )
        self._before, self._tiles, self._fresh = self._newest, None, None
        self._news.clear()
        return change


def _union(known: Tiles | None, more: Tiles) -> Tiles:
    """Join tiles; those of a screen of another size are of no use any more."""
    if known is None or known.shape != more.shape:
        return more
    both: Tiles = known | more
    return both


def _gone() -> DisplayLost:
    return DisplayLost("the display that was followed is gone")
