"""The faces are tested on the event loop that the daemon uses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from agentd.base.log import LineFormatter
from tests.fakes import ControlServer


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as the daemon writes it: formatted where and when it is said."""
    found: list[str] = []
    formatter = LineFormatter()
    handler = logging.Handler()
    handler.emit = lambda record: found.append(formatter.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    """A control server on a Unix socket, with the commands of `SampleRoom`."""
    async with ControlServer(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def tcp_server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    """The same, on TCP as well: tokens `full` (every scope), `viewer` and `none`."""
    async with ControlServer(tmp_path, tcp=True) as server:
        yield server
