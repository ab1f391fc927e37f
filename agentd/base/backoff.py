"""How long to wait before the next try.

Pure: the random number is an argument. Doubling with jitter up to a cap; the count starts anew
only after a run that stayed up for the stable period. It does not sleep and does not decide
whether trying again makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The shape of the waiting: seconds, and `jitter` as a share 0..1 of the delay."""

    first_s: float = 0.1
    cap_s: float = 30.0
    jitter: float = 0.2
    stable_s: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.first_s <= self.cap_s and 0 <= self.jitter <= 1 and self.stable_s >= 0):
            raise ValueError(f"backoff policy makes no sense: {self}")


@dataclass(slots=True)
class Backoff:
    """The failures in a row of one service."""

    policy: BackoffPolicy
    failures: int = 0

    def next_delay_s(self, *, ran_s: float, random: float) -> float:
        """Count a failure and return the delay before the next try.

        Args:
            ran_s: how long the last run was up, in seconds; 0 if it never was.
            random: a number 0..1 that spreads the delays of many.
        """
        if ran_s >= self.policy.stable_s:
            self.failures = 0
        # 2**32 times anything is over the cap: the bound keeps the power from overflowing.
        exponent = min(self.failures, 32)
        self.failures += 1
        delay = min(self.policy.cap_s, self.policy.first_s * 2.0**exponent)
        return delay * (1 + self.policy.jitter * (2 * random - 1))

    def reset(self) -> None:
        """Forget the failures, as after a restart that was asked for."""
        self.failures = 0
