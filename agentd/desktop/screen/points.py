"""Waiting until some pixels of the screen have given colours.

It follows the stream of true changes, as `settle.py` does, and looks at nothing but these pixels.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.screen.changes import Follower
from agentd.desktop.screen.frame import Frame
from agentd.desktop.screen.settle import Outcome, Settled


@dataclass(frozen=True, slots=True)
class Point:
    """A pixel and its wanted colour, red, green and blue each off by `tolerance` at most."""

    x: int
    y: int
    red: int
    green: int
    blue: int
    tolerance: int = 0

    def matches(self, frame: Frame) -> bool:
        """Whether the frame of a whole screen has it so; a pixel off the screen never is."""
        if not frame.rect.contains(self.x, self.y):
            return False
        blue, green, red = (int(value) for value in frame.pixels[self.y, self.x, :3])
        pairs = ((red, self.red), (green, self.green), (blue, self.blue))
        return all(abs(found - wanted) <= self.tolerance for found, wanted in pairs)


async def wait_points(follower: Follower, points: Sequence[Point], timeout_s: float) -> Settled:
    """Wait until all match at once, at most `timeout_s`; the outcome says whether they did.

    Raises: BadRequest for a point off the screen; DisplayLost when the display goes away.
    Cancelling is safe.
    """
    started = time.monotonic()
    _check(follower.baseline, points)
    while not all(point.matches(follower.frame) for point in points):
        left_s = started + timeout_s - time.monotonic()
        if await follower.next(left_s) is None or left_s <= 0:
            return Settled(Outcome.TIMED_OUT, time.monotonic() - started)
    return Settled(Outcome.STABLE, time.monotonic() - started)


def _check(frame: Frame, points: Sequence[Point]) -> None:
    size = f"{frame.rect.width}x{frame.rect.height}"
    errors = [
        FieldError(f"pixels[{number}]", f"a point of the screen of {size}", f"{point.x},{point.y}")
        for number, point in enumerate(points)
        if not frame.rect.contains(point.x, point.y)
    ]
    if errors:
        raise BadRequest("a pixel is off the screen", code="off_screen", errors=errors)
