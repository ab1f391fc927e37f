"""When an update may go: from rest at once, and over links of many kinds."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.vnc.pacing import (
    ENCODE_SHARE,
    FIRST_WINDOW_BYTES,
    FRAME_S,
    MAX_WINDOW_BYTES,
    MIN_WINDOW_BYTES,
    QUEUE_S,
    STALLED_S,
    Pacing,
)
from tests.vnc.links import Link, Sent, TcpLink, run

NOW = 100.0
TEN_MBIT = 1.25e6


def of_size(size_bytes: int) -> Callable[[random.Random], int]:
    return lambda chance: size_bytes


def mixed(chance: random.Random) -> int:
    return int(chance.choice([2e3, 2e4, 6e4, 2e5]) * chance.uniform(0.5, 1.5))


def carried(sent: list[Sent], start: float, end: float) -> float:
    """How many bytes a second arrived in this time."""
    return sum(u.size_bytes for u in sent if start <= u.arrived_at < end) / (end - start)


def queued(sent: list[Sent], link: Link) -> list[float]:
    """How long each update waited for those before it, shortest first."""
    alone = link.round_trip_s / 2
    return sorted(u.arrived_at - u.at - alone - u.size_bytes / link.bytes_per_s for u in sent)


def at_work(round_trip_s: float = 0.05, rate: float = TEN_MBIT) -> Pacing:
    """Return a pacing that knows its link, with nothing in flight, a second before NOW."""
    pacing = Pacing(has_fence=True)
    pacing.answered(NOW - 2, pacing.sent(NOW - 2 - round_trip_s, 0, fence=True, encode_s=0))
    number = pacing.sent(NOW - 1 - round_trip_s - 0.1, int(rate * 0.1), fence=True, encode_s=0)
    pacing.answered(NOW - 1, number)
    return pacing


def test_from_rest_an_update_goes_at_once() -> None:
    assert Pacing(has_fence=True).may_send_at(NOW) == NOW
    assert Pacing(has_fence=False).may_send_at(NOW) == NOW
    assert at_work().may_send_at(NOW) == NOW


def test_what_is_drawn_in_two_steps_need_not_wait_for_the_frame_clock() -> None:
    pacing = at_work()
    pacing.sent(NOW, 100, fence=True, encode_s=0)
    assert pacing.may_send_at(NOW + 0.001) == NOW + 0.001
    pacing.sent(NOW + 0.001, 100, fence=True, encode_s=0)
    assert pacing.may_send_at(NOW + 0.002) == pytest.approx(NOW + FRAME_S)


def test_no_more_than_sixty_updates_a_second_go() -> None:
    sent = run(Link(1e9, 0.0002), seconds=5, size=of_size(5000), encode_s=0.0005)
    assert 59 * 5 <= len(sent) <= 61 * 5


def test_a_costly_picture_leaves_time_for_others() -> None:
    sent = run(Link(1e9, 0.0002), seconds=10, size=of_size(5000), encode_s=0.05)
    assert len(sent) * 0.05 == pytest.approx(10 * ENCODE_SHARE, rel=0.02)


def test_the_window_is_what_fills_the_link_and_a_little_more() -> None:
    assert at_work().window_bytes == pytest.approx(TEN_MBIT * (0.05 + QUEUE_S), rel=0.01)
    assert Pacing(has_fence=True).window_bytes == FIRST_WINDOW_BYTES


def test_the_next_update_goes_when_the_link_has_room_for_it() -> None:
    pacing = at_work()
    size_bytes = pacing.window_bytes + 12_500
    number = pacing.sent(NOW, size_bytes, fence=True, encode_s=0)
    # 12.5 kB of it have been answered, as it were, 10 ms after the empty round trip.
    assert pacing.may_send_at(NOW) == pytest.approx(NOW + 0.06, abs=0.001)
    pacing.answered(NOW + 0.055, number)
    assert pacing.may_send_at(NOW + 0.055) == NOW + 0.055


def test_a_viewer_that_stops_answering_gets_a_window_and_one_update() -> None:
    pacing, now = at_work(), NOW
    while (at := pacing.may_send_at(now)) is not None:
        now = at
        pacing.sent(now, 20_000, fence=True, encode_s=0)
    assert pacing.in_flight_bytes <= pacing.window_bytes + 2 * 20_000
    assert pacing.may_send_at(now + 1000) is None


def test_an_update_without_a_fence_counts_with_the_next_that_has_one() -> None:
    pacing = at_work()
    pacing.sent(NOW, 30_000, fence=False, encode_s=0)
    number = pacing.sent(NOW + 0.001, 30_000, fence=True, encode_s=0)
    assert pacing.in_flight_bytes == 60_000
    pacing.answered(NOW + 0.099, number)
    assert pacing.in_flight_bytes == 0
    assert pacing.bytes_per_s == pytest.approx(TEN_MBIT, rel=0.05)


def test_an_answer_covers_what_went_before_it() -> None:
    pacing = at_work()
    for _ in range(2):
        pacing.sent(NOW, 10_000, fence=True, encode_s=0)
    pacing.answered(NOW + 0.1, pacing.sent(NOW, 10_000, fence=True, encode_s=0))
    assert pacing.in_flight_bytes == 0


def test_an_answer_to_nothing_that_was_asked_is_ignored() -> None:
    pacing = at_work()
    number = pacing.sent(NOW, 10_000, fence=True, encode_s=0)
    pacing.answered(NOW + 0.001, number + 1)
    pacing.answered(NOW + 0.001, -1)
    assert pacing.in_flight_bytes == 10_000


def test_without_fences_one_update_at_a_time_is_in_flight() -> None:
    pacing = Pacing(has_fence=False)
    pacing.sent(NOW, 5000, fence=False, encode_s=0)
    assert pacing.may_send_at(NOW + 10) is None
    pacing.drained(NOW + 10.1)
    assert pacing.may_send_at(NOW + 10.1) == NOW + 10.1
    assert not pacing.wants_probe(NOW + 10.1)
    # How long a writer takes is no way there and back.
    assert pacing.round_trip_s is None


def test_a_writer_that_drains_is_no_answer_where_fences_are() -> None:
    pacing = at_work()
    pacing.sent(NOW, 5000, fence=True, encode_s=0)
    pacing.drained(NOW + 0.01)
    assert pacing.in_flight_bytes == 5000


def test_a_viewer_that_owes_an_answer_for_seconds_is_stalled() -> None:
    pacing = at_work()
    number = pacing.sent(NOW, 5000, fence=True, encode_s=0)
    pacing.may_send_at(NOW + STALLED_S)
    assert pacing.stalled_since is None
    pacing.may_send_at(NOW + STALLED_S + 0.1)
    assert pacing.stalled_since == NOW
    pacing.answered(NOW + 60, number)
    assert pacing.stalled_since is None


def test_a_slow_viewer_that_is_sent_much_is_not_stalled() -> None:
    pacing = at_work(rate=20_000)
    pacing.sent(NOW, 200_000, fence=True, encode_s=0)
    pacing.may_send_at(NOW + 9)
    assert pacing.stalled_since is None


def test_a_viewer_at_rest_is_not_stalled() -> None:
    pacing = at_work()
    pacing.may_send_at(NOW + 1000)
    assert pacing.stalled_since is None


def test_the_empty_link_is_measured_first_and_now_and_then() -> None:
    pacing = Pacing(has_fence=True)
    assert pacing.wants_probe(NOW)
    probe = pacing.sent(NOW, 0, fence=True, encode_s=0)
    # It holds nothing up.
    assert pacing.may_send_at(NOW) == NOW
    assert not pacing.wants_probe(NOW)
    pacing.answered(NOW + 0.05, probe)
    assert not pacing.wants_probe(NOW + 1)
    assert pacing.wants_probe(NOW + 60)


@pytest.mark.parametrize("size_bytes", [5_000, 20_000, 60_000, 200_000])
@pytest.mark.parametrize("probes", [True, False])
def test_a_link_of_ten_megabits_is_filled_without_a_queue(size_bytes: int, probes: bool) -> None:
    link = Link(TEN_MBIT, 0.05)
    sent = run(link, seconds=12, size=of_size(size_bytes), probes=probes)[10:]
    wanted = min(TEN_MBIT, size_bytes * 60)
    assert carried(sent, NOW + 2, NOW + 12) >= 0.9 * wanted
    # Without a measure of the empty link it is taken for longer, by one update.
    allowed_s = 0.05 if probes else 0.1 + size_bytes / TEN_MBIT
    assert queued(sent, link)[-1] < allowed_s


@pytest.mark.parametrize(
    "link",
    [
        Link(TEN_MBIT, 0.05),
        Link(TEN_MBIT, 0.05, jitter_s=0.03),
        Link(TEN_MBIT, 0.01, jitter_s=0.01),
        Link(10 * TEN_MBIT, 0.02),
        Link(TEN_MBIT / 10, 0.1),
        Link(TEN_MBIT, 0.3),
    ],
    ids=["plain", "jitter", "near", "fast", "slow", "far"],
)
def test_updates_of_all_sizes_fill_a_link_without_a_queue(link: Link) -> None:
    sent = run(link, seconds=40, size=mixed)
    assert carried(sent, NOW + 2, NOW + 40) >= 0.9 * min(link.bytes_per_s, 60 * 70_000)
    waits = queued(sent[10:], link)
    assert waits[int(len(waits) * 0.95)] < 0.06
    # What is learned is a round trip old.
    assert waits[-1] < max(0.1, link.round_trip_s)


@pytest.mark.parametrize("rate", [TEN_MBIT, 10 * TEN_MBIT])
@pytest.mark.parametrize("round_trip_s", [0.05, 0.2])
def test_a_link_that_tcp_fills_slowly_is_filled_in_a_second(
    rate: float, round_trip_s: float
) -> None:
    link = TcpLink(rate, round_trip_s)
    sent = run(link, seconds=15, size=of_size(200_000))
    started_s = 0.5 + 6 * round_trip_s
    assert carried(sent, NOW + started_s, NOW + 15) >= 0.85 * min(rate, 60 * 200_000)


def test_little_updates_over_a_nervous_link_do_not_make_it_a_slow_one() -> None:
    pacing = Pacing(has_fence=True)
    link = Link(TEN_MBIT, 0.05, jitter_s=0.04)
    run(link, seconds=5, size=of_size(60_000), pacing=pacing)
    before = pacing.window_bytes
    run(
        link,
        seconds=60,
        size=of_size(400),
        pacing=pacing,
        wanted_at=lambda now: now + 0.2,
        began_at=NOW + 10,
    )
    assert pacing.window_bytes >= 0.8 * before


def test_after_rest_the_window_is_as_it_was() -> None:
    pacing = at_work()
    assert pacing.wants_probe(NOW + 3600)
    assert pacing.may_send_at(NOW + 3600) == NOW + 3600
    assert pacing.window_bytes == at_work().window_bytes


def test_after_a_stall_of_five_seconds_the_link_is_soon_full_again() -> None:
    sent = run(Link(TEN_MBIT, 0.05, stall=(105, 110)), seconds=20, size=of_size(60_000))
    # What was under way at the stall was little, so the newest picture is not behind much.
    assert sum(105 <= update.at < 110 for update in sent) <= 3
    assert carried(sent, 110.5, 112) >= 0.7 * TEN_MBIT
    assert carried(sent, 112, 120) >= 0.95 * TEN_MBIT


def test_a_link_that_becomes_slow_loses_its_queue_in_seconds() -> None:
    def rate(now: float) -> float:
        return TEN_MBIT if now < 105 else 60_000

    sent = run(Link(TEN_MBIT, 0.05, rate_from=rate), seconds=20, size=of_size(20_000))
    alone_s = 20_000 / 60_000 + 0.025
    assert all(u.arrived_at - u.at < alone_s + 0.15 for u in sent if u.at >= 107)
    assert carried(sent, 107, 119) >= 0.85 * 60_000


def test_a_link_that_becomes_fast_is_used_within_a_second() -> None:
    def rate(now: float) -> float:
        return TEN_MBIT if now < 105 else 10 * TEN_MBIT

    sent = run(Link(TEN_MBIT, 0.05, rate_from=rate), seconds=10, size=of_size(100_000))
    assert carried(sent, 106, 109) >= 0.9 * 60 * 100_000


def test_a_way_that_becomes_longer_is_learned() -> None:
    pacing = Pacing(has_fence=True)
    run(Link(TEN_MBIT, 0.02), seconds=10, size=of_size(30_000), pacing=pacing)
    link = Link(TEN_MBIT, 0.15)
    sent = run(link, seconds=40, size=of_size(30_000), pacing=pacing, began_at=NOW + 20)
    assert carried(sent, NOW + 40, NOW + 60) >= 0.9 * TEN_MBIT


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(2e4, 2e9),
    round_trip_s=st.floats(0, 0.6),
    jitter_s=st.floats(0, 0.1),
    size_bytes=st.integers(1, 1_000_000),
    encode_s=st.floats(0, 0.05),
)
def test_over_any_link_updates_go_on_and_what_is_in_flight_is_bounded(
    rate: float, round_trip_s: float, jitter_s: float, size_bytes: int, encode_s: float
) -> None:
    pacing = Pacing(has_fence=True)
    link = Link(rate, round_trip_s, jitter_s=jitter_s)
    one_s = size_bytes / rate + round_trip_s + jitter_s + encode_s / ENCODE_SHARE + FRAME_S
    size = of_size(size_bytes)
    sent = run(link, seconds=10 * one_s, size=size, pacing=pacing, encode_s=encode_s)
    assert len(sent) >= 5
    assert MIN_WINDOW_BYTES <= pacing.window_bytes <= MAX_WINDOW_BYTES
    assert all(u.in_flight_bytes <= MAX_WINDOW_BYTES + 2 * size_bytes for u in sent)
