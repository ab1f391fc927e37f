"""The sockets of `[vnc]`: who may open them, what is told when they cannot be, and their end."""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agentd.base.config import VncConfig
from agentd.base.errors import Unavailable
from agentd.base.events import EventBus
from agentd.base.service import Supervisor
from agentd.vnc.access.grants import Grant, Right
from agentd.vnc.listeners import Listeners
from agentd.vnc.protocol.security import Security
from agentd.vnc.sessions.streams import ByteStream
from tests.fakes import LIMIT_S, until
from tests.vnc.certificates import make_certificate


class PlayedReception:
    """Greets, and keeps everybody until they leave."""

    def __init__(self) -> None:
        self.offered: list[Security] = []
        self.grants: list[Grant | None] = []
        self.here: set[ByteStream] = set()
        self.fails = False

    async def receive(
        self, stream: ByteStream, security: Security, grant: Grant | None = None
    ) -> str | None:
        if self.fails:
            raise RuntimeError("a fault")
        self.offered.append(security)
        self.grants.append(grant)
        self.here.add(stream)
        try:
            with suppress(ConnectionError):
                await stream.write([b"RFB 003.008\n"])
                while await stream.read():
                    pass
        finally:
            self.here.discard(stream)
            stream.close()
        return None


class PlayedFace:
    """The web face: one page."""

    def __init__(self) -> None:
        self.drained = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="the page")

    def drain(self) -> None:
        self.drained += 1


class Room:
    """Listeners with nobody behind them."""

    def __init__(self, **config: Any) -> None:
        self.reception, self.face = PlayedReception(), PlayedFace()
        reception: Any = self.reception
        face: Any = self.face
        config.setdefault("websocket", "")
        self.listeners = Listeners(VncConfig(**config), reception, face)

    def port(self, name: str = "rfb") -> int:
        address = self.listeners.addresses()[name]
        return int(address.removesuffix("/vnc/").rpartition(":")[2])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Come in as a viewer does, to the first word."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port())
        async with asyncio.timeout(LIMIT_S):
            assert await reader.readexactly(12) == b"RFB 003.008\n"
        return reader, writer


