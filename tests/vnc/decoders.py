"""What a viewer makes of encoded rectangles: one plain decoder an encoding, written from rfbproto.

They know nothing of how the encoders work, and check what viewers rely on.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agentd.desktop.screen.frame import Rect
from agentd.vnc.encodings.encoder import EncodedRect
from agentd.vnc.pixel_format import PixelFormat

# Colours as numbers from 0 to 255: height x width x 3, red, green, blue.
Rgb = NDArray[np.uint8]


class Reader:
    """Bytes of a body, read from the front."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        assert self._at + count <= len(self._body), "the body ends too early"
        self._at += count
        return self._body[self._at - count : self._at]

    def number(self, size: int = 1) -> int:
        return int.from_bytes(self.take(size), "big")

    @property
    def is_empty(self) -> bool:
        return self._at == len(self._body)


class Viewer:
    """A screen that rectangles are decoded onto: `values` are the three numbers of each pixel.

    They are as large as the format's maxima; JPEGs are brought to these.
    """

    def __init__(self, width: int, height: int, format: PixelFormat) -> None:
        self.format = format
        self.values = np.full((height, width, 3), -1, dtype=np.int64)
        self.times = np.zeros((height, width), dtype=np.int64)
        self._zlib = zlib.decompressobj()
        self._zrle = zlib.decompressobj()
        self._tight = [zlib.decompressobj() for _ in range(4)]

    def show(self, rects: Iterable[EncodedRect]) -> None:
        decoders = {
            0: self._raw,
            2: self._rre,
            5: self._hextile,
            6: self._zlib_rect,
            7: self._tight_rect,
            16: self._zrle_rect,
        }
        for rect in rects:
            place = rect.rect
            height, width = self.times.shape
            assert Rect(0, 0, width, height).covers(place)
            reader = Reader(rect.body)
            pixels = decoders[rect.encoding](reader, place.width, place.height)
            assert reader.is_empty, "the body is longer than the rectangle"
            rows, columns = slice(place.y, place.bottom), slice(place.x, place.right)
            self.values[rows, columns] = pixels
            self.times[rows, columns] += 1

    # Pixels as they stand in bodies.

    def pixels(self, data: bytes) -> NDArray[np.int64]:
        order = ">" if self.format.big_endian else "<"
        return self.colours(np.frombuffer(data, f"{order}u{self.format.bits_per_pixel // 8}"))

    def colours(self, words: NDArray[np.generic]) -> NDArray[np.int64]:
        wide, form = words.astype(np.int64), self.format
        return np.stack(
            (
                wide >> form.red_shift & form.red_max,
                wide >> form.green_shift & form.green_max,
                wide >> form.blue_shift & form.blue_max,
            ),
            axis=-1,
        )

    def compact_pixels(self, data: bytes) -> NDArray[np.int64]:
        size = compact_size(self.format)
        if size != 3:
            return self.pixels(data)
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        zeros = np.zeros((len(parts), 1), np.uint8)
        masks = (
            self.format.red_max << self.format.red_shift
            | self.format.green_max << self.format.green_shift
            | self.format.blue_max << self.format.blue_shift
        )
        is_low = masks < 1 << 24
        # The byte that was left out is the highest, or the lowest, of the number.
        is_last = is_low != self.format.big_endian
        whole = np.hstack((parts, zeros) if is_last else (zeros, parts))
        return self.pixels(whole.tobytes())

    def tight_pixels(self, data: bytes) -> NDArray[np.int64]:
        if tight_size(self.format) != 3:
            return self.pixels(data)
        return np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int64)

    # Encodings.

    def _raw(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        data = reader.take(width * height * self.format.bits_per_pixel // 8)
        return self.pixels(data).reshape(height, width, 3)

    def _rre(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        size = self.format.bits_per_pixel // 8
        count = reader.number(4)
        picture = np.empty((height, width, 3), np.int64)
        picture[...] = self.pixels(reader.take(size))
        for _ in range(count):
            colour = self.pixels(reader.take(size))
            x, y, w, h = (reader.number(2) for _ in range(4))
            assert Rect(0, 0, width, height).covers(Rect(x, y, w, h))
            assert w * h > 0
            picture[y : y + h, x : x + w] = colour
        return picture

    def _hextile(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        size = self.format.bits_per_pixel // 8
        picture = np.full((height, width, 3), -1, np.int64)
        ground = foreground = None
        for y in range(0, height, 16):
            for x in range(0, width, 16):
                tile = picture[y : y + 16, x : x + 16]
                flags = reader.number()
                if flags & 1:
                    data = reader.take(tile.shape[0] * tile.shape[1] * size)
                    tile[...] = self.pixels(data).reshape(tile.shape)
                    ground = foreground = None
                    continue
                if flags & 2:
                    ground = self.pixels(reader.take(size))
                if flags & 4:
                    foreground = self.pixels(reader.take(size))
                assert ground is not None
                tile[...] = ground
                for _ in range(reader.number() if flags & 8 else 0):
                    colour = self.pixels(reader.take(size)) if flags & 16 else foreground
                    place, extent = reader.number(), reader.number()
                    left, top = place >> 4, place & 15
                    right, bottom = left + (extent >> 4) + 1, top + (extent & 15) + 1
                    assert right <= tile.shape[1]
                    assert bottom <= tile.shape[0]
                    assert colour is not None
                    tile[top:bottom, left:right] = colour
        return picture

    def _zlib_rect(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        data = self._zlib.decompress(reader.take(reader.number(4)))
        return self._raw(Reader(data), width, height)

    def _zrle_rect(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        content = Reader(self._zrle.decompress(reader.take(reader.number(4))))
        size = compact_size(self.format)
        picture = np.full((height, width, 3), -1, np.int64)
        for y in range(0, height, 64):
            for x in range(0, width, 64):
                tile = picture[y : y + 64, x : x + 64]
                rows, columns = tile.shape[:2]
                kind = content.number()
                assert kind <= 16, "runs are not written"
                if kind == 0:
                    data = content.take(rows * columns * size)
                    tile[...] = self.compact_pixels(data).reshape(tile.shape)
                    continue
                colours = self.compact_pixels(content.take(kind * size))
                if kind == 1:
                    tile[...] = colours[0]
                    continue
                bits = 1 if kind == 2 else 2 if kind <= 4 else 4
                for row in range(rows):
                    packed = content.take((columns * bits + 7) // 8)
                    number = int.from_bytes(packed, "big")
                    for column in range(columns):
                        shift = len(packed) * 8 - bits * (column + 1)
                        tile[row, column] = colours[number >> shift & (1 << bits) - 1]
        assert content.is_empty
        return picture

    def _tight_rect(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        assert width <= 2048
        control = reader.number()
        for stream in range(4):
            if control >> stream & 1:
                self._tight[stream] = zlib.decompressobj()
        size = tight_size(self.format)
        kind = control >> 4
        picture = np.empty((height, width, 3), np.int64)
        if kind == 8:
            picture[...] = self.tight_pixels(reader.take(size))
            return picture
        if kind == 9:
            assert self.format.bits_per_pixel >= 16
            return self._jpeg(reader, width, height)
        assert kind < 8
        inflate = self._tight[kind & 3]
        filter_id = reader.number() if kind & 4 else 0
        if filter_id == 0:
            data = tight_content(reader, width * height * size, inflate)
            return self.tight_pixels(data).reshape(height, width, 3)
        assert filter_id == 1
        count = reader.number() + 1
        assert count >= 2
        colours = self.tight_pixels(reader.take(count * size))
        if count == 2:
            row_bytes = (width + 7) // 8
            data = tight_content(reader, row_bytes * height, inflate)
            rows = np.frombuffer(data, np.uint8).reshape(height, row_bytes)
            return colours[np.unpackbits(rows, axis=1)[:, :width]]
        data = tight_content(reader, width * height, inflate)
        return colours[np.frombuffer(data, np.uint8).reshape(height, width)]

    def _jpeg(self, reader: Reader, width: int, height: int) -> NDArray[np.int64]:
        with Image.open(io.BytesIO(reader.take(compact_number(reader)))) as picture:
            assert picture.format == "JPEG"
            assert picture.size == (width, height)
            rgb = np.asarray(picture.convert("RGB")).astype(np.int64)
        maxima = np.array([self.format.red_max, self.format.green_max, self.format.blue_max])
        return rgb * maxima // 255


def compact_number(reader: Reader) -> int:
    value = 0
    for index in range(3):
        byte = reader.number()
        if index == 2:
            return value | byte << 14
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            break
    return value


def tight_content(reader: Reader, length: int, inflate: zlib._Decompress) -> bytes:
    """The content of a basic rectangle, taken as noVNC does: all of it, and no more, at once.

    gtk-vnc takes the end of the stream for an error.
    """
    if length < 12:
        return reader.take(length)
    data = inflate.decompress(reader.take(compact_number(reader)))
    assert len(data) == length
    assert not inflate.eof
    assert inflate.unused_data == b""
    return data


def compact_size(format: PixelFormat) -> int:
    masks = (
        format.red_max << format.red_shift,
        format.green_max << format.green_shift,
        format.blue_max << format.blue_shift,
    )
    fits = all(mask < 1 << 24 for mask in masks) or not any(mask & 0xFF for mask in masks)
    if format.bits_per_pixel == 32 and format.depth <= 24 and fits:
        return 3
    return format.bits_per_pixel // 8


def tight_size(format: PixelFormat) -> int:
    maxima = (format.red_max, format.green_max, format.blue_max)
    if format.bits_per_pixel == 32 and format.depth == 24 and maxima == (255, 255, 255):
        return 3
    return format.bits_per_pixel // 8
