"""By which shifts a part of a picture may have moved: what unmistakable places agree on.

Pure. Anchors are small squares with edges that were not there before. Each is looked up in the
picture before: down its own column, along its own row, then all around it, but near. It proves
nothing: `scroll.py` tries what the anchors agree on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles, Words
from agentd.desktop.screen.frame import Rect

# A shift: how many pixels further right, and further down.
Shift: TypeAlias = tuple[int, int]

# Anchors are taken from so many rows, and from so many cells of each.
_ROWS, _CELLS = 16, 6
# So many of them are looked up in lines, and so many around themselves: the latter only if one of
# the first few is found at all.
_IN_LINES, _AROUND, _AROUND_AT_FIRST = 16, 12, 3
# Steps of this part of a row spread best, however many they are.
_GOLDEN = 0.618

# An anchor is a square of so many pixels, of which these are compared, row and column: after the
# first edges in its first row, which tell most.
_EDGE = 16
_PROBES = ((3, 2), (6, 9), (9, 4), (12, 14), (15, 7), (1, 12))
# Where an anchor looks like no more places than these, they are compared one by one.
_FEW_PLACES = 512

# So many neighbours in the first row of an anchor differ at least, each an edge. They are counted
# for so many pixels at a time: as many as a word has bytes.
_LEAST_EDGES, _STEP = 3, 8
_EACH_BYTE = np.uint64(0x0101010101010101)

# How far around an anchor is looked: what is dragged moves less between two frames. What looks as
# if it came from more places than these says nothing.
_REACH, _MOST_SHIFTS = 128, 64

# So many anchors agree on a shift at least, and a part of those that were looked up.
_LEAST_VOTES, _LEAST_SHARE = 3, 8
_LEAST_VOTES_AROUND = 2

# So many shifts of each search are tried.
_TRIALS = 2


def likely_shifts(
    old: Words, new: Words, changed: Tiles, area: Rect, *, is_upright: bool
) -> Iterator[Shift]:
    """Yield the shifts that anchors agree on: down or up, sideways, at last any that is near.

    Args:
        old: the picture before.
        new: the picture after, of the same size.
        changed: the tiles in which anchors are looked for.
        area: the smallest rectangle that holds them.
        is_upright: whether to search down and up alone.
    """
    anchors = _anchors(old, new, changed, area)
    if len(anchors) < _LEAST_VOTES_AROUND:
        return
    # In order: places that lie side by side are read sooner.
    some = _mixed(new, anchors, _IN_LINES)
    probes = _probes(new, some)
    least = max(_LEAST_VOTES, len(some) // _LEAST_SHARE)
    # Places that lie side by side are read sooner.
    order = np.argsort(some[:, 1])
    places, theirs = some[order], probes[order]
    for dy in _agreed(_down(old, new, places, theirs), least):
        yield 0, dy
    if is_upright:
        return
    for dx in _agreed(_down(old.T, new.T, places[:, ::-1], theirs[..., ::-1]), least):
        yield dx, 0
    pairs = np.empty(0, dtype=np.intp)
    for count in range(min(_AROUND, len(some))):
        if count == _AROUND_AT_FIRST and pairs.size == 0:
            return
        pairs = np.concatenate((pairs, _around(old, new, some[count], probes[count])))
    for pair in _agreed(pairs, _LEAST_VOTES_AROUND):
        dy, dx = divmod(pair + _REACH, 4 * _REACH)
        yield dx - _REACH, dy


def _anchors(old: Words, new: Words, left: Tiles, area: Rect) -> NDArray[np.intp]:
    """Return top left corners, row and column, of squares that are easily known again."""
    bottom = min(area.bottom, new.shape[0] - _EDGE + 1)
    across = area.width // (_CELLS * _STEP) * _CELLS * _STEP
    if bottom <= area.y or across <= _EDGE:
        return np.empty((0, 2), dtype=np.intp)
    # All over the area, but in no step with lines of text.
    each = np.arange(_ROWS)
    rows = area.y + ((each + _GOLDEN * each % 1) / _ROWS * (bottom - area.y)).astype(np.intp)
    shown, gone = new[rows, area.x : area.x + across], old[rows, area.x : area.x + across]
    # Edges that were there before tell nothing: they are what a window lies on.
    is_edge = shown != gone
    is_edge[:, 0] = False
    is_edge[:, 1:] &= shown[:, 1:] != shown[:, :-1]
    # The product's highest byte is the sum of all bytes.
    edges = (is_edge.view(np.uint64) * _EACH_BYTE) >> np.uint64(56)
    edges[:, :-1] += edges[:, 1:]
    # An anchor ends where the area does.
    edges[:, -1] = 0
    columns = np.arange(area.x, area.x + across, _STEP) // TILE
    edges[~left[rows[:, None] // TILE, columns]] = 0
    cells = edges.reshape(_ROWS, _CELLS, -1)
    best = cells.argmax(axis=2)
    row, cell = np.nonzero(cells.max(axis=2) >= _LEAST_EDGES)
    at = cell * cells.shape[2] + best[row, cell]
    return np.stack((rows[row], area.x + at * _STEP), axis=1)


def _mixed(new: Words, anchors: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return so many anchors, or all: in turn one with few edges, as windows have, and any."""
    # One after the other they lie far apart.
    step = max(1, round(_GOLDEN * len(anchors)))
    while math.gcd(step, len(anchors)) != 1:
        step += 1
    spread = anchors[np.arange(len(anchors)) * step % len(anchors)]
    first = new[spread[:, :1], spread[:, 1:] + np.arange(_EDGE)]
    edges = np.count_nonzero(first[:, 1:] != first[:, :-1], axis=1)
    order = np.argsort(edges, kind="stable")
    calm, others = order[: count // 2], np.sort(order[count // 2 :])
    turns = np.concatenate((2 * np.arange(calm.size), 2 * np.arange(others.size) + 1))
    both = np.concatenate((calm, others))[np.argsort(turns)]
    some: NDArray[np.intp] = spread[both[:count]]
    return some


def _probes(new: Words, anchors: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return which pixels of each anchor are compared: anchors x probes x row and column in it."""
    squares = anchors[:, 1:] + np.arange(_EDGE)
    first = new[anchors[:, :1], squares]
    edges = np.argsort(first[:, 1:] == first[:, :-1], axis=1, kind="stable")[:, :_LEAST_EDGES]
    # Both sides of each edge, one after the other.
    columns = np.stack((edges, edges + 1), axis=2).reshape(len(anchors), -1)
    in_first = np.stack((np.zeros_like(columns), columns), axis=2)
    fixed = np.broadcast_to(np.array(_PROBES), (len(anchors), len(_PROBES), 2))
    return np.concatenate((in_first, fixed), axis=1)


def _down(
    old: Words, new: Words, anchors: NDArray[np.intp], probes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return how far below places in their own columns of before the anchors lie; each such."""
    # One row and one column for each probe of each anchor.
    rows, columns = np.moveaxis(anchors[:, None] + probes, 2, 0)
    wanted, below = new[rows, columns], probes[..., 0]
    same = old[:, columns[:, 0]] == wanted[:, 0]
    if np.count_nonzero(same) > _FEW_PLACES:
        # The second lies beside the first, or below it if rows and columns are swapped.
        step = int(below[0, 1] - below[0, 0])
        beside = old[:, columns[:, 1]] == wanted[:, 1]
        same[: same.shape[0] - step] &= beside[step:]
    places, which = np.divmod(np.flatnonzero(same), len(anchors))
    places -= below[which, 0]
    is_inside = (places >= 0) & (places <= old.shape[0] - _EDGE)
    places, which = places[is_inside], which[is_inside]
    for probe in range(1, wanted.shape[1]):
        if places.size == 0:
            break
        there = old[places + below[which, probe], columns[which, probe]]
        is_same = there == wanted[which, probe]
        places, which = places[is_same], which[is_same]
    shifts: NDArray[np.intp] = anchors[which, 0] - places
    return shifts


def _around(
    old: Words, new: Words, anchor: NDArray[np.intp], probes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the shifts by which an anchor may have come from near: dy and dx in one number."""
    y, x = int(anchor[0]), int(anchor[1])
    top, left = max(0, y - _REACH), max(0, x - _REACH)
    height = min(y + _REACH, old.shape[0] - _EDGE + 1) - top
    width = min(x + _REACH, old.shape[1] - _EDGE + 1) - left
    near = old[top : top + height + _EDGE, left : left + width + _EDGE]
    waiting = probes.tolist()
    down, right = waiting.pop(0)
    same = near[down : down + height, right : right + width] == new[y + down, x + right]
    while waiting and np.count_nonzero(same) > _FEW_PLACES:
        down, right = waiting.pop(0)
        same &= near[down : down + height, right : right + width] == new[y + down, x + right]
    rows, columns = np.divmod(np.flatnonzero(same), width)
    while waiting and rows.size:
        down, right = waiting.pop(0)
        is_same = near[rows + down, columns + right] == new[y + down, x + right]
        rows, columns = rows[is_same], columns[is_same]
    if rows.size > _MOST_SHIFTS:
        rows = columns = rows[:0]
    # No shift is as long as a row of these.
    shifts: NDArray[np.intp] = (y - top - rows) * (4 * _REACH) + (x - left - columns)
    return shifts


def _agreed(shifts: NDArray[np.intp], least: int) -> list[int]:
    """Return the numbers that come up most often, other than 0; of equals the nearest to it."""
    if shifts.size < least:
        return []
    numbers, votes = np.unique(shifts[shifts != 0], return_counts=True)
    numbers, votes = numbers[votes >= least], votes[votes >= least]
    best = np.lexsort((np.abs(numbers), -votes))[:_TRIALS]
    return [int(number) for number in numbers[best]]
