"""What a viewer was sent, counted."""

from __future__ import annotations

import pytest

from agentd.vnc.sessions.statistics import SentStatistics


def test_counts_all_and_rates_the_last_three_seconds() -> None:
    sent = SentStatistics()
    for second in range(10):
        sent.sent(float(second), 3000)
    assert (sent.updates, sent.bytes) == (10, 30_000)
    assert sent.rates(9.5) == (1.0, 3000.0)


def test_who_is_sent_nothing_has_no_rate() -> None:
    sent = SentStatistics()
    sent.sent(0.0, 100)
    assert sent.rates(60.0) == (0.0, 0.0)


def test_sixty_a_second_are_all_counted_and_no_more_are_kept_than_that() -> None:
    sent = SentStatistics()
    for number in range(60 * 60):
        sent.sent(number / 60, 10)
    assert sent.rates(60.0 - 1 / 60)[0] == pytest.approx(60, abs=1)
    assert len(sent._recent) <= 256
