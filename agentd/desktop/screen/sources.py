"""Where the pixels of a screen are copied from: the file that Xvfb draws into, or mss.

The file needs no X request; a display that is not ours has none, and is asked through mss. It does
not know when something was drawn, or whether a copy was torn: `capture.py` does.
Sources: Xvfb(1) `-fbdir`, xwd(1) and X11/XWDFile.h for the file's head.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import mss
import numpy as np
from mss.exception import ScreenShotError

from agentd.base.errors import Unavailable
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.desktop.xlink import DisplayAddress, authority_environment

_XWD_VERSION = 7


class PixelSource(Protocol):
    """Copies the pixels of the screen; `is_atomic` if nothing can be drawn during a copy."""

    is_atomic: ClassVar[bool]

    def copy(
        self, width: int, height: int, into: Pixels | None = None, stale: Sequence[Rect] = ()
    ) -> Pixels:
        """Return the screen from its origin: height x width x 4, BGRX, row-major, owned by the
        caller. Thread: the capture lane's.

        Args:
            into: an array of that shape which may be filled and returned.
            stale: where it differs from the screen.
        """

    def close(self) -> None:
        """Let go of the source. Idempotent."""


class FramebufferFile:
    """The file of `Xvfb -fbdir`: an XWD head, a colour map, then the rows.

    The rows keep the length of the size that the server was started with.
    Raises: Unavailable when it is not such a file.
    """

    is_atomic: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = struct.unpack(">25I", self._map[:100])
        head_size, version, depth, width, height = head[0], head[1], head[3], head[4], head[5]
        bits, stride, colours = head[11], head[12], head[19]
        offset = head_size + colours * 12
        if version != _XWD_VERSION or bits != 32 or len(self._map) < offset + stride * height:
            raise Unavailable(
                f"{path} is not a frame buffer of 32 bits a pixel (depth {depth})",
                code="framebuffer_unreadable",
            )
        rows = np.frombuffer(self._map, np.uint8, stride * height, offset)
        self._pixels = rows.reshape(height, stride)[:, : width * 4].reshape(height, width, 4)

    def copy(
        self, width: int, height: int, into: Pixels | None = None, stale: Sequence[Rect] = ()
    ) -> Pixels:
        """Copy `height` rows of `width` pixels, or what is stale of them."""
        screen = self._pixels[:height, :width]
        if into is None:
            return screen.copy()
        for area in stale:
            rows, columns = slice(area.y, area.bottom), slice(area.x, area.right)
            into[rows, columns] = screen[rows, columns]
        return into

    def close(self) -> None:
        """Nothing: the mapping ends with its last reader."""


class MssSource:
    """A display that is not ours, through mss (MIT-SHM where it is to be had).

    Its requests come by a connection of its own: it would wait for ever while ours held the server.
    """

    is_atomic: ClassVar[bool] = True

    def __init__(self, address: DisplayAddress) -> None:
        with authority_environment(address):
            self._mss = mss.MSS(display=address.name)

    def copy(
        self, width: int, height: int, into: Pixels | None = None, stale: Sequence[Rect] = ()
    ) -> Pixels:
        """Grab in one request, which the server answers without drawing in between."""
        try:
            shot = self._mss.grab({"left": 0, "top": 0, "width": width, "height": height})
        except ScreenShotError as exc:
            # The screen became smaller than we know it; the news of that is on its way.
            raise Unavailable(
                f"cannot copy {width}x{height} pixels of the screen: {exc}",
                code="screen_unreadable",
                retry_after_s=0.1,
            ) from exc
        return np.frombuffer(shot.raw, np.uint8).reshape(height, width, 4)

    def close(self) -> None:
        """Close mss's connection."""
        self._mss.close()
