"""Whether a series of samples rises. Pure.

The slope is the median of the slopes between all pairs of samples, which a few wild ones do not
move; whether it is more than chance is Kendall's count of pairs that rise less those that fall,
in standard deviations. Sources: Theil (1950), Sen (1968); Mann (1945), Kendall (1975).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

# So many standard deviations are no chance, though neighbouring samples resemble each other.
_SURE = 3.0


@dataclass(frozen=True, slots=True)
class Trend:
    """How a series goes.

    Args:
        level: the median of the samples.
        per_minute: how much they rise in a minute; negative if they fall.
        total: how much they rise in all.
        is_sure: whether the rise is more than chance.
    """

    level: float
    per_minute: float
    total: float
    is_sure: bool


def trend(times_s: Sequence[float], values: Sequence[float]) -> Trend:
    """Return the trend of samples.

    Args:
        times_s: when each was taken, in seconds, ascending; two at least.
        values: as many.
    """
    points = list(zip(times_s, values, strict=True))
    pairs = list(combinations(points, 2))
    slope = median((after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs)
    risen = sum(_sign(after[1] - before[1]) for before, after in pairs)
    deviation = math.sqrt(_variance(values))
    is_sure = deviation > 0 and risen / deviation > _SURE
    span_s = times_s[-1] - times_s[0]
    return Trend(median(values), 60 * slope, span_s * slope, is_sure)


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)


def _variance(values: Sequence[float]) -> float:
    """Of Kendall's count, were the order chance; equal values count less (Kendall 1975)."""
    counts = [len(values), *(list(values).count(value) for value in set(values))]
    whole, *ties = [number * (number - 1) * (2 * number + 5) / 18 for number in counts]
    return whole - sum(ties)
