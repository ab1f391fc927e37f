"""Waiting until the screen is quiet, or has changed: judged by pixels, never by a fixed sleep.

It follows the stream of true changes (`changes.py`): while nothing is drawn nothing is copied,
compared or woken but for the end of the quiet window. It does not act and takes no picture.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.screen.changes import Change, Follower
from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.damage import Watched, grid, rectangles, watched
from agentd.desktop.screen.frame import Frame, Rect


class Until(enum.Enum):
    """What is waited for: a quiet screen, or a change since the follower began and then quiet."""

    STABLE = "stable"
    CHANGE = "change"


class Outcome(enum.Enum):
    """How the waiting ended: see `Settled`."""

    STABLE = "stable"
    TIMED_OUT = "timed_out"
    STILL_CHANGING = "still_changing"


@dataclass(frozen=True, slots=True)
class SettleRequest:
    """What to wait for.

    Args:
        quiet_s: this long without a change; with `Until.CHANGE` 0 asks for the change alone.
        timeout_s: wait at most this long.
        region: only these pixels of the screen count, or all.
        ignore: these pixels do not count.
    """

    quiet_s: float = 0.15
    timeout_s: float = 5.0
    region: Rect | None = None
    ignore: Sequence[Rect] = ()
    until: Until = Until.STABLE


@dataclass(frozen=True, slots=True)
class Settled:
    """How the waiting ended.

    Args:
        outcome: STABLE: it is as was asked. STILL_CHANGING: the time was up, and until then
            pixels went on changing. TIMED_OUT: the time was up and what was asked for had not
            happened: no change came, or less was left than the quiet window.
        elapsed_s: from the call until the answer.
        changing: where the screen changed within the last quiet window, if it is not stable.
        periodic: what kept changing and was not waited for, as it repeats itself.
    """

    outcome: Outcome
    elapsed_s: float
    changing: tuple[Rect, ...] = ()
    periodic: tuple[Rect, ...] = ()


async def settle(follower: Follower, request: SettleRequest) -> Settled:
    """Wait until the screen is as asked, or the time is up; which of them is no error.

    Args:
        follower: what changed since it began counts for `Until.CHANGE`; the quiet window begins
            with this call at the earliest.

    Raises: BadRequest for a region off the screen; DisplayLost when the display goes away; Busy,
        Unavailable when it cannot be asked.
    Cancelling is safe.
    """
    _check(request.region, follower.frame.rect)
    started = time.monotonic()
    deadline = started + request.timeout_s
    follower.learn()
    waiting = _Waiting(request, follower.baseline, started)
    while True:
        wanted_at = waiting.wanted_at()
        until = deadline if wanted_at is None else min(deadline, wanted_at)
        change = await follower.next(until - time.monotonic())
        # Up to this moment everything that was drawn is known.
        known_until = until
        if change is not None:
            waiting.add(change)
            known_until = change.at
            wanted_at = waiting.wanted_at()
        if wanted_at is not None and wanted_at <= min(known_until, deadline):
            return waiting.ended_well(time.monotonic() - started)
        if time.monotonic() >= deadline:
            return waiting.given_up(deadline, time.monotonic() - started)


def _check(region: Rect | None, screen: Rect) -> None:
    if region is not None and region.intersect(screen).area == 0:
        raise BadRequest(
            "the region shows nothing of the screen",
            code="off_screen",
            errors=[
                FieldError(
                    "region",
                    f"a part of the screen of {screen.width}x{screen.height}",
                    f"{region.width}x{region.height} at {region.x},{region.y}",
                )
            ],
        )


class _Waiting:
    """What a waiter has seen so far."""

    def __init__(self, request: SettleRequest, baseline: Frame, started: float) -> None:
        self._request = request
        self._quiet_since = started
        self._has_changed = request.until is not Until.CHANGE
        self._changes = 0
        self._measure(baseline)

    def wanted_at(self) -> float | None:
        """When the wait ends well if nothing changes any more; None if it must change first."""
        return self._quiet_since + self._request.quiet_s if self._has_changed else None

    def add(self, change: Change) -> None:
        """Take in what changed."""
        if change.generation_changed:
            self._measure(change.frame)
            found = change.news
        else:
            pixels = change.before.pixels, change.frame.pixels
            found = self._watched.of(change.news, *pixels)
            self._repeating |= self._watched.of(change.tiles & ~change.news, *pixels)
        # What was an animation and shows something new is none.
        self._repeating &= ~found
        if found.any():
            self._has_changed = True
            self._quiet_since = max(self._quiet_since, change.at)
            self._changes += 1
            self._changed_at[found] = change.at

    def ended_well(self, elapsed_s: float) -> Settled:
        """Say that it is as was asked."""
        return Settled(Outcome.STABLE, elapsed_s, (), self._rectangles(self._repeating))

    def given_up(self, deadline: float, elapsed_s: float) -> Settled:
        """Say how it stands at the deadline."""
        # Where an animation began within the window, it has turned out to be one by now.
        latest: Tiles = (self._changed_at > deadline - self._request.quiet_s) & ~self._repeating
        goes_on = self._changes > 1 and bool(latest.any())
        outcome = Outcome.STILL_CHANGING if goes_on else Outcome.TIMED_OUT
        periodic = self._rectangles(self._repeating)
        return Settled(outcome, elapsed_s, self._rectangles(latest), periodic)

    def _measure(self, frame: Frame) -> None:
        """Begin with a screen of another size, or the first."""
        rect, request = frame.rect, self._request
        self._size = rect.width, rect.height
        self._watched: Watched = watched(*self._size, region=request.region, ignore=request.ignore)
        self._repeating = grid(*self._size)
        self._changed_at: NDArray[np.float64] = np.full(self._repeating.shape, -np.inf)

    def _rectangles(self, tiles: Tiles) -> tuple[Rect, ...]:
        area = self._request.region or Rect(0, 0, *self._size)
        found = (rect.intersect(area) for rect in rectangles(tiles, *self._size))
        return tuple(rect for rect in found if rect.area)
