"""One measurement of one VNC server: what a viewer sees while something plays, and what it costs.

Latency is from the X client's drawing to the update after which the viewer's picture shows it,
whole. CPU is that of the server and its X server together, in percent of a core. Judges nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from isal import isal_zlib
from Xlib import X

from benchmarks import rfb_numbers as n
from benchmarks.harness import connect_x
from benchmarks.rfb_client import RfbClient, viewing
from benchmarks.rfb_pixels import Words
from benchmarks.vnc_link import Link
from benchmarks.vnc_painter import NUMBERS, shown
from benchmarks.vnc_servers import Server

LISTS = {
    "raw": n.RAW_LIST,
    "tight": n.TIGHT_LIST,
    "zrle": n.ZRLE_LIST,
    "noVNC": n.NOVNC_LIST,
    "H.264": n.NOVNC_H264_LIST,
}

_NUMBERED = ("paint", "image", "photo", "video")
_BETWEEN_KEYS_S = (0.14, 0.19)
_KEYS = "the quick brown fox jumps over it"
_XTERM = (100, 100, 640, 420)
_QUIET_S, _QUIET_LIMIT_S = 0.4, 6.0
_SETTLED_S, _SETTLE_LIMIT_S = 0.5, 2.0
_START_S = 60.0


@dataclass
class Figures:
    """What one measurement found."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    drawn: int = 0
    updates: int = 0
    bytes: int = 0
    cpu_percent: float = 0.0
    copied_percent: float = 0.0
    wrong_pixels: int | None = None
    largest_error: int = 0
    settle_ms: float | None = None
    kinds: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """What is measured.

    Args:
        kind: idle, typing, or what the painter knows.
        viewers: how many look; one is measured, the others only read.
    """

    kind: str
    encodings: str
    seconds: float
    viewers: int = 1
    link: Link | None = None


class Painting:
    """A painter that is ready to play."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.drawn: list[tuple[int, float]] = []
        self.quiet_at = 0.0

    async def play(self) -> None:
        """Have it play, and wait until it is quiet."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"play\n")
        while line := await self._process.stdout.readline():
            word, at = line.decode().split()
            if word == "quiet":
                self.quiet_at = float(at)
                return
            self.drawn.append((int(word), float(at)))
        raise RuntimeError("the painter has ended")


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
    async with _program(*argv, environment=environment) as process:
        yield Painting(process)


@asynccontextmanager
async def _others(server: Server, load: Load) -> AsyncIterator[None]:
    """Have further viewers look, in a process of their own, that only read."""
    if load.viewers == 1:
        yield
        return
    argv = (server.address, load.encodings, str(load.viewers - 1), server.password or "")
    async with _program("benchmarks.vnc_viewers", *argv):
        yield


class Watch:
    """Notes when numbers appear."""

    def __init__(self, client: RfbClient, kind: str) -> None:
        self._client = client
        self._kind = kind
        self.seen: list[tuple[int, float]] = []

    def look(self) -> None:
        """Called after each update."""
        number = shown(self._client.picture.words, self._kind)
        if number is not None and (not self.seen or self.seen[-1][0] != number):
            self.seen.append((number, self._client.updated_at))

    def latencies_ms(self, drawn: list[tuple[int, float]]) -> list[float]:
        """Match what was drawn with what was seen; what never was seen does not count."""
        found = []
        for number, at in self.seen:
            before = [when for which, when in drawn if which % NUMBERS == number and when < at]
            if before:
                found.append(1000 * (at - before[-1]))
        return found


async def measure(server: Server, load: Load) -> Figures:
    """Measure once. Raises: whatever the connection or the picture has broken by."""
    async with AsyncExitStack() as stack:
        painter = None
        if load.kind not in ("idle", "typing"):
            painter = await stack.enter_async_context(
                painting(server.environment, load.kind, load.seconds)
            )
        address = load.link.connect(server.host, server.port) if load.link else server.address
        client = await stack.enter_async_context(
            viewing(
                address,
                encodings=LISTS[load.encodings],
                password=server.password,
                inflater=isal_zlib.decompressobj,
            )
        )
        await client.until_painted(limit_s=30)
        # At rest the pointer is the viewer's; else servers paint it into the picture.
        client.pointer(5, 5)
        await stack.enter_async_context(_others(server, load))
        if load.kind == "typing":
            client.pointer(300, 300)
            client.pointer(300, 300, 1)
            client.pointer(300, 300)
        await _wait_quiet(client)
        figures = await _played(server, load, client, painter)
        if painter is not None:
            await _settle(server, client, figures, painter.quiet_at)
        return figures


