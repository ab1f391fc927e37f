"""Growth is told from noise."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.trend import trend

TIMES_S = [10.0 * number for number in range(45)]


def test_slope_of_a_line_is_exact():
    found = trend(TIMES_S, [100 + 0.5 * number for number in range(45)])
    assert found.per_minute == pytest.approx(3.0)
    assert found.total == pytest.approx(22.0)
    assert found.level == pytest.approx(111.0)
    assert found.is_sure


def test_equal_values_do_not_rise():
    found = trend(TIMES_S, [48.0] * 45)
    assert (found.per_minute, found.is_sure) == (0.0, False)


def test_falling_is_no_rise():
    assert not trend(TIMES_S, [100.0 - number for number in range(45)]).is_sure


def test_noise_is_no_rise():
    random = Random(1)
    wrong = sum(trend(TIMES_S, [random.gauss(140, 5) for _ in TIMES_S]).is_sure for _ in range(20))
    assert wrong == 0


def test_a_leak_is_seen_through_noise():
    for seed in range(20):
        random = Random(seed)
        samples = [random.gauss(140, 5) + 0.5 * number for number in range(45)]
        assert trend(TIMES_S, samples).is_sure


def test_wild_samples_do_not_move_the_slope():
    samples = [100 + 0.1 * number for number in range(45)]
    samples[40] = 900.0
    assert trend(TIMES_S, samples).per_minute == pytest.approx(0.6, rel=0.05)


def test_one_step_that_stays_is_a_rise():
    assert trend(TIMES_S, [48.0] * 20 + [50.0] * 25).is_sure
