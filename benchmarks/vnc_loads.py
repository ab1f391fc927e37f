"""One measurement of one VNC server: what a viewer sees while something plays, and what it costs.

Latency is from the X client's drawing to the update after which the viewer's picture shows it,
whole. CPU is that of the server and its X server together, in percent of a core. Judges nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np
from isal import isal_zlib

from benchmarks import rfb_numbers as n
from benchmarks.harness import waited_ns
from benchmarks.rfb_client import RfbClient, viewing
from benchmarks.rfb_pixels import Words
from benchmarks.vnc_link import Link
from benchmarks.vnc_painter import HEIGHT, NUMBERS, shown
from benchmarks.vnc_programs import XTERM, Painting, others, painting
from benchmarks.vnc_servers import Server

_BETWEEN_KEYS_S = (0.14, 0.19)
_KEYS = "the quick brown fox jumps over it"
_POINTER = (5, HEIGHT // 2)
# Where servers may have painted a pointer, in spite of it.
_POINTED = np.s_[HEIGHT // 2 - 40 : HEIGHT // 2 + 40, :48]
_WARM_S = 1.0
_QUIET_S, _QUIET_LIMIT_S = 0.4, 6.0
_SETTLED_S, _SETTLE_LIMIT_S, _SHAPED_LIMIT_S = 0.5, 2.0, 10.0


@dataclass
class Figures:
    """What one measurement found."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    drawn: int = 0
    updates: int = 0
    bytes: int = 0
    cpu_percent: float = 0.0
    waited_percent: float = 0.0
    copied_percent: float = 0.0
    wrong_pixels: int | None = None
    largest_error: int = 0
    settle_ms: float | None = None
    kinds: dict[int, int] = field(default_factory=dict)

    @property
    def updates_per_s(self) -> float:
        """How often the viewer's picture changed."""
        return self.updates / self.seconds

    @property
    def frames_per_s(self) -> float:
        """How many different things it showed whole."""
        return len(self.latencies_ms) / self.seconds

    @property
    def kb_per_s(self) -> float:
        """What came, in kB/s."""
        return self.bytes / self.seconds / 1000


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


class Watch:
    """Notes when numbers appear."""

    def __init__(self, client: RfbClient, kind: str) -> None:
        self._client = client
        self.kind = kind
        self.seen: list[tuple[int, float]] = []

    def look(self) -> None:
        """Called after each update."""
        number = shown(self._client.picture.words, self.kind)
        if number is not None and (not self.seen or self.seen[-1][0] != number):
            self.seen.append((number, self._client.updated_at))


async def measure(server: Server, load: Load) -> Figures:
    """Measure once. Raises: whatever the connection or the picture has broken by."""
    async with AsyncExitStack() as stack:
        painter = None
        if load.kind not in ("idle", "typing"):
            painter = await stack.enter_async_context(
                painting(server.environment, load.kind, load.seconds + _warm_s(load.kind))
            )
        address = load.link.connect(server.host, server.port) if load.link else server.address
        client = await stack.enter_async_context(
            viewing(
                address,
                encodings=n.LISTS[load.encodings],
                password=server.password,
                inflater=isal_zlib.decompressobj,
            )
        )
        await client.until_painted(limit_s=30)
        # At rest the pointer is the viewer's; else servers paint it into the picture.
        client.pointer(*_POINTER)
        await stack.enter_async_context(others(server, load.encodings, load.viewers - 1))
        if load.kind == "typing":
            client.pointer(300, 300)
            client.pointer(300, 300, 1)
            client.pointer(300, 300)
        await _wait_quiet(client)
        figures = await _played(server, load, client, painter)
        if painter is not None:
            limit_s = _SHAPED_LIMIT_S if load.link else _SETTLE_LIMIT_S
            await _settle(client, figures, painter, limit_s)
        return figures


