"""A part of the screen cut into areas that are worth different encodings: plain, solid, photo.

Pure. Judged by samples, as exact counts would take longer than the encoding that they save; only
that an area is solid is made sure of, pixel by pixel. A small part is one area.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE
from agentd.desktop.screen.damage import rectangles
from agentd.desktop.screen.frame import Pixels, Rect

# Pixels as numbers, rows x columns, without the byte that means nothing.
Words: TypeAlias = NDArray[np.uint32]

# What of a word is colour.
COLOUR = np.uint32(0xFFFFFF)

# Below this a cut costs more than it saves: deflate makes short work of what is solid, none of
# photos.
_LEAST_SOLID = 48 * TILE * TILE
_LEAST_CUT = 16 * TILE * TILE
_LEAST_PHOTO = 32 * 32
_MOST_CUTS = 12
_MOST_COLOURS = 4

# One row in so many is looked at, and of those one column in so many.
_STEP = 8

# Of neighbouring pixels those that differ: up to a third in text, from 0.95 on in photos.
_BUSY = 0.45
# Of some pixels of an area those that look like no other of them: 0.02 in text, 0.9 in photos.
_COLOURFUL = 0.2
_COLOUR_SAMPLE = 1024


class Kind(enum.Enum):
    """What an area shows."""

    PLAIN = enum.auto()
    SOLID = enum.auto()
    PHOTO = enum.auto()


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the screen of one kind; in root pixels."""

    rect: Rect
    kind: Kind


def words_of(pixels: Pixels, rect: Rect) -> Words:
    """Return a part of the screen as numbers, contiguous; equal numbers are equal colours."""
    part = pixels[rect.y : rect.bottom, rect.x : rect.right]
    words: Words = part.view(np.uint32)[..., 0] & COLOUR
    return words


def areas_of(pixels: Pixels, rect: Rect, *, photos: bool) -> list[Area]:
    """Cut a part of the screen into areas.

    Args:
        pixels: the whole screen, height x width x 4, BGRX.
        rect: the part, inside the screen; not empty.
        photos: whether it matters what looks like a photo.

    Returns: areas that cover the part and do not overlap.
    """
    if rect.area < 2 * _LEAST_CUT:
        is_photo = photos and rect.area >= _LEAST_PHOTO and _is_photo(pixels, rect)
        return [Area(rect, Kind.PHOTO if is_photo else Kind.PLAIN)]
    rows = pixels[rect.y : rect.bottom : _STEP, rect.x : rect.right].view(np.uint32)[..., 0]
    rows = rows & COLOUR
    found = [Area(solid, Kind.SOLID) for solid in _solids(pixels, rect, rows)]
    if photos:
        found += [Area(photo, Kind.PHOTO) for photo in _photos(pixels, rect, rows)]
    found.sort(key=lambda area: area.rect.area, reverse=True)
    return list(_cut(rect, found[:_MOST_CUTS]))


def _solids(pixels: Pixels, rect: Rect, rows: Words) -> Iterator[Rect]:
    """Find rectangles of one colour, the most common colours first."""
    samples = rows[:, ::_STEP]
    lowest, highest = (_by_tile(samples, fold, _STEP) for fold in (np.minimum, np.maximum))
    is_even = lowest == highest
    colours, counts = np.unique(lowest[is_even], return_counts=True)
    by_count = np.argsort(-counts.astype(np.int64))[:_MOST_COLOURS]
    for colour in colours[by_count[counts[by_count] * TILE * TILE >= _LEAST_SOLID]]:
        for candidate in _rectangles(is_even & (lowest == colour), rect, _LEAST_SOLID):
            yield from _truly_solid(pixels, candidate, colour)


def _truly_solid(pixels: Pixels, rect: Rect, colour: np.uint32) -> Iterator[Rect]:
    """Keep of a rectangle that looks solid what is."""
    is_colour = words_of(pixels, rect) == colour
    if is_colour.all():
        yield rect
        return
    # Tiles that are cut by an edge of the screen count as not solid; they are few.
    down, across = rect.height // TILE, rect.width // TILE
    rows = is_colour[: down * TILE, : across * TILE].reshape(down, TILE, -1).all(axis=1)
    yield from _rectangles(rows.reshape(down, across, TILE).all(axis=2), rect, _LEAST_SOLID)


