"""A reception with everything behind it but a screen, for tests of whole viewers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agentd.base.errors import BadRequest
from agentd.base.events import EventBus
from agentd.base.store import Store
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.screen.frame import Size
from agentd.vnc.access.control import Control, Mode
from agentd.vnc.access.desk import Desk
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant, Grants, Right, StoredGrants
from agentd.vnc.access.viewers import Viewers
from agentd.vnc.protocol.security import Security
from agentd.vnc.sessions.house import House
from agentd.vnc.sessions.reception import Reception
from agentd.vnc.sessions.video import Video
from agentd.vnc.updates.shared import SharedUpdates
from tests.fakes import LIMIT_S, until
from tests.vnc.protocol.conversations import V38
from tests.vnc.sessions.played import PlayedStream
from tests.vnc.sessions.test_viewer_hands import PlayedHands

SIZE = Size(64, 48)


class PlayedDesktop:
    """A desktop without a screen: it takes hands and sizes."""

    def __init__(self) -> None:
        self.display = SimpleNamespace(size=(SIZE.width, SIZE.height))
        self.hands = PlayedHands()
        self.sizes: list[tuple[int, int]] = []
        self.too_large = False
        self.session: Any = self
        self.current: Any = None

    def live_or_none(self) -> Any:
        return self.current

    def live(self) -> Any:
        return SimpleNamespace(capture=SimpleNamespace(shot=self._nothing), clipboard=None)

    async def wait_live(self) -> Any:
        await asyncio.get_running_loop().create_future()

    async def resize(self, width: int, height: int) -> None:
        if self.too_large:
            raise BadRequest("too large")
        self.sizes.append((width, height))

    def begin(self) -> None:
        self.current = SimpleNamespace(input=SimpleNamespace(remote=lambda owner: self.hands))

    async def _nothing(self) -> None:
        pass


class Room:
    """A reception with everything behind it but a desktop."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.bus = EventBus()
        self.desktop = PlayedDesktop()
        self.desk = Desk(Control(Mode.HUMAN_FIRST), self.bus, Curtain(), lift=self._lift)
        self.updates = SharedUpdates(pool)
        desktop: Any = self.desktop
        self.house = House(desktop, self.bus, self.updates, Video(pool), self.desk)
        self.viewers = Viewers(self.bus)
        self.grants = Grants(
            Store(folder / "grants.json", StoredGrants), is_watching=self.viewers.is_watching
        )
        self.reception = Reception(self.house, Door(self.grants), self.viewers)
        self.tasks: list[asyncio.Task[str | None]] = []

    def grant(self, *rights: Right, uses: int | None = None) -> Grant:
        return self.grants.issue(rights=rights, ttl_s=None, uses=uses, label="Ada").grant

    def come(self, grant: Grant) -> PlayedStream:
        """Have somebody begin to come in."""
        stream = PlayedStream()
        work = self.reception.receive(stream, Security.trusted(), grant)
        self.tasks.append(asyncio.create_task(work, name="visit"))  # noqa: TID251
        return stream

    async def watch(self, *rights: Right) -> PlayedStream:
        """Have a viewer come in to the end of its greeting."""
        before = len(self.viewers)
        stream = self.come(self.grant(*rights))
        stream.said.put_nowait(V38 + b"\x01\x01")
        await until(lambda: len(self.viewers) > before)
        return stream

    async def ended(self) -> str | None:
        async with asyncio.timeout(LIMIT_S):
            return await self.tasks[-1]

    async def _lift(self) -> None:
        pass


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Room]:
    """A room until the end of the block; then everybody is sent away."""
    with ThreadPoolExecutor(2) as pool:
        room = Room(folder, pool)
        yield room
        for task in room.tasks:
            task.cancel()
        await asyncio.gather(*room.tasks, return_exceptions=True)
        await room.updates.close()
        room.desk.close()
