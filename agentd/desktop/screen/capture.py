"""Pixels off the screen: one capture for all, never torn, made anew only after damage.

A source (`sources.py`) copies the screen. XDAMAGE tells whether anything was drawn since the
last copy, so that a quiet screen is not copied again, and whether something was drawn during the
copy, so that a torn one is thrown away. Each new frame is compared once with the one before it,
where something was drawn; a watcher (`changes.py`) hears of the outcome. It does not encode or
crop. Source: damageproto.txt section 3.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from Xlib.display import Display
from Xlib.ext import damage

from agentd.desktop.screen.buffers import Buffers, Lent
from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.cursor import CursorReader
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.desktop.screen.overlay import Cursor
from agentd.desktop.screen.since import Since, changed_since, since
from agentd.desktop.screen.sources import FramebufferFile, MssSource, PixelSource
from agentd.desktop.xlink import DisplayAddress, XLink, no_operation, take_events

logger = logging.getLogger(__name__)

_NOWHERE = Rect(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Shot:
    """What the screen showed, and the cursor over it; `cursor` is not in the frame's pixels.

    `since` tells since which frame each tile looks as it does; None if nobody knows.
    """

    frame: Frame
    cursor: Cursor
    since: Since | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A new frame beside the one before it.

    Args:
        before: the last frame, or None at first.
        frame: the new one.
        tiles: which show something else; none of them when only the cursor has moved, and all
            when there is no frame before of the same generation.
        at: the moment (monotonic) when the frame was complete: everything that it shows had been
            drawn by then.
    """

    before: Frame | None
    frame: Frame
    tiles: Tiles
    at: float


class Watcher(Protocol):
    """Hears of everything that changes on the screen."""

    def stirred(self) -> None:
        """Something was drawn, and may look different. Thread: the event loop's."""

    async def arrived(self) -> bool:
        """Something has come from the X server. Return whether a shot was made of it at once.

        Raises: DisplayLost. Thread: the event loop's.
        """

    def saw(self, sight: Sight) -> None:
        """A new frame was made, for whomever. Thread: the capture lane's."""