def _photos(pixels: Pixels, rect: Rect, rows: Words) -> Iterator[Rect]:
    """Find rectangles that look like photos."""
    differs = np.zeros(rows.shape, dtype=np.uint8)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=differs[:, 1:].view(np.bool_))
    # At most 32 a row of a tile, and 4 rows: it fits into a byte.
    counts = np.add.reduceat(differs, range(0, rows.shape[1], TILE), axis=1, dtype=np.uint8)
    counts = np.add.reduceat(counts, range(0, len(rows), TILE // _STEP), axis=0, dtype=np.uint8)
    # The tiles at the far edges may be cut.
    sizes = np.outer(
        *(
            _per_tile(length, step)
            for length, step in ((len(rows), TILE // _STEP), (rows.shape[1], TILE))
        )
    )
    busy = counts > _BUSY * sizes
    for found in _rectangles(busy, rect, _LEAST_CUT):
        if _is_colourful(pixels, found):
            yield found


def _per_tile(length: int, step: int) -> NDArray[np.intp]:
    """Return how many of so many samples each tile has along an edge."""
    return np.diff(np.append(np.arange(0, length, step), length))


def _by_tile(samples: Words, fold: np.ufunc, step: int) -> Words:
    """Fold the samples of each tile, taken every `step` pixels, to one number."""
    per_tile = TILE // step
    height, width = samples.shape
    rows = fold.reduceat(samples, range(0, height, per_tile), axis=0)
    folded: Words = fold.reduceat(rows, range(0, width, per_tile), axis=1)
    return folded


def _rectangles(tiles: NDArray[np.bool_], rect: Rect, least: int) -> Iterator[Rect]:
    """Join tiles of a part to rectangles of so many pixels at least.

    Only tiles that are one of four in a square count: single ones and lines of them are many in
    text, and never worth it.
    """
    squares = tiles[1:, 1:] & tiles[1:, :-1] & tiles[:-1, 1:] & tiles[:-1, :-1]
    if not squares.any():
        return
    wide = np.zeros_like(tiles)
    for rows, columns in product((slice(1, None), slice(None, -1)), repeat=2):
        wide[rows, columns] |= squares
    if np.count_nonzero(wide) * TILE * TILE < least:
        return
    used = np.flatnonzero(wide.any(axis=1))
    top, bottom = int(used[0]), int(used[-1]) + 1
    height = min(rect.height, bottom * TILE) - top * TILE
    for found in rectangles(wide[top:bottom], rect.width, height):
        if found.area >= least:
            yield found.moved(rect.x, rect.y + top * TILE)


def _is_photo(pixels: Pixels, rect: Rect) -> bool:
    rows = pixels[rect.y : rect.bottom : _STEP, rect.x : rect.right].view(np.uint32)[..., 0]
    differs = (rows[:, 1:] & COLOUR) != (rows[:, :-1] & COLOUR)
    return bool(differs.size and differs.mean() > _BUSY) and _is_colourful(pixels, rect)


def _is_colourful(pixels: Pixels, rect: Rect) -> bool:
    """Tell whether an area has more colours than text ever has, even if it is smooth."""
    step = max(1, int((rect.area / _COLOUR_SAMPLE) ** 0.5))
    sample = pixels[rect.y : rect.bottom : step, rect.x : rect.right : step].view(np.uint32)
    # Sorting and counting the steps is ten times quicker than a set, and than numpy's `unique`.
    steps = np.diff(np.sort((sample & COLOUR).reshape(-1)))
    return bool(1 + np.count_nonzero(steps) > _COLOURFUL * sample.size)


def _cut(rect: Rect, found: list[Area]) -> Iterator[Area]:
    """Cut a rectangle around the largest area in it, and what remains likewise.

    Args:
        found: areas, the largest first; they may reach out of the rectangle.
    """
    if rect.area == 0:
        return
    inside = [replace(area, rect=area.rect.intersect(rect)) for area in found]
    inside = [area for area in inside if area.rect.area >= _LEAST_CUT]
    if not inside:
        yield Area(rect, Kind.PLAIN)
        return
    largest = max(inside, key=lambda area: area.rect.area)
    hole = largest.rect
    yield largest
    others = [area for area in inside if area is not largest]
    for piece in (
        Rect.from_edges(left=rect.x, top=rect.y, right=rect.right, bottom=hole.y),
        Rect.from_edges(left=rect.x, top=hole.y, right=hole.x, bottom=hole.bottom),
        Rect.from_edges(left=hole.right, top=hole.y, right=rect.right, bottom=hole.bottom),
        Rect.from_edges(left=rect.x, top=hole.bottom, right=rect.right, bottom=rect.bottom),
    ):
        yield from _cut(piece, others)
