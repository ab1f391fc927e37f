"""What lies around a point, in a form that can be kept and compared: a hash and a rough look.

Pure. The hash tells that nothing has changed to the last pixel; the look, 8 x 8 shades of grey,
tells how much has when something did: a blinking caret is little, another window is much.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np

from agentd.desktop.screen.frame import Frame, Pixels, Rect

# Large enough for a button with its surroundings, small enough that a clock elsewhere is not in it.
AREA_EDGE = 96
LOOK_EDGE = 8
_SAMPLES = 96


class Anchor(msgspec.Struct, frozen=True):
    """A part of the screen: `hash` of its pixels, `look` as 64 shades of grey in hexadecimal."""

    x: int
    y: int
    width: int
    height: int
    hash: str
    look: str


def area_around(x: int, y: int, screen: Rect) -> Rect:
    """Return the square around a point, moved onto the screen where it would hang over."""
    width, height = min(AREA_EDGE, screen.width), min(AREA_EDGE, screen.height)
    left = min(max(x - width // 2, screen.x), screen.right - width)
    top = min(max(y - height // 2, screen.y), screen.bottom - height)
    return Rect(left, top, width, height)


def anchor_of(frame: Frame, area: Rect) -> Anchor:
    """Return the anchor of a part of a frame.

    Raises: ValueError when the frame shows nothing of the area.
    """
    part = frame.crop(area)
    rect = part.rect
    return Anchor(rect.x, rect.y, rect.width, rect.height, digest(part.pixels), look(part.pixels))


def digest(pixels: Pixels) -> str:
    """Return a hash of the colours; the fourth byte of a pixel means nothing."""
    colours = np.ascontiguousarray(pixels).view("<u4") & 0xFFFFFF
    return hashlib.blake2b(colours.data, digest_size=8).hexdigest()


def look(pixels: Pixels) -> str:
    """Return the mean shade of each of 8 x 8 fields, row by row, two digits each.

    Of a large part, evenly spread pixels stand for the others.
    """
    down, across = (max(1, length // _SAMPLES) for length in pixels.shape[:2])
    grey = pixels[::down, ::across, :3].mean(axis=2)
    rows, columns = (_starts(length) for length in grey.shape)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    counts = np.outer(_lengths(rows, grey.shape[0]), _lengths(columns, grey.shape[1]))
    shades: bytes = (sums / counts).round().astype(np.uint8).tobytes()
    return shades.hex()


def _starts(length: int) -> list[int]:
    """Return where each field begins; an edge shorter than eight has fewer fields."""
    fields = min(LOOK_EDGE, length)
    return [field * length // fields for field in range(fields)]


def _lengths(starts: Sequence[int], length: int) -> list[int]:
    return [after - start for start, after in zip(starts, [*starts[1:], length], strict=True)]