@asynccontextmanager
async def opened(**config: Any) -> AsyncIterator[Room]:
    room = Room(**config)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.listeners.run(ready.set))
        waiting = group.create_task(ready.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set()
        yield room
        task.cancel()
    assert room.listeners.addresses() == {}
    assert room.reception.here == set()


class TestTcp:
    async def test_free_port_is_told(self) -> None:
        async with opened(listen="127.0.0.1:0") as room:
            assert room.port() > 0
            _, writer = await room.connect()
            assert room.reception.offered == [Security.password()]
            assert room.reception.grants == [None]
            writer.close()

    async def test_takes_passwords(self) -> None:
        assert Room(listen="127.0.0.1:0").listeners.takes_passwords
        assert not Room(listen="unix:/run/x").listeners.takes_passwords
        assert not Room().listeners.takes_passwords

    async def test_viewer_that_leaves_is_forgotten(self) -> None:
        async with opened(listen="127.0.0.1:0") as room:
            _, writer = await room.connect()
            writer.close()
            await until(lambda: not room.listeners._visits)

    async def test_end_sends_everybody_away(self) -> None:
        async with opened(listen="127.0.0.1:0") as room:
            ends = [await room.connect() for _ in range(3)]
        for reader, writer in ends:
            async with asyncio.timeout(LIMIT_S):
                assert await reader.read() == b""
            writer.close()

    async def test_fault_in_one_connection_ends_it_alone(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with opened(listen="127.0.0.1:0") as room:
            room.reception.fails = True
            reader, writer = await asyncio.open_connection("127.0.0.1", room.port())
            async with asyncio.timeout(LIMIT_S):
                assert await reader.read() == b""
            writer.close()
            room.reception.fails = False
            _, writer = await room.connect()
            writer.close()
        assert "fault in a viewer's connection" in caplog.text

    async def test_port_in_use_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            room = Room(listen=address)
            with pytest.raises(Unavailable) as caught:
                await room.listeners.run(lambda: None)
        assert caught.value.narrow_code == "address_not_usable"
        assert address in caught.value.detail
        assert caught.value.hint == "set vnc.listen to another address"

    async def test_port_in_use_is_tried_again(self) -> None:
        supervisor = Supervisor(EventBus())
        with socket.create_server(("127.0.0.1", 0)) as other:
            room = Room(listen=f"127.0.0.1:{other.getsockname()[1]}")
            supervisor.add(room.listeners)
            supervisor.start(room.listeners.name)
            await until(lambda: "cannot listen" in str(supervisor.statuses()))
            assert room.listeners.addresses() == {}
        try:
            await until(lambda: bool(room.listeners.addresses()))
        finally:
            await supervisor.close([room.listeners.name])

    async def test_what_was_opened_first_is_closed_when_the_second_cannot_be(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            room = Room(listen="127.0.0.1:0", websocket=address)
            with pytest.raises(Unavailable):
                await room.listeners.run(lambda: None)
        assert room.listeners.addresses() == {}


class TestUnix:
    async def test_is_for_its_owner_alone_and_opens_everything(self, tmp_path: Path) -> None:
        path = tmp_path / "vnc.sock"
        async with opened(listen=f"unix:{path}") as room:
            assert room.listeners.addresses() == {"rfb": f"unix:{path}"}
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            reader, writer = await asyncio.open_unix_connection(path)
            assert await reader.readexactly(12) == b"RFB 003.008\n"
            assert room.reception.offered == [Security.trusted()]
            (grant,) = room.reception.grants
            assert grant is not None
            assert grant.rights == frozenset(Right)
            writer.close()
        assert not path.exists()

    async def test_socket_of_a_dead_daemon_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "vnc.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        async with opened(listen=f"unix:{path}"):
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()

    @pytest.mark.parametrize("is_socket", [False, True])
    async def test_what_is_in_use_is_left(self, tmp_path: Path, *, is_socket: bool) -> None:
        path = tmp_path / "vnc.sock"
        other = socket.socket(socket.AF_UNIX)
        with other:
            if is_socket:
                other.bind(str(path))
                other.listen()
            else:
                path.write_text("precious")
            with pytest.raises(Unavailable):
                await Room(listen=f"unix:{path}").listeners.run(lambda: None)
        assert path.exists()

    async def test_missing_folder_is_told(self, tmp_path: Path) -> None:
        room = Room(listen=f"unix:{tmp_path}/none/vnc.sock")
        with pytest.raises(Unavailable, match="No such file"):
            await room.listeners.run(lambda: None)


class TestTls:
    async def test_viewers_may_encrypt_and_on_loopback_need_not(self, tmp_path: Path) -> None:
        certificate = make_certificate(tmp_path)
        async with opened(
            listen="127.0.0.1:0",
            websocket="127.0.0.1:0",
            certificate_file=str(certificate.certificate_file),
            key_file=str(certificate.key_file),
        ) as room:
            _, writer = await room.connect()
            assert room.reception.offered == [Security.certificate(allow_unencrypted=True)]
            writer.close()
            url = f"https://127.0.0.1:{room.port('page')}/vnc/"
            async with aiohttp.ClientSession() as session:
                async with session.get(url, ssl=certificate.client) as response:
                    assert await response.text() == "the page"

    async def test_unusable_certificate_is_told(self, tmp_path: Path) -> None:
        file = tmp_path / "certificate.pem"
        file.write_text("nothing")
        room = Room(listen="127.0.0.1:0", certificate_file=str(file), key_file=str(file))
        with pytest.raises(Unavailable, match=r"certificate\.pem"):
            await room.listeners.run(lambda: None)


class TestWeb:
    async def test_page_is_served_and_told(self) -> None:
        async with opened(websocket="127.0.0.1:0") as room:
            assert list(room.listeners.addresses()) == ["page"]
            url = room.listeners.addresses()["page"]
            assert url == f"http://127.0.0.1:{room.port('page')}/vnc/"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                assert await response.text() == "the page"
        assert room.face.drained == 1

    @pytest.mark.parametrize("websocket", ["", True, False])
    async def test_has_no_socket_of_its_own_unless_it_is_named(self, websocket: object) -> None:
        async with opened(websocket=websocket) as room:
            assert room.listeners.addresses() == {}

    async def test_requests_are_not_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with opened(websocket="127.0.0.1:0") as room:
            url = room.listeners.addresses()["page"] + "?token=secret"
            async with aiohttp.ClientSession() as session, session.get(url):
                pass
        assert "secret" not in caplog.text
