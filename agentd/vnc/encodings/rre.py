"""RRE: a ground and rectangles of one colour upon it; raw pixels where these would be longer.

Pure. It serves old viewers. Source: rfbproto "RRE encoding".
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import Words, words_of
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.encodings.raw import RawEncoder
from agentd.vnc.encodings.runs import most_common, runs_of
from agentd.vnc.numbers import Encoding

_PLACE = np.dtype([("x", ">u2"), ("y", ">u2"), ("width", ">u2"), ("height", ">u2")])


class RreEncoder:
    """Writes runs upon the most common colour."""

    is_stateless = True

    def __init__(self, profile: Profile) -> None:
        self._format = profile.format
        self._raw = RawEncoder(profile.format)

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen as one rectangle."""
        if rect.area == 0:
            return []
        words = words_of(pixels, rect)
        ground = most_common(words)
        runs = runs_of(words)
        runs = runs.where(runs.colours != ground)
        size = self._format.bytes_per_pixel
        count = len(runs.colours)
        if 4 + size + count * (size + _PLACE.itemsize) > rect.area * size:
            return self._raw.encode(pixels, rect)
        written = np.empty((count, size + _PLACE.itemsize), dtype=np.uint8)
        written[:, :size] = self._pixels(runs.colours)
        places = np.empty(count, dtype=_PLACE)
        places["x"], places["y"] = runs.starts, runs.rows
        places["width"], places["height"] = runs.lengths, 1
        written[:, size:] = places.view(np.uint8).reshape(count, _PLACE.itemsize)
        ground_pixel = self._pixels(np.array([ground])).tobytes()
        body = struct.pack(">I", count) + ground_pixel + written.tobytes()
        return [EncodedRect(rect, Encoding.RRE, body)]

    def _pixels(self, colours: Words) -> NDArray[np.uint8]:
        converted = self._format.convert(colours.view(np.uint8).reshape(1, -1, 4))
        return converted.reshape(-1, self._format.bytes_per_pixel)
