"""Reads the shapes of the pointer that VNC servers send.

Sources: rfbproto, "Cursor pseudo-encoding" and its kin; TigerVNC's CMsgReader for VMware's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.rfb_pixels import PixelFormat, Rect, Words
from benchmarks.rfb_streams import Stream

_CLASSIC, _ALPHA = 0, 1


@dataclass(frozen=True)
class Cursor:
    """A shape: height x width x 4, RGBA, not premultiplied; `x`, `y` its tip."""

    x: int
    y: int
    pixels: NDArray[np.uint8]


async def plain(stream: Stream, rect: Rect, format: PixelFormat) -> Cursor:
    """-239: pixels and a mask."""
    words = format.words(await stream.read(rect.area * format.bits // 8))
    mask = await _mask(stream, rect)
    return _cursor(rect, words.reshape(rect.height, rect.width), mask)


async def two_colours(stream: Stream, rect: Rect) -> Cursor:
    """-240: two colours and two masks."""
    if not rect.area:
        return _cursor(rect, np.zeros((rect.height, rect.width), np.uint32), np.zeros(0, bool))
    first, second = (
        int.from_bytes(colour, "big") for colour in struct.unpack("3s3s", await stream.read(6))
    )
    inks = await _mask(stream, rect)
    mask = await _mask(stream, rect)
    return _cursor(rect, np.where(inks, np.uint32(first), np.uint32(second)), mask)


async def with_alpha(stream: Stream, rect: Rect) -> Cursor:
    """-314: RGBA, premultiplied; only raw ones are known here."""
    [encoding] = struct.unpack("!i", await stream.read(4))
    if encoding != 0:
        raise ValueError(f"a cursor of encoding {encoding}")
    pixels = np.frombuffer(await stream.read(4 * rect.area), np.uint8)
    return Cursor(rect.x, rect.y, _divided(pixels.reshape(rect.height, rect.width, 4)))


async def vmware(stream: Stream, rect: Rect) -> Cursor:
    """0x574d5664: RGBA, or two masks of whole pixels."""
    [kind] = struct.unpack("!Bx", await stream.read(2))
    shape = (rect.height, rect.width)
    if kind == _ALPHA:
        # The servers send it as it is in X, premultiplied; noVNC shows it as it comes.
        pixels = np.frombuffer(await stream.read(4 * rect.area), np.uint8)
        return Cursor(rect.x, rect.y, pixels.reshape(*shape, 4).copy())
    if kind != _CLASSIC:
        raise ValueError(f"a cursor of kind {kind}")
    kept = np.frombuffer(await stream.read(4 * rect.area), "<u4").reshape(shape)
    words = np.frombuffer(await stream.read(4 * rect.area), "<u4").reshape(shape)
    return _cursor(rect, words.astype(np.uint32), kept == 0)


async def _mask(stream: Stream, rect: Rect) -> NDArray[np.bool_]:
    row_bytes = (rect.width + 7) // 8
    bits = np.frombuffer(await stream.read(row_bytes * rect.height), np.uint8)
    rows = np.unpackbits(bits.reshape(rect.height, row_bytes), axis=1)
    return rows[:, : rect.width].astype(bool)


def _cursor(rect: Rect, words: Words, mask: NDArray[np.bool_]) -> Cursor:
    channels = [words >> np.uint32(shift) & np.uint32(255) for shift in (16, 8, 0)]
    opaque = np.where(mask.reshape(words.shape), np.uint32(255), np.uint32(0))
    return Cursor(rect.x, rect.y, np.stack([*channels, opaque], axis=-1).astype(np.uint8))


def _divided(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = pixels[..., 3:].astype(np.uint32)
    colours = pixels[..., :3].astype(np.uint32) * 255 // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, 255), alpha], axis=-1).astype(np.uint8)
