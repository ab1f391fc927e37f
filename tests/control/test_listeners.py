"""The sockets: who may find them, what lies in their way, what is left of them."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agentd.base.config import ControlConfig, TcpConfig
from agentd.base.errors import Unavailable
from agentd.control import listeners as module
from agentd.control.connections import Connection
from agentd.control.listeners import AlreadyRunning, Listeners
from tests.fakes import LIMIT_S, Wire, free_port


async def hello(request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
    return web.Response(text="hello")


def make(path: Path, *, passed_fds: int = 0, **config: Any) -> Listeners:
    return Listeners(
        ControlConfig(**config), path, hello, ended=lambda caller: None, passed_fds=passed_fds
    )


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[Listeners]:
    listeners = make(path, **options)
    try:
        await listeners.open()
        yield listeners
    finally:
        await listeners.drain()
        listeners.close()


async def ask(path: Path) -> bytes:
    async with asyncio.timeout(LIMIT_S):
        async with Wire(*await asyncio.open_unix_connection(path)) as wire:
            await wire.send("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")
            return (await wire.answer()).body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def is_there(path: Path) -> bool:
    return os.path.lexists(path)


def put(kind: str, path: Path) -> None:
    """Put something that is no socket at a path."""
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to("/nowhere")
        case "fifo":
            os.mkfifo(path)


class TestUnix:
    async def test_answers(self, path: Path) -> None:
        async with opened(path):
            assert await ask(path) == b"hello"

    async def test_path_is_gone_afterwards(self, path: Path) -> None:
        async with opened(path):
            pass
        assert not is_there(path)

    async def test_closing_twice_is_nothing(self, path: Path) -> None:
        async with opened(path) as listeners:
            listeners.close()
            listeners.close()
        assert not is_there(path)

    @pytest.mark.parametrize("mode", ["0660", "0600", "666"])
    async def test_has_the_configured_mode(self, path: Path, mode: str) -> None:
        async with opened(path, socket_mode=mode):
            assert mode_of(path) == int(mode, 8)

    async def test_is_private_until_it_has_its_mode(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []
        kept = Path.chmod

        def chmod(self: Path, mode: int) -> None:
            seen.append(mode_of(self))
            kept(self, mode)

        monkeypatch.setattr(Path, "chmod", chmod)
        async with opened(path, socket_mode="0666"):
            assert seen == [0o600]

    async def test_umask_is_as_before(self, path: Path) -> None:
        before = os.umask(0o027)
        try:
            async with opened(path):
                assert os.umask(0o027) == 0o027
        finally:
            os.umask(before)

    async def test_dead_socket_is_removed(self, path: Path) -> None:
        dead_socket(path)
        async with opened(path):
            assert await ask(path) == b"hello"

    async def test_living_socket_is_left_alone(self, path: Path) -> None:
        async with opened(path):
            with pytest.raises(AlreadyRunning) as caught:
                await make(path).open()
            assert caught.value.narrow_code == "already_running"
            assert await ask(path) == b"hello"

    async def test_refused_second_does_not_remove_the_path_of_the_first(self, path: Path) -> None:
        async with opened(path):
            second = make(path)
            with pytest.raises(AlreadyRunning):
                await second.open()
            second.close()
            assert await ask(path) == b"hello"

    async def test_socket_of_a_daemon_that_is_too_busy_to_answer_is_left_alone(
        self, path: Path
    ) -> None:
        with socket.socket(socket.AF_UNIX) as busy:
            busy.bind(str(path))
            busy.listen(0)
            waiting = []
            while True:  # Fill its queue.
                client = socket.socket(socket.AF_UNIX)
                client.setblocking(False)
                waiting.append(client)
                try:
                    client.connect(str(path))
                except BlockingIOError:
                    break
            try:
                with pytest.raises(AlreadyRunning):
                    await make(path).open()
            finally:
                for client in waiting:
                    client.close()
            assert is_there(path)

    @pytest.mark.parametrize("kind", ["file", "folder", "link", "fifo"])
    async def test_what_is_no_socket_is_left_alone(self, path: Path, kind: str) -> None:
        put(kind, path)
        with pytest.raises(Unavailable) as caught:
            await make(path).open()
        assert caught.value.narrow_code == "path_in_use"
        assert is_there(path)

    async def test_socket_of_another_kind_is_left_alone(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(path))
            with pytest.raises(Unavailable, match="cannot ask who listens"):
                await make(path).open()
        assert is_there(path)

    async def test_missing_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="No such file or directory"):
            await make(tmp_path / "none" / "sock").open()

    async def test_endless_path_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Unavailable, match="path too long"):
            await make(tmp_path / ("x" * 120)).open()

    async def test_connections_that_come_while_we_start_are_served(self, path: Path) -> None:
        async with opened(path):
            answers = await asyncio.gather(*(ask(path) for _ in range(50)))
        assert answers == [b"hello"] * 50

    async def test_path_of_another_daemon_is_not_removed(self, path: Path) -> None:
        async with opened(path) as first:
            os.unlink(path)
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(path))
                first.close()
                assert is_there(path)

    async def test_of_two_that_start_at_once_one_is_refused(self, path: Path) -> None:
        dead_socket(path)
        two = [make(path), make(path)]
        results = await asyncio.gather(*(each.open() for each in two), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), AlreadyRunning]
        assert await ask(path) == b"hello"
        for each in two:
            await each.drain()
            each.close()

    async def test_claim_ends_with_its_daemon(self, path: Path) -> None:
        async with opened(path):
            pass
        async with opened(path):
            assert await ask(path) == b"hello"


class TestTcp:
    async def test_answers(self, path: Path) -> None:
        port = free_port()
        async with (
            opened(path, tcp=TcpConfig(listen=f"127.0.0.1:{port}")),
            Wire(*await asyncio.open_connection("127.0.0.1", port)) as wire,
        ):
            await wire.send("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")
            assert (await wire.answer()).body == b"hello"

    async def test_port_in_use_is_told(self, path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            with pytest.raises(Unavailable, match=f"cannot listen on {listen}"):
                async with opened(path, tcp=TcpConfig(listen=listen)):
                    pass

    async def test_failure_leaves_nothing_behind(self, path: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            listen = f"127.0.0.1:{other.getsockname()[1]}"
            with pytest.raises(Unavailable):
                async with opened(path, tcp=TcpConfig(listen=listen)):
                    pass
        assert not is_there(path)

    async def test_unknown_host_is_told(self, path: Path) -> None:
        with pytest.raises(Unavailable, match="cannot listen on"):
            async with opened(path, tcp=TcpConfig(listen="192.0.2.1:8080")):
                pass

    @pytest.mark.parametrize("content", ["", "nonsense"])
    async def test_unusable_certificate_is_told(self, path: Path, content: str) -> None:
        file = path.with_name("certificate")
        file.write_text(content)
        tcp = TcpConfig(
            listen=f"127.0.0.1:{free_port()}", certificate_file=str(file), key_file=str(file)
        )
        with pytest.raises(Unavailable, match="cannot use"):
            async with opened(path, tcp=tcp):
                pass

    async def test_missing_certificate_is_told(self, path: Path) -> None:
        tcp = TcpConfig(listen="127.0.0.1:1", certificate_file="/none", key_file="/none")
        with pytest.raises(Unavailable, match="cannot use /none"):
            async with opened(path, tcp=tcp):
                pass


class TestPassed:
    """A socket from systemd."""

    def give(self, monkeypatch: pytest.MonkeyPatch, passed: socket.socket) -> None:
        monkeypatch.setattr(module, "_FIRST_PASSED_FD", passed.detach())

    async def test_is_served(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        passed = socket.socket(socket.AF_UNIX)
        passed.bind(str(path))
        passed.listen()
        self.give(monkeypatch, passed)
        async with opened(Path("/elsewhere"), passed_fds=1):
            assert await ask(path) == b"hello"

    async def test_keeps_its_path(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        passed = socket.socket(socket.AF_UNIX)
        passed.bind(str(path))
        self.give(monkeypatch, passed)
        async with opened(Path("/elsewhere"), passed_fds=1):
            pass
        assert is_there(path)

    async def test_of_another_family_is_told(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        passed = socket.socket()
        passed.bind(("127.0.0.1", 0))
        self.give(monkeypatch, passed)
        with pytest.raises(Unavailable, match="is no Unix socket"):
            await make(path, passed_fds=1).open()

    async def test_that_is_no_socket_is_told(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        descriptor = os.open("/dev/null", os.O_RDONLY)
        monkeypatch.setattr(module, "_FIRST_PASSED_FD", descriptor)
        try:
            with pytest.raises(Unavailable, match="is no socket"):
                await make(path, passed_fds=1).open()
        finally:
            os.close(descriptor)


async def test_drained_listener_takes_nobody_new(path: Path) -> None:
    async with opened(path) as listeners:
        await listeners.drain()
        with pytest.raises(OSError, match=r"refused|No such file"):
            await ask(path)
