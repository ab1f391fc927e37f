"""What all viewers of one desktop share.

It holds no viewer: `access/viewers.py` does. It does not decide who may act: the desk does.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np

from agentd.base.events import EventBus
from agentd.desktop.clipboard.clipboard import Clipboard
from agentd.desktop.desktop import Desktop
from agentd.desktop.screen.frame import Frame, Rect, Size
from agentd.desktop.session import Live
from agentd.vnc.access.desk import Desk
from agentd.vnc.sessions.video import Video
from agentd.vnc.updates.shared import SharedUpdates


@dataclass(frozen=True, slots=True)
class House:
    """The desktop, and what is done once for all who look at it.

    Args:
        updates: encodes once for all.
        video: what plays, encoded once for all.
        desk: says whose hands count, and who has the desktop.
    """

    desktop: Desktop
    bus: EventBus
    updates: SharedUpdates
    video: Video
    desk: Desk

    def live_or_none(self) -> Live | None:
        """Return the running desktop, or None."""
        return self.desktop.session.live_or_none()

    def clipboard(self) -> Clipboard:
        """Return the clipboard. Raises: Unavailable."""
        return self.desktop.live().clipboard

    def size(self) -> Size:
        """Return the size of the screen, or the one that it will have."""
        return Size(*self.desktop.display.size)

    @property
    def name(self) -> str:
        """The desktop's name."""
        return f"agentd on {socket.gethostname()}"

    def title(self) -> str:
        """Return what a viewer's window is called: the name, and who has the desktop."""
        holder = self.desk.state().holder
        return self.name if holder is None else f"{self.name} ({holder.label} has control)"

    @property
    def is_running(self) -> bool:
        """Whether there is a desktop to be seen."""
        return self.live_or_none() is not None

    def blank(self, size: Size) -> Frame:
        """Return what is shown while nothing can be seen: a black screen."""
        pixels = np.zeros((size.height, size.width, 4), dtype=np.uint8)
        return Frame(pixels, 0, 0, Rect(0, 0, size.width, size.height))

    async def resize(self, size: Size) -> None:
        """Give the screen another size, and have it seen.

        Raises: BadRequest when it is too large; Conflict, Unavailable, DisplayLost.
        """
        await self.desktop.resize(size.width, size.height)
        await self.desktop.live().capture.shot()
