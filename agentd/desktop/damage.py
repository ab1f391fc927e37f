"""What has changed between two frames: tiles compared, neighbours joined to rectangles.

Pure. XDAMAGE tells that something was drawn, these functions tell whether it looks different: a
redraw of the same pixels is no change. They do not wait for anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.frame import Pixels, Rect

TILE = 32


def changed_tiles(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    """Return which tiles differ: rows x columns of tiles of 32 x 32 pixels.

    Args:
        before: height x width x 4, row-major.
        after: of the same shape.

    Raises: ValueError when the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"frames of {before.shape} and {after.shape} cannot be compared")
    height, width = before.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    changed = np.zeros((rows, columns), dtype=np.bool_)
    for row in range(rows):
        # Whole strips first, 64 bits at a time: most of a screen is the same, and that is soon
        # seen.
        strip = slice(row * TILE, (row + 1) * TILE)
        old, new = before[strip], after[strip]
        if np.array_equal(old, new):
            continue
        differs = np.any(old != new, axis=(0, 2))
        starts = range(0, width, TILE)
        changed[row] = np.logical_or.reduceat(differs, list(starts))
    return changed


def rectangles(tiles: NDArray[np.bool_], width: int, height: int) -> list[Rect]:
    """Join changed tiles to rectangles of pixels, cut at the screen's edges.

    Runs of a row are joined with equal runs of the rows below.
    """
    done: list[Rect] = []
    growing: dict[tuple[int, int], Rect] = {}
    for row in range(tiles.shape[0]):
        runs = _runs(tiles[row])
        still: dict[tuple[int, int], Rect] = {}
        for start, end in runs:
            above = growing.pop((start, end), None)
            top = above.y if above is not None else row * TILE
            still[(start, end)] = Rect.from_edges(
                left=start * TILE,
                top=top,
                right=min(width, end * TILE),
                bottom=min(height, (row + 1) * TILE),
            )
        done += growing.values()
        growing = still
    return done + list(growing.values())


def changes(
    before: Pixels, after: Pixels, *, region: Rect | None = None, ignore: Sequence[Rect] = ()
) -> list[Rect]:
    """Return where two frames of the whole screen differ, in screen pixels.

    Args:
        region: look here only.
        ignore: do not look here; exact to the pixel.
    """
    height, width = before.shape[:2]
    screen = Rect(0, 0, width, height)
    area = screen if region is None else region.intersect(screen)
    if area.area == 0:
        return []
    old, new = _part(before, area), _part(after, area)
    if ignore:
        # What is ignored is made equal, in a copy.
        new = new.copy()
        for rect in ignore:
            hidden = rect.intersect(area)
            rows = slice(hidden.y - area.y, hidden.bottom - area.y)
            columns = slice(hidden.x - area.x, hidden.right - area.x)
            new[rows, columns] = old[rows, columns]
    found = rectangles(changed_tiles(old, new), area.width, area.height)
    return [rect.moved(area.x, area.y) for rect in found]


def _part(pixels: Pixels, area: Rect) -> Pixels:
    return pixels[area.y : area.bottom, area.x : area.right]


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
