"""The cursor over the screen: where it is, what it covers, and blended into the pixels.

Pure. It does not ask the X server; `cursor.py` does. Source: Porter and Duff, "Compositing
Digital Images" (over).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agentd.desktop.screen.frame import CursorImage, Pixels, Rect


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor at one moment: root pixels of its hot spot, and its shape."""

    x: int
    y: int
    image: CursorImage

    @property
    def place(self) -> Rect:
        """What its shape covers, in root pixels; it may hang over the screen's edges."""
        height, width = self.image.pixels.shape[:2]
        return Rect(self.x - self.image.hot_x, self.y - self.image.hot_y, width, height)

    def looks_like(self, other: Cursor | None) -> bool:
        """Whether both would be drawn the same."""
        return other is not None and (self.x, self.y, self.image.serial) == (
            other.x,
            other.y,
            other.image.serial,
        )


def blend_cursor(pixels: Pixels, cursor: CursorImage, x: int, y: int) -> Pixels:
    """Return the picture with the cursor over it.

    Args:
        pixels: height x width x 4, BGRX.
        cursor: its colours are multiplied by alpha already.
        x: the column that the cursor's hot spot points at; it may be off the picture.
        y: the row, likewise.

    Returns: a new array; `pixels` themselves where the cursor leaves no mark. X is kept.
    """
    height, width = pixels.shape[:2]
    place = Cursor(x, y, cursor).place
    seen = place.intersect(Rect(0, 0, width, height))
    shape = cursor.pixels[
        seen.y - place.y : seen.bottom - place.y,
        seen.x - place.x : seen.right - place.x,
    ]
    # Programs hide the pointer with a shape that is all zero; it is not worth a copy.
    if not shape.any():
        return pixels
    blended = pixels.copy()
    ground = blended[seen.y : seen.bottom, seen.x : seen.right, :3]
    # ground * (255 - alpha) / 255, rounded to the nearest: for products up to 255 * 255 these
    # shifts are exact, and stay within 16 bits.
    shining = ground.astype(np.uint16) * (255 - shape[:, :, 3:])
    shining += 128
    shining += shining >> 8
    shining >>= 8
    # A shape may claim more colour than its alpha allows; that must not wrap around.
    ground[...] = np.minimum(shining + shape[:, :, :3], 255)
    return blended
