"""A capture of a screen that a test paints."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import numpy as np

from agentd.desktop.screen.capture import Shot, Sight, Watcher
from agentd.desktop.screen.changes import Changes
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import CursorImage, Frame, Pixels, Rect
from agentd.desktop.screen.overlay import Cursor
from agentd.desktop.screen.since import Since, since

ARROW = CursorImage(np.zeros((1, 1, 4), dtype=np.uint8), 0, 0, 1)


class Screen:
    """Stands for `Capture`; counts what is asked of it."""

    def __init__(self, width: int = 128, height: int = 96) -> None:
        self.pixels: Pixels = np.zeros((height, width, 4), dtype=np.uint8)
        self.generation = 1
        self.shots = self.copies = 0
        self.watcher: Watcher | None = None
        self.fails: list[Exception] = []
        # Called before each shot, as a program that draws meanwhile.
        self.before_shot: Callable[[], None] = lambda: None
        self.before_fail: Callable[[], None] = lambda: None
        self._last: Frame | None = None
        self._since: Since | None = None
        self._is_drawn = True

    def watch(self, watcher: Watcher | None) -> None:
        self.watcher = watcher

    def fill(self, x: int, y: int, colour: int, width: int = 1, height: int = 1) -> None:
        """Draw a rectangle, and tell of it as X damage does."""
        self.pixels[y : y + height, x : x + width] = colour
        self.damage()

    def damage(self) -> None:
        self._is_drawn = True
        if self.watcher is not None:
            self.watcher.stirred()

    def resize(self, width: int, height: int) -> None:
        self.pixels = np.zeros((height, width, 4), dtype=np.uint8)
        self.generation += 1
        self.damage()

    async def shot(self) -> Shot:
        self.shots += 1
        if self.fails:
            self.before_fail()
            raise self.fails.pop(0)
        self.before_shot()
        if self._is_drawn or self._last is None:
            self._is_drawn = False
            self.copies += 1
            self._compare()
        assert self._last is not None
        # The sight reaches the loop before the answer does.
        await asyncio.sleep(0)
        return Shot(self._last, Cursor(0, 0, ARROW), self._since)

    def _compare(self) -> None:
        last, height, width = self._last, *self.pixels.shape[:2]
        tiles = grid(width, height, value=True)
        if last is not None and last.generation == self.generation:
            tiles = changed_tiles(last.pixels, self.pixels)
            if not tiles.any():
                return
        else:
            self._since = None
        frame_id = last.id + 1 if last else 1
        self._since = since(self._since, tiles, frame_id)
        rect = Rect(0, 0, width, height)
        frame = self._last = Frame(self.pixels.copy(), frame_id, self.generation, rect)
        if self.watcher is not None:
            self.watcher.saw(Sight(last, frame, tiles, time.monotonic()))


@asynccontextmanager
async def running(screen: Screen) -> AsyncIterator[Changes]:
    """The changes of a screen, served."""
    changes = Changes(screen)  # type: ignore[arg-type]
    # No TaskGroup: it would wrap the test's own errors.
    service = asyncio.create_task(changes.run(), name="changes")  # noqa: TID251
    try:
        yield changes
    finally:
        service.cancel()
        with suppress(asyncio.CancelledError):
            await service
