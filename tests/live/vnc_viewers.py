"""TigerVNC's viewer on a display of its own: what it shows, and what a person does there.

Its window has no frame and begins at the display's origin, so that what is seen there can be
compared with the desktop pixel by pixel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from Xlib import XK, X
from Xlib.ext import xtest

from agentd.desktop.xlink import DisplayAddress
from tests.live.oracle import wait_managed
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import Colours, Screen

ENDS_S = 30.0
_RULES = """<openbox_config xmlns="http://openbox.org/3.4/rc">
<theme><keepBorder>no</keepBorder></theme><focus><focusNew>yes</focusNew></focus>
<applications><application class="*"><decor>no</decor><focus>yes</focus>
<position force="yes"><x>0</x><y>0</y></position></application></applications>
</openbox_config>"""


class TigerVnc:
    """TigerVNC's viewer, and the display where it shows the desktop."""

    def __init__(self, process: asyncio.subprocess.Process, screen: Screen, log: Path) -> None:
        self.process = process
        self.screen = screen
        self._log = log

    def look(self) -> Colours:
        """Return what it shows, as far as a desktop of the usual size goes."""
        assert self.process.returncode is None, self.said()
        return self.screen.look()[:HEIGHT, :WIDTH]

    def said(self) -> str:
        """Return what it has told so far."""
        return self._log.read_text(errors="replace")

    def press(self, *keys: str) -> None:
        """Press keys by their names, and release them in reverse, as a person at the viewer."""
        codes = [self.screen.display.keysym_to_keycode(XK.string_to_keysym(name)) for name in keys]
        for code in codes:
            self._fake(X.KeyPress, code)
        for code in reversed(codes):
            self._fake(X.KeyRelease, code)

    def move(self, x: int, y: int) -> None:
        """Move the mouse."""
        self._fake(X.MotionNotify, x=x, y=y)

    def click(self, button: int = 1) -> None:
        """Click; buttons 4 to 7 are the wheel."""
        self._fake(X.ButtonPress, button)
        self._fake(X.ButtonRelease, button)

    def resize_window(self, width: int, height: int) -> None:
        """Drag its window to another size."""
        window = self.screen.root.get_full_property(
            self.screen.display.intern_atom("_NET_ACTIVE_WINDOW"), X.AnyPropertyType
        )
        found = self.screen.display.create_resource_object("window", window.value[0])
        found.configure(width=width, height=height)
        self.screen.display.sync()

    def _fake(self, event: int, detail: int = 0, *, x: int = 0, y: int = 0) -> None:
        xtest.fake_input(self.screen.display, event, detail, x=x, y=y)
        self.screen.display.sync()

    async def wait_end(self) -> str:
        """Wait until it ends by itself, and return what it has told."""
        async with asyncio.timeout(ENDS_S):
            await self.process.wait()
        return self.said()


@asynccontextmanager
async def second_display() -> AsyncIterator[DisplayAddress]:
    """Run an X server for viewers, larger than the desktop, with a window manager.

    A viewer whose window is as large as the screen would go full screen, and say so in the picture.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="viewer-")))
        read_fd, write_fd = os.pipe()
        argv = [
            "Xvfb",
            "-displayfd",
            str(write_fd),
            "-screen",
            "0",
            f"{WIDTH + 200}x{HEIGHT + 200}x24",
        ]
        argv += ["-nolisten", "tcp", "-noreset"]
        await start(stack, argv, os.environ, pass_fds=(write_fd,))
        os.close(write_fd)
        address = DisplayAddress(f":{await asyncio.to_thread(_line, read_fd)}")
        rules = folder / "rc.xml"
        rules.write_text(_RULES)
        environment = {**os.environ, **address.environment(), "HOME": os.fspath(folder)}
        await start(stack, ["openbox", "--config-file", os.fspath(rules)], environment)
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
        argv = ["xtigervncviewer", "-Shared", "-RemoteResize=0", "-PointerEventInterval=0"]
        # Without a menu it shows no hint of how to open it, over the picture, for 4 s.
        argv += ["-MenuKey=", "-AlertOnFatalError=0", "-ReconnectOnError=0", "-Log=*:stderr:30"]
        argv += [*options, f"{host}::{port}"]
        process = await start(stack, argv, environment, log=log)
        screen = Screen(display)
        stack.callback(screen.close)
        yield TigerVnc(process, screen, log)


async def start(
    stack: AsyncExitStack,
    argv: list[str],
    environment: Mapping[str, str],
    *,
    pass_fds: tuple[int, ...] = (),
    log: Path = Path(os.devnull),
) -> asyncio.subprocess.Process:
    """Run a program until the stack unwinds."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            pass_fds=pass_fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    finally:
        os.close(said)

    async def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    stack.push_async_callback(end)
    return process


def _line(descriptor: int) -> str:
    with open(descriptor) as answer:
        return answer.readline().strip()
