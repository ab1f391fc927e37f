"""What a VNC client keeps of pixels: their format on the wire, and the picture they make.

Pure. The picture is BGRX in memory, a word 0x00RRGGBB each pixel; the fourth byte means nothing.
Sources: rfbproto, "Pixel format data structure", TPIXEL of "Tight", CPIXEL of "ZRLE".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.rfb_streams import Buffer

Words = NDArray[np.uint32]

# From so many pixels on, Pillow swaps colours quicker than numpy.
_LARGE = 4096


class Rect(NamedTuple):
    """A part of the picture."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """The number of pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """True colour as rfbproto describes it."""

    bits: int
    depth: int
    big_endian: bool
    maxima: tuple[int, int, int]
    shifts: tuple[int, int, int]

    @classmethod
    def unpack(cls, block: bytes) -> PixelFormat:
        """Read the 16 bytes of the protocol. Raises: ValueError for colour maps."""
        bits, depth, big, true, *rest = struct.unpack("!4B3H3B3x", block)
        if not true:
            raise ValueError("the server's pixels are of a colour map")
        return cls(bits, depth, bool(big), tuple(rest[:3]), tuple(rest[3:]))

    def pack(self) -> bytes:
        """Write the 16 bytes."""
        return struct.pack(
            "!4B3H3B3x", self.bits, self.depth, self.big_endian, True, *self.maxima, *self.shifts
        )

    @property
    def is_native(self) -> bool:
        """Whether words on the wire are words of the picture."""
        return self.bits == 32 and not self.big_endian and self._is_rgb888((16, 8, 0))

    @property
    def is_tight_packed(self) -> bool:
        """Whether Tight sends three bytes red, green, blue."""
        return self.bits == 32 and self.depth == 24 and self.maxima == (255, 255, 255)

    @property
    def compact_bytes(self) -> int:
        """The size of ZRLE's pixels."""
        return 3 if self._compact_low is not None else self.bits // 8

    @property
    def _compact_low(self) -> bool | None:
        """Whether the three bytes that say something are the low ones; None: all four count."""
        if self.bits != 32 or self.depth > 24:
            return None
        tops = [m << s for m, s in zip(self.maxima, self.shifts, strict=True)]
        if all(top < 1 << 24 for top in tops):
            return True
        return False if all(shift >= 8 for shift in self.shifts) else None

    def _is_rgb888(self, shifts: tuple[int, int, int]) -> bool:
        return self.maxima == (255, 255, 255) and self.shifts == shifts

    def words(self, content: Buffer) -> Words:
        """Turn pixels of the wire into words of the picture."""
        order = ">" if self.big_endian else "<"
        values: Words = np.frombuffer(content, np.dtype(f"{order}u{self.bits // 8}"))
        return values if self.is_native else self._scaled(values.astype(np.uint32))

    def compact_words(self, content: Buffer) -> Words:
        """Turn ZRLE's pixels into words."""
        low = self._compact_low
        if low is None:
            return self.words(content)
        parts = np.frombuffer(content, np.uint8).reshape(-1, 3).astype(np.uint32)
        if self.big_endian:
            parts = parts[:, ::-1]
        first, second, third = parts.T
        values: Words = first | second << np.uint32(8) | third << np.uint32(16)
        if not low:
            values = values << np.uint32(8)
        return values if self.is_native else self._scaled(values)

    def tight_words(self, content: Buffer) -> Words:
        """Turn Tight's pixels into words."""
        if not self.is_tight_packed:
            return self.words(content)
        count = len(content) // 3
        if count > _LARGE:
            image = Image.frombuffer("RGB", (count, 1), content, "raw", "RGB", 0, 1)
            return np.frombuffer(image.tobytes("raw", "BGRX"), np.uint32)
        parts = np.frombuffer(content, np.uint8).reshape(-1, 3).astype(np.uint32)
        red, green, blue = parts.T
        words: Words = red << np.uint32(16) | green << np.uint32(8) | blue
        return words

    def _scaled(self, values: Words) -> Words:
        words = np.zeros(values.shape, np.uint32)
        for maximum, shift, to in zip(self.maxima, self.shifts, (16, 8, 0), strict=True):
            channel = values >> np.uint32(shift) & np.uint32(maximum)
            words |= (channel * np.uint32(255) + np.uint32(maximum // 2)) // np.uint32(
                maximum
            ) << np.uint32(to)
        return words


NATIVE = PixelFormat(32, 24, False, (255, 255, 255), (16, 8, 0))
RGB565 = PixelFormat(16, 16, False, (31, 63, 31), (11, 5, 0))
BGR233 = PixelFormat(8, 8, False, (7, 7, 3), (0, 3, 6))


class Picture:
    """What the viewer's window would show."""

    def __init__(self, width: int, height: int) -> None:
        self.words: Words = np.zeros((height, width), np.uint32)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Height x width x 4, BGRX; a view."""
        height, width = self.words.shape
        return self.words.view(np.uint8).reshape(height, width, 4)

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.words.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.words.shape[0])

    def part(self, rect: Rect) -> Words:
        """Return a part, to be written into. Raises: ValueError outside of the picture."""
        x, y, width, height = rect
        if x + width > self.width or y + height > self.height:
            raise ValueError(f"{rect} is not within {self.width} x {self.height}")
        return self.words[y : y + height, x : x + width]

    def copy(self, x: int, y: int, to: Rect) -> None:
        """Copy a part that may overlap its source."""
        source = self.part(Rect(x, y, to.width, to.height))
        self.part(to)[:] = source.copy()

    def resize(self, width: int, height: int) -> None:
        """Take another size and keep what is in both."""
        words = np.zeros((height, width), np.uint32)
        height, width = min(height, self.height), min(width, self.width)
        words[:height, :width] = self.words[:height, :width]
        self.words = words
