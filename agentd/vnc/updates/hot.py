"""Heat: which rectangle of the screen plays video, so that a video codec pays for it.

Pure. It knows which tiles changed and when, nothing of their pixels, and encodes nothing. Hot is a
large, well filled area of which the tiles keep changing many times a second; what is small (a
caret, a spinner), rare (a page that is turned) or moved (text that scrolls) stays with encodings
that are exact. Moved pixels are kept out by the caller: tiles that copies explain are not noted.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles
from agentd.desktop.screen.frame import Rect

# What is watched: so much of the past, and changes closer together count as one.
WINDOW_S = 0.4
_SAME_S = 0.012

# How often a tile changes that plays, and since when at least: a window that opens with a flourish
# is over before.
ENTER_PER_S = 12.0
ENTER_AFTER_S = 0.25
# Less than this is calm.
LEAVE_PER_S = 6.0
LEAVE_AFTER_S = 0.5

# The least that is worth a key picture, in pixels.
MIN_WIDTH, MIN_HEIGHT = 160, 120
# How much of the rectangle changes at all within the window.
_FILLED = 0.5
# An outer row or column with less than this of it hot is no part of the video.
_EDGE_FILLED = 1 / 3
# From here on the screen is taken whole.
_MOST = 0.6
# What still plays is at least this share of the least rectangle.
_STILL = 0.5

# A rectangle is kept at least so long: the next one begins with a key picture.
KEPT_S = 1.0
_LOOK_EVERY_S = 0.1
_LOOK_AGAIN_S = 0.09
# It becomes smaller only when most of it has been calm, and for this long.
_SHRINK_BELOW = 0.4
SHRINK_AFTER_S = 2.0


class Heat:
    """What plays on one desktop. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, Tiles]] = deque()
        self._screen = Rect(0, 0, 0, 0)
        self._rect: Rect | None = None
        self._look_at = 0.0
        self._played_at = 0.0
        self._filled_at = 0.0

    def note(self, at: float, tiles: Tiles, screen: Rect) -> None:
        """Take note of a change.

        Args:
            at: when; not before the one noted last.
            tiles: which changed and were not just moved there; `agentd.desktop.screen.damage`.
            screen: all of it, in root pixels; another size begins anew.
        """
        if screen != self._screen:
            self._notes.clear()
            self._screen, self._rect = screen, None
        while self._notes and self._notes[0][0] <= at - WINDOW_S:
            self._notes.popleft()
        if self._notes and at - self._notes[-1][0] < _SAME_S:
            # One picture that was drawn in several steps.
            self._notes[-1] = self._notes[-1][0], self._notes[-1][1] | tiles
        else:
            self._notes.append((at, tiles))
        if self._rect is not None and at - self._played_at > LEAVE_AFTER_S:
            self._rect = None
        self._judge(at)

    def hot(self, at: float) -> Rect | None:
        """Return the rectangle that plays, in root pixels; its edges are even. None: none does.

        It stays the same while it can, for at least `KEPT_S` unless the screen calms down.
        """
        if self._rect is None or at - self._played_at > LEAVE_AFTER_S:
            return None
        return self._rect

    def _judge(self, at: float) -> None:
        """See whether it still plays, and whether something plays now."""
        if len(self._notes) < LEAVE_PER_S * WINDOW_S:
            return
        if self._rect is None and at < self._look_at:
            return
        counts = _counts([tiles for _, tiles in self._notes])
        if self._rect is not None:
            inside = _part(counts, self._rect, self._screen)
            playing = np.count_nonzero(inside > LEAVE_PER_S * WINDOW_S) * TILE * TILE
            if playing >= MIN_WIDTH * MIN_HEIGHT * _STILL:
                self._played_at = at
        # One that plays is looked at again only when it could be changed, and then now and then.
        if self._rect is not None and at < self._look_at:
            return
        early = [tiles for noted_at, tiles in self._notes if noted_at <= at - ENTER_AFTER_S]
        if early and (found := self._find(counts, _counts(early) > 0)) is not None:
            self._look_at = at + _LOOK_EVERY_S
            self._consider(at, found)
        elif self._rect is None:
            # What scrolls is noted as often as video, and mostly is none the next time either.
            self._look_at = at + _LOOK_AGAIN_S

    def _find(self, counts: NDArray[np.uint8], early: Tiles) -> Rect | None:
        """Return the rectangle that would be hot by what is known now."""
        hot = (counts > ENTER_PER_S * WINDOW_S) & early
        if np.count_nonzero(hot) * TILE * TILE < MIN_WIDTH * MIN_HEIGHT * _EDGE_FILLED:
            return None
        box = _box(hot)
        if box is None:
            return None
        rows, columns = box
        changed = counts[rows, columns] > 0
        if np.count_nonzero(changed) < _FILLED * changed.size:
            return None
        area = Rect.from_edges(
            left=columns.start * TILE,
            top=rows.start * TILE,
            right=min(columns.stop * TILE, self._screen.width),
            bottom=min(rows.stop * TILE, self._screen.height),
        )
        if area.width < MIN_WIDTH or area.height < MIN_HEIGHT:
            return None
        if area.area >= _MOST * self._screen.area:
            area = Rect(0, 0, self._screen.width, self._screen.height)
        return _even(area.moved(self._screen.x, self._screen.y))

    def _consider(self, at: float, found: Rect) -> None:
        """Take the rectangle that was found, if it is worth a key picture."""
        if self._rect is not None:
            covered = self._rect.covers(found)
            if covered and found.area >= _SHRINK_BELOW * self._rect.area:
                self._filled_at = at
            if covered and at - self._filled_at < SHRINK_AFTER_S:
                return
        self._rect = found
        self._played_at = at
        # Until it is looked at again it counts as filled.
        self._look_at = self._filled_at = at + KEPT_S


