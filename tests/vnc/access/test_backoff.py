"""How long failures wait for their answer."""

from __future__ import annotations

from agentd.vnc.access.backoff import CAP_S, FORGET_S, MAX_ADDRESSES, Backoff


def test_two_failures_are_free_and_then_the_delay_doubles_to_the_cap() -> None:
    backoff = Backoff()
    delays = [backoff.failed("a", 0.0) for _ in range(40)]
    assert delays[:7] == [0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert set(delays[7:]) == {CAP_S}


def test_addresses_do_not_pay_for_each_other() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed("a", 0.0)
    assert backoff.failed("b", 0.0) == 0.0


def test_quiet_address_is_forgotten() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed("a", 0.0)
    assert backoff.failed("a", FORGET_S) == 0.0


def test_table_is_bounded_and_loses_the_longest_quiet() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed("noisy", 0.0)
    for number in range(MAX_ADDRESSES * 2):
        backoff.failed(f"a{number}", 1.0)
        if number % 100 == 0:
            backoff.failed("noisy", 1.0)
    assert len(backoff) == MAX_ADDRESSES
    assert backoff.failed("noisy", 2.0) == CAP_S
