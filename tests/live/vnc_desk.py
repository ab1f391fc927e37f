"""A desktop that viewers look at: a daemon, what is shown on its screen, and what the screen is.

`Desk` is the side of the screen. Whether somebody sees it is the viewers' (`vnc_viewers.py`).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from Xlib import X
from Xlib.display import Display
from Xlib.error import BadMatch

from agentd.base.errors import NotFound
from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.vnc_content import HEIGHT, WIDTH

CONTENT = Path(__file__).with_name("vnc_content.py")
EVERY_RIGHT = ["view", "pointer", "key", "clipboard", "resize"]
SETTLES_S = 15.0
_CONFIG = """
[desktop]
autostart = true
width = {width}
height = {height}

[vnc]
# What viewers and the tests do is not to be kept apart.
mode = "shared"
"""

Colours = NDArray[np.uint32]
T = TypeVar("T")


class Screen:
    """What an X server shows, as words 0x00RRGGBB, without its pointer."""

    def __init__(self, address: DisplayAddress) -> None:
        with authority_environment(address):
            self.display = Display(address.name)
        self.root = self.display.screen().root

    def look(self) -> Colours:
        """Return all of it."""
        while True:
            size = self.root.get_geometry()
            # Between both it may have become smaller.
            with suppress(BadMatch):
                image = self.root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
                break
        words = np.frombuffer(image.data, np.uint32).reshape(size.height, size.width)
        return words & np.uint32(0xFFFFFF)

    def pointer(self) -> tuple[int, int]:
        """Return where the pointer is."""
        found = self.root.query_pointer()
        return found.root_x, found.root_y

    def close(self) -> None:
        self.display.close()


class Desk:
    """A running desktop and its daemon; made by `open_desk`."""

    def __init__(self, daemon: DaemonProcess, client: SyncClient) -> None:
        self.daemon = daemon
        self.client = client
        self.environment: dict[str, str] = {}
        self.screen: Screen
        self._content: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where plain viewers connect: HOST:PORT."""
        return next(a for a in self.client.vnc.status().addresses if "://" not in a)

    @property
    def page(self) -> str:
        """Where browsers connect: http://HOST:PORT."""
        return next(a for a in self.client.vnc.status().addresses if "://" in a).split("/vnc")[0]

    @property
    def display(self) -> DisplayAddress:
        """Where programs on the desktop connect."""
        return DisplayAddress(self.environment["DISPLAY"], self.environment.get("XAUTHORITY"))

    def grant(self, *rights: str, **more: Any) -> Any:
        """Make a grant of these rights, of all without any."""
        return self.client.vnc.grant(rights=list(rights) or EVERY_RIGHT, **more)

    def look_with_pointer(self) -> Colours:
        """Return the screen with the pointer painted, as agents get it."""
        picture = self.client.desktop.screenshot(cursor=True, format="raw")
        words = np.frombuffer(picture.body, np.uint32).reshape(HEIGHT, WIDTH)
        return words & np.uint32(0xFFFFFF)

    def clipboard(self) -> str | None:
        """Return the desktop's clipboard; None while it is empty."""
        try:
            return self.client.clipboard.get().text
        except NotFound:
            return None

    async def put_up(self) -> None:
        """Look at the desktop that runs now, and put our content on it."""
        status = await asyncio.to_thread(self.client.desktop.start)
        self.environment = {**os.environ, **status.environment}
        self.screen = Screen(self.display)
        self._content = await asyncio.create_subprocess_exec(
            sys.executable,
            os.fspath(CONTENT),
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await self._hear("ready")

    async def show(self, command: str, *numbers: float) -> Colours:
        """Show something (see `vnc_content`); returns the screen once it is drawn."""
        assert self._content is not None
        assert self._content.stdin is not None
        self._content.stdin.write(" ".join((command, *map(str, numbers))).encode() + b"\n")
        await self._hear("done")
        return self.screen.look()

    async def take_away(self) -> None:
        """Take the content away, and look no more. Idempotent."""
        if self._content is not None:
            if self._content.returncode is None:
                self._content.kill()
            await self._content.wait()
            self._content = None
            self.screen.close()

    async def _hear(self, word: str) -> None:
        assert self._content is not None
        assert self._content.stdout is not None
        async with asyncio.timeout(30):
            assert (await self._content.stdout.readline()).decode().strip() == word


async def until(
    look: Callable[[], T], wanted: Callable[[T], object], what: str, limit_s: float = SETTLES_S
) -> T:
    """Look again and again, in a thread, until what is seen is wanted, and return it."""
    deadline = time.monotonic() + limit_s
    while True:
        seen = await asyncio.to_thread(look)
        if wanted(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {limit_s:g} s: {what}; last seen: {seen!r}")


def difference(wanted: Colours, seen: Colours) -> str:
    """Say how far two pictures differ; empty when they are the same."""
    if wanted.shape != seen.shape:
        return f"the sizes {wanted.shape} and {seen.shape}"
    wrong = wanted != seen
    if not wrong.any():
        return ""
    rows, columns = np.flatnonzero(wrong.any(1)), np.flatnonzero(wrong.any(0))
    return (
        f"{wrong.sum()} pixels in x {columns[0]}..{columns[-1]}, y {rows[0]}..{rows[-1]}; "
        f"first {wanted[wrong][0]:06x}, not {seen[wrong][0]:06x}"
    )


def reduced(colours: Colours, maxima: tuple[int, int, int]) -> Colours:
    """Return colours as a pixel format of fewer bits shows them: the low bits do not count."""
    words = np.zeros_like(colours)
    for maximum, shift in zip(maxima, (16, 8, 0), strict=True):
        kept = (colours >> np.uint32(shift) & np.uint32(255)) >> np.uint32(8 - maximum.bit_length())
        words |= (kept * np.uint32(255) + np.uint32(maximum // 2)) // np.uint32(
            maximum
        ) << np.uint32(shift)
    return words


def colours_of(picture: Path) -> Colours:
    """Read a picture from a file."""
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(np.uint32)
    return pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]


async def until_same(
    look: Callable[[], Colours], wanted: Colours, *, limit_s: float = SETTLES_S
) -> None:
    """Wait until a picture is the wanted one, pixel by pixel."""
    deadline = time.monotonic() + limit_s
    while said := difference(wanted, await asyncio.to_thread(look)):
        if time.monotonic() > deadline:
            raise AssertionError(f"not the same after {limit_s:g} s: {said}")


@asynccontextmanager
async def open_desk(folder: Path, more: str = "", **size: int) -> AsyncIterator[Desk]:
    """Run a daemon with a desktop that shows our content.

    Args:
        more: further lines of `[vnc]`, and tables after it.
    """
    config = _CONFIG.format(**{"width": WIDTH, "height": HEIGHT, **size}) + more
    if "listen" not in more:
        config += 'listen = "127.0.0.1:0"\n'
    with running_daemon(folder, config) as daemon, daemon.client() as client:
        desk = Desk(daemon, client)
        await desk.put_up()
        try:
            yield desk
        finally:
            await desk.take_away()
