"""Pixels off the screen: one capture for all, never torn, made anew only after damage.

A source copies the whole screen: from the file that our own Xvfb keeps its pixels in, without an
X request, or through mss from a display that is not ours. XDAMAGE tells whether anything was
drawn since the last copy, so that a quiet screen is not copied again, and whether something was
drawn during the copy, so that a torn one is thrown away. It does not encode or crop.
Sources: damageproto.txt section 3, xwd(1) and X11/XWDFile.h for the file's head.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import mss
import numpy as np
from Xlib.display import Display
from Xlib.ext import damage

from agentd.base.errors import Unavailable
from agentd.desktop.cursor import Cursor, CursorReader
from agentd.desktop.frame import Frame, Pixels, Rect
from agentd.desktop.xlink import DisplayAddress, XLink, authority_environment, take_events

_XWD_VERSION = 7

# What is compared at a time, in pixels: the result stays in the first-level cache.
_STRIP = 1 << 14


@dataclass(frozen=True, slots=True)
class Shot:
    """What the screen showed, and the cursor over it; `cursor` is not in the frame's pixels."""

    frame: Frame
    cursor: Cursor


class PixelSource(Protocol):
    """Copies the pixels of the screen; `is_atomic` if nothing can be drawn during a copy."""

    is_atomic: ClassVar[bool]

    def copy(self, width: int, height: int) -> Pixels:
        """Return the screen from its origin: height x width x 4, BGRX, row-major, owned by the
        caller. Thread: the capture lane's."""

    def close(self) -> None:
        """Let go of the source. Idempotent."""


class FramebufferFile:
    """The file of `Xvfb -fbdir`: an XWD head, a colour map, then the rows.

    The rows keep the length of the size that the server was started with.
    Raises: Unavailable when it is not such a file.
    """

    is_atomic: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = struct.unpack(">25I", self._map[:100])
        head_size, version, depth, width, height = head[0], head[1], head[3], head[4], head[5]
        bits, stride, colours = head[11], head[12], head[19]
        offset = head_size + colours * 12
        if version != _XWD_VERSION or bits != 32 or len(self._map) < offset + stride * height:
            raise Unavailable(
                f"{path} is not a frame buffer of 32 bits a pixel (depth {depth})",
                code="framebuffer_unreadable",
            )
        rows = np.frombuffer(self._map, np.uint8, stride * height, offset)
        self._pixels = rows.reshape(height, stride)[:, : width * 4].reshape(height, width, 4)

    def copy(self, width: int, height: int) -> Pixels:
        """Copy `height` rows of `width` pixels; 0.3 ms for 1280 x 800."""
        return self._pixels[:height, :width].copy()

    def close(self) -> None:
        """Nothing: the mapping ends with its last reader."""


