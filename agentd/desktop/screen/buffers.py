"""Arrays for frames: used again when nobody looks at them any more, with what they still show.

A new array costs the kernel two thousand pages, and all of the screen must be copied into it. One
that comes back shows an older frame, so that only what has changed since must be copied: for a
glyph that is 10 microseconds in place of 1500, at 1920 x 1080. It copies nothing itself.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass

import numpy as np

from agentd.desktop.screen.frame import Pixels

# One that the next frame goes into, and one more for a viewer that is a frame behind.
_MOST_FREE = 2


@dataclass(slots=True)
class _Buffer:
    """An array, and the frame that it shows; None if it shows none for certain."""

    array: Pixels
    frame_id: int | None = None


class _Owner:
    """What all views of a lent array keep alive: numpy keeps whatever has this attribute."""

    def __init__(self, array: Pixels) -> None:
        self.__array_interface__ = array.__array_interface__


class Lent:
    """A lent array; it is given back when its last view is gone.

    Attributes:
        pixels: height x width x 4, to be written until it is made a frame.
        shows: the id of the frame that it shows, or None.
    """

    def __init__(self, buffer: _Buffer, free: deque[_Buffer]) -> None:
        owner = _Owner(buffer.array)
        weakref.finalize(owner, free.append, buffer).atexit = False
        self.pixels: Pixels = np.asarray(owner)
        self.shows = buffer.frame_id
        self._buffer = buffer
        # Until it is said what it shows, it may be half written.
        buffer.frame_id = None

    def note(self, frame_id: int) -> None:
        """Note which frame it shows from now on."""
        self._buffer.frame_id = frame_id


class Buffers:
    """The arrays of one screen. Thread: one lends; they come back from any."""

    def __init__(self) -> None:
        self._free: deque[_Buffer] = deque(maxlen=_MOST_FREE)

    def lend(self, width: int, height: int) -> Lent:
        """Lend an array that nobody sees, the last that came back if there is one."""
        shape = (height, width, 4)
        while True:
            try:
                buffer = self._free.pop()
            except IndexError:
                return Lent(_Buffer(np.empty(shape, np.uint8)), self._free)
            if buffer.array.shape == shape:
                return Lent(buffer, self._free)

    def forget(self) -> None:
        """Give up the memory of those that are not lent. Thread: any."""
        self._free.clear()
