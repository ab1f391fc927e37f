"""Decodes RFB rectangles into a picture: the encodings that need no more than zlib and JPEG.

Whole rectangles at a time where the encoding allows it. Strict: a body that is too short or too
long is an error, as some viewers hang where others forgive. ZRLE and H.264 have files of their own.
Sources: rfbproto, "Encodings"; TightVNC's rfbproto.h on gradients.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from benchmarks.rfb_pixels import Picture, PixelFormat, Rect, Words
from benchmarks.rfb_streams import Buffer, Stream

_NOT_COMPRESSED = 12
_FILL, _JPEG, _PNG, _EXPLICIT_FILTER = 8, 9, 10, 4
_COPY, _PALETTE, _GRADIENT = range(3)
_RAW, _GROUND, _INK, _SUBRECTS, _COLOURED = 1, 2, 4, 8, 16
_TILE = 16


class DecodeError(Exception):
    """A body that no viewer could show."""


class Inflater(Protocol):
    """`zlib.decompressobj`, or another library's."""

    def decompress(self, data: Buffer, /) -> bytes:
        """Return what the bytes add."""


MakeInflater = Callable[[], Inflater]


class Decoders:
    """The state of one connection's encodings.

    Args:
        inflater: makes zlib's decompressors.
        is_blind: reads bodies and shows nothing: a viewer that costs next to nothing.
    """

    def __init__(
        self,
        stream: Stream,
        picture: Picture,
        format: PixelFormat,
        *,
        inflater: MakeInflater = zlib.decompressobj,
        is_blind: bool = False,
    ) -> None:
        self.format = format
        self._stream = stream
        self._picture = picture
        self._make_inflater = inflater
        self._is_blind = is_blind
        self._zlib = inflater()
        self._tight: list[Inflater] = [inflater() for _ in range(4)]

    async def raw(self, rect: Rect) -> None:
        """Encoding 0."""
        content = await self._stream.read(rect.area * self.format.bits // 8)
        if not self._is_blind:
            self._show(rect, self.format.words(content))

    async def copy_rect(self, rect: Rect) -> None:
        """Encoding 1."""
        x, y = struct.unpack("!HH", await self._stream.read(4))
        self._picture.copy(x, y, rect)

    async def rre(self, rect: Rect) -> None:
        """Encoding 2."""
        [count] = struct.unpack("!I", await self._stream.read(4))
        size = self.format.bits // 8
        part = self._picture.part(rect)
        part[:] = self.format.words(await self._stream.read(size))[0]
        content = bytes(await self._stream.read(count * (size + 8)))
        for start in range(0, len(content), size + 8):
            word = self.format.words(content[start : start + size])[0]
            x, y, width, height = struct.unpack_from("!4H", content, start + size)
            _inside(part, x, y, width, height)[:] = word

    async def hextile(self, rect: Rect) -> None:
        """Encoding 5."""
        size = self.format.bits // 8
        ground = ink = np.uint32(0)
        for tile in tiles(rect, _TILE):
            part = self._picture.part(tile)
            [flags] = await self._stream.read(1)
            if flags & _RAW:
                words = self.format.words(await self._stream.read(tile.area * size))
                part[:] = words.reshape(part.shape)
                continue
            if flags & _GROUND:
                ground = self.format.words(await self._stream.read(size))[0]
            if flags & _INK:
                ink = self.format.words(await self._stream.read(size))[0]
            part[:] = ground
            if flags & _SUBRECTS:
                [count] = await self._stream.read(1)
                step = 2 + size * bool(flags & _COLOURED)
                content = bytes(await self._stream.read(count * step))
                for start in range(0, len(content), step):
                    place, extent = content[start + step - 2 : start + step]
                    if flags & _COLOURED:
                        ink = self.format.words(content[start : start + size])[0]
                    width, height = (extent >> 4) + 1, (extent & 15) + 1
                    _inside(part, place >> 4, place & 15, width, height)[:] = ink

    async def zlib(self, rect: Rect) -> None:
        """Encoding 6."""
        [size_bytes] = struct.unpack("!I", await self._stream.read(4))
        content = await self._stream.read(size_bytes)
        if not self._is_blind:
            pixels = inflated(self._zlib, content, rect.area * self.format.bits // 8)
            self._show(rect, self.format.words(pixels))

    async def tight(self, rect: Rect) -> None:
        """Encodings 7 and -260."""
        [control] = await self._stream.read(1)
        for number in range(4):
            if control >> number & 1:
                self._tight[number] = self._make_inflater()
        kind = control >> 4
        if kind == _FILL:
            pixel = await self._stream.read(self._tight_bytes)
            self._picture.part(rect)[:] = self.format.tight_words(pixel)[0]
        elif kind in (_JPEG, _PNG):
            content = await self._stream.read(await self._compact_length())
            if not self._is_blind:
                decode = decoded_jpeg if kind == _JPEG else _decoded_png
                self._show(rect, decode(content, rect))
        elif kind > _PNG:
            raise DecodeError(f"Tight knows no control byte {control:#x}")
        else:
            await self._tight_basic(rect, kind)

    async def _tight_basic(self, rect: Rect, kind: int) -> None:
        kind_of_filter = (await self._stream.read(1))[0] if kind & _EXPLICIT_FILTER else _COPY
        stream, pixel_bytes = kind & 3, self._tight_bytes
        if kind_of_filter == _PALETTE:
            count = (await self._stream.read(1))[0] + 1
            palette = self.format.tight_words(await self._stream.read(count * pixel_bytes))
            row_bytes = (rect.width + 7) // 8 if count == 2 else rect.width
            content = await self._deflated(stream, row_bytes * rect.height)
            if content is not None:
                numbers = np.frombuffer(content, np.uint8).reshape(rect.height, row_bytes)
                if count == 2:
                    numbers = np.unpackbits(numbers, axis=1)[:, : rect.width]
                self._show(rect, palette[numbers])
            return
        if kind_of_filter > _GRADIENT:
            raise DecodeError(f"Tight knows no filter {kind_of_filter}")
        content = await self._deflated(stream, rect.area * pixel_bytes)
        if content is None:
            return
        if kind_of_filter == _GRADIENT:
            self._show(rect, self._from_gradient(content, rect))
        else:
            self._show(rect, self.format.tight_words(content))

    async def _deflated(self, stream: int, size_bytes: int) -> Buffer | None:
        """Read what is deflated if it is long enough; None for those who do not look."""
        if size_bytes < _NOT_COMPRESSED:
            return await self._stream.read(size_bytes)
        content = await self._stream.read(await self._compact_length())
        return None if self._is_blind else inflated(self._tight[stream], content, size_bytes)

    async def _compact_length(self) -> int:
        length = 0
        for shift in (0, 7, 14):
            [byte] = await self._stream.read(1)
            length |= (byte & 0x7F if shift < 14 else byte) << shift
            if not byte & 0x80:
                break
        return length

    def _from_gradient(self, content: Buffer, rect: Rect) -> Words:
        """Undo the prediction; only of formats with three bytes."""
        if not self.format.is_tight_packed:
            raise DecodeError("a gradient of a format that this client cannot read")
        shape = (rect.height, rect.width, 3)
        return self.format.tight_words(
            from_gradient(np.frombuffer(content, np.uint8).reshape(shape)).tobytes()
        )

    def _show(self, rect: Rect, words: Words) -> None:
        self._picture.part(rect)[:] = words.reshape(rect.height, rect.width)

    @property
    def _tight_bytes(self) -> int:
        return 3 if self.format.is_tight_packed else self.format.bits // 8


def inflated(inflater: Inflater, content: Buffer, size_bytes: int) -> bytes:
    """Inflate one body. Raises: DecodeError where it has another size."""
    try:
        found = inflater.decompress(content)
    except Exception as exc:  # Each library has an error of its own.
        raise DecodeError(f"a body of {len(content)} bytes cannot be inflated: {exc}") from exc
    if len(found) != size_bytes:
        raise DecodeError(f"a body inflates to {len(found)} bytes, not to {size_bytes}")
    return found


def from_gradient(differences: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Undo Tight's prediction (left + above - left above), one diagonal at a time."""
    height, width, channels = differences.shape
    row = width + 1
    known = np.zeros(((height + 1) * row, channels), np.int16)
    added = np.zeros(((height + 1) * row, channels), np.int16)
    added.reshape(height + 1, row, channels)[1:, 1:] = differences
    for diagonal in range(height + width - 1):
        top = max(0, diagonal - width + 1)
        count = min(height - 1, diagonal) - top + 1
        # Of the picture with a row and a column of zeros before it; one step is down and left.
        first = (top + 1) * row + diagonal - top + 1
        place = np.s_[first : first + (count - 1) * (row - 1) + 1 : row - 1]
        above, left, corner = (
            known[place.start - back : place.stop - back : row - 1] for back in (row, 1, row + 1)
        )
        known[place] = np.clip(left + above - corner, 0, 255) + added[place] & 255
    return known.reshape(height + 1, row, channels)[1:, 1:].astype(np.uint8)


def decoded_jpeg(content: Buffer, rect: Rect) -> Words:
    """Decode a JPEG of a rectangle's size."""
    try:
        pixels = simplejpeg.decode_jpeg(content, "BGRX")
    except ValueError as exc:
        raise DecodeError(f"a JPEG of {len(content)} bytes cannot be decoded: {exc}") from exc
    return _words(pixels, rect)


def _decoded_png(content: Buffer, rect: Rect) -> Words:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    pixels = np.frombuffer(image.tobytes("raw", "BGRX"), np.uint8)
    return _words(pixels.reshape(image.height, image.width, 4), rect)


def _words(pixels: NDArray[np.uint8], rect: Rect) -> Words:
    if pixels.shape[:2] != (rect.height, rect.width):
        raise DecodeError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} for {rect}")
    return np.ascontiguousarray(pixels).view(np.uint32)[..., 0]


def tiles(rect: Rect, edge: int) -> list[Rect]:
    """Cut a rectangle into squares, row by row."""
    right, bottom = rect.x + rect.width, rect.y + rect.height
    return [
        Rect(x, y, min(edge, right - x), min(edge, bottom - y))
        for y in range(rect.y, bottom, edge)
        for x in range(rect.x, right, edge)
    ]


def _inside(part: Words, x: int, y: int, width: int, height: int) -> Words:
    if x + width > part.shape[1] or y + height > part.shape[0]:
        raise DecodeError("a subrectangle reaches out of its rectangle")
    return part[y : y + height, x : x + width]
