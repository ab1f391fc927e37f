"""Hextile: tiles of 16 x 16, each of one colour, of runs of a second upon it, or raw.

Pure. It serves old viewers. The tiles of a part are judged and laid out all at once; only their
bytes are joined one by one. Source: rfbproto "Hextile encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import Words, words_of
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.encodings.runs import runs_of
from agentd.vnc.numbers import Encoding

_TILE = 16

_RAW = 1
_GROUND = 2
_FOREGROUND = 4
_RUNS = 8

# The number of runs is a byte, and each takes two.
_MOST_RUNS = 255
_RUN_BYTES = 2


class HextileEncoder:
    """Writes rows of tiles."""

    is_stateless = True

    def __init__(self, profile: Profile) -> None:
        self._format = profile.format

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen as one rectangle."""
        if rect.area == 0:
            return []
        tops = range(rect.y, rect.bottom, _TILE)
        rows = (Rect(rect.x, top, rect.width, min(_TILE, rect.bottom - top)) for top in tops)
        body = b"".join(tile for row in rows for tile in self._tiles(pixels, row))
        return [EncodedRect(rect, Encoding.HEXTILE, body)]

    def _tiles(self, pixels: Pixels, row: Rect) -> Iterator[bytes]:
        """Return the tiles of a row."""
        words = words_of(pixels, row)
        columns = list(range(0, row.width, _TILE))
        ground = words[0, ::_TILE]
        is_other = words != _spread(ground, row.width)
        # The greatest of what is not ground is the second colour, if it is all that is not ground.
        second = np.maximum.reduceat(np.where(is_other, words, 0).max(axis=0), columns)
        is_third = is_other & (words != _spread(second, row.width))
        is_solid = ~np.logical_or.reduceat(is_other.any(axis=0), columns)
        is_plain = np.logical_or.reduceat(is_third.any(axis=0), columns)
        part = pixels[row.y : row.bottom, row.x : row.right]
        converted = self._format.convert(part)
        grounds, seconds = self._pixels(ground), self._pixels(second)
        runs = _runs_by_tile(is_other, len(columns))
        for number, left in enumerate(columns):
            raw = converted[:, left : left + _TILE]
            size = len(runs[number]) * _RUN_BYTES
            if is_solid[number]:
                yield bytes((_GROUND,)) + grounds[number].tobytes()
            elif is_plain[number] or len(runs[number]) > _MOST_RUNS or size >= raw.size:
                yield bytes((_RAW,)) + raw.tobytes()
            else:
                colours = grounds[number].tobytes() + seconds[number].tobytes()
                head = bytes((_GROUND | _FOREGROUND | _RUNS,)) + colours
                yield head + bytes((len(runs[number]),)) + runs[number].tobytes()

    def _pixels(self, colours: Words) -> NDArray[np.uint8]:
        pixels = np.ascontiguousarray(colours).view(np.uint8).reshape(1, -1, 4)
        return self._format.convert(pixels).reshape(-1, self._format.bytes_per_pixel)


def _spread(by_tile: Words, width: int) -> Words:
    return np.repeat(by_tile, _TILE)[:width]


def _runs_by_tile(is_other: NDArray[np.bool_], tiles: int) -> list[NDArray[np.uint8]]:
    """Return the runs of pixels that are not ground, as they are written, by tile.

    Args:
        is_other: up to 16 rows x width.
        tiles: how many there are beside each other.
    """
    height, width = is_other.shape
    # Below each other, no run reaches from one tile into the next.
    padded = np.zeros((height, tiles * _TILE), dtype=np.uint32)
    padded[:, :width] = is_other
    stacked = padded.reshape(height, tiles, _TILE).swapaxes(0, 1).reshape(tiles * height, _TILE)
    runs = runs_of(stacked)
    runs = runs.where(runs.colours != 0)
    written = np.empty((len(runs.rows), _RUN_BYTES), dtype=np.uint8)
    written[:, 0] = runs.starts << 4 | runs.rows % height
    written[:, 1] = runs.lengths - 1 << 4
    ends = np.searchsorted(runs.rows, np.arange(1, tiles) * height)
    return np.split(written, ends)
