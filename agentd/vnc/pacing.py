"""When the next update may go to a viewer: at once from rest, then as fast as the viewer keeps up.

Pure. It sends nothing and holds no queue: the shell asks when it may take the newest picture, and
says what it sent and what came back. Times are seconds of one monotonic clock.

The manner is that of TCP Vegas, over fences in place of acknowledgements: the lowest round trip is
that of the empty link, the answers of a busy one tell its rate, and as much is in flight as fills
the link for one empty round trip and a little more. Source: rfbproto "ClientFence"; Brakmo and
Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet", 1995.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# No viewer shows more pictures than this.
FRAME_S = 1 / 60
# One viewer's pictures take at most this share of a core.
ENCODE_SHARE = 0.6

# What may be in flight: before the link is known, at least, and at most, which no link needs.
FIRST_WINDOW_BYTES = 16 << 10
MIN_WINDOW_BYTES = 4 << 10
MAX_WINDOW_BYTES = 4 << 20
# The link is kept busy this much longer than an empty round trip, so that it does not run dry
# while the next picture is made.
QUEUE_S = 0.025

# A round trip this much over the empty one is a slow link, however little was in flight.
LATE_S = 0.1
# The rate is that of this much of busy time, most of it.
RATE_MEMORY_S = 0.3
# No answer alone makes the link this much faster.
MAX_GROWTH = 2.0
# Answers closer together than this say nothing of the link but that it is fast.
SHORTEST_S = 0.0005

# The empty round trip is measured anew at least this often, and forgotten after some of them.
PROBE_S = 5.0
_PROBES_KEPT = 3

# A viewer that owes an answer for this long does not look: a tab in the background, a lost link.
STALLED_S = 3.0

# The weight of the newest round trip in the one that is told.
_SMOOTHING = 1 / 8


class Pacing:
    """How fast one viewer is served.

    Args:
        has_fence: the viewer answers fences. If not, one update at a time is in flight, until the
            shell says that it was `drained` into the viewer's socket.
    """

    def __init__(self, *, has_fence: bool) -> None:
        self._link = _Link()
        self._clock = _Clock()
        self._has_fence = has_fence
        self._flying: deque[_Flight] = deque()
        self._unfenced_bytes = 0
        self._number = 0
        self._probe_number: int | None = None
        self._answered_at = 0.0
        self._stalled_since: float | None = None

    def may_send_at(self, now: float) -> float | None:
        """Return the earliest moment for the next update; None: not before an answer comes.

        The moment is never before `now`. Ask again after each answer: it may have come closer.
        """
        self._look_for_a_stall(now)
        room_at = self._room_at(now)
        return None if room_at is None else max(now, room_at, self._clock.next_at())

    def wants_probe(self, now: float) -> bool:
        """Tell whether a fence should go alone, right before the next update.

        It measures the empty link. The shell sends it and says so by `sent` with no bytes. If it
        does not, all works on, with a coarser idea of the link.
        """
        return not self._flying and self._is_probe_due(now)

    def sent(self, now: float, size_bytes: int, *, fence: bool, encode_s: float) -> int:
        """Take note of an update, or of a fence alone if it has no bytes.

        Args:
            now: when it was handed to the writer.
            size_bytes: all that was written.
            fence: a fence that asks for an answer follows it. Without one its bytes count as
                part of the next that has one.
            encode_s: how long it was worked on until now, for this viewer.

        Returns: the number for the fence's payload.
        """
        self._number += 1
        if size_bytes:
            self._clock.sent(now, encode_s)
        self._unfenced_bytes += size_bytes
        if fence or not self._has_fence:
            if not self._flying and self._is_probe_due(now):
                self._probe_number = self._number
            before = self.in_flight_bytes - self._unfenced_bytes
            flight = _Flight(self._number, now, self._unfenced_bytes, before)
            self._flying.append(flight)
            self._unfenced_bytes = 0
        return self._number

    def answered(self, now: float, number: int) -> None:
        """Take note of a viewer's answer to the fence of this number; one unknown is ignored."""
        if not any(flight.number == number for flight in self._flying):
            return
        size_bytes = 0
        while self._flying:
            # Fences are answered in order: those before this one were lost by the viewer.
            flight = self._flying.popleft()
            size_bytes += flight.size_bytes
            if flight.number == number:
                break
        is_probe = self._probe_number is not None and self._probe_number <= number
        if is_probe:
            self._probe_number = None
        began_at = self._begun_at(flight)
        self._link.arrived(now, flight, size_bytes, began_at=began_at, is_probe=is_probe)
        self._answered_at = now
        self._stalled_since = None

    def drained(self, now: float) -> None:
        """Take note that the writer holds nothing any more; of use without fences alone."""
        if not self._has_fence and self._flying:
            self.answered(now, self._flying[-1].number)

    @property
    def round_trip_s(self) -> float | None:
        """How long a fence takes there and back of late; None before the first answer."""
        return self._link.round_trip_s if self._has_fence else None

    @property
    def bytes_per_s(self) -> float | None:
        """How fast the viewer takes updates when it has many; None before that was seen."""
        return self._link.bytes_per_s

    @property
    def in_flight_bytes(self) -> int:
        """How much was sent and not answered yet."""
        return self._unfenced_bytes + sum(flight.size_bytes for flight in self._flying)

    @property
    def window_bytes(self) -> int:
        """How much may be in flight."""
        return self._link.window_bytes

    @property
    def stalled_since(self) -> float | None:
        """Since when the viewer answers nothing; None while it does, or owes none."""
        return self._stalled_since

    def _room_at(self, now: float) -> float | None:
        """When the link has room; what is in flight is reckoned to arrive at the link's rate."""
        if not self._flying:
            return now
        if not self._has_fence or self._is_probe_due(now):
            # An empty link cannot be measured before it is empty.
            return None
        excess = self.in_flight_bytes - self._link.window_bytes
        if excess < 0:
            return now
        oldest, rate = self._flying[0], self._link.bytes_per_s
        if rate is None or excess >= oldest.size_bytes:
            # Only the oldest is believed to arrive unseen. So a viewer that stops answering gets
            # a window and one update at most.
            return None
        return self._begun_at(oldest) + excess / rate

    def _is_probe_due(self, now: float) -> bool:
        return self._has_fence and self._probe_number is None and self._link.is_old(now)

    def _begun_at(self, flight: _Flight) -> float:
        """When the answer would have come if the update had had no bytes."""
        return max(self._answered_at, flight.sent_at + self._link.base_s)

    def _look_for_a_stall(self, now: float) -> None:
        if self._flying and self._stalled_since is None:
            oldest = self._flying[0]
            owed_since = max(oldest.sent_at, self._answered_at)
            expected_s = oldest.size_bytes / (self._link.bytes_per_s or FIRST_WINDOW_BYTES)
            if now - owed_since > STALLED_S + expected_s:
                self._stalled_since = owed_since


