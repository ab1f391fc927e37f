"""The few colours of an area, and which of them each pixel has.

Pure. Source: rfbproto "Tight encoding" (palette filter) and "ZRLE encoding" (packed palette).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentd.vnc.encodings.areas import Words

MOST_COLOURS = 256

# Few pixels tell of most areas that they have more colours than a palette holds.
_SAMPLE = 1024

# So few pixels, a glyph or two, are sorted sooner than a table is swept.
_FEW = 512

# Colours are found by their place in a table: a multiplication spreads them over it. Where two meet
# in one place, another factor is tried.
_TABLE_BITS = 16
_FACTORS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours, and their numbers by pixel.

    Args:
        colours: 1 to 256 of them, each once.
        indices: height x width; bool where there are no more than two colours.
    """

    colours: Words
    indices: NDArray[Any]


def palette_of(words: Words, most: int = MOST_COLOURS) -> Palette | None:
    """Return the palette of an area; None when it has more colours than `most`.

    Args:
        words: height x width, contiguous, not empty.
        most: 2 to 256.
    """
    flat = words.reshape(-1)
    first = flat[0]
    is_other = words != first
    at = int(is_other.argmax())
    second = flat[at]
    if second == first:
        return Palette(flat[:1].copy(), is_other)
    if (words[is_other] == second).all():
        return Palette(np.array((first, second), dtype=np.uint32), is_other)
    if most <= 2:
        return None
    step = max(1, len(flat) // _SAMPLE)
    if step > 1 and len(np.unique(flat[::step])) > most:
        return None
    return _indexed(words, most)


def _indexed(words: Words, most: int) -> Palette | None:
    if words.size <= _FEW:
        colours, numbers = np.unique(words.reshape(-1), return_inverse=True)
        if len(colours) > most:
            return None
        return Palette(colours, numbers.astype(np.uint8).reshape(words.shape))
    for factor in _FACTORS:
        places = words * factor
        places >>= np.uint32(32 - _TABLE_BITS)
        table = np.empty(1 << _TABLE_BITS, dtype=np.uint32)
        table[places] = words
        if not (table[places] == words).all():
            continue
        is_used = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        is_used[places] = True
        used = np.flatnonzero(is_used)
        if len(used) > most:
            return None
        by_place = np.empty(1 << _TABLE_BITS, dtype=np.uint8)
        by_place[used] = np.arange(len(used), dtype=np.uint8)
        return Palette(table[used], by_place[places])
    return None
