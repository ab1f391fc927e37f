"""Learns what keeps changing by itself and need not be waited for: carets, spinners, clocks.

Pure. Two kinds of evidence, each tile for itself:

*What comes back.* A tile that goes through the same contents again, in the same order, for a
second at least, is an animation. From then on a content that it has shown before is no news. One
that it has not shown is, and the tile must come back anew. Scrolling text, a page that loads, a
progress bar or a video show what was never there, and so are never taken for one.

*What keeps time.* A few tiles that change at one and the same place at equal intervals are a clock,
whatever they show. A bar that advances does so at another place each time. What cannot be told
from a clock is a counter that counts as evenly as one.

It knows no display and waits for nothing; moments are arguments, in seconds of any one clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.damage import changed_area, tile_rect
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.desktop.screen.signatures import signatures

# How many contents of a tile are remembered: an animation of more pictures is not recognised.
MEMORY = 128

# An animation is one for this long before it is believed: what merely flickers while a window
# opens has ended by then, and so has the spinner of a page that loads quickly.
_BELIEVED_S = 1.0
# A tile that rests longer has ended its animation.
_REST_S = 3.0
_RETURNS = 2

# A clock changes this many tiles at once at most: two digits where four tiles meet.
_CLOCK_TILES = 4
# Equal intervals before a clock is believed, and the shortest of them.
_INTERVALS = 3
_SHORTEST_S = 0.45
_TOLERANCE, _TOLERANCE_S = 0.1, 0.08


class Periodic:
    """What has been learnt of one screen."""

    def __init__(self) -> None:
        self._contents = _Contents(0)
        self._clocks: dict[int, _Clock] = {}
        self._shape: tuple[int, ...] = ()

    def news(self, before: Pixels, after: Pixels, tiles: Tiles, at: float) -> Tiles:
        """Learn from a change and return which of the tiles are news, not a known animation.

        Args:
            before: the whole screen until then.
            after: the whole screen now. Of another size, everything is forgotten.
            tiles: which tiles differ.
            at: when, in seconds; never less than before.
        """
        if tiles.shape != self._shape or before.shape != after.shape:
            self._contents, self._clocks = _Contents(tiles.size), {}
            self._shape = tiles.shape
            if before.shape != after.shape:
                return tiles.copy()
        found = self._contents.news(before, after, tiles, at)
        changed = [int(index) for index in np.flatnonzero(found)]
        if len(changed) > _CLOCK_TILES:
            for index in changed:
                self._clocks.pop(index, None)
            return found
        for index in changed:
            row, column = divmod(index, tiles.shape[1])
            spot = _spot(before, after, tile_rect(row, column))
            clock = self._clocks.setdefault(index, _Clock())
            found[row, column] = not clock.ticked(spot, at)
        return found


class _Contents:
    """The contents of each tile, newest last, and how often they came back."""

    def __init__(self, tiles: int) -> None:
        # Pages that were never written take no memory: that of a tile which never changes.
        self._shown = np.zeros((tiles, MEMORY), dtype=np.uint64)
        self._count = np.zeros(tiles, dtype=np.int64)
        # How many changes in a row brought back something known, and how many of these as the
        # follower of the same content as before.
        self._returns = np.zeros(tiles, dtype=np.int64)
        self._repeats = np.zeros(tiles, dtype=np.int64)
        self._since = np.zeros(tiles)
        self._last = np.full(tiles, -np.inf)
        self._is_learnt = np.zeros(tiles, dtype=np.bool_)

    def news(self, before: Pixels, after: Pixels, tiles: Tiles, at: float) -> Tiles:
        """Note what the tiles show now and return those that are not known to come back."""
        index = np.flatnonzero(tiles)
        self._begin(before, tiles, index, at)
        contents = signatures(after, tiles)
        is_known, is_repeat = self._recall(index, contents)
        was_learnt = self._is_learnt[index]
        returns = np.where(is_known, self._returns[index] + 1, 0)
        repeats = np.where(is_known, self._repeats[index] + is_repeat, 0)
        is_believed = (returns >= _RETURNS) & (repeats > 0)
        is_believed &= at - self._since[index] >= _BELIEVED_S
        self._is_learnt[index] = is_known & (was_learnt | is_believed)
        self._returns[index], self._repeats[index] = returns, repeats
        self._shown[index, self._count[index] % MEMORY] = contents
        self._count[index] += 1
        self._last[index] = at
        found = np.zeros_like(tiles)
        found.flat[index] = ~(is_known & was_learnt)
        return found

    def _begin(self, before: Pixels, tiles: Tiles, index: NDArray[np.intp], at: float) -> None:
        """Note the first content of tiles that never changed; start anew those that rested."""
        is_first = np.zeros_like(tiles)
        is_first.flat[index] = self._count[index] == 0
        first = np.flatnonzero(is_first)
        self._shown[first, 0] = signatures(before, is_first)
        self._count[first] = 1
        rested = index[at - self._last[index] > _REST_S]
        self._since[rested] = at
        self._returns[rested] = self._repeats[rested] = 0
        self._is_learnt[rested] = False

    def _recall(
        self, index: NDArray[np.intp], contents: NDArray[np.uint64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which contents were shown before, and which followed the same one before."""
        shown, every = self._shown[index], np.arange(len(index))
        newest = (self._count[index] - 1) % MEMORY
        same = shown == contents[:, None]
        alike = shown == shown[every, newest][:, None]
        # What follows the newest in the ring is the oldest: it did not follow it in time.
        alike[every, newest] = False
        repeats = (same[:, 1:] & alike[:, :-1]).any(axis=1) | (same[:, 0] & alike[:, -1])
        return same.any(axis=1), repeats


@dataclass(slots=True)
class _Clock:
    """When a tile changed, and where all these changes overlap."""

    ticks: deque[float] = field(default_factory=lambda: deque(maxlen=_INTERVALS + 1))
    place: Rect = field(default_factory=lambda: Rect(0, 0, 0, 0))
    is_learnt: bool = False

    def ticked(self, spot: Rect, at: float) -> bool:
        """Note a change; whether it is one that was expected."""
        place = self.place.intersect(spot)
        is_expected = self.is_learnt and place.area > 0 and self._is_due(at)
        if place.area == 0 or (self.is_learnt and not is_expected):
            self.ticks.clear()
            place, self.is_learnt = spot, False
        self.place = place
        self.ticks.append(at)
        self.is_learnt = is_expected or self._is_even()
        return is_expected

    def _is_due(self, at: float) -> bool:
        """Whether this is the moment of the next tick."""
        period_s = self._period_s()
        return abs(at - self.ticks[-1] - period_s) <= _tolerance_s(period_s)

    def _is_even(self) -> bool:
        if len(self.ticks) <= _INTERVALS:
            return False
        period_s = self._period_s()
        return period_s >= _SHORTEST_S and all(
            abs(after - before - period_s) <= _tolerance_s(period_s)
            for before, after in pairwise(self.ticks)
        )

    def _period_s(self) -> float:
        return (self.ticks[-1] - self.ticks[0]) / (len(self.ticks) - 1)


def _tolerance_s(period_s: float) -> float:
    return max(_TOLERANCE_S, _TOLERANCE * period_s)


def _spot(before: Pixels, after: Pixels, tile: Rect) -> Rect:
    """Return the rectangle around what differs within a tile, from the tile's corner."""
    rows, columns = slice(tile.y, tile.bottom), slice(tile.x, tile.right)
    return changed_area(before[rows, columns], after[rows, columns]) or Rect(0, 0, 0, 0)
