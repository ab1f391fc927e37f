"""Where two pictures of the screen differ: few rectangles, tight to the pixel.

Pure. Tiles are compared in `desktop/screen/comparing.py`. It does not look for what has moved:
`scroll.py` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles, Words, touched
from agentd.desktop.screen.damage import rectangles
from agentd.desktop.screen.frame import Rect

# A rectangle of no more pixels is trimmed by comparing all of it; of a larger one only its edges.
_AT_ONCE = 64 * 1024

# A change is sent as so many rectangles at most: each costs a header and a call.
_MOST_RECTS = 32


def box(tiles: Tiles, width: int, height: int) -> Rect:
    """Return the smallest rectangle of whole tiles that holds all of them, cut at the screen."""
    rows, columns = (np.flatnonzero(tiles.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return Rect(0, 0, 0, 0)
    return Rect.from_edges(
        left=int(columns[0]) * TILE,
        top=int(rows[0]) * TILE,
        right=min(width, (int(columns[-1]) + 1) * TILE),
        bottom=min(height, (int(rows[-1]) + 1) * TILE),
    )


def trimmed(old: Words, new: Words) -> Rect | None:
    """Return the smallest rectangle that holds every pixel that differs; None if none does.

    Args:
        old: a part of a picture; coordinates are counted from its top left.
        new: of the same shape.
    """
    if new.size <= _AT_ONCE:
        differs = old != new
        rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
        if rows.size == 0:
            return None
        return Rect.from_edges(
            left=int(columns[0]),
            top=int(rows[0]),
            right=int(columns[-1]) + 1,
            bottom=int(rows[-1]) + 1,
        )
    top = _first(old, new)
    if top is None:
        return None
    last = _first(old[::-1], new[::-1])
    assert last is not None, "a row differs"
    bottom = new.shape[0] - last
    old, new = old[top:bottom].T, new[top:bottom].T
    left, last = _first(old, new), _first(old[::-1], new[::-1])
    assert left is not None and last is not None, "a column differs"
    return Rect.from_edges(left=left, top=top, right=new.shape[0] - last, bottom=bottom)


def few(tiles: Tiles, width: int, height: int) -> list[Rect]:
    """Join tiles to few rectangles, which do not overlap and may hold tiles that were not given.

    Args:
        tiles: of a screen, or of a part of it; all coordinates are counted from its top left.
        width: of it, in pixels.
        height: likewise.
    """
    around = box(tiles, width, height)
    if around.area == 0:
        return []
    rows, columns = touched(around)
    inner = tiles[rows, columns]
    reach = 1
    while True:
        found = rectangles(_closed(_deepened(inner, reach), reach), around.width, around.height)
        if len(found) <= _MOST_RECTS:
            return [rect.moved(around.x, around.y) for rect in found]
        reach *= 2


def without(rects: Iterable[Rect], hole: Rect) -> list[Rect]:
    """Return what is left of rectangles around a hole; pieces do not overlap where they did not."""
    left: list[Rect] = []
    for rect in rects:
        cut = rect.intersect(hole)
        if cut.area == 0:
            left.append(rect)
            continue
        pieces = (
            (rect.x, rect.y, rect.right, cut.y),
            (rect.x, cut.y, cut.x, cut.bottom),
            (cut.right, cut.y, rect.right, cut.bottom),
            (rect.x, cut.bottom, rect.right, rect.bottom),
        )
        for x, y, right, bottom in pieces:
            piece = Rect.from_edges(left=x, top=y, right=right, bottom=bottom)
            if piece.area > 0:
                left.append(piece)
    return left


def _first(old: NDArray[Any], new: NDArray[Any]) -> int | None:
    """Return the first row that differs; what lies behind it is hardly looked at."""
    for start in range(0, new.shape[0], TILE):
        differs = (old[start : start + TILE] != new[start : start + TILE]).any(axis=1)
        if differs.any():
            return start + int(differs.argmax())
    return None


def _deepened(tiles: Tiles, rows: int) -> Tiles:
    """Join each `rows` rows of tiles to one."""
    if rows == 1:
        return tiles
    joined = np.logical_or.reduceat(tiles, list(range(0, tiles.shape[0], rows)), axis=0)
    deepened: Tiles = np.repeat(joined, rows, axis=0)[: tiles.shape[0]]
    return deepened


def _closed(tiles: Tiles, gap: int) -> Tiles:
    """Fill the gaps of so many tiles or fewer between two of a row."""
    count = tiles.shape[1]
    at = np.arange(count)
    before = np.maximum.accumulate(np.where(tiles, at, -count - gap), axis=1)
    behind = np.where(tiles, at, 2 * count + gap)[:, ::-1]
    after = np.minimum.accumulate(behind, axis=1)[:, ::-1]
    closed: Tiles = tiles | (after - before - 1 <= gap)
    return closed
