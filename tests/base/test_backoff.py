"""The delays of failures in a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.backoff import Backoff, BackoffPolicy

policies = st.builds(
    BackoffPolicy,
    first_s=st.floats(0.001, 10),
    cap_s=st.floats(10, 1000),
    jitter=st.floats(0, 1),
    stable_s=st.floats(0.1, 100),
)


def delays(policy: BackoffPolicy, count: int, *, ran_s: float = 0, random: float = 0.5) -> list:
    backoff = Backoff(policy)
    return [backoff.next_delay_s(ran_s=ran_s, random=random) for _ in range(count)]


def test_doubles_up_to_the_cap() -> None:
    assert delays(BackoffPolicy(first_s=1, cap_s=5), 5) == [1, 2, 4, 5, 5]


@given(policies, st.integers(1, 80), st.floats(0, 1))
def test_jitter_stays_within_its_share(policy: BackoffPolicy, count: int, random: float) -> None:
    middle = delays(policy, count)[-1]
    spread = middle * policy.jitter * 1.000001
    assert middle - spread <= delays(policy, count, random=random)[-1] <= middle + spread


@given(policies, st.integers(1, 80))
def test_never_falls_while_runs_are_short(policy: BackoffPolicy, count: int) -> None:
    found = delays(policy, count, ran_s=policy.stable_s * 0.99)
    assert found == sorted(found)


@given(policies, st.integers(0, 80))
def test_starts_anew_after_a_stable_run(policy: BackoffPolicy, failures: int) -> None:
    backoff = Backoff(policy, failures)
    assert backoff.next_delay_s(ran_s=policy.stable_s, random=0.5) == policy.first_s


def test_ten_thousand_failures_do_not_overflow() -> None:
    assert delays(BackoffPolicy(cap_s=7), 10_000)[-1] == 7


def test_reset_forgets_the_failures() -> None:
    backoff = Backoff(BackoffPolicy(first_s=1), 9)
    backoff.reset()
    assert backoff.next_delay_s(ran_s=0, random=0.5) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"first_s": 0},
        {"first_s": -1},
        {"first_s": 2, "cap_s": 1},
        {"jitter": -0.1},
        {"jitter": 1.1},
        {"stable_s": -1},
        {"first_s": float("nan")},
    ],
)
def test_policy_without_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="makes no sense"):
        BackoffPolicy(**values)
