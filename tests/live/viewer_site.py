"""The viewer page as a real daemon serves it, behind a link that a test can cut.

The link is a TCP proxy that carries bytes; it looks at the head of a connection alone, to know
which of them carry a picture and for which token.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
from Xlib.display import Display

from agentd.client.client import Client
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import DaemonProcess, running_daemon

WIDTH, HEIGHT = 1024, 640
EVERY_RIGHT = ("view", "pointer", "key", "clipboard", "resize")


class Link:
    """Carries connections of browsers to the daemon's port."""

    def __init__(self, port: int) -> None:
        self._port = port
        # While true, no picture can be connected; what is connected stays.
        self.refuses_pictures = False
        self._pictures: dict[asyncio.StreamWriter, bytes] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    def cut(self, token: str) -> None:
        """Lose the pictures of a token, as networks do: nobody says goodbye."""
        for writer, head in list(self._pictures.items()):
            if token.encode() in head:
                writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # Either side has gone.
        except* asyncio.CancelledError:
            pass  # `close` ends it, and nobody waits for this task.
        finally:
            self._tasks.discard(task)
            self._pictures.pop(writer, None)
            writer.transport.abort()

    async def close(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /vnc/ws "):
            if self.refuses_pictures:
                return
            self._pictures[writer] = head
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            back.write(head)
            async with asyncio.TaskGroup() as ways:
                there_on = ways.create_task(_pour(reader, back), name="there")
                await _pour(there, writer)
                there_on.cancel()
        finally:
            back.transport.abort()


class Site:
    """A running daemon with a desktop, and the page's address; made by `viewer_site`."""

    def __init__(self, daemon: DaemonProcess, agent: Client, link: Link, url: str) -> None:
        self.daemon = daemon
        # What an agent, and the operator, may call.
        self.agent = agent
        self.link_to_daemon = link
        self.url = url
        self.display = DisplayAddress("")
        self._grants: dict[str, str] = {}

    async def grant(self, *rights: str, label: str = "Ada") -> str:
        """Make a grant and return its token."""
        granted = await self.agent.vnc.grant(rights=list(rights or EVERY_RIGHT), label=label)
        self._grants[granted.token] = granted.id
        return granted.token

    def link(self, token: str) -> str:
        """Return the link that somebody with a token gets."""
        return f"{self.url}/vnc/#token={token}"

    async def revoke(self, token: str) -> None:
        """End a grant, and its connections with it."""
        await self.agent.vnc.revoke(id=self._grants.pop(token))

    async def revoke_all(self) -> None:
        """End every grant, and give the desktop back to the agent."""
        for token in list(self._grants):
            await self.revoke(token)
        await self.agent.vnc.release()

    @contextmanager
    def open_display(self) -> Iterator[Display]:
        """Connect to the X server."""
        with authority_environment(self.display):
            display = Display(self.display.name)
        try:
            yield display
        finally:
            display.close()

    async def look_up_display(self) -> None:
        """Learn where the X server is; again after it was started anew."""
        found = (await self.agent.desktop.status()).environment
        self.display = DisplayAddress(found["DISPLAY"], Path(found["XAUTHORITY"]))

    def kill_display(self) -> None:
        """Kill the X server and its clients with it."""
        assert self.daemon.process is not None
        (server,) = [
            process
            for process in psutil.Process(self.daemon.process.pid).children(recursive=True)
            if process.name() == "Xvfb"
        ]
        server.send_signal(signal.SIGKILL)


@asynccontextmanager
async def viewer_site() -> AsyncIterator[Site]:
    """Run a daemon with a desktop, and the link before it."""
    port = _free_port()
    config = f'[desktop]\nwidth = {WIDTH}\nheight = {HEIGHT}\n[vnc]\nwebsocket = "127.0.0.1:{port}"'
    with (
        tempfile.TemporaryDirectory(prefix="site-") as folder,
        running_daemon(Path(folder), config) as daemon,
    ):
        link = Link(port)
        async with (
            Client(os.fspath(daemon.socket)) as agent,
            await asyncio.start_server(link.carry, "127.0.0.1", 0) as server,
        ):
            at = server.sockets[0].getsockname()[1]
            site = Site(daemon, agent, link, f"http://127.0.0.1:{at}")
            await agent.desktop.start()
            await site.look_up_display()
            yield site
            await link.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(1 << 16):
        writer.write(part)
        await writer.drain()
    writer.write_eof()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