def _counts(notes: list[Tiles]) -> NDArray[np.uint8]:
    """Return how many of the notes name each tile; there are no 255 of them in a window."""
    counts = notes[0].astype(np.uint8)
    for tiles in notes[1:]:
        counts += tiles
    return counts


def _part(counts: NDArray[np.uint8], rect: Rect, screen: Rect) -> NDArray[np.uint8]:
    """Return the tiles of a rectangle that begins at a tile."""
    x, y = rect.x - screen.x, rect.y - screen.y
    return counts[
        y // TILE : -(-(y + rect.height) // TILE), x // TILE : -(-(x + rect.width) // TILE)
    ]


def _box(hot: Tiles) -> tuple[slice, slice] | None:
    """Return the rows and columns that hold the hot tiles, without stragglers at the edges."""
    # How many hot tiles lie above and left of each corner of a tile: any sum takes four of them.
    sums = np.zeros((hot.shape[0] + 1, hot.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(hot, axis=0), axis=1, out=sums[1:, 1:])
    corners: list[list[int]] = sums.tolist()

    def filled(top: int, bottom: int, left: int, right: int) -> float:
        upper, lower = corners[top], corners[bottom]
        found = lower[right] - lower[left] - upper[right] + upper[left]
        return found / ((bottom - top) * (right - left))

    top, left, (bottom, right) = 0, 0, hot.shape
    while top < bottom and left < right:
        edges = (
            filled(top, top + 1, left, right),
            filled(bottom - 1, bottom, left, right),
            filled(top, bottom, left, left + 1),
            filled(top, bottom, right - 1, right),
        )
        emptiest = min(range(4), key=edges.__getitem__)
        if edges[emptiest] >= _EDGE_FILLED:
            return slice(top, bottom), slice(left, right)
        top += emptiest == 0
        bottom -= emptiest == 1
        left += emptiest == 2
        right -= emptiest == 3
    return None


def _even(rect: Rect) -> Rect:
    """Cut off an odd last column or row: colour is kept for pairs of pixels."""
    return Rect(rect.x, rect.y, rect.width - rect.width % 2, rect.height - rect.height % 2)
