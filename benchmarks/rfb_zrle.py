"""Decodes ZRLE rectangles; whole tiles and long rows of runs at a time.

Source: rfbproto, "ZRLE encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from benchmarks.rfb_decoders import DecodeError, Inflater, tiles
from benchmarks.rfb_pixels import Picture, PixelFormat, Rect, Words
from benchmarks.rfb_streams import Stream

_EDGE = 64
_RAW, _SOLID, _MOST_PACKED, _RUNS, _PALETTE_RUNS = 0, 1, 16, 128, 130
_LONG = 255


class Zrle:
    """The stream of one connection."""

    def __init__(
        self,
        stream: Stream,
        picture: Picture,
        format: PixelFormat,
        inflater: Inflater,
        *,
        is_blind: bool = False,
    ) -> None:
        self.format = format
        self._stream = stream
        self._picture = picture
        self._inflater = inflater
        self._is_blind = is_blind

    async def decode(self, rect: Rect) -> None:
        """Encoding 16."""
        [size_bytes] = struct.unpack("!I", await self._stream.read(4))
        content = await self._stream.read(size_bytes)
        if self._is_blind:
            return
        try:
            body = self._inflater.decompress(content)
        except Exception as exc:  # Each library has an error of its own.
            raise DecodeError(f"ZRLE: {exc}") from exc
        reading = _Tiles(body, self.format)
        for tile in tiles(rect, _EDGE):
            words = reading.next(tile.width, tile.height)
            self._picture.part(tile)[:] = words.reshape(tile.height, tile.width)
        if reading.place != len(body):
            raise DecodeError(f"ZRLE: {len(body) - reading.place} bytes behind the last tile")


class _Tiles:
    """Reads tiles from an inflated body."""

    def __init__(self, body: bytes, format: PixelFormat) -> None:
        self._body = body
        self._format = format
        self.place = 0

    def next(self, width: int, height: int) -> Words:
        """Return the pixels of the next tile."""
        [kind] = self._take(1)
        area = width * height
        if kind == _RAW:
            return self._pixels(area)
        if kind == _SOLID:
            return np.repeat(self._pixels(1), area)
        if kind <= _MOST_PACKED:
            return self._packed(kind, width, height)
        if kind == _RUNS:
            return self._runs(area)
        if kind >= _PALETTE_RUNS:
            return self._palette_runs(self._pixels(kind - _RUNS), area)
        raise DecodeError(f"ZRLE has no tiles of kind {kind}")

    def _take(self, size_bytes: int) -> bytes:
        found = self._body[self.place : self.place + size_bytes]
        if len(found) != size_bytes:
            raise DecodeError("ZRLE: a tile without its end")
        self.place += size_bytes
        return found

    def _pixels(self, count: int) -> Words:
        return self._format.compact_words(self._take(count * self._format.compact_bytes))

    def _packed(self, colours: int, width: int, height: int) -> Words:
        palette = self._pixels(colours)
        bits = 1 if colours == 2 else 2 if colours <= 4 else 4
        row_bytes = (width * bits + 7) // 8
        rows = np.frombuffer(self._take(row_bytes * height), np.uint8).reshape(height, row_bytes)
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        numbers = rows[:, :, None] >> shifts & np.uint8((1 << bits) - 1)
        return _looked_up(palette, numbers.reshape(height, -1)[:, :width])

    def _runs(self, area: int) -> Words:
        """Plain runs: those shorter than 256, one record each, are read together."""
        size = self._format.compact_bytes
        pixels: list[Words] = []
        lengths: list[Sequence[int] | np.ndarray] = []
        left = area
        while left > 0:
            count = min(left, (len(self._body) - self.place) // (size + 1))
            if count == 0:
                raise DecodeError("ZRLE: a tile without its end")
            block = self._body[self.place : self.place + count * (size + 1)]
            records = np.frombuffer(block, np.uint8).reshape(count, size + 1)
            long = np.flatnonzero(records[:, size] == _LONG)
            short = records[: long[0] if len(long) else count]
            sums = np.cumsum(short[:, size].astype(np.int64) + 1)
            used = int(np.searchsorted(sums, left)) + 1
            short = short[:used]
            self.place += len(short) * (size + 1)
            pixels.append(self._format.compact_words(short[:, :size].tobytes()))
            lengths.append(short[:, size].astype(np.int64) + 1)
            left -= int(sums[len(short) - 1]) if len(short) else 0
            if left > 0 and len(long):
                pixels.append(self._pixels(1))
                lengths.append([run := self._length()])
                left -= run
        if left:
            raise DecodeError("ZRLE: a run beyond its tile")
        return np.repeat(np.concatenate(pixels), np.concatenate(lengths))

    def _palette_runs(self, palette: Words, area: int) -> Words:
        numbers, lengths = [], []
        left, body = area, self._body
        while left > 0:
            if self.place >= len(body):
                raise DecodeError("ZRLE: a tile without its end")
            number = body[self.place]
            self.place += 1
            numbers.append(number & 0x7F)
            length = self._length() if number & 0x80 else 1
            lengths.append(length)
            left -= length
        if left:
            raise DecodeError("ZRLE: a run beyond its tile")
        return np.repeat(_looked_up(palette, np.array(numbers)), lengths)

    def _length(self) -> int:
        length = 1
        while True:
            [byte] = self._take(1)
            length += byte
            if byte < _LONG:
                return length


def _looked_up(palette: Words, numbers: np.ndarray) -> Words:
    if numbers.max() >= len(palette):
        raise DecodeError(f"ZRLE: colour {numbers.max()} of {len(palette)}")
    words: Words = palette[numbers]
    return words
