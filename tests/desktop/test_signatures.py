"""Numbers of tiles: equal for equal tiles, different for whatever differs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from agentd.desktop.screen.comparing import TILE
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.signatures import signatures

SIZES = st.tuples(st.integers(1, 101), st.integers(1, 101))


@given(SIZES, st.data())
def test_a_tile_is_told_from_every_other_content(size, data) -> None:
    width, height = size
    before = np.random.default_rng(2).integers(0, 255, (height, width, 4), dtype=np.uint8)
    after = before.copy()
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    after[y, x, data.draw(st.integers(0, 3))] ^= 1 << data.draw(st.integers(0, 7))
    every = grid(width, height, value=True)
    differs = signatures(before, every) != signatures(after, every)
    assert_array_equal(differs.reshape(every.shape), changed_tiles(before, after))


@given(SIZES, st.data())
def test_the_number_does_not_depend_on_which_others_are_asked_for(size, data) -> None:
    width, height = size
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 4), dtype=np.uint8)
    wanted = grid(width, height)
    flags = data.draw(st.lists(st.booleans(), min_size=wanted.size, max_size=wanted.size))
    wanted.flat[:] = flags
    every = signatures(pixels, grid(width, height, value=True)).reshape(wanted.shape)
    assert_array_equal(signatures(pixels, wanted), every[wanted])


def test_the_same_content_has_the_same_number_everywhere() -> None:
    tile = np.random.default_rng(4).integers(0, 255, (TILE, TILE, 4), dtype=np.uint8)
    pixels = np.tile(tile, (3, 4, 1))
    assert len(set(signatures(pixels, grid(4 * TILE, 3 * TILE, value=True)).tolist())) == 1


def test_no_number_is_0() -> None:
    black = np.zeros((TILE, TILE, 4), dtype=np.uint8)
    assert signatures(black, grid(TILE, TILE, value=True)).tolist() == [1]


def test_two_colours_in_many_arrangements_never_collide() -> None:
    """Glyphs differ in a few high bits of a few pixels: where weak sums collide."""
    random = np.random.default_rng(5)
    seen = set()
    for _ in range(4000):
        bits = random.integers(0, 2, (TILE, TILE), dtype=np.uint8)
        tile = np.repeat((bits * 0x80)[..., None], 4, axis=2)
        seen.add(int(signatures(tile, grid(TILE, TILE, value=True))[0]))
    assert len(seen) == 4000
