"""Telling systemd, over a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.base.notify import Notifier


class Manager:
    """The socket that systemd would listen on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def states(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    is_path = request.param == "path"
    manager = Manager(str(tmp_path / "notify") if is_path else f"@agentd-test-{os.getpid()}")
    yield manager
    manager.socket.close()


def test_state_arrives(manager: Manager) -> None:
    Notifier(manager.address, 0).notify("READY=1")
    assert manager.states() == ["READY=1"]


def test_nobody_listens() -> None:
    Notifier("", 0).notify("READY=1")


def test_manager_that_is_gone_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier(str(tmp_path / "gone"), 0).notify("READY=1")
    assert "notify failed state=READY=1" in caplog.text


def test_manager_that_does_not_read_is_not_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    notifier = Notifier(manager.address, 0)
    for _ in range(10_000):
        notifier.notify("WATCHDOG=1")
        if caplog.records:
            break
    manager.socket.close()
    assert "notify failed" in caplog.text


@pytest.mark.parametrize(
    ("address", "watchdog_s", "is_watched"),
    [("/x", 1.0, True), ("/x", 0.0, False), ("", 1.0, False)],
)
def test_is_watched(address: str, watchdog_s: float, is_watched: bool) -> None:
    assert Notifier(address, watchdog_s).is_watched is is_watched


async def test_watchdog_gives_signs_of_life_again_and_again(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = loop.create_task(Notifier(manager.address, 0.01).run(ready.set))
    try:
        for _ in range(3):
            async with asyncio.timeout(5):
                assert await loop.sock_recv(manager.socket, 100) == b"WATCHDOG=1"
        assert ready.is_set()
    finally:
        task.cancel()
        await asyncio.wait([task])
        manager.socket.close()
