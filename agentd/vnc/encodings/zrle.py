"""ZRLE: tiles of 64 x 64, each solid, of few colours or plain, through one stream a viewer.

Pure. A whole row of tiles is laid out at once; palettes are looked for only in small rectangles,
where their bytes tell and the search is short. Runs are not written: deflate finds them. Source:
rfbproto "ZRLE encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import Words, words_of
from agentd.vnc.encodings.deflate import DeflateStream
from agentd.vnc.encodings.palette import Palette, palette_of
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.numbers import Encoding

_TILE = 64

# The first byte of a tile; 2 to 16 are packed palettes of so many colours.
_PLAIN = b"\0"
_SOLID = b"\1"
_MOST_COLOURS = 16

_MOST_PALETTE_AREA = 1 << 15


class ZrleEncoder:
    """Writes rows of tiles."""

    is_stateless = False

    def __init__(self, profile: Profile, *, before: ZrleEncoder | None = None) -> None:
        self._format = profile.format
        # The stream is the viewer's for as long as it is here, whatever its pixels are.
        self._stream: DeflateStream = (
            before._stream if before else DeflateStream(profile.compress_level)
        )

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen as one rectangle, the next of the stream."""
        if rect.area == 0:
            return []
        tiles = self._palette_tiles if rect.area <= _MOST_PALETTE_AREA else self._plain_tiles
        content = b"".join(
            tile
            for top in range(rect.y, rect.bottom, _TILE)
            for tile in tiles(pixels, Rect(rect.x, top, rect.width, min(_TILE, rect.bottom - top)))
        )
        body = self._stream.deflate(content)
        return [EncodedRect(rect, Encoding.ZRLE, struct.pack(">I", len(body)) + body)]

    def _plain_tiles(self, pixels: Pixels, row: Rect) -> Iterator[bytes]:
        """Return the tiles of a row, solid or plain."""
        words = words_of(pixels, row)
        starts = list(range(0, row.width, _TILE))
        is_first = words == np.repeat(words[0, ::_TILE], _TILE)[: row.width]
        is_solid = np.logical_and.reduceat(is_first.all(axis=0), starts)
        part = pixels[row.y : row.bottom, row.x : row.right]
        compact = self._format.convert_compact(part)
        for start, solid in zip(starts, is_solid.tolist(), strict=True):
            if solid:
                yield _SOLID + compact[0, start].tobytes()
            else:
                yield _PLAIN
                yield compact[:, start : start + _TILE].tobytes()

    def _palette_tiles(self, pixels: Pixels, row: Rect) -> Iterator[bytes]:
        """Return the tiles of a row, each with its palette if it has one."""
        for left in range(row.x, row.right, _TILE):
            tile = Rect(left, row.y, min(_TILE, row.right - left), row.height)
            palette = palette_of(words_of(pixels, tile), _MOST_COLOURS)
            if palette is None:
                part = pixels[tile.y : tile.bottom, tile.x : tile.right]
                yield _PLAIN + self._format.convert_compact(part).tobytes()
            else:
                yield bytes((len(palette.colours),)) + self._compact(palette.colours)
                if len(palette.colours) > 1:
                    yield _packed(palette).tobytes()

    def _compact(self, colours: Words) -> bytes:
        pixels = colours.reshape(1, -1).view(np.uint8).reshape(1, -1, 4)
        return self._format.convert_compact(pixels).tobytes()


def _packed(palette: Palette) -> NDArray[np.uint8]:
    """Pack indices into 1, 2 or 4 bits each, the first in the highest; rows begin with a byte."""
    count = len(palette.colours)
    if count == 2:
        return np.packbits(palette.indices, axis=1)
    bits = 2 if count <= 4 else 4
    # The lowest bits of each index, one after the other, as numpy packs single bits.
    single = np.unpackbits(palette.indices[..., None], axis=2)[..., 8 - bits :]
    height, width = palette.indices.shape
    return np.packbits(single.reshape(height, width * bits), axis=1)
