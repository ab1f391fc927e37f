"""A picture made of bands of rows: those that show what they showed before are not made again.

A band is known by its mark: when the screen behind it last changed, and which cursor is over it.
Most actions change a few lines of a screen, and so cost a few bands of its picture. Pure but for
the work itself: it keeps nothing, the caller does; it starts no thread, an executor may be lent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agentd.desktop.frame import Frame, Pixels, Rect, Size
from agentd.desktop.overlay import Cursor, blend_cursor
from agentd.desktop.scaling import Scaling
from agentd.desktop.since import Since, newest
from agentd.desktop.stripes import bands_of, share_each


class SizedBand(Protocol):
    """What an encoder makes of some rows."""

    @property
    def size_bytes(self) -> int:
        """How much it takes to keep."""


Band = TypeVar("Band", bound=SizedBand)


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
class Marked(Generic[Band]):
    """A band, and the mark of what it shows."""

    mark: Mark
    band: Band


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

    def behind(self, top: int, bottom: int) -> Rect:
        """Return the part of the screen that decides the picture's rows from `top` to `bottom`."""
        first, end = self.scaling.rows_for(top, bottom)
        return Rect(self.area.x, self.area.y + first, self.area.width, end - first)

    def mark(self, part: Rect) -> Mark:
        """Return the mark of a part of the screen."""
        since = self.frame.id if self.since is None else newest(self.since, part)
        cursor = self.cursor
        if cursor is None or cursor.place.intersect(part).area == 0:
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

    def rows(self, top: int, bottom: int) -> Pixels:
        """Return the picture's rows from `top` up to `bottom`."""
        return self.scaling.scale_rows(self.pixels(self.behind(top, bottom)), top, bottom)


def make_bands(
    view: View,
    encode: Callable[[Pixels], Band],
    kept: Sequence[Marked[Band]],
    *,
    executor: Executor | None = None,
) -> list[Marked[Band]]:
    """Return all bands of a picture, from the top down.

    Args:
        view: what it shows.
        encode: rows of the picture -> a band, by nothing but their pixels.
        kept: the bands of any picture of the same area, size and encoding; may be empty.
        executor: threads that may take a share.
    """
    bands = bands_of(view.size)
    marks = [view.mark(view.behind(*band)) for band in bands]
    made: dict[int, Marked[Band]] = {
        number: kept[number]
        for number, mark in enumerate(marks)
        if number < len(kept) and kept[number].mark == mark
    }

    def make(number: int) -> Marked[Band]:
        return Marked(marks[number], encode(view.rows(*bands[number])))

    missing = [number for number in range(len(bands)) if number not in made]
    # One alone is done sooner than handed over.
    helpers = executor if len(missing) > 1 else None
    made.update(zip(missing, share_each(make, missing, helpers), strict=True))
    return [made[number] for number in range(len(bands))]
