"""What has changed between two frames: tiles compared, neighbours joined to rectangles.

Pure. XDAMAGE tells that something was drawn, these functions tell whether it looks different: a
redraw of the same pixels is no change. They do not wait for anything, and remember nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles, compare, glance, part, touched, words
from agentd.desktop.screen.frame import Pixels, Rect

# What is smaller is compared at once.
_LEAST_GLANCED = 16 * TILE * TILE


def grid(width: int, height: int, *, value: bool = False) -> Tiles:
    """Return the tiles of a screen, all of one value."""
    return np.full((-(-height // TILE), -(-width // TILE)), value, dtype=np.bool_)


def changed_tiles(before: Pixels, after: Pixels, *, within: Rect | None = None) -> Tiles:
    """Return which tiles differ.

    Args:
        before: height x width x 4, row-major.
        after: of the same shape.
        within: the caller knows that nothing differs outside; the tiles that it touches are
            compared whole.

    Raises: ValueError when the shapes differ.
    """
    if before.shape != after.shape:
        raise ValueError(f"frames of {before.shape} and {after.shape} cannot be compared")
    height, width = before.shape[:2]
    changed = grid(width, height)
    screen = Rect(0, 0, width, height)
    area = screen if within is None else _whole_tiles(within.intersect(screen), screen)
    if area.area == 0:
        return changed
    old, new = part(words(before), area), part(words(after), area)
    inside = touched(area)
    if area.area >= _LEAST_GLANCED:
        changed[inside] = glance(old, new)
    changed[inside] |= compare(old, new, ~changed[inside])
    return changed


def changed_area(before: Pixels, after: Pixels) -> Rect | None:
    """Return the smallest rectangle that holds every pixel that differs; None if none does.

    Frames of different sizes differ everywhere.
    """
    height, width = after.shape[:2]
    if before is after:
        # A screen that was not drawn on keeps its array.
        return None
    if before.shape != after.shape:
        return Rect(0, 0, width, height)
    around = Rect(0, 0, 0, 0)
    for rect in rectangles(changed_tiles(before, after), width, height):
        around = around.union(rect)
    if around.area == 0:
        return None
    differs = _pixels_differ(_part(before, around), _part(after, around))
    rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
    return Rect.from_edges(
        left=around.x + int(columns[0]),
        top=around.y + int(rows[0]),
        right=around.x + int(columns[-1]) + 1,
        bottom=around.y + int(rows[-1]) + 1,
    )


def rectangles(tiles: Tiles, width: int, height: int) -> list[Rect]:
    """Join tiles to rectangles of pixels, cut at the screen's edges.

    Runs of a row are joined with equal runs of the rows below.
    """
    done: list[Rect] = []
    growing: dict[tuple[int, int], Rect] = {}
    for row, runs in enumerate(_runs(tiles)):
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


@dataclass(frozen=True, slots=True)
class Watched:
    """Which pixels of a screen count; made by `watched`.

    `whole` are the tiles of which every pixel counts, `partly` those of which some do.
    """

    whole: Tiles
    partly: Tiles
    _counts: NDArray[np.bool_] | None = None

    def of(self, tiles: Tiles, before: Pixels, after: Pixels) -> Tiles:
        """Return which of the changed tiles show a change that counts; exact to the pixel.

        Args:
            before: the frame that the tiles changed from; of the same size as this.
        """
        found = tiles & self.whole
        if self._counts is not None:
            for row, column in _indices(tiles & self.partly):
                part = tile_rect(row, column)
                counts = self._counts[part.y : part.bottom, part.x : part.right]
                differs = _pixels_differ(_part(before, part), _part(after, part))
                found[row, column] = bool((differs & counts).any())
        return found


def watched(width: int, height: int, *, region: Rect | None, ignore: Sequence[Rect]) -> Watched:
    """Say what counts: the pixels of the region, or all; none of those that are ignored."""
    if region is None and not ignore:
        return Watched(grid(width, height, value=True), grid(width, height))
    screen = Rect(0, 0, width, height)
    counts = np.zeros((height, width), dtype=np.bool_)
    _part(counts, screen if region is None else region.intersect(screen))[:] = True
    for rect in ignore:
        _part(counts, rect.intersect(screen))[:] = False
    starts = range(0, height, TILE), range(0, width, TILE)

    def by_tile(reduce: np.ufunc) -> Tiles:
        rows: Tiles = reduce.reduceat(counts, list(starts[0]), axis=0)
        tiles: Tiles = reduce.reduceat(rows, list(starts[1]), axis=1)
        return tiles

    whole = by_tile(np.logical_and)
    return Watched(whole, by_tile(np.logical_or) & ~whole, counts)


def tile_rect(row: int, column: int) -> Rect:
    """Return the pixels of a tile; it may hang over the screen's far edges."""
    return Rect(column * TILE, row * TILE, TILE, TILE)


def _whole_tiles(area: Rect, screen: Rect) -> Rect:
    """Widen an area to the tiles that it touches; an empty one stays empty."""
    if area.area == 0:
        return area
    return Rect.from_edges(
        left=area.x // TILE * TILE,
        top=area.y // TILE * TILE,
        right=-(-area.right // TILE) * TILE,
        bottom=-(-area.bottom // TILE) * TILE,
    ).intersect(screen)


def _pixels_differ(before: Pixels, after: Pixels) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = before.view(np.uint32)[..., 0] != after.view(np.uint32)[..., 0]
    return differs


def _part(pixels: NDArray[Any], area: Rect) -> NDArray[Any]:
    return pixels[area.y : area.bottom, area.x : area.right]


def _indices(tiles: Tiles) -> Iterator[tuple[int, int]]:
    return ((int(row), int(column)) for row, column in np.argwhere(tiles))


def _runs(tiles: Tiles) -> list[list[tuple[int, int]]]:
    """Return start and end of each run of True, row by row."""
    framed = np.zeros((tiles.shape[0], tiles.shape[1] + 2), dtype=np.int8)
    framed[:, 1:-1] = tiles
    rows, columns = np.nonzero(np.diff(framed, axis=1))
    runs: list[list[tuple[int, int]]] = [[] for _ in tiles]
    # Edges of a row follow each other: where a run starts, and where it ends.
    for row, start, end in zip(rows[::2], columns[::2], columns[1::2], strict=True):
        runs[row].append((int(start), int(end)))
    return runs
