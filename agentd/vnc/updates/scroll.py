"""What of a change has only moved: scrolled text, a scrolled page, a window that was dragged.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentd.desktop.screen.damage import Tiles
from agentd.desktop.screen.frame import Rect
from agentd.vnc.updates.regions import Words


@dataclass(frozen=True, slots=True)
class Move:
    """A rectangle that shows what was shown elsewhere before.

    Args:
        to: where it lies now.
        dx: how many pixels further right than before.
        dy: how many pixels further down.
    """

    to: Rect
    dx: int
    dy: int

    @property
    def source(self) -> Rect:
        """Where it lay before."""
        return self.to.moved(-self.dx, -self.dy)


def find_moves(old: Words, new: Words, changed: Tiles) -> list[Move]:
    """Return what has moved, in an order in which no move spoils the source of a later one."""
    return []
