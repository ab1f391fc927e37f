"""How a viewer wants its pixels written, and the screen's pixels written so.

Pure. It chooses no format and compresses nothing. Formats with a colour map are refused: no viewer
of this century asks for one. Sources: rfbproto "PIXEL_FORMAT", "SetPixelFormat", "ZRLE encoding"
(CPIXEL), "Tight encoding" (TPIXEL).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agentd.desktop.screen.frame import Pixels

_BLOCK = struct.Struct(">BBBBHHHBBB3x")

# Red, green and blue of a pixel of the screen, as bytes in memory and as bits of its word.
_RED, _GREEN, _BLUE = 2, 1, 0
_SCREEN_SHIFTS = 16, 8, 0

# Rows are converted in pieces of about so many pixels: what one step leaves, the next finds in the
# cache.
_PIECE = 1 << 14

# The orders of bytes in which Pillow writes pixels of 4 bytes; it does so in one pass.
_PILLOW_ORDERS = {
    (16, 8, 0): "BGRX",
    (0, 8, 16): "RGBX",
    (8, 16, 24): "XRGB",
    (24, 16, 8): "XBGR",
}


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How a pixel is written: as a number of some bits, in which each colour has its place.

    Raises: ValueError when it is not one that can be served: true colours of 8, 16 or 32 bits, that
        fit in beside each other.
    """

    bits_per_pixel: int
    depth: int
    big_endian: bool
    true_colour: bool
    red_max: int
    green_max: int
    blue_max: int
    red_shift: int
    green_shift: int
    blue_shift: int

    def __post_init__(self) -> None:
        if not self.true_colour:
            raise ValueError("pixel format with a colour map: only true colours are served")
        if self.bits_per_pixel not in (8, 16, 32):
            raise ValueError(f"pixel format of {self.bits_per_pixel} bits: wanted 8, 16 or 32")
        taken = 0
        for name, largest, shift in zip(
            ("red", "green", "blue"), self._maxima, self._shifts, strict=True
        ):
            if not 1 <= largest <= 0xFFFF or largest & (largest + 1):
                raise ValueError(f"pixel format with {name} up to {largest}: wanted 2^n - 1")
            mask = largest << shift
            if mask >> self.bits_per_pixel:
                raise ValueError(
                    f"pixel format with {name} up to {largest} at bit {shift}: "
                    f"does not fit into {self.bits_per_pixel} bits"
                )
            if mask & taken:
                raise ValueError(f"pixel format with {name} at bit {shift}: lies over another")
            taken |= mask

    @classmethod
    def parse(cls, block: bytes) -> PixelFormat:
        """Read a format as it stands in SetPixelFormat and ServerInit.

        Args:
            block: 16 bytes.

        Raises: ValueError when it is not one that can be served.
        """
        if len(block) != _BLOCK.size:
            raise ValueError(f"pixel format of {len(block)} bytes: wanted {_BLOCK.size}")
        bits, depth, big_endian, true_colour, *colours = _BLOCK.unpack(block)
        return cls(bits, depth, big_endian != 0, true_colour != 0, *colours)

    def pack(self) -> bytes:
        """Write the format as it stands in ServerInit: 16 bytes."""
        return _BLOCK.pack(
            self.bits_per_pixel,
            self.depth,
            self.big_endian,
            self.true_colour,
            *self._maxima,
            *self._shifts,
        )

    @property
    def bytes_per_pixel(self) -> int:
        """The bytes of a PIXEL: 1, 2 or 4."""
        return self.bits_per_pixel // 8

    @property
    def compact_bytes(self) -> int:
        """The bytes of a CPIXEL: 3 where one byte of 4 is never used, else those of a PIXEL."""
        return 3 if self._compact_part is not None else self.bytes_per_pixel

    @property
    def tight_bytes(self) -> int:
        """The bytes of a TPIXEL."""
        return 3 if self.is_tight_packed else self.bytes_per_pixel

    @property
    def is_tight_packed(self) -> bool:
        """Whether a TPIXEL is 3 bytes: red, green, blue, whatever the order in a PIXEL."""
        return self.bits_per_pixel == 32 and self.depth == 24 and self._maxima == (255, 255, 255)

    @property
    def is_native(self) -> bool:
        """Whether the bytes of a PIXEL are those of the screen."""
        return self._pillow_order == "BGRX"

    def convert(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Return pixels as PIXELs.

        Args:
            pixels: height x width x 4, BGRX; rows need not touch in memory.

        Returns: height x width x `bytes_per_pixel`, contiguous; `pixels` themselves, where nothing
            is to be done. A byte of 4 that is not used has any value.
        """
        if self.is_native:
            return np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        if self._pillow_order is not None:
            return _reordered(pixels, self._pillow_order)
        converted = np.empty((height, width), dtype=self._word)
        write = _word_writer(self)
        step = max(1, _PIECE // max(1, width))
        for top in range(0, height, step):
            rows = slice(top, top + step)
            converted[rows] = write(pixels[rows])
        return converted.view(np.uint8).reshape(height, width, self.bytes_per_pixel)

    def convert_compact(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Return pixels as CPIXELs: height x width x `compact_bytes`, contiguous.

        Args:
            pixels: as of `convert`.
        """
        part = self._compact_part
        if part is None:
            return self.convert(pixels)
        if part == slice(0, 3) and self._pillow_order in ("BGRX", "RGBX"):
            return _reordered(pixels, self._pillow_order[:3])
        if part == slice(1, 4) and self._pillow_order in ("XRGB", "XBGR"):
            return _reordered(pixels, self._pillow_order[1:])
        return np.ascontiguousarray(self.convert(pixels)[..., part])

    def convert_tight(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Return pixels as TPIXELs: height x width x `tight_bytes`, contiguous.

        Args:
            pixels: as of `convert`.
        """
        return _reordered(pixels, "RGB") if self.is_tight_packed else self.convert(pixels)

    @property
    def _maxima(self) -> tuple[int, int, int]:
        return self.red_max, self.green_max, self.blue_max

    @property
    def _shifts(self) -> tuple[int, int, int]:
        return self.red_shift, self.green_shift, self.blue_shift

    @property
    def _word(self) -> np.dtype[Any]:
        order = ">" if self.big_endian else "<"
        return np.dtype(f"{order}u{self.bytes_per_pixel}")

    @property
    def _pillow_order(self) -> str | None:
        """The name of the order of bytes, where each colour is one byte of four."""
        if self.bits_per_pixel != 32 or self._maxima != (255, 255, 255):
            return None
        red, green, blue = self._shifts
        if self.big_endian:
            red, green, blue = 24 - red, 24 - green, 24 - blue
        return _PILLOW_ORDERS.get((red, green, blue))

    @property
    def _compact_part(self) -> slice | None:
        """Which 3 bytes of a PIXEL make its CPIXEL; None where all do."""
        if self.bits_per_pixel != 32 or self.depth > 24:
            return None
        masks = [
            largest << shift for largest, shift in zip(self._maxima, self._shifts, strict=True)
        ]
        if all(mask < 1 << 24 for mask in masks):
            return slice(1, 4) if self.big_endian else slice(0, 3)
        if all(not mask & 0xFF for mask in masks):
            return slice(0, 3) if self.big_endian else slice(1, 4)
        return None


NATIVE = PixelFormat(32, 24, False, True, 255, 255, 255, 16, 8, 0)


def _reordered(pixels: Pixels, order: str) -> NDArray[np.uint8]:
    """Return pixels with the bytes of each in another order, or without the fourth."""
    height, width = pixels.shape[:2]
    if height == 0 or width == 0:
        return np.empty((height, width, len(order)), dtype=np.uint8)
    rows = pixels if pixels.strides[1:] == (4, 1) else np.ascontiguousarray(pixels)
    image = Image.frombuffer("RGB", (width, height), _span(rows), "raw", "BGRX", rows.strides[0], 1)
    written = np.frombuffer(image.tobytes("raw", order), dtype=np.uint8)
    return written.reshape(height, width, len(order))


def _span(rows: Pixels) -> NDArray[np.uint8]:
    """Return the memory from the first pixel to the last, with what lies between the rows."""
    height, width = rows.shape[:2]
    length = (height - 1) * rows.strides[0] + width * 4
    return np.lib.stride_tricks.as_strided(rows, (length,), (1,), writeable=False)


def _word_writer(format: PixelFormat) -> Callable[[Pixels], NDArray[Any]]:
    """Return what makes one number of each pixel.

    A colour of fewer bits than a byte keeps its highest, as every server does it; one of more is
    stretched, so that white stays white.
    """
    fields = list(
        zip((_RED, _GREEN, _BLUE), _SCREEN_SHIFTS, format._maxima, format._shifts, strict=True)
    )
    if all(largest <= 255 for _, _, largest, _ in fields):
        moves = []
        for _, from_bit, largest, to_bit in fields:
            kept = from_bit + 8 - largest.bit_length()
            moves.append((np.uint32(largest << kept), kept - to_bit))

        def by_shifts(pixels: Pixels) -> NDArray[Any]:
            words = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
            red, green, blue = (_shifted(words & mask, by) for mask, by in moves)
            return red | green | blue

        return by_shifts
    tables = [
        (channel, (np.arange(256, dtype=np.uint64) * largest // 255 << shift).astype(np.uint32))
        for channel, _, largest, shift in fields
    ]

    def by_tables(pixels: Pixels) -> NDArray[Any]:
        red, green, blue = (table[pixels[..., channel]] for channel, table in tables)
        found: NDArray[Any] = red | green | blue
        return found

    return by_tables


def _shifted(words: NDArray[np.uint32], by: int) -> NDArray[np.uint32]:
    return words >> np.uint32(by) if by >= 0 else words << np.uint32(-by)
