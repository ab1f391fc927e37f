"""Tiles that differ, and few tight rectangles of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from agentd.desktop.screen.comparing import TILE, compare, glance, part, words
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.updates.regions import box, few, trimmed, without
from tests.desktop.pictures import noise
from tests.vnc.updates.screens import flat, overlap

SIZES = st.tuples(st.integers(1, 130), st.integers(1, 130))
MASKS = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@st.composite
def spotted(draw: st.DrawFn) -> tuple[Pixels, Pixels]:
    """A picture, and one that differs in a few pixels."""
    width, height = draw(SIZES)
    before = noise(width, height)
    after = before.copy()
    for x, y in draw(
        st.lists(st.tuples(st.integers(0, width - 1), st.integers(0, height - 1)), max_size=6)
    ):
        after[y, x, 1] ^= 1
    return before, after


def rects(limit: int) -> st.SearchStrategy[Rect]:
    return st.builds(Rect, *[st.integers(0, limit)] * 4)


@given(spotted())
def test_comparing_all_tiles_finds_exactly_those_that_differ(pictures) -> None:
    before, after = pictures
    height, width = after.shape[:2]
    found = compare(words(before), words(after), grid(width, height, value=True))
    assert_array_equal(found, changed_tiles(before, after))


@given(spotted(), st.data())
def test_tile_that_is_not_wanted_is_not_found(pictures, data) -> None:
    before, after = pictures
    changed = changed_tiles(before, after)
    wanted = data.draw(arrays(np.bool_, st.just(changed.shape)))
    assert_array_equal(compare(words(before), words(after), wanted), changed & wanted)


@given(spotted())
def test_glance_finds_no_tile_that_is_the_same(pictures) -> None:
    before, after = pictures
    found = glance(words(before), words(after))
    assert found.shape == changed_tiles(before, after).shape
    assert not (found & ~changed_tiles(before, after)).any()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (33, 1), (31, 33), (64, 96), (1283, 727)])
def test_glance_finds_every_tile_of_another_photo(width, height) -> None:
    found = glance(words(noise(width, height)), words(noise(width, height, seed=2)))
    # A tile of a row or two may have none of the rows that are looked at.
    rows = found[: max(1, height // TILE)]
    assert rows.all()


@given(spotted(), rects(140))
def test_part_is_trimmed_to_the_pixels_that_differ(pictures, area) -> None:
    before, after = pictures
    area = area.intersect(Rect(0, 0, after.shape[1], after.shape[0]))
    tight = trimmed(part(words(before), area), part(words(after), area))
    rows, columns = np.nonzero(part(words(before), area) != part(words(after), area))
    if rows.size == 0:
        assert tight is None
    else:
        assert tight == Rect.from_edges(
            left=columns.min(), top=rows.min(), right=columns.max() + 1, bottom=rows.max() + 1
        )


@given(st.lists(st.tuples(st.integers(0, 699), st.integers(0, 399)), min_size=1, max_size=3))
def test_large_part_is_trimmed_like_a_small_one(points) -> None:
    before, after = words(flat(700, 400)), words(flat(700, 400)).copy()
    for x, y in points:
        after[y, x] ^= 1
    xs, ys = [x for x, _ in points], [y for _, y in points]
    odd = [point for point in set(points) if points.count(point) % 2]
    if len(odd) < len(points):
        return  # A point that was touched twice is as it was.
    assert trimmed(before, after) == Rect.from_edges(
        left=min(xs), top=min(ys), right=max(xs) + 1, bottom=max(ys) + 1
    )


@given(MASKS)
def test_few_rectangles_hold_every_tile_and_do_not_overlap(tiles) -> None:
    height, width = tiles.shape[0] * TILE - 5, tiles.shape[1] * TILE - 7
    found = few(tiles, width, height)
    assert len(found) <= 32
    assert not overlap(found)
    held = grid(width, height)
    for rect in found:
        assert Rect(0, 0, width, height).covers(rect)
        held[rect.y // TILE : -(-rect.bottom // TILE), rect.x // TILE : -(-rect.right // TILE)] = 1
    assert (held | ~tiles).all()


def test_tiles_far_apart_stay_rectangles_of_their_own() -> None:
    tiles = grid(640, 480)
    tiles[2, 3] = tiles[2, 9] = tiles[11, 0] = True
    assert set(few(tiles, 640, 480)) == {
        Rect(96, 64, 32, 32),
        Rect(288, 64, 32, 32),
        Rect(0, 352, 32, 32),
    }


def test_box_is_cut_at_the_edges() -> None:
    tiles = grid(100, 50)
    assert box(tiles, 100, 50).area == 0
    tiles[0, 1] = tiles[1, 3] = True
    assert box(tiles, 100, 50) == Rect(32, 0, 68, 50)


@given(st.lists(rects(30), max_size=3), rects(40))
def test_what_is_left_around_a_hole_is_every_pixel_but_those_of_the_hole(given_rects, hole) -> None:
    left = without(given_rects, hole)

    def counted(some: list[Rect]) -> np.ndarray:
        hits = np.zeros((80, 80), np.int64)
        for rect in some:
            hits[rect.y : rect.bottom, rect.x : rect.right] += 1
        return hits

    wanted = counted(given_rects)
    wanted[hole.y : hole.bottom, hole.x : hole.right] = 0
    assert_array_equal(counted(left), wanted)