async def _played(
    server: Server, load: Load, client: RfbClient, painter: Painting | None
) -> Figures:
    """Play, and count meanwhile."""
    watch = Watch(client, load.kind)
    if load.kind in _NUMBERED:
        watch.look()
        client.on_update = watch.look
    updates, received = client.updates, client.stream.received_bytes
    kinds, pixels = client.rects.copy(), client.pixels.copy()
    began, spent_ns = time.monotonic(), server.cpu_ns()
    figures = Figures()
    if painter is not None:
        await painter.play()
    elif load.kind == "typing":
        figures.latencies_ms = await _typed(client, load.seconds)
    else:
        await asyncio.sleep(load.seconds)
    figures.seconds = time.monotonic() - began
    figures.cpu_percent = (server.cpu_ns() - spent_ns) / 1e7 / figures.seconds
    figures.updates = client.updates - updates
    figures.bytes = client.stream.received_bytes - received
    figures.kinds = dict(client.rects - kinds)
    changed = client.pixels - pixels
    figures.copied_percent = 100 * changed[n.COPY_RECT] / max(1, changed.total())
    if painter is not None and load.kind in _NUMBERED:
        if load.kind != "video":
            await _last_seen(client, watch, painter)
        client.on_update = None
        figures.latencies_ms = watch.latencies_ms(painter.drawn[1:])
    if painter is not None:
        figures.drawn = len(painter.drawn)
    return figures


async def _last_seen(client: RfbClient, watch: Watch, painter: Painting) -> None:
    """Wait for the last number, for a while."""
    last = painter.drawn[-1][0] % NUMBERS
    try:
        await client.until(lambda: watch.seen[-1][0] == last, limit_s=5)
    except AssertionError:  # It counts as never seen.
        return


async def _typed(client: RfbClient, seconds: float) -> list[float]:
    """Type into the terminal and time each glyph."""
    x, y, width, height = _XTERM
    terminal = np.s_[y : y + height, x : x + width]
    rhythm = np.random.default_rng(1)
    times, began, number = [], time.monotonic(), 0
    while time.monotonic() - began < seconds:
        before = client.picture.words[terminal].copy()

        def has_changed(before: Words = before) -> bool:
            return not np.array_equal(client.picture.words[terminal], before)

        pressed = time.monotonic()
        client.tap(ord(_KEYS[number % len(_KEYS)]))
        number += 1
        await client.until(has_changed, "the glyph")
        times.append(1000 * (client.updated_at - pressed))
        pause = rhythm.uniform(*_BETWEEN_KEYS_S)
        await asyncio.sleep(max(0.0, pressed + pause - time.monotonic()))
    return times


async def _wait_quiet(client: RfbClient) -> None:
    """Wait until no update has come for a while: first pictures are refined."""
    deadline = time.monotonic() + _QUIET_LIMIT_S
    while time.monotonic() < deadline:
        try:
            await client.next_update(limit_s=_QUIET_S)
        except AssertionError:
            return


async def _settle(server: Server, client: RfbClient, figures: Figures, quiet_at: float) -> None:
    """Compare with the X server's own pixels half a second after the last drawing."""
    loop = asyncio.get_running_loop()
    truth = await loop.run_in_executor(None, pixels_of, server.environment)
    while not is_equal(client, truth) and (now := time.monotonic()) < quiet_at + _SETTLE_LIMIT_S:
        if now > quiet_at + _SETTLED_S and figures.wrong_pixels is None:
            _count_wrong(client, truth, figures)
        try:
            await client.next_update(limit_s=0.05)
        except AssertionError:
            continue
    if is_equal(client, truth):
        figures.settle_ms = 1000 * max(0.0, client.updated_at - quiet_at)
        if figures.wrong_pixels is None:
            figures.wrong_pixels = 0
    elif figures.wrong_pixels is None:
        _count_wrong(client, truth, figures)


def _count_wrong(client: RfbClient, truth: Words, figures: Figures) -> None:
    ours = client.colours()
    figures.wrong_pixels = int(np.count_nonzero(ours != truth))
    difference = ours.view(np.uint8).astype(np.int16) - truth.view(np.uint8).astype(np.int16)
    figures.largest_error = int(np.abs(difference).max())


def is_equal(client: RfbClient, truth: Words) -> bool:
    """Whether the viewer sees what the X server has."""
    return np.array_equal(client.colours(), truth)


def pixels_of(environment: dict[str, str]) -> Words:
    """Return the X server's own pixels, 0x00RRGGBB, without the pointer."""
    display = connect_x(environment)
    try:
        root = display.screen().root
        size = root.get_geometry()
        image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
    finally:
        display.close()
    words = np.frombuffer(image.data, np.uint32).reshape(size.height, size.width)
    return words & np.uint32(0xFFFFFF)


@asynccontextmanager
async def terminal(server: Server) -> AsyncIterator[None]:
    """Open an xterm that shows what is typed."""
    x, y, *_ = _XTERM
    argv = ["xterm", "-geometry", f"80x24+{x}+{y}", "-fn", "fixed", "-e", "cat"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, env={**os.environ, **server.environment}, stdout=quiet, stderr=quiet
    )
    try:
        await asyncio.sleep(1.5)
        yield
    finally:
        process.kill()
        await process.wait()
