"""What differs between two frames: by tiles, by pixels, within a part, as rectangles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from agentd.desktop.screen.comparing import TILE
from agentd.desktop.screen.damage import (
    changed_area,
    changed_tiles,
    grid,
    rectangles,
    tile_rect,
    watched,
)
from agentd.desktop.screen.frame import Pixels, Rect


def frame(width: int, height: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 255, (height, width, 4), dtype=np.uint8)


def touched(pixels: Pixels, *points: tuple[int, int]) -> Pixels:
    """A copy with these pixels changed a little."""
    copy = pixels.copy()
    for x, y in points:
        copy[y, x, 1] ^= 1
    return copy


SIZES = st.tuples(st.integers(1, 101), st.integers(1, 101))


@st.composite
def spotted(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int]]]:
    """A size, and points of it."""
    width, height = draw(SIZES)
    point = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    return width, height, draw(st.lists(point, max_size=6, unique=True))


@given(spotted())
def test_tiles_are_those_of_the_changed_pixels(screen) -> None:
    width, height, points = screen
    before = frame(width, height)
    wanted = grid(width, height)
    for x, y in points:
        wanted[y // TILE, x // TILE] = True
    assert_array_equal(changed_tiles(before, touched(before, *points)), wanted)


@given(spotted(), st.tuples(*[st.integers(-40, 120)] * 2, *[st.integers(0, 120)] * 2))
def test_within_a_part_the_tiles_that_it_touches_are_compared(screen, part) -> None:
    width, height, points = screen
    before, area = frame(width, height), Rect(*part)
    wanted = grid(width, height)
    for x, y in points:
        tile = tile_rect(y // TILE, x // TILE)
        on_screen = area.intersect(Rect(0, 0, width, height))
        wanted[y // TILE, x // TILE] |= tile.intersect(on_screen).area > 0
    after = touched(before, *points)
    assert_array_equal(changed_tiles(before, after, within=area), wanted)


def test_frames_of_different_sizes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        changed_tiles(frame(10, 10), frame(10, 11))


@given(spotted())
def test_changed_area_is_exact(screen) -> None:
    width, height, points = screen
    before = frame(width, height)
    found = changed_area(before, touched(before, *points))
    if not points:
        assert found is None
        return
    columns, rows = zip(*points, strict=True)
    assert found == Rect.from_edges(
        left=min(columns), top=min(rows), right=max(columns) + 1, bottom=max(rows) + 1
    )


def test_frames_of_different_sizes_differ_everywhere() -> None:
    assert changed_area(frame(10, 10), frame(20, 15)) == Rect(0, 0, 20, 15)


@given(st.data())
def test_rectangles_cover_the_tiles_and_nothing_else(data) -> None:
    width, height = data.draw(SIZES)
    tiles = grid(width, height)
    flags = data.draw(st.lists(st.booleans(), min_size=tiles.size, max_size=tiles.size))
    tiles.flat[:] = flags
    wanted, painted = np.zeros((2, height, width), dtype=int)
    for row, column in np.argwhere(tiles):
        part = tile_rect(int(row), int(column))
        wanted[part.y : part.bottom, part.x : part.right] = 1
    for rect in rectangles(tiles, width, height):
        painted[rect.y : rect.bottom, rect.x : rect.right] += 1
    assert_array_equal(painted, wanted)


class TestWatched:
    def test_without_region_and_ignore_every_change_counts(self) -> None:
        before = frame(70, 70)
        after = touched(before, (69, 69))
        tiles = changed_tiles(before, after)
        found = watched(70, 70, region=None, ignore=()).of(tiles, before, after)
        assert_array_equal(found, tiles)

    @given(spotted(), st.data())
    def test_only_pixels_of_the_region_that_are_not_ignored_count(self, screen, data) -> None:
        width, height, points = screen
        rect = st.builds(Rect, *[st.integers(-9, 99)] * 2, *[st.integers(0, 99)] * 2)
        region = data.draw(st.none() | rect)
        ignore = data.draw(st.lists(rect, max_size=2))
        before = frame(width, height)
        after = touched(before, *points)
        wanted = grid(width, height)
        for x, y in points:
            counts = region is None or region.contains(x, y)
            if counts and not any(part.contains(x, y) for part in ignore):
                wanted[y // TILE, x // TILE] = True
        found = watched(width, height, region=region, ignore=ignore)
        assert_array_equal(found.of(changed_tiles(before, after), before, after), wanted)
