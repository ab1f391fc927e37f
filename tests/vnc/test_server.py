"""The room put together: from a grant to a viewer's picture, over real sockets; no screen."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from yarl import URL

from agentd.base.config import VncConfig
from agentd.base.events import EventBus
from agentd.base.service import Supervisor
from agentd.desktop.performer import Performer
from agentd.desktop.pictures.curtain import Curtain
from agentd.vnc.access.grants import Issued, Right
from agentd.vnc.protocol.security import vnc_auth_response
from agentd.vnc.server import VncServer
from agentd.vnc.web import TOKEN_PROTOCOL
from tests.fakes import LIMIT_S, until

WIDTH, HEIGHT = 64, 48
V38 = b"RFB 003.008\n"
ALL = b"\x03\x00" + struct.pack(">HHHH", 0, 0, WIDTH, HEIGHT)


class PlayedDesktop:
    """A desktop that is not running."""

    def __init__(self) -> None:
        self.display = SimpleNamespace(size=(WIDTH, HEIGHT))
        self.performer = Performer(lambda: pytest.fail("no hands are needed"))
        self.curtain = Curtain()
        self.session: Any = self

    def live_or_none(self) -> None:
        return None

    async def wait_live(self) -> None:
        await asyncio.get_running_loop().create_future()


class Room:
    """The room, and those who come to it."""

    def __init__(self, folder: Path, config: VncConfig) -> None:
        self.supervisor = Supervisor(EventBus())
        desktop: Any = PlayedDesktop()
        self.server = VncServer(
            config,
            desktop,
            self.supervisor,
            EventBus(),
            state_dir=folder,
            novnc=folder / "novnc",
            note=lambda _: None,
        )

    @property
    def addresses(self) -> dict[str, str]:
        found: dict[str, str] = self.server.statistics()["addresses"]
        return found

    def issue(self, *, with_password: bool = False) -> Issued:
        return self.server.access.grants.issue(
            rights=[Right.VIEW], ttl_s=60.0, uses=None, label="Ada", with_password=with_password
        )

    def websocket(self) -> URL:
        return URL(self.addresses["page"]) / "ws"

    async def until_viewers(self, count: int) -> None:
        await until(lambda: self.server.statistics()["viewers"] == count)


@asynccontextmanager
async def opened(folder: Path, **config: Any) -> AsyncIterator[Room]:
    room = Room(folder, VncConfig(**config))
    room.server.begin()
    await room.supervisor.wait_running("vnc.listeners", LIMIT_S)
    try:
        yield room
    finally:
        await room.server.close()
        await room.server.close()


async def come_in(
    read: Callable[[int], Any], write: Callable[[bytes], Any], *, password: str = ""
) -> bytes:
    """Shake hands and ask for the picture; return the first update's head."""
    assert await read(12) == V38
    await write(V38)
    if password:
        assert await read(2) == b"\x01\x02"
        await write(b"\x02")
        await write(vnc_auth_response(password, await read(16)))
    else:
        assert await read(2) == b"\x01\x01"
        await write(b"\x01")
    assert await read(4) == b"\0\0\0\0"
    await write(b"\x01" + ALL)
    head = await read(24)
    assert struct.unpack(">HH", head[:4]) == (WIDTH, HEIGHT)
    await read(int.from_bytes(head[20:], "big"))
    update: bytes = await read(16)
    await read(WIDTH * HEIGHT * 4)
    return update


class Reader:
    """Reads so many bytes from a WebSocket, whatever its messages."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._held = b""

    async def read(self, count: int) -> bytes:
        while len(self._held) < count:
            self._held += await self._socket.receive_bytes(timeout=LIMIT_S)
        taken, self._held = self._held[:count], self._held[count:]
        return taken


async def test_browser_comes_in_by_its_token_and_sees(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, websocket="127.0.0.1:0") as room,
        aiohttp.ClientSession() as session,
    ):
        protocols = ["binary", TOKEN_PROTOCOL + room.issue().token]
        async with session.ws_connect(room.websocket(), protocols=protocols) as socket:
            update = await come_in(Reader(socket).read, socket.send_bytes)
            assert struct.unpack(">BxHHHHHi", update) == (0, 1, 0, 0, WIDTH, HEIGHT, 0)
            await room.until_viewers(1)
        await room.until_viewers(0)


async def test_viewer_comes_in_by_its_password_and_sees(tmp_path: Path) -> None:
    async with opened(tmp_path, listen="127.0.0.1:0", websocket="") as room:
        host, _, port = room.addresses["rfb"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))

        async def write(data: bytes) -> None:
            writer.write(data)

        password = room.issue(with_password=True).password
        assert password is not None
        await come_in(reader.readexactly, write, password=password)
        writer.close()
        await room.until_viewers(0)


async def test_revoked_grant_sends_its_viewer_away(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, websocket="127.0.0.1:0") as room,
        aiohttp.ClientSession() as session,
    ):
        issued = room.issue()
        protocols = ["binary", TOKEN_PROTOCOL + issued.token]
        async with session.ws_connect(room.websocket(), protocols=protocols) as socket:
            await come_in(Reader(socket).read, socket.send_bytes)
            room.server.access.grants.revoke(issued.grant.id)
            message = await socket.receive(timeout=LIMIT_S)
            assert (message.data, message.extra) == (1008, "revoked")


async def test_end_sends_everybody_away_and_closes_all(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        async with opened(tmp_path, websocket="127.0.0.1:0") as room:
            protocols = ["binary", TOKEN_PROTOCOL + room.issue().token]
            socket = await session.ws_connect(room.websocket(), protocols=protocols)
            await come_in(Reader(socket).read, socket.send_bytes)
        assert (await socket.receive(timeout=LIMIT_S)).data == 1001
        assert room.server.statistics()["viewers"] == 0
        assert room.addresses == {}
        await socket.close()
