"""The curtain: whether pictures of the screen may be had, and what is said while they may not.

Drawn while a person types what no agent may see. Whoever hands out what the screen shows asks it:
screenshots, anchors, pixels that are waited for, the clipboard, the recorder. It does not know
why it is drawn; people who look on are not behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from agentd.base.errors import AgentdError

# What a person did at the end of it may be told so much later.
_LATE_S = 0.25


class Curtain:
    """Open at first. Event loop only.

    Args:
        now: the clock of `was_drawn_since`, seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refusal: Callable[[], AgentdError] | None = None
        self._lifted_at: float | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether nobody gets a picture now."""
        return self._refusal is not None

    def draw(self, refusal: Callable[[], AgentdError]) -> None:
        """Let nobody have pictures from now on; `refusal` makes what they are told instead."""
        self._refusal = refusal

    def lift(self) -> None:
        """Give pictures again. Idempotent."""
        if self._refusal is not None:
            self._refusal = None
            self._lifted_at = self._now()

    def check(self) -> None:
        """Raise what is said instead of a picture while it is drawn."""
        if self._refusal is not None:
            raise self._refusal()

    def was_drawn_since(self, at: float) -> bool:
        """Whether it was drawn at that time or after it."""
        if self.is_drawn:
            return True
        return self._lifted_at is not None and at <= self._lifted_at + _LATE_S
