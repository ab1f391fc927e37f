"""How long an address that failed to come in waits for its answer.

Pure: times are arguments. The first failures are free, as people mistype; then the delay doubles
up to a cap. An address is forgotten after a quiet time, or when too many others are known. It
does not wait: `door.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass

FREE = 2
FIRST_S = 0.5
CAP_S = 10.0
FORGET_S = 600.0
MAX_ADDRESSES = 1024


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Backoff:
    """The failures of each address."""

    def __init__(self) -> None:
        # The longest quiet first.
        self._known: dict[str, _Failures] = {}

    def failed(self, address: str, now: float) -> float:
        """Count a failure; return how long its answer is to be held back, in seconds."""
        known = self._known.pop(address, None)
        if known is None or now - known.last >= FORGET_S:
            known = _Failures(0, now)
        known.count, known.last = known.count + 1, now
        self._known[address] = known
        if len(self._known) > MAX_ADDRESSES:
            del self._known[next(iter(self._known))]
        if known.count <= FREE:
            return 0.0
        # The exponent is bounded to keep the power from overflowing.
        return min(CAP_S, FIRST_S * 2.0 ** min(known.count - FREE - 1, 16))

    def __len__(self) -> int:
        return len(self._known)
