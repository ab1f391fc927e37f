"""What one viewer was sent: counted, and told as rates of the last seconds.

Pure: moments are arguments.
"""

from __future__ import annotations

from collections import deque

_WINDOW_S = 3.0


class SentStatistics:
    """Updates and bytes of one viewer."""

    def __init__(self) -> None:
        self.updates = 0
        self.bytes = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=256)

    def sent(self, now: float, size_bytes: int) -> None:
        """Count an update."""
        self.updates += 1
        self.bytes += size_bytes
        self._recent.append((now, size_bytes))

    def rates(self, now: float) -> tuple[float, float]:
        """Return updates and bytes a second, over the last 3 s."""
        recent = [size for at, size in self._recent if at > now - _WINDOW_S]
        return len(recent) / _WINDOW_S, sum(recent) / _WINDOW_S
