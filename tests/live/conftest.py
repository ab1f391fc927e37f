"""A real X server with a window manager and our keyboard map, for the tests with real programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from agentd.desktop.hands.input import Input
from agentd.desktop.hands.keyboard_map import keyboard_map
from agentd.desktop.xlink import DisplayAddress, XLink
from tests.live.oracle import EVERY, Oracle, oracle, wait_managed

WIDTH, HEIGHT = 1280, 800


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repeats", type=int, default=3, help="how often each text is typed")


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> int:
    count: int = request.config.getoption("--repeats")
    return count


@pytest.fixture(scope="session")
def display() -> Iterator[DisplayAddress]:
    """One display for all live tests of the hands."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="live-"))
        read_fd, write_fd = os.pipe()
        argv = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
        argv += ["-nolisten", "tcp", "-noreset"]
        server = _start(argv, os.environ, pass_fds=(write_fd,))
        stack.callback(_stop, server)
        os.close(write_fd)
        with open(read_fd) as answer:
            address = DisplayAddress(f":{answer.readline().strip()}")
        load_keyboard_map(address)
        environment = {**os.environ, **address.environment(), "HOME": home}
        # Openbox reads the compose file at every change of the map: 20 ms each.
        manager = _start(["openbox"], {**environment, "XCOMPOSEFILE": "/dev/null"})
        stack.callback(_stop, manager)
        wait_managed(address)
        yield address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the pairs of test and toolkit that make no sense; they are not skips."""
    items[:] = [item for item in items if not _is_left_out(item)]


def _is_left_out(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("not_told_by")
    callspec = getattr(item, "callspec", None)
    return bool(marker and callspec and callspec.params.get("receiver") in marker.args)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hands(display: DisplayAddress) -> AsyncIterator[Input]:
    """The hands of the display, on a fresh connection."""
    async with open_hands(display) as hands:
        yield hands


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=EVERY)
async def receiver(
    request: pytest.FixtureRequest, display: DisplayAddress
) -> AsyncIterator[Oracle]:
    """A program of each toolkit, started once for the tests of a file."""
    async with oracle(request.param, display) as receiver:
        yield receiver


@pytest_asyncio.fixture(loop_scope="module")
async def field(receiver: Oracle) -> Oracle:
    """The program with an empty field."""
    await receiver.clear()
    return receiver


@asynccontextmanager
async def open_hands(address: DisplayAddress) -> AsyncIterator[Input]:
    link = XLink(address, "x-input")
    await link.open()
    hands = await Input.open(link, size=lambda: (WIDTH, HEIGHT))
    try:
        yield hands
    finally:
        await hands.release_all()
        hands.close()
        link.close()
        for closed in (link, hands._consumption._link):
            await closed.lane.wait_closed()


def load_keyboard_map(address: DisplayAddress) -> None:
    argv = ["xkbcomp", "-w0", "-", address.name]
    subprocess.run(argv, input=keyboard_map().encode(), check=True)


def _start(
    argv: list[str], environment: os._Environ[str] | dict[str, str], pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
