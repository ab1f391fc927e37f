"""The values a picture of the screen is made of: rectangles, sizes, spaces, frames, cursors.

Pure. It reads no screen and makes no bytes: `capture` fills frames, `image` turns them into
pictures. Screen coordinates are root pixels of the X11 protocol, origin top left; a rectangle
holds its first row and column and ends before its `right` and `bottom`.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Height x width x 4, row-major: BGRX for a screen, BGRA multiplied by alpha for a cursor.
Pixels: TypeAlias = NDArray[np.uint8]

# The longest edge of a picture, in pixels: it bounds what one request can make us allocate.
MAX_EDGE = 16384

# The most picture pixels for one screen pixel along an edge.
MAX_SCALE = 8.0


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of pixels; `x` and `y` may be negative, `width` and `height` may be 0.

    Raises: ValueError when width or height is negative.
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"rectangle {self.width} x {self.height}: no edge can be negative")

    @classmethod
    def from_edges(cls, *, left: int, top: int, right: int, bottom: int) -> Rect:
        """Build the rectangle between four edges; edges that have crossed leave it empty."""
        return cls(left, top, max(0, right - left), max(0, bottom - top))

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """How many pixels it holds; 0 when it is empty."""
        return self.width * self.height

    def contains(self, x: int, y: int) -> bool:
        """Tell whether the pixel at (x, y) is inside."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def moved(self, dx: int, dy: int) -> Rect:
        """Return the rectangle of the same size, `dx` further right and `dy` further down."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def covers(self, other: Rect) -> bool:
        """Tell whether every pixel of `other` is inside; an empty one always is."""
        return self.intersect(other).area == other.area

    def meets(self, other: Rect) -> bool:
        """Tell whether both have a pixel in common."""
        return max(self.x, other.x) < min(self.right, other.right) and max(self.y, other.y) < min(
            self.bottom, other.bottom
        )

    def intersect(self, other: Rect) -> Rect:
        """Return the pixels that both hold; an empty rectangle where they do not meet."""
        return Rect.from_edges(
            left=max(self.x, other.x),
            top=max(self.y, other.y),
            right=min(self.right, other.right),
            bottom=min(self.bottom, other.bottom),
        )

    def union(self, other: Rect) -> Rect:
        """Return the smallest rectangle that covers both; an empty one adds nothing."""
        if other.area == 0:
            return self
        if self.area == 0:
            return other
        return Rect.from_edges(
            left=min(self.x, other.x),
            top=min(self.y, other.y),
            right=max(self.right, other.right),
            bottom=max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a picture or a screen, in pixels.

    Raises: ValueError when an edge is shorter than one pixel.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"size {self.width} x {self.height}: each edge needs a pixel")

    @property
    def long_edge(self) -> int:
        """The longer of both edges."""
        return max(self.width, self.height)

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Space:
    """Where a picture lies on the screen, so that a point in it can be sent back.

    Each axis is mapped in whole numbers by its own ratio: rounding a picture to whole pixels
    leaves both ratios a little apart, and one for both would drift towards the far corner.

    Args:
        crop: the part of the screen in the picture, in root pixels; not empty.
        picture: the size that this part was scaled to.
        screen: the size of the whole screen.
    """

    crop: Rect
    picture: Size
    screen: Size

    def __post_init__(self) -> None:
        assert self.crop.area > 0, "a picture shows at least one pixel of the screen"

    @property
    def x(self) -> int:
        """The screen column of the picture's left edge."""
        return self.crop.x

    @property
    def y(self) -> int:
        """The screen row of the picture's top edge."""
        return self.crop.y

    @property
    def scale(self) -> float:
        """Picture pixels per screen pixel along the longer edge, where rounding weighs least."""
        if self.crop.width >= self.crop.height:
            return self.picture.width / self.crop.width
        return self.picture.height / self.crop.height

    @property
    def screen_width(self) -> int:
        """The width of the whole screen, in root pixels."""
        return self.screen.width

    @property
    def screen_height(self) -> int:
        """The height of the whole screen, in root pixels."""
        return self.screen.height

    def to_screen(self, px: int, py: int) -> tuple[int, int]:
        """Return the screen pixel under the centre of a picture pixel.

        In a picture that is not enlarged, `to_image` leads back to the same picture pixel.

        Args:
            px: column in the picture; one off the picture counts as the nearest on it.
            py: row in the picture, likewise.

        Returns: x and y in root pixels, always inside the crop.
        """
        x = _facing(px, self.picture.width, self.crop.width)
        y = _facing(py, self.picture.height, self.crop.height)
        return self.crop.x + x, self.crop.y + y

    def to_image(self, x: int, y: int) -> tuple[int, int]:
        """Return the picture pixel over the centre of a screen pixel.

        In a picture that is not shrunk, `to_screen` leads back to the same screen pixel.

        Args:
            x: column in root pixels; one outside the crop counts as the nearest inside.
            y: row in root pixels, likewise.

        Returns: column and row in the picture, always on it.
        """
        px = _facing(x - self.crop.x, self.crop.width, self.picture.width)
        py = _facing(y - self.crop.y, self.crop.height, self.picture.height)
        return px, py


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a part of the screen showed at one moment; two are told apart by their `id`.

    Args:
        pixels: height x width x 4, BGRX, row-major, contiguous; X is whatever the X server left
            there. The frame keeps a read-only view, and whoever made them writes no more.
        id: number of the frame, ascending within its generation.
        generation: number of the display; a new X server or a new size begins the next.
        rect: the part of the screen, in root pixels.
    """

    pixels: Pixels
    id: int
    generation: int
    rect: Rect

    def __post_init__(self) -> None:
        wanted = (self.rect.height, self.rect.width, 4)
        assert self.pixels.shape == wanted, "the pixels fill the rectangle"
        object.__setattr__(self, "pixels", _read_only(self.pixels))

    def crop(self, rect: Rect) -> Frame:
        """Return the part of this frame inside `rect`, as a frame of the same id.

        Args:
            rect: in root pixels. What lies outside this frame is left out, as of a window that
                hangs over the edge of the screen; the crop's own `rect` says what remains.

        Returns: a frame that shares its pixels with this one where whole rows are wanted, and
            holds a copy otherwise, because pixels are contiguous.
        Raises: ValueError when `rect` and this frame have no pixel in common.
        """
        part = rect.intersect(self.rect)
        if part.area == 0:
            raise ValueError(f"cropping {self.rect} to {rect}: no pixel in common")
        rows = slice(part.y - self.rect.y, part.bottom - self.rect.y)
        columns = slice(part.x - self.rect.x, part.right - self.rect.x)
        pixels = np.ascontiguousarray(self.pixels[rows, columns])
        return Frame(pixels, self.id, self.generation, part)


@dataclass(frozen=True, slots=True, eq=False)
class CursorImage:
    """The shape of the pointer, as XFixes GetCursorImage gives it.

    Args:
        pixels: height x width x 4, BGRA, row-major, contiguous, each colour already multiplied
            by alpha; kept as a read-only view.
        hot_x: column of the pixel that points, from the shape's left edge.
        hot_y: row of that pixel, from the shape's top edge.
        serial: the X server's number of the shape; equal numbers mean equal shapes.
    """

    pixels: Pixels
    hot_x: int
    hot_y: int
    serial: int

    def __post_init__(self) -> None:
        assert self.pixels.ndim == 3 and self.pixels.shape[2] == 4, "a cursor has 4 channels"
        object.__setattr__(self, "pixels", _read_only(self.pixels))


def fit(
    size: Size,
    scale: float = 1.0,
    *,
    max_long_edge: int | None = None,
    max_pixels: int | None = None,
) -> Size:
    """Return the size of the picture for a part of the screen.

    The longer edge is chosen and the shorter one follows, rounded to the nearest pixel. The
    limits only shrink; `MAX_EDGE` is always one of them.

    Args:
        size: what is shown, in screen pixels.
        scale: picture pixels per screen pixel; above 0, at most `MAX_SCALE`.
        max_long_edge: the longer edge of the picture at most, in pixels; 1 or more.
        max_pixels: width times height of the picture at most; 1 or more.

    Returns: the largest size that keeps scale, limits and aspect; at least 1 x 1.
    Raises: ValueError when an argument is out of its range.
    """
    if not 0 < scale <= MAX_SCALE:
        raise ValueError(f"scale {scale}: wanted above 0 and at most {MAX_SCALE:g}")
    for name, limit in (("max_long_edge", max_long_edge), ("max_pixels", max_pixels)):
        if limit is not None and limit < 1:
            raise ValueError(f"{name} {limit}: wanted 1 or more")
    wanted = max(1, round(size.long_edge * scale))
    longest = min(wanted, max_long_edge or MAX_EDGE, MAX_EDGE)
    if max_pixels is not None:
        # A longer edge never means fewer pixels, so the last one within the limit is found by
        # bisection: exact, where a square root would need its rounding mended.
        edges = range(1, longest + 1)
        longest = bisect.bisect_right(
            edges,
            max_pixels,
            key=lambda edge: _with_long_edge(size, edge).area,
        )
    return _with_long_edge(size, longest)


def _with_long_edge(size: Size, edge: int) -> Size:
    """Scale `size` to a longer edge; the shorter one is rounded half up, to no less than 1."""
    longer = size.long_edge
    return Size(
        width=max(1, (2 * edge * size.width + longer) // (2 * longer)),
        height=max(1, (2 * edge * size.height + longer) // (2 * longer)),
    )


def _facing(index: int, length: int, other_length: int) -> int:
    """Return which of `other_length` pixels faces the centre of pixel `index` of `length`.

    Both rows of pixels are as long as each other. A centre that falls between two pixels
    belongs to the first, so that pixel 0 at half size is pixel 0 of the screen. An index off
    its row counts as the nearest on it, and the result is never off the other row.
    """
    index = min(max(index, 0), length - 1)
    return ((2 * index + 1) * other_length - 1) // (2 * length)


def _read_only(pixels: Pixels) -> Pixels:
    """Return a view that cannot be written, so that many readers can share one array."""
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous, "pixels are contiguous bytes"
    view = pixels.view()
    view.flags.writeable = False
    return view
