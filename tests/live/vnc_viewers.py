"""Real viewers: each is started against an address, and shows what it shows.

TigerVNC's viewer runs on a display of its own, full screen, so that what it shows is that display's
picture. Those that only take a picture are one function each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from agentd.desktop.xlink import DisplayAddress
from tests.live.oracle import wait_managed
from tests.live.vnc_desk import Colours, Screen

QUIET = asyncio.subprocess.DEVNULL
ENDS_S = 30.0


class TigerVnc:
    """TigerVNC's viewer, and the display where it shows the desktop."""

    def __init__(self, process: asyncio.subprocess.Process, screen: Screen, log: Path) -> None:
        self.process = process
        self.screen = screen
        self._log = log

    def look(self) -> Colours:
        """Return what it shows."""
        assert self.process.returncode is None, self.said()
        return self.screen.look()

    def said(self) -> str:
        """Return what it has told so far."""
        return self._log.read_text(errors="replace")

    async def wait_end(self) -> str:
        """Wait until it ends by itself, and return what it has told."""
        async with asyncio.timeout(ENDS_S):
            await self.process.wait()
        return self.said()


@asynccontextmanager
async def second_display(width: int, height: int) -> AsyncIterator[DisplayAddress]:
    """Run an X server with a window manager, which gives a viewer the whole screen."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="viewer-"))
        read_fd, write_fd = os.pipe()
        argv = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", f"{width}x{height}x24"]
        argv += ["-nolisten", "tcp", "-noreset"]
        await start(stack, argv, os.environ, pass_fds=(write_fd,))
        os.close(write_fd)
        with open(read_fd) as answer:
            number = await asyncio.to_thread(answer.readline)
        address = DisplayAddress(f":{number.strip()}")
        environment = {**os.environ, **address.environment(), "HOME": folder}
        await start(stack, ["openbox"], environment)
        await asyncio.to_thread(wait_managed, address)
        yield address


@asynccontextmanager
async def tigervnc(
    display: DisplayAddress, address: str, *options: str, password: str, user: str = ""
) -> AsyncIterator[TigerVnc]:
    """Run the viewer.

    Args:
        address: HOST:PORT.
        options: in its own words: `-PreferredEncoding=ZRLE`.
        password: and `user`, where the server wants one.
    """
    host, _, port = address.rpartition(":")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tigervnc-")))
        log = folder / "log"
        environment = {**os.environ, **display.environment(), "HOME": os.fspath(folder)}
        environment |= {"VNC_PASSWORD": password, "VNC_USERNAME": user, "LANG": "C.UTF-8"}
        argv = ["xtigervncviewer", "-FullScreen", "-AlertOnFatalError=0", "-ReconnectOnError=0"]
        argv += ["-RemoteResize=0", "-Shared", "-PointerEventInterval=0", "-Log=*:stderr:30"]
        with open(log, "wb") as said:
            argv += [*options, f"{host}::{port}"]
            process = await start(stack, argv, environment, said=said.fileno())
        screen = Screen(display)
        stack.callback(screen.close)
        yield TigerVnc(process, screen, log)


async def start(
    stack: AsyncExitStack,
    argv: list[str],
    environment: Mapping[str, str],
    *,
    pass_fds: tuple[int, ...] = (),
    said: int = QUIET,
) -> asyncio.subprocess.Process:
    """Run a program until the stack unwinds."""
    process = await asyncio.create_subprocess_exec(
        *argv, env=environment, pass_fds=pass_fds, stdin=QUIET, stdout=said, stderr=said,
        start_new_session=True,
    )  # fmt: skip

    async def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    stack.push_async_callback(end)
    return process
