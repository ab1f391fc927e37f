"""The viewer page before a real X server, TigerVNC's, with a desk that the tests play.

The WebSocket is only carried over; who may come in is what the desk says.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from aiohttp import WSMsgType, web

from agentd.desktop.xlink import DisplayAddress
from agentd.vnc.pages import DesktopState, Help, Pages
from agentd.vnc.viewer_files import ViewerFiles
from tests.vnc.played_desk import EVERY_RIGHT, HEIGHT, RUNNING, WIDTH, PlayedDesk


class Site:
    """A running site; made by `viewer_site`.

    What tests of the page need of one: `url`, `display`, `refuses_pictures`, and its async methods.
    """

    def __init__(self, files: ViewerFiles, vnc_socket: Path, display: DisplayAddress) -> None:
        self.desk = PlayedDesk()
        self.pages = Pages(files, self.desk)
        self.display = display
        self.url = ""
        self._vnc_socket = vnc_socket
        self._sockets: dict[web.WebSocketResponse, str] = {}
        # While true, no picture can be connected; what is connected stays.
        self.refuses_pictures = False

    async def grant(self, *rights: str, label: str = "Ada") -> str:
        """Make a grant and return its token."""
        token = secrets.token_urlsafe(24)
        self.desk.grants[token] = (label, rights or EVERY_RIGHT)
        return token

    def link(self, token: str) -> str:
        """Return the link that somebody with a token gets."""
        return f"{self.url}/vnc/#token={token}"

    async def revoke(self, token: str) -> None:
        """End a grant, and its connections with it."""
        del self.desk.grants[token]
        self.desk.tell()
        await self._close(token, 1008, "the grant was revoked")

    async def cut(self, token: str) -> None:
        """Lose the connections of a grant, as networks do."""
        await self._close(token, 1001, "")

    async def ask_help(self, reason: str) -> None:
        """Ask people for help, as an agent does."""
        self.desk.help = Help(reason, time.time())
        self.desk.tell()

    async def set_running(self, running: bool) -> None:
        """Start or stop the desktop."""
        self.desk.desktop = RUNNING if running else DesktopState(False, 0, 0, RUNNING.name)
        self.desk.tell()

    async def _close(self, token: str, code: int, reason: str) -> None:
        for socket in [found for found, of in self._sockets.items() if of == token]:
            await socket.close(code=code, message=reason.encode())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer what the page asks."""
        if request.path == "/vnc/ws":
            return await self._carry(request)
        return await self.pages.handle(request)

    async def _carry(self, request: web.BaseRequest) -> web.StreamResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(",")
        token = next((p[13:] for p in offered if p.startswith("agentd.grant.")), "")
        if token not in self.desk.grants or self.refuses_pictures:
            return web.Response(status=403)
        socket = web.WebSocketResponse(protocols=["binary"], max_msg_size=0)
        await socket.prepare(request)
        reader, writer = await asyncio.open_unix_connection(self._vnc_socket)
        self._sockets[socket] = token
        try:
            async with asyncio.TaskGroup() as tasks:
                down = tasks.create_task(_pour(reader, socket), name="down")
                async for message in socket:
                    if message.type is WSMsgType.BINARY:
                        writer.write(message.data)
                down.cancel()
        finally:
            del self._sockets[socket]
            writer.close()
        return socket


async def _pour(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(1 << 16):
            await socket.send_bytes(part)


@asynccontextmanager
async def viewer_site(novnc: Path) -> AsyncIterator[Site]:
    """Run an X server with a window manager, and the page before it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="site-")))
        display = await _start_display(stack, folder)
        site = Site(ViewerFiles(novnc), folder / "vnc", display)
        runner = web.ServerRunner(web.Server(site.handle), shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        assert listener._server is not None
        port = listener._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        site.url = f"http://127.0.0.1:{port}"
        yield site


async def _start_display(stack: AsyncExitStack, folder: Path) -> DisplayAddress:
    read_fd, write_fd = os.pipe()
    argv = ["Xvnc", "-displayfd", str(write_fd), "-geometry", f"{WIDTH}x{HEIGHT}", "-depth", "24"]
    argv += ["-rfbunixpath", str(folder / "vnc"), "-rfbport", "-1", "-SecurityTypes", "None"]
    argv += ["-desktop", "Research desktop", "-nolisten", "tcp", "-noreset", "-AlwaysShared"]
    await _start(stack, argv, dict(os.environ), pass_fds=(write_fd,))
    os.close(write_fd)
    # The server writes its number when it is ready, and then a line feed.
    name = await asyncio.to_thread(_read_line, read_fd)
    display = DisplayAddress(f":{name}")
    await _start(stack, ["openbox"], {**os.environ, **display.environment(), "HOME": str(folder)})
    return display


async def _start(
    stack: AsyncExitStack,
    argv: list[str],
    environment: dict[str, str],
    *,
    pass_fds: tuple[int, ...] = (),
) -> None:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, env=environment, pass_fds=pass_fds, stdin=quiet, stdout=quiet, stderr=quiet
    )

    async def end() -> None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    stack.push_async_callback(end)


def _read_line(descriptor: int) -> str:
    with open(descriptor) as lines:
        return lines.readline().strip()
