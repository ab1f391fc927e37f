"""Links to a viewer for tests of pacing, in simulated time: a rate, a delay, jitter, stalls."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agentd.vnc.pacing import Pacing

SEGMENT_BYTES = 1448


@dataclass
class Link:
    """One way and back; what is sent waits until what was sent before has passed.

    Args:
        bytes_per_s: what it carries; may be changed on the way by `rate_from`.
        round_trip_s: of the empty link.
        jitter_s: an answer comes up to this much later.
        stall: from and until when nothing passes.
    """

    bytes_per_s: float
    round_trip_s: float
    jitter_s: float = 0.0
    stall: tuple[float, float] = (0.0, 0.0)
    rate_from: Callable[[float], float] | None = None
    _free_at: float = 0.0
    _answered_at: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(4))

    def send(self, now: float, size_bytes: int) -> tuple[float, float]:
        """Return when the viewer has all of it, and when its answer is here."""
        rate = self.rate_from(now) if self.rate_from else self.bytes_per_s
        begin = max(now, self._free_at)
        end = begin + size_bytes / rate
        if begin < self.stall[1] and end > self.stall[0]:
            end += self.stall[1] - max(begin, self.stall[0])
        self._free_at = end
        arrived_at = end + self.round_trip_s / 2
        answer_at = arrived_at + self.round_trip_s / 2 + self._random.uniform(0, self.jitter_s)
        # Answers keep their order.
        self._answered_at = max(self._answered_at, answer_at)
        return arrived_at, self._answered_at


@dataclass(frozen=True)
class Sent:
    """An update of a run: when it was sent, how large, when it was there."""

    at: float
    size_bytes: int
    arrived_at: float
    in_flight_bytes: int


def run(
    link: Link,
    *,
    seconds: float,
    size: Callable[[random.Random], int],
    encode_s: float = 0.002,
    probes: bool = True,
    wanted_at: Callable[[float], float] = lambda now: now,
    pacing: Pacing | None = None,
    began_at: float = 100.0,
) -> list[Sent]:
    """Send updates over a link as fast as the pacing lets us.

    Args:
        size: of the next update, in bytes.
        wanted_at: when, from now on, there is something to send.
    """
    pacing = pacing or Pacing(has_fence=True)
    chance = random.Random(8)
    answers: list[tuple[float, int]] = []
    sent: list[Sent] = []
    now, until = began_at, began_at + seconds
    while True:
        go_at = pacing.may_send_at(max(now, wanted_at(now)))
        if answers and (go_at is None or answers[0][0] <= go_at):
            now, number = heapq.heappop(answers)
            pacing.answered(now, number)
            continue
        assert go_at is not None, "nothing is in flight and yet nothing may be sent"
        now = go_at
        if now >= until:
            for answer in sorted(answers):
                pacing.answered(*answer)
            return sent
        if probes and pacing.wants_probe(now):
            number = pacing.sent(now, 0, fence=True, encode_s=0)
            heapq.heappush(answers, (link.send(now, 0)[1], number))
        now += encode_s
        while answers and answers[0][0] <= now:
            pacing.answered(*heapq.heappop(answers))
        size_bytes = size(chance)
        number = pacing.sent(now, size_bytes, fence=True, encode_s=encode_s)
        arrived_at, answer_at = link.send(now, size_bytes)
        heapq.heappush(answers, (answer_at, number))
        sent.append(Sent(now, size_bytes, arrived_at, pacing.in_flight_bytes))


@dataclass
class TcpLink(Link):
    """A link under TCP that begins with ten segments, also after each rest, and doubles them."""

    _segments: float = 10.0
    _acknowledged: deque[float] = field(default_factory=deque)
    _sent_at: float = 0.0

    def send(self, now: float, size_bytes: int) -> tuple[float, float]:
        rest_s = max(0.2, 2 * self.round_trip_s)
        if now - max([self._sent_at, *self._acknowledged]) > rest_s:
            self._segments = 10.0
        self._sent_at = now
        for begin in range(0, max(size_bytes, 1), SEGMENT_BYTES):
            may_go_at = now
            while self._acknowledged and (
                self._acknowledged[0] <= now or len(self._acknowledged) >= self._segments
            ):
                may_go_at = max(now, self._acknowledged.popleft())
                self._segments += 1
            segment_bytes = min(SEGMENT_BYTES, size_bytes - begin)
            self._free_at = max(may_go_at, self._free_at) + segment_bytes / self.bytes_per_s
            self._acknowledged.append(self._free_at + self.round_trip_s)
        arrived_at = self._free_at + self.round_trip_s / 2
        answer_at = arrived_at + self.round_trip_s / 2 + self._random.uniform(0, self.jitter_s)
        self._answered_at = max(self._answered_at, answer_at)
        return arrived_at, self._answered_at
