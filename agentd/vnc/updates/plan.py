"""How a viewer gets from one picture of the screen to another: copies first, then rectangles.

Pure. It encodes nothing. Copies are made in their order, each from what the ones before it have
left; no copy reads what an earlier one has written. Source: rfbproto "CopyRect encoding".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from agentd.desktop.screen.comparing import (
    TILE,
    Tiles,
    Words,
    compare,
    covered,
    glance,
    part,
    touched,
    words,
)
from agentd.desktop.screen.damage import grid
from agentd.desktop.screen.frame import Frame, Rect
from agentd.vnc.updates.regions import box, few, trimmed, without
from agentd.vnc.updates.scroll import Move, find_moves

# Fewer tiles than these are sent sooner than searched for what has moved.
_LEAST_TILES = 12


@dataclass(frozen=True, slots=True)
class Copy:
    """A rectangle that the viewer copies from its own picture.

    Args:
        x: left edge of the source, in root pixels.
        y: top edge of the source.
        to: where the copy goes; it may overlap its source.
    """

    x: int
    y: int
    to: Rect


@dataclass(frozen=True, slots=True)
class Plan:
    """What brings a viewer from one picture to another.

    Args:
        copies: in the order of sending; their destinations do not overlap.
        rects: what is to be sent after them; trimmed, and they do not overlap.
    """

    copies: tuple[Copy, ...]
    rects: tuple[Rect, ...]


def plan(before: Frame, after: Frame, tiles: Tiles, *, copies: bool) -> Plan:
    """Plan the way from one frame to another of the same size.

    Args:
        before: what the viewer shows.
        after: what it is to show.
        tiles: of the whole screen, those that may differ; none of the others does. Where one frame
            follows the other, they are taken to differ.
        copies: whether the viewer can copy.
    """
    assert before.rect == after.rect, "a viewer is told of another size before it is sent pixels"
    height, width = after.pixels.shape[:2]
    assert tiles.shape == (-(-height // TILE), -(-width // TILE)), "the tiles are the screen's"
    area = box(tiles, width, height)
    if area.area == 0 or before.pixels is after.pixels:
        return Plan((), ())
    old, new = words(before.pixels), words(after.pixels)
    rows, columns = touched(area)
    changed = tiles.copy()
    # What the capture has compared need not be compared again.
    is_known = (after.generation, after.id) == (before.generation, before.id + 1)
    is_large = area.area >= _LEAST_TILES * TILE * TILE
    if not is_known and is_large:
        changed[rows, columns] &= glance(part(old, area), part(new, area))
    moves = find_moves(old, new, changed) if copies and is_large else []
    if not is_known and not is_large:
        changed[:] = False
    moves, mends = _mended(old, new, moves)
    open_tiles = tiles & ~changed
    for move in moves:
        open_tiles[covered(move.to, after.rect)] = False
    changed[rows, columns] |= compare(part(old, area), part(new, area), open_tiles[rows, columns])
    rects = few(changed, width, height)
    for move in moves:
        rects = without(rects, move.to)
    tight = [*mends, *_trimmed(old, new, rects, 0, 0)]
    return Plan(
        tuple(Copy(move.source.x, move.source.y, move.to) for move in moves),
        tuple(tight),
    )


def _mended(old: Words, new: Words, moves: Iterable[Move]) -> tuple[list[Move], list[Rect]]:
    """Return the moves that are worth it, and what is to be sent of where they go."""
    worth_it, mends = list[Move](), list[Rect]()
    for move in moves:
        source, target = part(old, move.source), part(new, move.to)
        everywhere = grid(move.to.width, move.to.height, value=True)
        differs = compare(source, target, everywhere)
        if 2 * np.count_nonzero(differs) > differs.size:
            continue  # The glance was deceived.
        worth_it.append(move)
        rects = few(differs, move.to.width, move.to.height)
        inside = (rect.moved(move.to.x, move.to.y) for rect in rects)
        mends += _trimmed(old, new, inside, move.dx, move.dy)
    return worth_it, mends


def _trimmed(old: Words, new: Words, rects: Iterable[Rect], dx: int, dy: int) -> list[Rect]:
    """Trim rectangles to what differs from a picture that was moved."""
    found = []
    for rect in rects:
        tight = trimmed(part(old, rect.moved(-dx, -dy)), part(new, rect))
        if tight is not None:
            found.append(tight.moved(rect.x, rect.y))
    return found
