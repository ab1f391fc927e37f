"""A plain VNC client that keeps a picture and counts: what benchmarks and tests look through.

`viewing` connects and reads by itself; whoever wants to see something waits with `until`. It is
written from rfbproto alone and shares no code with the daemon, so that neither covers the other's
mistakes. It asks for the next update when it has shown the last, as noVNC does, or has them
pushed where the server offers that.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks import rfb_cursors as cursors
from benchmarks import rfb_numbers as n
from benchmarks.rfb_cursors import Cursor
from benchmarks.rfb_decoders import Decoders, MakeInflater
from benchmarks.rfb_h264 import OpenH264
from benchmarks.rfb_handshake import VERSION, Welcome, shake_hands
from benchmarks.rfb_pixels import NATIVE, Picture, PixelFormat, Rect
from benchmarks.rfb_speech import FENCE_REQUEST, Speech
from benchmarks.rfb_streams import Stream, WebAddress, open_stream
from benchmarks.rfb_zrle import Zrle

_UNTIL_LAST_RECT = 0xFFFF
_MOST_TEXT_BYTES = 1 << 24
_LIMIT_S = 15.0

T = TypeVar("T")


class NeverSeen(AssertionError):
    """What was waited for did not come."""


@dataclass
class Told:
    """What the server has said beside pixels."""

    cursor: Cursor | None = None
    pointer: tuple[int, int] | None = None
    leds: int | None = None
    bells: int = 0
    cut_texts: list[bytes] = field(default_factory=list)
    clipboard_messages: list[bytes] = field(default_factory=list)
    fences: list[tuple[int, bytes]] = field(default_factory=list)
    resizes: list[Rect] = field(default_factory=list)  # x: the reason, y: the status
    screens: bytes = b""
    acknowledged: set[int] = field(default_factory=set)
    has_continuous: bool = False
    continuous_ended: int = 0


class RfbClient(Speech):
    """One connection.

    Args:
        wants_continuous: whether updates shall be pushed where the server offers it.
        asks: whether to ask for the next update after each; else the caller calls `request`.
    """

    def __init__(
        self,
        stream: Stream,
        welcome: Welcome,
        *,
        encodings: Sequence[int],
        format: PixelFormat = NATIVE,
        wants_continuous: bool = True,
        asks: bool = True,
        is_blind: bool = False,
        inflater: MakeInflater = zlib.decompressobj,
    ) -> None:
        self.name = welcome.name
        self.server_format = welcome.format
        self.picture = Picture(welcome.width, welcome.height)
        self.told = Told()
        self.updates = 0
        self.updated_at = 0.0
        self.rects: Counter[int] = Counter()
        self.pixels: Counter[int] = Counter()
        self.bytes: Counter[int] = Counter()
        self.last_rects: list[tuple[int, Rect]] = []
        self.on_update: Callable[[], None] | None = None
        self.stream = stream
        self.format = format
        self.encodings = tuple(encodings)
        self.h264 = OpenH264(stream, self.picture, is_blind=is_blind)
        self._wants_continuous = wants_continuous
        self._asks = asks
        self.is_continuous = False
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[object]]] = []
        self._error: Exception | None = None
        self._encoding = n.RAW
        self._bodies = self._decoders(inflater, is_blind=is_blind)

    def _decoders(
        self, inflater: MakeInflater, *, is_blind: bool
    ) -> Mapping[int, Callable[[Rect], Awaitable[None]]]:
        stream, picture = self.stream, self.picture
        plain = Decoders(stream, picture, self.format, inflater=inflater, is_blind=is_blind)
        zrle = Zrle(stream, picture, self.format, inflater(), is_blind=is_blind)
        self._formatted = (plain, zrle)
        return {
            n.RAW: plain.raw,
            n.COPY_RECT: plain.copy_rect,
            n.RRE: plain.rre,
            n.HEXTILE: plain.hextile,
            n.ZLIB: plain.zlib,
            n.TIGHT: plain.tight,
            n.TIGHT_PNG: plain.tight,
            n.ZRLE: zrle.decode,
            n.H264: self.h264.decode,
            n.DESKTOP_SIZE: self._resized,
            n.EXTENDED_DESKTOP_SIZE: self._resized_with_screens,
            n.DESKTOP_NAME: self._renamed,
            n.CURSOR: self._cursor,
            n.X_CURSOR: self._x_cursor,
            n.CURSOR_WITH_ALPHA: self._alpha_cursor,
            n.VMWARE_CURSOR: self._vmware_cursor,
            n.VMWARE_CURSOR_POSITION: self._pointer_moved,
            n.POINTER_POSITION: self._pointer_moved,
            n.LED_STATE: self._leds,
            n.VMWARE_LED: self._vmware_leds,
            n.QEMU_KEY: self._acknowledged,
            n.EXTENDED_MOUSE_BUTTONS: self._acknowledged,
        }

    def begin(self) -> None:
        """Say what is wanted, and ask for the whole picture."""
        if self.format != self.server_format:
            self.stream.write(b"\0\0\0\0" + self.format.pack())
        self.set_encodings(self.encodings)
        self.request(incremental=False)

    def set_format(self, format: PixelFormat) -> None:
        """Ask for other pixels; right only while no update is on its way."""
        self.format = format
        for decoders in self._formatted:
            decoders.format = format
        self.stream.write(b"\0\0\0\0" + format.pack())

    # --- Waiting --------------------------------------------------------------------------------

    async def until(
        self, condition: Callable[[], T], what: str = "", *, limit_s: float = _LIMIT_S
    ) -> T:
        """Wait until something is true after a message; return it.

        Raises: NeverSeen after a time; the error by which reading ended.
        """
        if value := condition():
            return value
        if self._error is not None:
            raise self._error
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        entry = (condition, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(limit_s):
                return await future  # type: ignore[return-value]
        except TimeoutError as exc:
            raise NeverSeen(f"not true after {limit_s:g} s: {what or condition}") from exc
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    async def until_painted(self, *, limit_s: float = _LIMIT_S) -> None:
        """Wait until as many pixels have come as the screen has."""
        area = self.picture.width * self.picture.height
        come = self.pixels
        await self.until(lambda: come.total() >= area, "the whole picture", limit_s=limit_s)

    async def next_update(self, *, limit_s: float = _LIMIT_S) -> None:
        """Wait for one more update than there are now."""
        seen = self.updates
        await self.until(lambda: self.updates > seen, "an update", limit_s=limit_s)

    def colours(self) -> NDArray[np.uint32]:
        """Return the picture as words 0x00RRGGBB; a copy."""
        return self.picture.words & np.uint32(0xFFFFFF)

    async def run(self) -> None:
        """Read until the connection ends or is cancelled."""
        try:
            while True:
                await self._message()
                self._tell()
        except Exception as exc:  # Whoever waits is told, and who comes later.
            self._error = exc
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(exc)

    def _tell(self) -> None:
        for condition, future in [*self._waiting]:
            if not future.done() and (value := condition()):
                future.set_result(value)

    # --- What the server says -------------------------------------------------------------------

    async def _message(self) -> None:
        [kind] = await self.stream.read(1)
        match kind:
            case 0:
                await self._update()
            case 2:
                self.told.bells += 1
            case 3:
                await self._cut_text()
            case 150:
                self._continuous_offered()
            case 248:
                await self._fence()
            case _:
                raise ValueError(f"the server's message {kind} was never asked for")

    async def _update(self) -> None:
        [count] = struct.unpack("!xH", await self.stream.read(3))
        rects: list[tuple[int, Rect]] = []
        while count == _UNTIL_LAST_RECT or len(rects) < count:
            before = self.stream.read_bytes
            *place, encoding = struct.unpack("!4Hi", await self.stream.read(12))
            if encoding == n.LAST_RECT:
                break
            rect = Rect(*place)
            rects.append((encoding, rect))
            if encoding not in self._bodies or encoding not in (*self.encodings, n.RAW):
                raise ValueError(f"the server's encoding {encoding} was never asked for")
            self._encoding = encoding
            await self._bodies[encoding](rect)
            self.rects[encoding] += 1
            self.pixels[encoding] += rect.area * (encoding in n.PICTURES)
            self.bytes[encoding] += self.stream.read_bytes - before
        self.last_rects = rects
        self.updates += 1
        self.updated_at = time.monotonic()
        if self._asks and not self.is_continuous:
            self.request()
        if self.on_update is not None:
            self.on_update()

    def _continuous_offered(self) -> None:
        self.told.continuous_ended += self.told.has_continuous
        self.told.has_continuous = True
        if self._wants_continuous and not self.is_continuous:
            self.set_continuous(enable=True)

    async def _fence(self) -> None:
        flags, size = struct.unpack("!xxxIB", await self.stream.read(8))
        payload = bytes(await self.stream.read(size))
        if flags & FENCE_REQUEST:
            self.fence(flags & 7, payload)
        self.told.fences.append((flags, payload))
        del self.told.fences[:-100]

    async def _cut_text(self) -> None:
        [size] = struct.unpack("!xxxi", await self.stream.read(7))
        if abs(size) > _MOST_TEXT_BYTES:
            raise ValueError(f"a clipboard of {size} bytes")
        content = bytes(await self.stream.read(abs(size)))
        (self.told.clipboard_messages if size < 0 else self.told.cut_texts).append(content)

    async def _resized(self, rect: Rect) -> None:
        if (rect.width, rect.height) != (self.picture.width, self.picture.height):
            self.picture.resize(rect.width, rect.height)
            if self.is_continuous:
                self.set_continuous(enable=True)
            elif self._asks:
                self.request(incremental=False)

    async def _resized_with_screens(self, rect: Rect) -> None:
        [count] = struct.unpack("!Bxxx", await self.stream.read(4))
        screens = bytes(await self.stream.read(16 * count))
        self.told.resizes.append(rect)
        if rect.y == 0:
            self.told.screens = screens
            await self._resized(rect)

    async def _renamed(self, rect: Rect) -> None:
        [size] = struct.unpack("!I", await self.stream.read(4))
        self.name = bytes(await self.stream.read(size)).decode()

    async def _acknowledged(self, rect: Rect) -> None:
        self.told.acknowledged.add(self._encoding)

    async def _leds(self, rect: Rect) -> None:
        self.told.leds = (await self.stream.read(1))[0]

    async def _vmware_leds(self, rect: Rect) -> None:
        [self.told.leds] = struct.unpack("!I", await self.stream.read(4))

    async def _pointer_moved(self, rect: Rect) -> None:
        self.told.pointer = (rect.x, rect.y)

    async def _cursor(self, rect: Rect) -> None:
        self.told.cursor = await cursors.plain(self.stream, rect, self.format)

    async def _x_cursor(self, rect: Rect) -> None:
        self.told.cursor = await cursors.two_colours(self.stream, rect)

    async def _alpha_cursor(self, rect: Rect) -> None:
        self.told.cursor = await cursors.with_alpha(self.stream, rect)

    async def _vmware_cursor(self, rect: Rect) -> None:
        self.told.cursor = await cursors.vmware(self.stream, rect)


@asynccontextmanager
async def viewing(
    address: str | socket.socket,
    *,
    encodings: Sequence[int] = n.RAW_LIST,
    password: str | None = None,
    version: bytes = VERSION,
    shared: bool = True,
    web: WebAddress | None = None,
    **options: Any,
) -> AsyncIterator[RfbClient]:
    """Connect, read in a task, and close at the end.

    Args:
        address: `host:port`, `unix:/path`, a WebSocket's URL, or a connected socket.
        password: for VncAuth.
        version: the protocol's, as the client claims it.
        web: more about a WebSocket.
        options: those of `RfbClient`.

    Raises: Refused where the server does not let us in.
    """
    stream = await open_stream(address, web=web)
    try:
        welcome = await shake_hands(stream, password=password, version=version, shared=shared)
        client = RfbClient(stream, welcome, encodings=encodings, **options)
        client.begin()
        # It lives as long as the block, and its errors go to those who wait.
        reading = asyncio.create_task(client.run(), name="rfb: read")  # noqa: TID251
        try:
            yield client
        finally:
            reading.cancel()
            await asyncio.wait([reading])
    finally:
        await stream.close()
