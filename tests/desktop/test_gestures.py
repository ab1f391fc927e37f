"""What gestures are made of."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.hands.gestures import button_number, interpolated, modifier_keysyms, whole_ticks

points = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=2, max_size=20)


@given(points, st.sampled_from([0.0, 0.05, 1.0]))
def test_a_path_passes_all_points_in_order(path: list[tuple[int, int]], duration_s: float) -> None:
    steps = iter(interpolated(path, duration_s))
    for point in path[1:]:
        assert point in steps


@given(points)
def test_quick_paths_are_bounded(path: list[tuple[int, int]]) -> None:
    assert len(interpolated(path, 0)) <= 400 + len(path)


def test_steps_are_near_each_other() -> None:
    steps = [(0, 0), *interpolated([(0, 0), (100, 0), (100, 100)], 0)]
    gaps = [math.dist(a, b) for a, b in pairwise(steps)]
    assert max(gaps) <= 10


@given(st.lists(st.integers(-250, 250)))
def test_no_pixel_is_lost(amounts: list[int]) -> None:
    left = (0.0, 0.0)
    total = 0
    for amount in amounts:
        (_, down), left = whole_ticks(0, amount, "pixels", left)
        total += down
    assert total * 100 + left[1] * 100 == pytest.approx(sum(amounts))
    assert abs(left[1]) < 1


def test_ticks_have_parts_too() -> None:
    left = (0.0, 0.0)
    ticks = []
    for _ in range(10):
        moved, left = whole_ticks(0.1, 0, "ticks", left)
        ticks.append(moved[0])
    assert sum(ticks) == 1


@pytest.mark.parametrize(("dx", "unit"), [(math.nan, "ticks"), (1e9, "pixels"), (1, "lines")])
def test_wrong_scrolls_are_refused(dx: float, unit: str) -> None:
    with pytest.raises(BadRequest):
        whole_ticks(dx, 0, unit, (0.0, 0.0))


def test_buttons_have_names_and_numbers() -> None:
    names = ["left", "MIDDLE", "wheel", "right", "back", "forward"]
    assert [button_number(name) for name in names] == [1, 2, 2, 3, 8, 9]
    assert button_number(5) == 5


@pytest.mark.parametrize("button", ["", "lefty", 0, 10, True])
def test_unknown_buttons_are_refused(button: int | str) -> None:
    with pytest.raises(BadRequest):
        button_number(button)


def test_modifiers_are_names_or_chords() -> None:
    assert modifier_keysyms(["ctrl", "shift+CTRL"]) == (0xFFE3, 0xFFE1)
    with pytest.raises(BadRequest, match=r"modifiers\[1\]"):
        modifier_keysyms(["ctrl", "shfit"])