class _PendingShot:
    """A shot that was asked for, and whether it has begun."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.task: asyncio.Task[Shot] | None = None


class Capture:
    """The one capture of a display.

    Args:
        framebuffer: the file of our own server's pixels, or None to ask mss.
        size: returns the screen's width and height in pixels.
        generation: returns the display's generation.
        ids: gives every new frame its number.
    """

    def __init__(
        self,
        framebuffer: Path | None,
        *,
        size: Callable[[], tuple[int, int]],
        generation: Callable[[], int],
        ids: Iterator[int],
    ) -> None:
        self._link: XLink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._framebuffer = framebuffer
        self._size = size
        self._generation = generation
        self._ids = ids
        # Set by the event loop, read by the lane: a single reference.
        self._watcher: Watcher | None = None
        self._pending: _PendingShot | None = None
        # All below: written by the capture lane's thread only.
        self._source: PixelSource | None = None
        self._damage = 0
        self._cursor = CursorReader()
        self._buffers = Buffers()
        self._last: Shot | None = None
        # The rectangle around what was drawn since the last copy.
        self._drawn = _NOWHERE
        self._copies = 0
        self._torn = 0

    def watch(self, watcher: Watcher | None) -> None:
        """Tell a watcher of what changes from now on; None ends it."""
        self._watcher = watcher
        if watcher is None:
            self._buffers.forget()

    async def read(self) -> None:
        """Read what has come from the X server; the link calls this.

        A shot reads it as well. Made at once, it saves the two changes of thread that reading
        and being told of it would cost.

        Raises: DisplayLost.
        """
        assert self._link is not None, "reading before open"
        if self._watcher is None or not await self._watcher.arrived():
            await self._link.call(no_operation)

    def on_events(self, events: Sequence[Any]) -> None:
        """Wake the watcher; the link calls this on the event loop."""
        if self._watcher is not None:
            self._watcher.stirred()

    def on_lane_events(self, events: Sequence[Any]) -> None:
        """Note where something was drawn. Thread: the capture lane's."""
        for event in events:
            area = getattr(event, "area", None)
            if area is not None:
                self._drawn = self._drawn.union(Rect(area.x, area.y, area.width, area.height))

    async def open(self, link: XLink) -> None:
        """Find the pixels and watch the screen. Raises: Unavailable.

        Args:
            link: a connection for the capture alone, which hands its events to
                `on_lane_events`; it belongs to the caller.
        """
        self._link = link
        self._loop = asyncio.get_running_loop()
        await link.call(self._open, link.address)

    async def shot(self) -> Shot:
        """Return what the screen shows now.

        While nothing was drawn and the cursor has not moved, the frame is the same object with
        the same id. Callers at the same moment share one capture, begun after the last of them
        asked: one that had begun before may be older than what its caller did last.
        Cancelling is safe: a shot that has begun runs to its end.
        """
        pending = self._pending
        # Not begun: whatever this caller has done is older than the first thing that it reads.
        if pending is None or pending.task is None or pending.has_begun.is_set():
            pending = self._pending = _PendingShot()
            pending.task = asyncio.create_task(  # noqa: TID251 - outlives the first who asked
                self._take(pending), name="shot"
            )
            pending.task.add_done_callback(_note_failure)
        assert pending.task is not None
        return await asyncio.shield(pending.task)

    async def _take(self, pending: _PendingShot) -> Shot:
        assert self._link is not None, "shot before open"
        try:
            return await self._link.call(self._begin, pending)
        finally:
            # One that failed before it began would be joined for ever.
            pending.has_begun.set()

    def statistics(self) -> dict[str, int]:
        """Return how many copies were made, and how many were torn and made again."""
        return {"copies": self._copies, "torn": self._torn}

    def close(self) -> None:
        """Let go of the pixels. Idempotent."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _open(self, display: Display, address: DisplayAddress) -> None:
        if self._framebuffer is not None:
            self._source = FramebufferFile(self._framebuffer)
        else:
            self._source = MssSource(address)
        display.damage_query_version()
        display.xfixes_query_version()
        root = display.screen().root
        self._damage = root.damage_create(damage.DamageReportBoundingBox)

    def _begin(self, display: Display, pending: _PendingShot) -> Shot:
        pending.has_begun.set()
        try:
            return self._shot(display)
        finally:
            if self._drawn.area:
                # This shot took the reports of what it does not show for certain: nobody else
                # will hear of that drawing.
                self._stir()

    def _shot(self, display: Display) -> Shot:
        # Emptied in the round trip that the cursor costs anyway: it also brings in every report
        # that was sent before the answer. Mostly none comes then, and the copy can begin.
        display.damage_subtract(self._damage)
        cursor = self._cursor.read(display)
        is_busy = self._take_reports(display)
        last, size, generation = self._last, self._size(), self._generation()
        if last is not None and last.frame.generation != generation:
            last = None
        if last is not None and self._drawn.area == 0:
            return self._note_cursor(last, cursor)
        if last is not None and last.frame.rect != Rect(0, 0, *size):
            last = None
        lent = self._buffers.lend(*size)
        pixels, drawn = self._copy_screen(display, *size, lent, last, is_busy)
        at = time.monotonic()
        if last is None:
            tiles, known = grid(*size, value=True), None
        else:
            tiles = changed_tiles(last.frame.pixels, pixels, within=drawn)
            if not tiles.any():
                # Drawn, but the same pixels as before: for everybody else nothing happened.
                lent.note(last.frame.id)
                return self._note_cursor(last, cursor)
            known = last.since
        frame = Frame(pixels, next(self._ids), generation, Rect(0, 0, *size))
        lent.note(frame.id)
        return self._note(Shot(frame, cursor, since(known, tiles, frame.id)), tiles, at)

    def _note_cursor(self, last: Shot, cursor: Cursor) -> Shot:
        """Make the shot of unchanged pixels; its frame has a new number if the cursor has moved."""
        if cursor.looks_like(last.cursor):
            return last
        old = last.frame
        frame = Frame(old.pixels, next(self._ids), old.generation, old.rect)
        unchanged = grid(old.rect.width, old.rect.height)
        return self._note(Shot(frame, cursor, last.since), unchanged, time.monotonic())

    def _note(self, shot: Shot, tiles: Tiles, at: float) -> Shot:
        before, self._last = self._last, shot
        if self._watcher is not None:
            self._watcher.saw(Sight(before.frame if before else None, shot.frame, tiles, at))
        return shot

    def _stir(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self.on_events, ())
        except RuntimeError:
            logger.debug("stir dropped reason=loop_closed")

    def _copy_screen(
        self,
        display: Display,
        width: int,
        height: int,
        lent: Lent,
        last: Shot | None,
        is_busy: bool,
    ) -> tuple[Pixels, Rect]:
        """Copy the screen so that no drawing falls into the copy.

        Args:
            lent: for the copy; used if the source has a use for it.
            last: the shot before this one, if that shows the same screen.
            is_busy: whether something was drawn around the moment when the damage was emptied.

        Returns the pixels, and the rectangle that was drawn on since the copy before.
        """
        assert self._source is not None, "capture before open"
        self._copies += 1
        screen = Rect(0, 0, width, height)
        is_busy = is_busy and self._empty_damage(display)
        if self._source.is_atomic:
            pixels = self._source.copy(width, height)
            # What was drawn since the damage was emptied may be in the copy: it must be compared,
            # now and, as it may also have come after the copy, once more.
            display.sync()
            is_busy |= self._take_reports(display)
            return pixels, self._drawn if is_busy else self._forget_drawn()
        if not is_busy:
            pixels = self._source.copy(
                width, height, lent.pixels, _stale(lent, last, self._drawn, screen)
            )
            display.sync()
            if not self._take_reports(display):
                return pixels, self._forget_drawn()
        # Something was drawn meanwhile. With the server held there is no meanwhile.
        self._torn += 1
        display.grab_server()
        try:
            display.sync()
            self._take_reports(display)
            self._empty_damage(display)
            stale = _stale(lent, last, self._drawn, screen)
            return self._source.copy(width, height, lent.pixels, stale), self._forget_drawn()
        finally:
            display.ungrab_server()
            display.flush()

    def _empty_damage(self, display: Display) -> bool:
        """Empty the damage, so that the next drawing is reported; reports are taken before.

        Returns whether something was drawn around that moment: perhaps before it, and then a
        later drawing in the same place is not reported (damageproto.txt, BoundingBox).
        """
        display.damage_subtract(self._damage)
        display.sync()
        return self._take_reports(display)

    def _take_reports(self, display: Display) -> bool:
        """Note the reports that have arrived; whether there were any."""
        events = take_events(display)
        self.on_lane_events(events)
        return bool(events)

    def _forget_drawn(self) -> Rect:
        drawn, self._drawn = self._drawn, _NOWHERE
        return drawn


def _stale(lent: Lent, last: Shot | None, drawn: Rect, screen: Rect) -> list[Rect]:
    """Return where an array may differ from the screen.

    Between its frame and the last one that is where tiles have changed; since then, where
    something was drawn.
    """
    if last is None or last.since is None or lent.shows is None:
        return [screen]
    missed, drawn = changed_since(last.since, lent.shows), drawn.intersect(screen)
    return [drawn] if drawn.covers(missed.intersect(screen)) else [missed.intersect(screen), drawn]


def _note_failure(task: asyncio.Task[Shot]) -> None:
    """Look at the error of a shot that nobody waits for any more."""
    if not task.cancelled() and task.exception() is not None:
        logger.debug("shot failed reason=%s", task.exception())
