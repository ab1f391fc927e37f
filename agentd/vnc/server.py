"""The room put together: grants and the desk, what all viewers share, and where they come in.

The one object that the roof builds of this room. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from agentd.base.config import VncConfig
from agentd.base.events import EventBus
from agentd.base.service import Supervisor
from agentd.desktop.desktop import Desktop
from agentd.desktop.recording.action_log import Handover
from agentd.vnc.access.access import Access
from agentd.vnc.commands import VncCommands
from agentd.vnc.front_desk import DesktopNews, GrantDesk
from agentd.vnc.listeners import Listeners
from agentd.vnc.pages import DesktopState, Pages
from agentd.vnc.protocol.security import vnc_auth_response
from agentd.vnc.sessions.house import House
from agentd.vnc.sessions.reception import Reception
from agentd.vnc.sessions.video import Video
from agentd.vnc.turn_commands import TurnCommands
from agentd.vnc.updates.shared import SharedUpdates
from agentd.vnc.viewer_files import ViewerFiles
from agentd.vnc.web import WebFace

# Encoding takes both halves of a large picture at once; more threads would only wait for a core.
_THREADS = 2


class VncServer:
    """Everything of the room.

    Args:
        supervisor: runs the listeners.
        state_dir: keeps the grants.
        novnc: the unpacked noVNC package.
        note: told of every handover, for a recording.
    """

    def __init__(
        self,
        config: VncConfig,
        desktop: Desktop,
        supervisor: Supervisor,
        bus: EventBus,
        *,
        state_dir: Path,
        novnc: Path,
        note: Callable[[Handover], None],
    ) -> None:
        self._supervisor = supervisor
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vnc")
        self._updates = SharedUpdates(self._pool)
        self._video = Video(self._pool)
        self.access = Access(
            desktop,
            bus,
            mode=config.mode,
            state_dir=state_dir,
            vnc_response=vnc_auth_response,
            note=note,
        )
        house = House(desktop, bus, self._updates, self._video, self.access.desk)
        reception = Reception(house, self.access.door, self.access.viewers)
        desk = GrantDesk(
            self.access.door,
            self.access.grants,
            self.access.desk,
            self.access.viewers,
            desktop=lambda: _state(house),
        )
        pages = Pages(ViewerFiles(novnc), desk, frame_origins=config.allow_origins)
        self._web = WebFace(pages, self.access.door, reception, origins=config.allow_origins)
        self._listeners = Listeners(config, reception, self._web)
        self._news = DesktopNews(bus, desk.tell)
        for service in (self._listeners, self._news):
            supervisor.add(service)

    def commands(self) -> tuple[object, ...]:
        """Return the objects whose methods are the room's commands."""
        listeners = self._listeners
        return (
            VncCommands(
                self.access,
                page_url=lambda: listeners.addresses().get("page", ""),
                addresses=lambda: list(listeners.addresses().values()),
                takes_passwords=lambda: listeners.takes_passwords,
                rfb_address=lambda: listeners.addresses().get("rfb", ""),
            ),
            TurnCommands(self.access),
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request below `/vnc` that came by another room's listener."""
        return await self._web.handle(request)

    def begin(self) -> None:
        """Take over the grants that are kept, and listen."""
        self.access.open()
        self._supervisor.start(self._listeners.name)
        self._supervisor.start(self._news.name)

    def drain(self) -> None:
        """End what browsers have open on other rooms' listeners."""
        self._web.drain()

    def statistics(self) -> dict[str, Any]:
        """Return how many look on."""
        return {
            "viewers": len(self.access.viewers),
            "addresses": self._listeners.addresses(),
            **self._video.statistics(),
        }

    async def close(self) -> None:
        """Send everybody away. Idempotent."""
        await self._supervisor.close([self._listeners.name, self._news.name])
        self.access.close()
        await self._updates.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _state(house: House) -> DesktopState:
    size = house.size()
    return DesktopState(house.is_running, size.width, size.height, house.name)
