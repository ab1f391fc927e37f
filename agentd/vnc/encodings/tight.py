"""Tight: fill, palette, plain and JPEG rectangles, each of which stands on its own.

Every deflated body is a new zlib stream behind a reset of the viewer's, so that one body serves
all viewers of a profile, in any order, and threads may share the work. Pure. The gradient filter is
not used: noVNC does not know it. Source: rfbproto "Tight encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import COLOUR, Area, Kind, Words, areas_of, words_of
from agentd.vnc.encodings.deflate import deflate
from agentd.vnc.encodings.jpeg import jpeg_of
from agentd.vnc.encodings.palette import Palette, palette_of
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.numbers import Encoding

# Viewers keep rows of so many pixels. The length of a body is written in 22 bits, which so many
# pixels never fill, and viewers with threads inflate rectangles side by side.
_MOST_WIDTH = 2048
_MOST_AREA = 1 << 18

# Deflate looks back 32 KiB. That is 5 rows of a screen, but 28 of a strip so wide, a line of text
# or two: a tenth fewer bytes in the same time.
_STRIP_WIDTH = 384
_LEAST_STRIP_HEIGHT = 96

# Shorter content is not deflated.
_LEAST_DEFLATED = 12

# The upper half of the control byte; a basic one has the number of its stream in the lower two
# bits of these, and the lower half of the byte says which streams begin anew.
_FILL = 0x80
_JPEG = 0x90
_EXPLICIT_FILTER = 0x40
_PALETTE_FILTER = 1

# Indices of more colours take longer to find than they save, and so do those of large areas,
# unless there are two colours in all.
_MOST_COLOURS = 96
_MOST_INDEXED_AREA = 1 << 14

_SAMPLES_ACROSS = 24


class TightEncoder:
    """Writes the kind of rectangle that suits each area."""

    is_stateless = True

    def __init__(self, profile: Profile) -> None:
        self._format = profile.format
        self._compress_level = profile.compress_level
        self._jpeg = jpeg_of(profile)

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen."""
        if rect.area == 0:
            return []
        areas = areas_of(pixels, rect, photos=self._jpeg is not None)
        pieces = (piece for area in areas for piece in _pieces(area))
        return [self._encode(pixels, piece, number % 4) for number, piece in enumerate(pieces)]

    def _encode(self, pixels: Pixels, piece: Area, stream: int) -> EncodedRect:
        rect = piece.rect
        if piece.kind is Kind.SOLID:
            return EncodedRect(rect, Encoding.TIGHT, self._fill(words_of(pixels, rect)[:1, :1]))
        if piece.kind is Kind.PHOTO and self._jpeg is not None:
            jpeg = self._jpeg.encode(pixels, rect)
            body = bytes((_JPEG,)) + compact_length(len(jpeg)) + jpeg
            return EncodedRect(rect, Encoding.TIGHT, body, is_exact=False)
        return EncodedRect(rect, Encoding.TIGHT, self._basic(pixels, rect, stream))

    def _basic(self, pixels: Pixels, rect: Rect, stream: int) -> bytes:
        """Return a body of one of the kinds that lose nothing."""
        palette = self._palette(pixels, rect)
        if palette is None:
            part = pixels[rect.y : rect.bottom, rect.x : rect.right]
            head = bytes((stream << 4 | 1 << stream,))
            return head + self._deflated(self._format.convert_tight(part))
        if len(palette.colours) == 1:
            return self._fill(palette.colours)
        indices = palette.indices
        if len(palette.colours) == 2:
            indices = np.packbits(indices, axis=1)
        head = bytes(
            (
                _EXPLICIT_FILTER | stream << 4 | 1 << stream,
                _PALETTE_FILTER,
                len(palette.colours) - 1,
            )
        )
        return head + self._tight_pixels(palette.colours) + self._deflated(indices)

    def _palette(self, pixels: Pixels, rect: Rect) -> Palette | None:
        """Return the colours of a rectangle, where writing them down once is worth the search."""
        # A number of 8 bits instead of a pixel of 8 bits would save nothing.
        most = 2
        if rect.area <= _MOST_INDEXED_AREA and self._format.bytes_per_pixel > 1:
            most = max(2, min(_MOST_COLOURS, rect.area // 4))
        elif not _may_have_two_colours(pixels, rect):
            return None
        return palette_of(words_of(pixels, rect), most)

    def _fill(self, colour: Words) -> bytes:
        return bytes((_FILL,)) + self._tight_pixels(colour)

    def _tight_pixels(self, colours: Words) -> bytes:
        pixels = colours.reshape(1, -1).view(np.uint8).reshape(1, -1, 4)
        return self._format.convert_tight(pixels).tobytes()

    def _deflated(self, content: NDArray[np.uint8]) -> bytes:
        if content.nbytes < _LEAST_DEFLATED:
            return content.tobytes()
        body = deflate(content, self._compress_level)
        return compact_length(len(body)) + body


def compact_length(length: int) -> bytes:
    """Write a length in 1 to 3 bytes, the lowest 7 bits first.

    Args:
        length: below 2^22.
    """
    if length < 1 << 7:
        return bytes((length,))
    if length < 1 << 14:
        return bytes((length & 0x7F | 0x80, length >> 7))
    assert length < 1 << 22, "rectangles are cut so that their bodies fit"
    return bytes((length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14))


def _pieces(area: Area) -> Iterator[Area]:
    """Cut an area into pieces that viewers take."""
    rect = area.rect
    most_area = rect.area if area.kind is Kind.SOLID else _MOST_AREA
    across = -(-rect.width // _MOST_WIDTH)
    if area.kind is Kind.PLAIN and rect.height >= _LEAST_STRIP_HEIGHT:
        across = max(1, round(rect.width / _STRIP_WIDTH))
    most_width = -(-rect.width // across)
    for x in range(rect.x, rect.right, most_width):
        width = min(most_width, rect.right - x)
        step = max(1, most_area // width)
        for y in range(rect.y, rect.bottom, step):
            yield Area(Rect(x, y, width, min(step, rect.bottom - y)), area.kind)


def _may_have_two_colours(pixels: Pixels, rect: Rect) -> bool:
    """Tell of a large rectangle whether it is worth a look at all of its pixels."""
    down, across = max(1, rect.height // _SAMPLES_ACROSS), max(1, rect.width // _SAMPLES_ACROSS)
    samples = pixels[rect.y : rect.bottom : down, rect.x : rect.right : across]
    return len(np.unique(samples.view(np.uint32) & COLOUR)) <= 2
