"""The pointer's shape as viewers take it: with alpha, with a mask, or in two colours.

Pure. It chooses a viewer's best kind and writes it; when to send it is not known here. What is seen
of a shape is where its alpha is, and each kind has its own idea of that: CursorWithAlpha takes
colours multiplied by it, VMware's takes them straight (noVNC and TigerVNC both do), the others know
only yes or no. Sources: rfbproto "Cursor Pseudo-encoding", "X Cursor Pseudo-encoding", "Cursor With
Alpha Pseudo-encoding"; TigerVNC CMsgReader and noVNC rfb.js for VMware's.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import CursorImage, Pixels, Rect
from agentd.vnc.encodings.profile import EncodedRect
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import PixelFormat

# VMware's kind of cursor with alpha, and a byte of padding.
_VMWARE_ALPHA = b"\1\0"

# TigerVNC's viewer hangs up at larger shapes.
_MOST_EDGE = 256

# From here on a pixel belongs to a shape that knows only yes or no: shadows do not.
_SEEN = 128

# Rec. 601: what share of brightness blue, green and red have, in 256ths.
_BRIGHTNESS = np.array([29, 150, 77], dtype=np.uint16)
_BRIGHT = 128
_WHITE, _BLACK = b"\xff\xff\xff", b"\0\0\0"


class CursorEncoding(enum.IntEnum):
    """The pseudo-encodings that carry a shape."""

    CURSOR = Encoding.CURSOR
    X_CURSOR = Encoding.X_CURSOR
    WITH_ALPHA = Encoding.CURSOR_WITH_ALPHA
    VMWARE = Encoding.VMWARE_CURSOR


_RANKS = (
    CursorEncoding.WITH_ALPHA,
    CursorEncoding.VMWARE,
    CursorEncoding.CURSOR,
    CursorEncoding.X_CURSOR,
)


def choose_cursor(encodings: Sequence[int]) -> CursorEncoding | None:
    """Return the kind of shape that shows a viewer most; None if it takes none.

    Args:
        encodings: all of SetEncodings.
    """
    return next((rank for rank in _RANKS if rank in encodings), None)


def encode_cursor(image: CursorImage, encoding: CursorEncoding, format: PixelFormat) -> EncodedRect:
    """Write a shape.

    Args:
        image: its colours are multiplied by alpha. One without pixels becomes one that is not seen.
        encoding: the kind.
        format: the viewer's; only `CURSOR` is written in it, and again when it changes.

    Returns: a rectangle whose place is the hot spot, as its header wants it.
    """
    pixels = image.pixels
    if pixels.size == 0:
        pixels = np.zeros((1, 1, 4), dtype=np.uint8)
    hot_x, columns = _within(image.hot_x, pixels.shape[1])
    hot_y, rows = _within(image.hot_y, pixels.shape[0])
    pixels = pixels[rows, columns]
    height, width = pixels.shape[:2]
    match encoding:
        case CursorEncoding.WITH_ALPHA:
            # More colour than alpha allows would wrap around when a viewer divides.
            body = struct.pack(">i", Encoding.RAW) + _rgba(np.minimum(pixels, pixels[..., 3:]))
        case CursorEncoding.VMWARE:
            body = _VMWARE_ALPHA + _rgba(_straight(pixels))
        case CursorEncoding.CURSOR:
            body = format.convert(_straight(pixels)).tobytes() + _bits(_is_seen(pixels))
        case CursorEncoding.X_CURSOR:
            body = _two_colours(pixels)
    return EncodedRect(Rect(hot_x, hot_y, width, height), encoding, body)


def _within(hot: int, length: int) -> tuple[int, slice]:
    """Return the hot spot along one edge, inside the shape, and what of a huge shape is sent."""
    hot = min(max(hot, 0), length - 1)
    start = max(0, min(hot - _MOST_EDGE // 2, length - _MOST_EDGE))
    return hot - start, slice(start, start + _MOST_EDGE)


def _rgba(pixels: Pixels) -> bytes:
    """Turn B, G, R, A into R, G, B, A."""
    return pixels[..., [2, 1, 0, 3]].tobytes()


def _straight(pixels: Pixels) -> Pixels:
    """Divide colours by alpha, rounded to the nearest; what is not seen becomes black."""
    alpha = pixels[..., 3:].astype(np.uint16)
    colours = (pixels[..., :3].astype(np.uint16) * 255 + alpha // 2) // np.maximum(alpha, 1)
    straight = np.empty(pixels.shape, dtype=np.uint8)
    # A shape may claim more colour than its alpha allows; that must not wrap around.
    straight[..., :3] = np.where(alpha, np.minimum(colours, 255), 0)
    straight[..., 3:] = alpha
    return straight


def _is_seen(pixels: Pixels) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = pixels[..., 3] >= _SEEN
    return seen


def _two_colours(pixels: Pixels) -> bytes:
    """Write a shape in white and black: bright pixels in the first, dark ones in the second."""
    straight = _straight(pixels)
    brightness = (straight[..., :3] * _BRIGHTNESS).sum(axis=2) >> 8
    return _WHITE + _BLACK + _bits(brightness >= _BRIGHT) + _bits(_is_seen(pixels))


def _bits(mask: NDArray[np.bool_]) -> bytes:
    """Write yes or no for each pixel, the first in the highest bit; rows begin with a byte."""
    return np.packbits(mask, axis=1).tobytes()