class _Counting:
    """What has been spent and has come from a moment on."""

    def __init__(self, server: Server, client: RfbClient) -> None:
        self._server, self._client = server, client
        self.began = time.monotonic()
        self._spent_ns, self._waited_ns = server.cpu_ns(), waited_ns(os.getpid())
        self._updates, self._received = client.updates, client.stream.received_bytes
        self._kinds, self._pixels = client.rects.copy(), client.pixels.copy()

    def figures(self) -> Figures:
        """Count until now."""
        seconds = time.monotonic() - self.began
        changed = self._client.pixels - self._pixels
        return Figures(
            seconds=seconds,
            updates=self._client.updates - self._updates,
            bytes=self._client.stream.received_bytes - self._received,
            cpu_percent=(self._server.cpu_ns() - self._spent_ns) / 1e7 / seconds,
            waited_percent=(waited_ns(os.getpid()) - self._waited_ns) / 1e7 / seconds,
            copied_percent=100 * changed[n.COPY_RECT] / max(1, changed.total()),
            kinds=dict(self._client.rects - self._kinds),
        )


async def _played(
    server: Server, load: Load, client: RfbClient, painter: Painting | None
) -> Figures:
    """Play, and count meanwhile."""
    if painter is not None:
        return await _painted(server, load, client, painter)
    counting = _Counting(server, client)
    times: list[float] = []
    if load.kind == "typing":
        times = await _typed(client, load.seconds)
    else:
        await asyncio.sleep(load.seconds)
    figures = counting.figures()
    figures.latencies_ms = times
    return figures


async def _painted(server: Server, load: Load, client: RfbClient, painter: Painting) -> Figures:
    """Let the painter play; what it does at first is not counted."""
    watch = Watch(client, load.kind) if load.kind in NUMBERS else None
    if watch is not None:
        watch.look()
        client.on_update = watch.look
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(painter.play(), name="painter: play")
        await asyncio.sleep(_warm_s(load.kind))
        counting = _Counting(server, client)
        await playing
        figures = counting.figures()
    figures.drawn = sum(at >= counting.began for _, at in painter.drawn)
    if watch is not None:
        if load.kind != "video":
            await _last_seen(client, watch, painter)
        client.on_update = None
        seen = [each for each in watch.seen if each[1] >= counting.began]
        figures.latencies_ms = latencies_ms(painter.drawn, seen, NUMBERS[load.kind])
    return figures


def _warm_s(kind: str) -> float:
    """How long a load plays before it counts: servers learn what plays where."""
    return _WARM_S if kind in ("scroll", "page", "drag", "video") else 0.0


def latencies_ms(
    drawn: Sequence[tuple[int, float]], seen: Sequence[tuple[int, float]], modulus: int
) -> list[float]:
    """Match what was drawn with what was seen; what never was seen does not count."""
    found = []
    for number, at in seen:
        alike = (when for which, when in reversed(drawn) if which % modulus == number)
        drawn_at = next((when for when in alike if when < at), None)
        if drawn_at is not None:
            found.append(1000 * (at - drawn_at))
    return found


async def _last_seen(client: RfbClient, watch: Watch, painter: Painting) -> None:
    """Wait for the last number, for a while."""
    last = painter.drawn[-1][0] % NUMBERS[watch.kind]
    try:
        await client.until(lambda: watch.seen[-1][0] == last, limit_s=5)
    except AssertionError:  # It counts as never seen.
        return


async def _typed(client: RfbClient, seconds: float) -> list[float]:
    """Type into the terminal and time each glyph."""
    x, y, width, height = XTERM
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


async def _settle(client: RfbClient, figures: Figures, painter: Painting, limit_s: float) -> None:
    """Compare with the X server's own pixels half a second after the last drawing."""
    truth = await painter.pixels()
    quiet_at = painter.quiet_at
    while not is_equal(client, truth) and (now := time.monotonic()) < quiet_at + limit_s:
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
    ours = _seen(client, truth)
    figures.wrong_pixels = int(np.count_nonzero(ours != truth))
    difference = ours.view(np.uint8).astype(np.int16) - truth.view(np.uint8).astype(np.int16)
    figures.largest_error = int(np.abs(difference).max())


def is_equal(client: RfbClient, truth: Words) -> bool:
    """Whether the viewer sees what the X server has."""
    return np.array_equal(_seen(client, truth), truth)


def _seen(client: RfbClient, truth: Words) -> Words:
    """What the viewer sees, with the X server's pixels where the pointer is."""
    seen = client.colours()
    seen[_POINTED] = truth[_POINTED]
    return seen
