"""What one viewer's picture shows, and what it must still be sent.

Pure: moments are arguments. All is kept in tiles of 32 x 32 (`desktop/screen/damage.py`): those
that may have changed since the frame that the viewer shows, those that it wants whole, and those
that it was sent inexactly and that come again, exact, once they have been quiet. It encodes
nothing. Source: rfbproto "FramebufferUpdateRequest".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles, covered, touched
from agentd.desktop.screen.damage import grid
from agentd.desktop.screen.frame import Frame, Rect
from agentd.vnc.encodings.encoder import EncodedRect
from agentd.vnc.updates.plan import Copy

# A tile that was sent inexactly comes again after this much quiet, ...
QUIET_S = 0.12
# ... at most this many at once, so that a change need not wait long behind them.
_REFRESH_TILES = 1024
# Fewer would say nothing of the link's rate, by which their number is found.
_LEAST_REFRESHED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """What one update has to bring.

    Args:
        before: the frame that the viewer shows.
        frame: the frame that it will show.
        changed: tiles that may differ between both; they are to be compared.
        wanted: tiles that are to be sent as they are, in the viewer's own manner.
        refresh: tiles that are to be sent exactly.
    """

    before: Frame
    frame: Frame
    changed: Tiles
    wanted: Tiles
    refresh: Tiles

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not (self.changed.any() or self.wanted.any() or self.refresh.any())


class Shown:
    """One viewer's picture.

    Args:
        frame: what the screen shows now; all of it is wanted.
    """

    def __init__(self, frame: Frame) -> None:
        self.begin(frame)

    def begin(self, frame: Frame) -> None:
        """Start anew with a screen of another size, or another server's: all of it is wanted."""
        rect = frame.rect
        self._frame = frame
        self._changed = grid(rect.width, rect.height)
        self._wanted = grid(rect.width, rect.height, value=True)
        self._coming = grid(rect.width, rect.height)
        self._inexact = grid(rect.width, rect.height)
        self._sent_at: NDArray[np.float64] = np.zeros(self._changed.shape)

    @property
    def frame(self) -> Frame:
        """What the viewer shows, where nothing is due."""
        return self._frame

    @property
    def is_exact(self) -> bool:
        """Whether every pixel that the viewer shows is that of the frame it was sent."""
        return not (self._inexact.any() or self._wanted.any() or self._coming.any())

    def add(self, tiles: Tiles) -> None:
        """Note tiles that may have changed."""
        self._changed |= tiles

    def add_all(self) -> None:
        """Note that everything may have changed."""
        self._changed[:] = True

    def want(self, rect: Rect) -> None:
        """Note a part that the viewer wants whole; what is off the screen does not count."""
        self._wanted[touched(rect.intersect(self._frame.rect))] = True

    def next_refresh(self, now: float) -> float | None:
        """Return when inexact tiles are due that are not by now; `now` or less if some are."""
        waiting = self._inexact & ~self._changed & ~self._wanted
        if not waiting.any():
            return None
        return float(self._sent_at[waiting].min()) + QUIET_S

    def has_news(self) -> bool:
        """Whether anything is to be sent but refreshes."""
        return bool(self._changed.any() or self._wanted.any())

    def due(self, newest: Frame, now: float, *, refresh_bytes: int) -> Due:
        """Return what an update has to bring now; `sent` must follow when it is on its way.

        What is wanted meanwhile comes with the next one, whole again.

        Args:
            newest: the newest frame, of the same size.
            refresh_bytes: what refreshes may cost at most, taken at 2 bytes a pixel.
        """
        coming, self._wanted = self._wanted, np.zeros_like(self._wanted)
        self._coming = coming
        refresh = self._inexact & ~self._changed & ~coming & (self._sent_at + QUIET_S <= now)
        most = max(_LEAST_REFRESHED, min(_REFRESH_TILES, refresh_bytes // (2 * TILE * TILE)))
        # Whole rows of tiles from the top: they make few and large rectangles.
        chosen = np.flatnonzero(refresh)
        if chosen.size > most:
            refresh.reshape(-1)[chosen[most:]] = False
        return Due(self._frame, newest, self._changed & ~coming, coming, refresh)

    def sent(
        self, due: Due, copies: Iterable[Copy], rects: Iterable[EncodedRect], now: float
    ) -> None:
        """Note that an update is on its way, in the order in which it was written."""
        for copy in copies:
            self._copy(copy, now)
        for encoded in rects:
            if encoded.is_exact:
                self._inexact[covered(encoded.rect, due.frame.rect)] = False
            else:
                self._note_inexact(encoded.rect, now)
        # These came last and are exact, whatever pieces an encoder has cut them into.
        self._inexact &= ~due.refresh
        self._frame = due.frame
        self._changed &= ~(due.changed | due.wanted)
        self._coming = np.zeros_like(due.wanted)

    def _copy(self, copy: Copy, now: float) -> None:
        """A copy is as exact as what it was copied from."""
        source = Rect(copy.x, copy.y, copy.to.width, copy.to.height)
        if self._inexact[touched(source)].any():
            self._note_inexact(copy.to, now)

    def _note_inexact(self, rect: Rect, now: float) -> None:
        tiles = touched(rect)
        self._inexact[tiles] = True
        self._sent_at[tiles] = now
