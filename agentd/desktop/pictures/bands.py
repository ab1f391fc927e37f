"""A picture made of bands of rows: those that show what they showed before are not made again.

A band is known by its mark: when the screen behind it last changed, and which cursor is over it.
Most actions change a few lines of a screen, and so cost a few bands of its picture. Pure. It keeps
nothing: the caller does; it starts no thread: an executor may be lent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import product
from typing import Generic, Protocol, TypeVar

import numpy as np

from agentd.desktop.pictures.scaling import Scaling
from agentd.desktop.pictures.stripes import band_rows, bands_of, share_each
from agentd.desktop.screen.frame import Frame, Pixels, Rect, Size
from agentd.desktop.screen.overlay import Cursor, blend_cursor
from agentd.desktop.screen.since import Since, newest


class SizedBand(Protocol):
    """What an encoder makes of some rows."""

    @property
    def size_bytes(self) -> int:
        """How much it takes to keep."""


S = TypeVar("S")
T = TypeVar("T")
Made = TypeVar("Made")
Band = TypeVar("Band", bound=SizedBand)

# Scaling takes longer than encoding, so that what it made is kept, too, in blocks that are narrower
# than a band. Lower ones would take a third longer: for each, Pillow computes its filter anew.
_BLOCK_COLUMNS = 320
_BLOCK_ROWS = 192

_FEW = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """What decides the pixels of a part of the screen.

    Args:
        since: the number of the frame that last changed it.
        cursor: the cursor over it: position and serial of the shape; None if it is elsewhere.
    """

    since: int
    cursor: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Marked(Generic[Made]):
    """What was made of a part of the screen, and the mark of what that shows."""

    mark: Mark
    made: Made


@dataclass(frozen=True, slots=True)
class Bands(Generic[Band]):
    """The bands of a picture from the top down, and what they were scaled to, by place."""

    bands: Sequence[Marked[Band]]
    blocks: Mapping[Rect, Marked[Pixels]]

    @property
    def encoded(self) -> list[Band]:
        """The bands alone."""
        return [band.made for band in self.bands]

    @property
    def size_bytes(self) -> int:
        """How much it takes to keep."""
        scaled_bytes = sum(block.made.nbytes for block in self.blocks.values())
        return scaled_bytes + sum(band.size_bytes for band in self.encoded)


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows.

    Args:
        frame: the whole screen.
        since: since which frame its tiles look so; None if nobody knows.
        cursor: drawn over it; None = not drawn.
        area: the part that is shown, inside the frame.
        size: of the picture.
    """

    frame: Frame
    since: Since | None
    cursor: Cursor | None
    area: Rect
    size: Size

    @property
    def scaling(self) -> Scaling:
        """From the area to the picture."""
        return Scaling(Size(self.area.width, self.area.height), self.size)

    def behind(self, part: Rect) -> Rect:
        """Return the part of the screen that decides a part of the picture."""
        return self.scaling.source_of(part).moved(self.area.x, self.area.y)

    def mark(self, part: Rect) -> Mark:
        """Return the mark of a part of the screen."""
        since = self.frame.id if self.since is None else newest(self.since, part)
        cursor = self.cursor
        if cursor is None or not cursor.place.meets(part):
            return Mark(since, None)
        return Mark(since, (cursor.x, cursor.y, cursor.image.serial))

    def pixels(self, part: Rect) -> Pixels:
        """Return the pixels of a part of the screen, with the cursor; copied only if it is there.

        Neighbouring rows need not touch in memory.
        """
        rows = slice(part.y - self.frame.rect.y, part.bottom - self.frame.rect.y)
        columns = slice(part.x - self.frame.rect.x, part.right - self.frame.rect.x)
        pixels = self.frame.pixels[rows, columns]
        if self.cursor is None:
            return pixels
        cursor = self.cursor
        return blend_cursor(pixels, cursor.image, cursor.x - part.x, cursor.y - part.y)


def make_bands(
    view: View,
    encode: Callable[[Pixels], Band],
    kept: Bands[Band] | None = None,
    *,
    executor: Executor | None = None,
) -> Bands[Band]:
    """Return the bands of a picture.

    Args:
        view: what it shows.
        encode: rows of the picture -> a band, by nothing but their pixels.
        kept: those of any picture of the same area, size and encoding.
        executor: threads that may take a share; they do not change the result.
    """
    width = view.size.width
    parts = [Rect(0, top, width, end - top) for top, end in bands_of(view.size)]
    marks = [view.mark(view.behind(part)) for part in parts]
    before: Sequence[Marked[Band] | None] = kept.bands if kept else [None] * len(parts)
    missing = [
        number
        for number, (mark, band) in enumerate(zip(marks, before, strict=True))
        if band is None or band.mark != mark
    ]
    blocks = dict(kept.blocks) if kept else {}
    if not view.scaling.is_identity:
        _scale(view, [parts[number] for number in missing], blocks, executor)

    def make(number: int) -> Marked[Band]:
        return Marked(marks[number], encode(_rows(view, parts[number], blocks)))

    bands = dict(enumerate(kept.bands)) if kept else {}
    bands.update(zip(missing, _shared(make, missing, executor), strict=True))
    return Bands([bands[number] for number in range(len(parts))], blocks)


def _scale(
    view: View,
    parts: Sequence[Rect],
    blocks: dict[Rect, Marked[Pixels]],
    executor: Executor | None,
) -> None:
    """See to it that the blocks under some bands show the screen as it is now."""
    columns = range(0, view.size.width, _BLOCK_COLUMNS)
    rows = dict.fromkeys(_block_rows(view.size, part) for part in parts)
    missing = []
    for (top, bottom), left in product(rows, columns):
        right = min(left + _BLOCK_COLUMNS, view.size.width)
        place = Rect(left, top, right - left, bottom - top)
        mark = view.mark(view.behind(place))
        if place not in blocks or blocks[place].mark != mark:
            missing.append((place, mark))

    def scale(wanted: tuple[Rect, Mark]) -> Marked[Pixels]:
        place, mark = wanted
        return Marked(mark, view.scaling.scale(view.pixels(view.behind(place)), place))

    made = _shared(scale, missing, executor)
    blocks.update(zip((place for place, _ in missing), made, strict=True))


def _rows(view: View, part: Rect, blocks: Mapping[Rect, Marked[Pixels]]) -> Pixels:
    """Return the pixels of a band."""
    if view.scaling.is_identity:
        return view.pixels(view.behind(part))
    top, bottom = _block_rows(view.size, part)
    rows = slice(part.y - top, part.bottom - top)
    pieces = []
    for left in range(0, view.size.width, _BLOCK_COLUMNS):
        right = min(left + _BLOCK_COLUMNS, view.size.width)
        pieces.append(blocks[Rect(left, top, right - left, bottom - top)].made[rows])
    return np.concatenate(pieces, axis=1)


def _block_rows(size: Size, part: Rect) -> tuple[int, int]:
    """Return where the blocks under a band begin and end; a band never lies over two."""
    height = max(1, _BLOCK_ROWS // band_rows(size)) * band_rows(size)
    top = part.y // height * height
    return top, min(top + height, size.height)


def _shared(work: Callable[[S], T], items: Sequence[S], executor: Executor | None) -> list[T]:
    # Few are done sooner than handed over.
    return share_each(work, items, executor if len(items) > _FEW else None)
