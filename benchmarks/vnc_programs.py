"""The programs that a measurement of VNC needs: a painter, a terminal, further viewers.

Each in a process of its own, ended by its own handle.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from benchmarks.harness import temporary_folder
from benchmarks.rfb_pixels import Words
from benchmarks.vnc_servers import Server

# Where the terminal is.
XTERM = (100, 100, 640, 420)

_START_S = 60.0
_TERMINAL_S = 1.5


class Painting:
    """A painter that is ready to play."""

    def __init__(self, process: asyncio.subprocess.Process, pixels: Path) -> None:
        self._process = process
        self._pixels = pixels
        self.drawn: list[tuple[int, float]] = []
        # When it drew the last time.
        self.quiet_at = 0.0

    async def play(self) -> None:
        """Have it play, and wait until it is quiet."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._pixels}\n".encode())
        while (said := await self._said())[0] != "quiet":
            self.drawn.append((int(said[0]), said[1]))
        self.quiet_at = self.drawn[-1][1]

    async def pixels(self) -> Words:
        """Return what the X server had when it became quiet."""
        await self._said()
        words: Words = np.load(self._pixels)
        return words

    async def _said(self) -> tuple[str, float]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the painter has ended")
        word, number = line.decode().split()
        return word, float(number)


@asynccontextmanager
async def _program(
    *argv: str, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program that says `ready`, and end it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *argv, env=environment, stdin=pipe, stdout=pipe
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START_S):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"{argv[0]} does not start")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def painting(
    environment: dict[str, str], kind: str, seconds: float
) -> AsyncIterator[Painting]:
    """Prepare a painter on a screen."""
    argv = ("benchmarks.vnc_painter", kind, str(seconds))
    with temporary_folder() as folder:
        async with _program(*argv, environment=environment) as process:
            yield Painting(process, folder / "pixels.npy")


@asynccontextmanager
async def others(server: Server, encodings: str, count: int) -> AsyncIterator[None]:
    """Have further viewers look, in a process of their own, that only read."""
    if not count:
        yield
        return
    argv = (server.address, encodings, str(count), server.password or "")
    async with _program("benchmarks.vnc_viewers", *argv):
        yield


@asynccontextmanager
async def terminal(server: Server) -> AsyncIterator[None]:
    """Open an xterm that shows what is typed."""
    x, y, *_ = XTERM
    argv = ["xterm", "-geometry", f"80x24+{x}+{y}", "-fn", "fixed", "-e", "cat"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, env={**os.environ, **server.environment}, stdout=quiet, stderr=quiet
    )
    try:
        await asyncio.sleep(_TERMINAL_S)
        yield
    finally:
        process.kill()
        await process.wait()
