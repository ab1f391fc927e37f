"""How soon a screen that goes on changing may be looked at again.

Pure. From idle nothing is waited for: what a program draws in two or three strokes is seen as it
comes. Only drawing that goes on is held to the pace. Times are arguments, monotonic seconds. It
does not look, and does not wait.
"""

from __future__ import annotations

# Looks beyond the pace that a screen may have which was quiet before.
_AHEAD = 2
# A look that takes long is followed by a rest as long as itself.
_LOOKING_SHARE = 0.5


class Pace:
    """The looks at one screen."""

    def __init__(self) -> None:
        # The moment at which as many looks as were made would be due, one after the other.
        self._due_at = 0.0

    def rest_s(self, began: float, ended: float, pace_s: float) -> float:
        """Note a look and return how long to rest before the next one.

        Args:
            pace_s: from one look to the next while the screen goes on changing.
        """
        self._due_at = max(self._due_at, began) + pace_s
        spent_s = ended - began
        rest_s = spent_s / _LOOKING_SHARE - spent_s
        return max(rest_s, self._due_at - _AHEAD * pace_s - ended)
