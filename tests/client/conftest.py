"""A control server for clients that block: it runs on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentd.base.command import Registry, Scope, command
from tests.fakes import ControlServer, Point, until


class MoreRoom:
    """Shapes that the sample room lacks."""

    @command("sample.maybe", scope=Scope.VIEW, read_only=True)
    async def maybe(self) -> Point | None:
        """Answer null."""
        return None

    @command("sample.draw", scope=Scope.INPUT, positional=("points",))
    async def draw(
        self, *, points: list[Point], names: dict[str, str] = {}, note: str | int = ""
    ) -> dict[str, Any]:
        """Answer what was given."""
        return {"points": points, "names": names, "note": note}


def add_rooms(registry: Registry) -> None:
    registry.add(MoreRoom())


class ThreadedServer:
    """A ControlServer that serves from another thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.server: ControlServer
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with ControlServer(self._folder, tcp=True) as self.server:
            add_rooms(self.server.registry)
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> ThreadedServer:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    @property
    def socket(self) -> str:
        return str(self.server.socket)

    def close_connections(self) -> None:
        """Close every open connection, as a daemon that starts anew."""

        def close() -> None:
            for protocol in self.server.listeners._protocols:
                for handler in list(protocol._open):
                    handler.transport.close()

        self._loop.call_soon_threadsafe(close)
        self.wait_for(lambda: not any(p._open for p in self.server.listeners._protocols))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        asyncio.run(until(condition))


@pytest.fixture
def threaded(tmp_path: Path) -> Iterator[ThreadedServer]:
    with ThreadedServer(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    async with ControlServer(tmp_path, tcp=True) as server:
        add_rooms(server.registry)
        yield server
