"""Tiles of the screen: which a rectangle has, and in which two pictures differ.

Pure. What differs in many places is mostly found by a glance at one row in eight; only the tiles
that look the same there are compared whole. It knows nothing of time or of what was drawn.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.frame import Pixels, Rect

TILE = 32

# Which tiles: rows x columns of tiles of 32 x 32 pixels, those at the far edges cut.
Tiles: TypeAlias = NDArray[np.bool_]

# Height x width: each pixel as one number.
Words: TypeAlias = NDArray[np.uint32]

# A glance takes one row in this many; a tile has a whole number of them.
GLANCE_ROWS = 8

# Which row of them: text that stands on the tiles' grid is not blank there.
_GLANCE_FIRST = 3


def words(pixels: Pixels) -> Words:
    """Return a view of a picture with one number for each pixel."""
    numbers: Words = pixels.view(np.uint32)[..., 0]
    return numbers


def part(picture: Words, area: Rect) -> Words:
    """Return a view of a part of a picture, which lies inside it."""
    return picture[area.y : area.bottom, area.x : area.right]


def touched(rect: Rect) -> tuple[slice, slice]:
    """Return the tiles that a rectangle touches."""
    if rect.area == 0:
        return slice(0, 0), slice(0, 0)
    return (
        slice(rect.y // TILE, -(-rect.bottom // TILE)),
        slice(rect.x // TILE, -(-rect.right // TILE)),
    )


def covered(rect: Rect, screen: Rect) -> tuple[slice, slice]:
    """Return the tiles that a rectangle covers; those at the far edges are cut by the screen."""
    bottom = -(-rect.bottom // TILE) if rect.bottom == screen.bottom else rect.bottom // TILE
    right = -(-rect.right // TILE) if rect.right == screen.right else rect.right // TILE
    return slice(-(-rect.y // TILE), bottom), slice(-(-rect.x // TILE), right)


def glance(old: Words, new: Words) -> Tiles:
    """Return tiles that differ: all of them do, others may.

    Args:
        old: a part of a picture; its tiles are counted from its own top left.
        new: of the same shape.
    """
    height, width = new.shape
    across = -(-width // TILE)
    # Tiles that are cut are filled up with what does not differ.
    bands = -(-height // GLANCE_ROWS)
    deep = TILE // GLANCE_ROWS
    first = min(_GLANCE_FIRST, height - 1)
    old, new, per_tile = _widest(old[first::GLANCE_ROWS], new[first::GLANCE_ROWS])
    differs = np.zeros((-(-bands // deep) * deep, across * per_tile), dtype=np.bool_)
    np.not_equal(old, new, out=differs[: new.shape[0], : new.shape[1]])
    by_row = differs.view(np.uint64).reshape(-1, deep, differs.shape[1] // 8)
    together = np.bitwise_or.reduce(by_row, axis=1)
    found: Tiles = together.reshape(together.shape[0], across, -1).any(axis=2)
    return found


def compare(old: Words, new: Words, wanted: Tiles) -> Tiles:
    """Return which of the wanted tiles differ; exact.

    Args:
        old: a part of a picture; its tiles are counted from its own top left.
        new: of the same shape.
    """
    found = np.zeros_like(wanted)
    old, new, per_tile = _widest(old, new)
    differs = np.zeros((TILE, wanted.shape[1] * per_tile), dtype=np.bool_)
    for row in np.flatnonzero(wanted.any(axis=1)):
        here = np.flatnonzero(wanted[row])
        first, last = int(here[0]), int(here[-1]) + 1
        tops = slice(row * TILE, (row + 1) * TILE)
        columns = slice(first * per_tile, min(last * per_tile, new.shape[1]))
        strip = differs[: new[tops].shape[0]]
        # What is cut off at the right end of `differs` stays as it was made: no difference.
        np.not_equal(old[tops, columns], new[tops, columns], out=strip[:, columns])
        whole = strip[:, first * per_tile : last * per_tile].view(np.uint64)
        together = np.bitwise_or.reduce(whole, axis=0)
        found[row, first:last] = together.reshape(last - first, -1).any(axis=1)
    found &= wanted
    return found


def _widest(old: Words, new: Words) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Return both as words of two pixels where they lie well, and how many a tile has in a row."""
    if new.shape[1] % 2 == 0:
        wide_old, wide_new = old.view(np.uint64), new.view(np.uint64)
        # numpy copies what it cannot read aligned, and that costs more than words of one pixel.
        if wide_old.flags.aligned and wide_new.flags.aligned:
            return wide_old, wide_new, TILE // 2
    return old, new, TILE
