"""A desktop, a way to a viewer, and the viewer at its end: played, for tests of the sessions."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from agentd.desktop.screen.changes import Change
from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.damage import changed_tiles
from agentd.desktop.screen.frame import CursorImage, Frame, Pixels, Rect
from agentd.desktop.screen.overlay import Cursor
from agentd.vnc.numbers import Encoding, Led
from agentd.vnc.sessions.updater import Updater
from agentd.vnc.sessions.video import Video
from agentd.vnc.updates.shared import SharedUpdates
from tests.fakes import until

WIDTH, HEIGHT = 200, 120


def cursor(x: int, y: int, *, serial: int = 1, value: int = 255) -> Cursor:
    """An opaque square of 4 x 4 that points with its top left."""
    return Cursor(x, y, CursorImage(np.full((4, 4, 4), value, np.uint8), 0, 0, serial))


class PlayedWatch:
    """What is newest on a desktop that tests draw on."""

    def __init__(self, stir: asyncio.Event, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.stir = stir
        self.is_ready = True
        self.attached = 1
        self.cursor: Cursor | None = None
        self.leds = Led(0)
        self.bells = 0
        self._ids = 1
        self._tiles: Tiles | None = None
        self.frame = Frame(np.zeros((height, width, 4), np.uint8), 1, 1, Rect(0, 0, width, height))

    def draw(self, rect: Rect, value: int) -> None:
        """Draw a rectangle of one grey."""
        pixels = self.frame.pixels.copy()
        pixels[rect.y : rect.bottom, rect.x : rect.right] = value
        self.show(pixels)

    def show(self, pixels: Pixels) -> None:
        """Show another picture of the same size."""
        tiles = changed_tiles(self.frame.pixels, pixels)
        self._tiles = tiles if self._tiles is None else self._tiles | tiles
        self._set(pixels, self.frame.generation)

    def resize(self, width: int, height: int) -> None:
        """Another size, all black."""
        self._tiles = None
        self._set(np.zeros((height, width, 4), np.uint8), self.frame.generation + 1)

    def take(self) -> Change | None:
        tiles, self._tiles = self._tiles, None
        if tiles is None:
            return None
        return Change(self.frame, self.frame, tiles, tiles, 0.0, generation_changed=False)

    def take_bells(self) -> int:
        bells, self.bells = self.bells, 0
        return bells

    def _set(self, pixels: Pixels, generation: int) -> None:
        self._ids += 1
        height, width = pixels.shape[:2]
        self.frame = Frame(pixels, self._ids, generation, Rect(0, 0, width, height))
        self.stir.set()


class PlayedStream:
    """A way to a viewer that keeps what is written, and is held up while a test wants it."""

    address, transport, is_encrypted = "203.0.113.5", "tcp", False

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.is_closed = False
        self.said: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await self.said.get()

    async def write(self, parts: list[bytes]) -> None:
        self.written.append(b"".join(parts))
        await self.is_free.wait()

    async def start_tls(self) -> None:
        raise AssertionError("no TLS here")

    def close(self) -> None:
        self.is_closed = True


class PlayedViewer:
    """A viewer of raw pixels: takes apart what it is sent, and keeps the picture."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.picture = np.full((height, width, 4), 77, np.uint8)

    def take(self, data: bytes) -> list[tuple[Any, ...]]:
        """Return the messages: ("update", encodings...), ("fence", payload), ("end",), ..."""
        self._data, self._at = data, 0
        found = []
        while self._at < len(data):
            match self._number(1):
                case 0:
                    self._skip(1)
                    found.append(("update", *[self._rect() for _ in range(self._number(2))]))
                case 2:
                    found.append(("bell",))
                case 3:
                    self._skip(3)
                    found.append(("cut", self._take(self._number(4))))
                case 150:
                    found.append(("end",))
                case 248:
                    self._skip(7)
                    found.append(("fence", self._take(self._number(1))))
                case other:
                    raise AssertionError(f"message {other}")
        return found

    def _rect(self) -> int:
        x, y, width, height, encoding = struct.unpack(">HHHHi", self._take(12))
        part = slice(y, y + height), slice(x, x + width)
        match encoding:
            case Encoding.RAW:
                data = self._take(width * height * 4)
                pixels = np.frombuffer(data, np.uint8).reshape(height, width, 4)
                self.picture[part] = pixels
            case Encoding.COPY_RECT:
                from_x, from_y = self._number(2), self._number(2)
                source = self.picture[from_y : from_y + height, from_x : from_x + width]
                self.picture[part] = source.copy()
            case Encoding.DESKTOP_SIZE | Encoding.EXTENDED_DESKTOP_SIZE:
                if encoding == Encoding.EXTENDED_DESKTOP_SIZE:
                    count = self._number(1)
                    self._skip(3 + 16 * count)
                if self.picture.shape[:2] != (height, width):
                    self.picture = np.zeros((height, width, 4), np.uint8)
            case Encoding.CURSOR:
                self._skip(width * height * 4 + -(-width // 8) * height)
            case Encoding.LED_STATE:
                self._skip(1)
            case Encoding.DESKTOP_NAME:
                self._skip(self._number(4))
            case Encoding.POINTER_POSITION | Encoding.QEMU_KEY_EVENT:
                pass
            case other:
                raise AssertionError(f"encoding {other}")
        return int(encoding)

    def _take(self, count: int) -> bytes:
        self._at += count
        assert self._at <= len(self._data), "the message ends too early"
        return self._data[self._at - count : self._at]

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _skip(self, count: int) -> None:
        self._take(count)


class Served:
    """An updater that runs, with the desktop on one side of it and the viewer on the other."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        stir = asyncio.Event()
        self.pool = pool
        self.stream = PlayedStream()
        self.watch = PlayedWatch(stir)
        self.updates = SharedUpdates(pool)
        self.video = Video(pool)
        house: Any = SimpleNamespace(updates=self.updates, video=self.video)
        watch: Any = self.watch
        self.updater = Updater(self.stream, house, watch, stir)
        self.viewer = PlayedViewer()
        self.heard: list[tuple[Any, ...]] = []
        self._taken = 0

    @property
    def whole(self) -> Rect:
        return self.watch.frame.rect

    def ask(self, *, incremental: bool = True) -> None:
        self.updater.ask(self.whole, incremental=incremental)

    def take(self) -> list[tuple[Any, ...]]:
        """Have the viewer take what was written since."""
        data = b"".join(self.stream.written[self._taken :])
        self._taken = len(self.stream.written)
        new = self.viewer.take(data)
        self.heard += new
        return new

    async def wait(self, *messages: tuple[Any, ...]) -> None:
        """Wait for as many messages as these, and see that they are these."""
        heard: list[tuple[Any, ...]] = []

        def has_come() -> bool:
            heard.extend(self.take())
            return len(heard) >= len(messages)

        await until(has_come)
        assert heard == list(messages)

    @contextmanager
    def encoding(self) -> Iterator[None]:
        """Let what is large be in the midst of its encoding, until the end of the block."""
        go_on = threading.Event()
        for _ in range(2):
            self.pool.submit(go_on.wait)
        try:
            yield
        finally:
            go_on.set()

    def answer(self) -> None:
        """Have the viewer answer all fences that it has heard."""
        for said in self.heard:
            if said[0] == "fence":
                self.updater.answered(said[1])
        self.heard.clear()

    async def settle(self) -> None:
        """Have the updater do all that it can do now."""
        for _ in range(20):
            await asyncio.sleep(0)

    def sees_the_screen(self) -> bool:
        return bool((self.viewer.picture[:, :, :3] == self.watch.frame.pixels[:, :, :3]).all())


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    """An updater that runs until the end of the block."""
    with ThreadPoolExecutor(2) as pool:
        one = Served(pool)
        task = asyncio.create_task(one.updater.run(), name="updater")  # noqa: TID251
        try:
            yield one
        finally:
            one.stream.is_free.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await one.updates.close()
