"""What of a change has only moved: scrolled text, a scrolled page, a window that was dragged.

Pure. The shifts that `anchors.py` finds likely are tried tile by tile; the rectangle that gains
most is widened to the pixel. A rectangle may hold what has not moved with it, as a clock: whoever
copies it compares and mends (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import GLANCE_ROWS, TILE, Tiles, Words, glance, part, touched
from agentd.desktop.screen.frame import Rect
from agentd.vnc.updates.anchors import Shift, likely_shifts
from agentd.vnc.updates.regions import box

# A move that saves fewer tiles than these is not worth its search.
_LEAST_GAIN = 8

# How many moves a change has at most: windows side by side, columns of a page. None is searched
# for in less than this part of the change: what scrolls leaves such a strip that is new.
_MOST_MOVES, _LEAST_LEFT = 4, 6

# What a tile counts: one that needs not be sent; one that is sent as without the copy; one that
# has to be mended because of it; one that belongs to another move already.
_SAVED, _SENT, _SPOILT, _TAKEN = 1.0, -0.25, -3.0, -1e6

# How far a rectangle of whole tiles is widened at each side.
_WIDEN = 2 * TILE


@dataclass(frozen=True, slots=True)
class Move:
    """A rectangle that shows what was shown elsewhere before.

    Args:
        to: where it lies now.
        dx: how many pixels further right than before.
        dy: how many pixels further down.
    """

    to: Rect
    dx: int
    dy: int

    @property
    def source(self) -> Rect:
        """Where it lay before."""
        return self.to.moved(-self.dx, -self.dy)


def find_moves(old: Words, new: Words, changed: Tiles) -> list[Move]:
    """Return what has most likely moved.

    Args:
        old: the picture before.
        new: the picture after, of the same size.
        changed: the tiles that are known to differ.

    Returns: moves inside the picture whose destinations do not overlap, in an order in which none
        spoils the source of a later one.
    """
    left = changed.copy()
    moves: list[Move] = []
    least = max(_LEAST_GAIN, int(np.count_nonzero(changed)) // _LEAST_LEFT)
    while len(moves) < _MOST_MOVES and np.count_nonzero(left) >= least:
        found = _find_move(old, new, changed, left, moves)
        if found is None:
            break
        moves.append(found)
        left[touched(found.to)] = False
    return _ordered(moves)


def _find_move(
    old: Words, new: Words, changed: Tiles, left: Tiles, moves: Sequence[Move]
) -> Move | None:
    """Return the first move that is worth it of those that anchors agree on."""
    area = box(left, new.shape[1], new.shape[0])
    worth = _worth(changed, left, moves)
    # What moves beside another move are columns of a page, or windows that scroll as well.
    for shift in likely_shifts(old, new, left, area, is_upright=bool(moves)):
        move = _best_move(old, new, worth, area, shift)
        if move is not None:
            return _widened(old, new, move, moves)
    return None


def _worth(changed: Tiles, left: Tiles, moves: Sequence[Move]) -> NDArray[np.float64]:
    """Return what a tile costs that does not look as if moved; one that is taken costs all."""
    worth = np.where(changed, _SENT, _SPOILT)
    for move in moves:
        worth[touched(move.to)] = _TAKEN
    return worth


def _best_move(
    old: Words, new: Words, worth: NDArray[np.float64], area: Rect, shift: Shift
) -> Move | None:
    """Return the rectangle of whole tiles that gains most by a shift; None if that is little."""
    dx, dy = shift
    height, width = new.shape
    screen = Rect(0, 0, width, height)
    valid = area.intersect(screen.moved(dx, dy))
    # Tiles that are cut by what came from off the screen are left out.
    x, y = -(-valid.x // TILE), -(-valid.y // TILE)
    right = valid.right if valid.right == width else valid.right // TILE * TILE
    bottom = valid.bottom if valid.bottom == height else valid.bottom // TILE * TILE
    tried = Rect.from_edges(left=x * TILE, top=y * TILE, right=right, bottom=bottom)
    if tried.area == 0:
        return None
    differs = glance(part(old, tried.moved(-dx, -dy)), part(new, tried))
    costs = worth[touched(tried)]
    gains = np.where(differs | (costs == _TAKEN), costs, np.where(costs == _SENT, _SAVED, 0.0))
    rows, columns, gain = _best_block(gains)
    if gain < _LEAST_GAIN:
        return None
    block = Rect.from_edges(
        left=tried.x + columns.start * TILE,
        top=tried.y + rows.start * TILE,
        right=tried.x + columns.stop * TILE,
        bottom=tried.y + rows.stop * TILE,
    )
    return Move(block.intersect(tried), dx, dy)


def _best_block(gains: NDArray[np.float64]) -> tuple[slice, slice, float]:
    """Return rows and columns whose sum cannot be raised by choosing other rows, or columns."""
    rows, columns, gain = slice(0, gains.shape[0]), slice(0, gains.shape[1]), -np.inf
    while True:
        rows, _ = _best_run(gains[:, columns].sum(axis=1))
        columns, more = _best_run(gains[rows].sum(axis=0))
        if more <= gain:
            return rows, columns, more
        gain = more


def _best_run(gains: NDArray[np.float64]) -> tuple[slice, float]:
    """Return the neighbours with the largest sum, and that."""
    sums = np.concatenate(([0.0], np.cumsum(gains)))
    lowest = np.minimum.accumulate(sums)[:-1]
    end = int(np.argmax(sums[1:] - lowest))
    start = int(np.argmin(sums[: end + 1]))
    return slice(start, end + 1), float(sums[end + 1] - sums[start])


def _widened(old: Words, new: Words, move: Move, moves: Sequence[Move]) -> Move:
    """Widen a move at all sides by rows, then columns, of which every pixel has moved."""
    dx, dy = move.dx, move.dy
    height, width = new.shape
    valid = Rect(0, 0, width, height).intersect(Rect(0, 0, width, height).moved(dx, dy))
    to = move.to
    if to.height > 2 * GLANCE_ROWS:
        # The first and last rows may have been overlooked, and would hold up the columns.
        to = Rect(to.x, to.y + GLANCE_ROWS, to.width, to.height - 2 * GLANCE_ROWS)

    def run(area: Rect, *, is_column: bool, is_backward: bool) -> int:
        same = part(old, area.moved(-dx, -dy)) == part(new, area)
        lines = same.all(axis=0 if is_column else 1)
        ordered = lines[::-1] if is_backward else lines
        return int(ordered.size if ordered.all() else ordered.argmin())

    above = Rect(to.x, to.y - _WIDEN, to.width, _WIDEN).intersect(valid)
    below = Rect(to.x, to.bottom, to.width, _WIDEN).intersect(valid)
    top = to.y - run(above, is_column=False, is_backward=True)
    bottom = to.bottom + run(below, is_column=False, is_backward=False)
    before = Rect(to.x - _WIDEN, top, _WIDEN, bottom - top).intersect(valid)
    behind = Rect(to.right, top, _WIDEN, bottom - top).intersect(valid)
    left = to.x - run(before, is_column=True, is_backward=True)
    right = to.right + run(behind, is_column=True, is_backward=False)
    wide = Rect.from_edges(left=left, top=top, right=right, bottom=bottom)
    if any(wide.meets(other.to) for other in moves):
        return move
    return Move(wide, dx, dy)


def _ordered(moves: Sequence[Move]) -> list[Move]:
    """Put first what reads where others write; of a circle the smallest is left out."""
    waiting, ordered = list(moves), list[Move]()
    while waiting:
        free = [
            move
            for move in waiting
            if not any(other.source.meets(move.to) for other in waiting if other is not move)
        ]
        if free:
            ordered.append(free[0])
            waiting.remove(free[0])
        else:
            waiting.remove(min(waiting, key=lambda move: move.to.area))
    return ordered