@dataclass(frozen=True, slots=True)
class _Flight:
    """An update that was sent and not answered; `before_bytes` were in flight before it."""

    number: int
    sent_at: float
    size_bytes: int
    before_bytes: int


class _Clock:
    """When the next picture may be begun, as far as our own work goes."""

    def __init__(self) -> None:
        self._encode_at = 0.0
        self._frames_until = 0.0

    def next_at(self) -> float:
        # One picture may come early: what is drawn in two steps is seen whole at once.
        return max(self._encode_at, self._frames_until - FRAME_S)

    def sent(self, now: float, encode_s: float) -> None:
        begun_at = now - encode_s
        self._encode_at = begun_at + encode_s / ENCODE_SHARE
        self._frames_until = max(self._frames_until, begun_at) + FRAME_S


class _Link:
    """What the answers say of the way to the viewer, its decoder included."""

    def __init__(self) -> None:
        self.round_trip_s: float | None = None
        # Lowest round trips, a span of PROBE_S each, the newest last.
        self._lowest: deque[float] = deque(maxlen=_PROBES_KEPT)
        self._span_began_at = 0.0
        self._busy_bytes = 0.0
        self._busy_s = 0.0

    @property
    def base_s(self) -> float:
        """The round trip of the empty link; 0 before it is known."""
        return min(self._lowest, default=0.0)

    @property
    def bytes_per_s(self) -> float | None:
        """What the link carried while it was busy of late."""
        return self._busy_bytes / self._busy_s if self._busy_s else None

    @property
    def window_bytes(self) -> int:
        rate = self.bytes_per_s
        if rate is None:
            return FIRST_WINDOW_BYTES
        return int(min(max(rate * (self.base_s + QUEUE_S), MIN_WINDOW_BYTES), MAX_WINDOW_BYTES))

    def is_old(self, now: float) -> bool:
        """Whether the empty link was not measured for a while."""
        return not self._lowest or now >= self._span_began_at + PROBE_S

    def arrived(
        self, now: float, flight: _Flight, size_bytes: int, *, began_at: float, is_probe: bool
    ) -> None:
        """Learn from the answer to `flight`.

        Args:
            size_bytes: what arrived with it: its own and what was sent without a fence.
            began_at: since when the link was busy with these.
            is_probe: it was sent to measure the link while it was empty.
        """
        round_trip_s = now - flight.sent_at
        if self.round_trip_s is None:
            self.round_trip_s = round_trip_s
        self.round_trip_s += (round_trip_s - self.round_trip_s) * _SMOOTHING
        if is_probe or not self._lowest:
            # Before the link was measured, all of the time counts as the update's.
            began_at = began_at if self._lowest else flight.sent_at
            self._lowest.append(round_trip_s)
            self._span_began_at = now
        self._lowest[-1] = min(self._lowest[-1], round_trip_s)
        if size_bytes:
            self._note_rate(flight, size_bytes, max(now - began_at, SHORTEST_S))

    def _note_rate(self, flight: _Flight, size_bytes: int, took_s: float) -> None:
        rate = self.bytes_per_s
        if rate is not None and size_bytes / took_s < rate:
            # A little that took long was late by jitter, unless it was very late or much was
            # under way: an update of 1 kB must not make a link of 1 MB/s a slow one.
            was_busy = flight.before_bytes + size_bytes >= self.window_bytes / 2
            if not was_busy and took_s < LATE_S:
                return
        if rate is not None:
            # Two answers that come at once after a pause do not make a fast link: step by step.
            took_s = max(took_s, size_bytes / rate / MAX_GROWTH)
        kept = max(0.0, 1 - took_s / RATE_MEMORY_S)
        self._busy_bytes = self._busy_bytes * kept + size_bytes
        self._busy_s = self._busy_s * kept + took_s