class MssSource:
    """A display that is not ours, through mss (MIT-SHM where it is to be had).

    Its requests come by a connection of its own: it would wait for ever while ours held the server.
    """

    is_atomic: ClassVar[bool] = True

    def __init__(self, address: DisplayAddress) -> None:
        with authority_environment(address):
            self._mss = mss.MSS(display=address.name)

    def copy(self, width: int, height: int) -> Pixels:
        """Grab in one request, which the server answers without drawing in between."""
        shot = self._mss.grab({"left": 0, "top": 0, "width": width, "height": height})
        return np.frombuffer(shot.raw, np.uint8).reshape(height, width, 4)

    def close(self) -> None:
        """Close mss's connection."""
        self._mss.close()


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
        self._framebuffer = framebuffer
        self._size = size
        self._generation = generation
        self._ids = ids
        self._news = asyncio.Event()
        # All below: written by the capture lane's thread only.
        self._source: PixelSource | None = None
        self._damage = 0
        self._cursor = CursorReader()
        self._last: Shot | None = None
        # The rows that were drawn on since the last copy: first, and the one after the last.
        self._drawn = (0, 0)
        self._copies = 0
        self._torn = 0

    @property
    def news(self) -> asyncio.Event:
        """Set once something is drawn or a new frame was made; take it before the shot it
        is to follow."""
        return self._news

    def on_events(self, events: Sequence[Any]) -> None:
        """Wake whoever waits for news; the link calls this on the event loop."""
        self._news.set()
        self._news = asyncio.Event()

    def on_lane_events(self, events: Sequence[Any]) -> None:
        """Note where something was drawn. Thread: the capture lane's."""
        for event in events:
            area = getattr(event, "area", None)
            if area is not None:
                top, bottom = self._drawn
                start, end = max(0, area.y), max(0, area.y) + area.height
                self._drawn = (min(top, start), max(bottom, end)) if bottom else (start, end)

    async def open(self, link: XLink) -> None:
        """Find the pixels and watch the screen. Raises: Unavailable.

        Args:
            link: a connection for the capture alone, which hands its events to
                `on_lane_events`; it belongs to the caller.
        """
        self._link = link
        await link.call(self._open, link.address)

    async def shot(self) -> Shot:
        """Return what the screen shows now.

        While nothing was drawn and the cursor has not moved, the frame is the same object with
        the same id. Cancelling: as Lane.call.
        """
        assert self._link is not None, "shot before open"
        before = self._last
        shot = await self._link.call(self._shot)
        if before is None or shot.frame.pixels is not before.frame.pixels:
            # The report of this drawing went into the shot: the others must hear of it too.
            self.on_events(())
        return shot

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

    def _shot(self, display: Display) -> Shot:
        # This round trip also brings in every damage report that was sent before the answer.
        cursor = self._cursor.read(display)
        self._take_reports(display)
        last, size, generation = self._last, self._size(), self._generation()
        is_comparable = last is not None and last.frame.generation == generation
        if last is not None and is_comparable and self._drawn == (0, 0):
            return self._note(last.frame, cursor)
        pixels, rows = self._copy_whole(display, *size)
        if last is not None and is_comparable and _is_same(pixels[rows], last.frame.pixels[rows]):
            # Drawn, but the same pixels as before: for everybody else nothing happened.
            return self._note(last.frame, cursor)
        return self._note(Frame(pixels, next(self._ids), generation, Rect(0, 0, *size)), cursor)

    def _note(self, frame: Frame, cursor: Cursor) -> Shot:
        """Make the shot, with a new frame number where only the cursor has changed."""
        last = self._last
        if last is not None and last.frame is frame:
            if cursor.looks_like(last.cursor):
                return last
            frame = Frame(frame.pixels, next(self._ids), frame.generation, frame.rect)
        self._last = Shot(frame, cursor)
        return self._last

    def _copy_whole(self, display: Display, width: int, height: int) -> tuple[Pixels, slice]:
        """Copy the screen so that no drawing falls into the copy.

        Returns the pixels, and the rows that were drawn on since the copy before.
        """
        assert self._source is not None, "capture before open"
        self._copies += 1
        is_busy = self._empty_damage(display)
        if self._source.is_atomic:
            pixels, (top, bottom) = self._source.copy(width, height), self._drawn
            if not is_busy:
                self._drawn = (0, 0)
            return pixels, slice(top, bottom)
        if not is_busy:
            pixels = self._source.copy(width, height)
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
            return self._source.copy(width, height), self._forget_drawn()
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

    def _forget_drawn(self) -> slice:
        top, bottom = self._drawn
        self._drawn = (0, 0)
        return slice(top, bottom)


def _is_same(before: Pixels, after: Pixels) -> bool:
    """Whether two frames show the same; ends at the first strip that differs."""
    if before.shape != after.shape:
        return False
    old, new = before.reshape(-1).view(np.uint32), after.reshape(-1).view(np.uint32)
    return all(
        np.array_equal(old[start : start + _STRIP], new[start : start + _STRIP])
        for start in range(0, old.size, _STRIP)
    )
