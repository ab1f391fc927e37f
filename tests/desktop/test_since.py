"""Numbers of tiles against the pixels of the frames that they tell of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.screen.comparing import TILE
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Rect
from agentd.desktop.screen.since import changed_since, newest, since

WIDTH, HEIGHT = 100, 70

dots = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))


@given(
    st.lists(dots, min_size=1, max_size=12),
    st.builds(Rect, st.integers(0, 60), st.integers(0, 40), st.integers(1, 40), st.integers(1, 30)),
)
def test_equal_numbers_are_equal_pixels(drawn: list[tuple[int, int]], area: Rect) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    numbers = since(None, changed_tiles(pixels, pixels), 1)
    seen: dict[int, bytes] = {}
    for frame_id, (x, y) in enumerate(drawn, start=2):
        before = pixels.copy()
        pixels[y, x] ^= 1
        numbers = since(numbers, changed_tiles(before, pixels), frame_id)
        part = pixels[area.y : area.bottom, area.x : area.right].tobytes()
        assert seen.setdefault(newest(numbers, area), part) == part


def test_a_change_elsewhere_keeps_the_number() -> None:
    before = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    numbers = since(None, changed_tiles(before, before), 7)
    after = before.copy()
    after[40:, 40:] = 9
    numbers = since(numbers, changed_tiles(before, after), 8)
    assert newest(numbers, Rect(0, 0, WIDTH, 32)) == 7
    assert newest(numbers, Rect(0, 0, WIDTH, 33)) == 8
    assert newest(numbers, Rect(0, 0, 32, HEIGHT)) == 7


def test_what_has_changed_since_a_frame_is_inside_the_rectangle() -> None:
    numbers = since(None, grid(128, 96), 1)
    changed = grid(128, 96)
    changed[1, 2] = changed[2, 1] = True
    numbers = since(numbers, changed, 5)
    assert changed_since(numbers, 4) == Rect(TILE, TILE, 2 * TILE, 2 * TILE)
    assert changed_since(numbers, 0) == Rect(0, 0, 4 * TILE, 3 * TILE)
    assert changed_since(numbers, 5).area == 0
