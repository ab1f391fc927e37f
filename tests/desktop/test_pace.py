"""From idle at once, then at the pace, and never more than half of the time."""

from __future__ import annotations

import pytest

from agentd.desktop.screen.pace import Pace

PACE_S = 0.016


def looks_until(end: float, look_s: float) -> list[float]:
    """When a screen that never rests is looked at."""
    pace, now, looks = Pace(), 100.0, []
    while now < 100.0 + end:
        looks.append(now - 100.0)
        now += look_s + pace.rest_s(now, now + look_s, PACE_S)
    return looks


def test_what_is_drawn_in_a_few_strokes_is_seen_as_it_comes() -> None:
    assert looks_until(0.01, look_s=0.001) == pytest.approx([0, 0.002, 0.004])


def test_drawing_that_goes_on_is_looked_at_in_time() -> None:
    assert len(looks_until(1.6, look_s=0.001)) == 100 + 2


def test_looks_that_take_long_leave_half_of_the_time() -> None:
    assert len(looks_until(1.59, look_s=0.02)) == 40


def test_a_quiet_time_is_not_saved_up() -> None:
    pace = Pace()
    for _ in range(3):
        pace.rest_s(0.0, 0.0, PACE_S)
    rests = [pace.rest_s(1000.0, 1000.0, PACE_S) for _ in range(4)]
    assert rests == pytest.approx([0, 0, PACE_S, 2 * PACE_S])
