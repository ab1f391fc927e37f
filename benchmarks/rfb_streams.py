"""The byte streams a VNC client reads: TCP, Unix socket, WebSocket.

A read of many bytes is a view of the buffer, without a copy, and holds until the next read. Knows
nothing of RFB. Reading stops while more than a few frames wait, as it does in every viewer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

_FIRST_BYTES = 1 << 20
_MOST_WAITING_BYTES = 1 << 24
_SMALL_BYTES = 4096
_CLOSE_S = 5.0

Buffer = bytes | memoryview


class Closed(ConnectionError):
    """The server has ended the connection; `unread` are the bytes before the end."""

    def __init__(self, reason: str, unread: bytes = b"") -> None:
        super().__init__(reason)
        self.unread = unread


class Stream(Protocol):
    """What the client needs of a connection."""

    received_bytes: int

    @property
    def read_bytes(self) -> int:
        """How much has been read, of what was received."""

    async def read(self, size_bytes: int) -> Buffer:
        """Return exactly so many bytes. Raises: Closed."""

    def write(self, content: bytes) -> None:
        """Send; does not wait."""

    async def close(self) -> None:
        """End the connection. Idempotent."""


class _Bytes:
    """A buffer that is filled at one end and read at the other."""

    def __init__(self) -> None:
        self._buffer = bytearray(_FIRST_BYTES)
        self._start = self._end = 0
        self.taken_bytes = 0

    @property
    def waiting_bytes(self) -> int:
        return self._end - self._start

    def room(self, wanted_bytes: int = 1) -> memoryview:
        """Return free room behind what waits, at least so much."""
        if len(self._buffer) - self._end < wanted_bytes:
            waiting = bytes(memoryview(self._buffer)[self._start : self._end])
            if len(self._buffer) < 2 * (len(waiting) + wanted_bytes):
                self._buffer = bytearray(2 * (len(waiting) + wanted_bytes))
            self._start, self._end = 0, len(waiting)
            self._buffer[: self._end] = waiting
        return memoryview(self._buffer)[self._end :]

    def filled(self, size_bytes: int) -> None:
        self._end += size_bytes

    def take(self, size_bytes: int) -> Buffer:
        view = memoryview(self._buffer)[self._start : self._start + size_bytes]
        self._start += size_bytes
        self.taken_bytes += size_bytes
        if self._start == self._end:
            self._start = self._end = 0
        return bytes(view) if size_bytes <= _SMALL_BYTES else view

    def rest(self) -> bytes:
        return bytes(memoryview(self._buffer)[self._start : self._end])


class SocketStream(asyncio.BufferedProtocol):
    """TCP or a Unix socket."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self._bytes = _Bytes()
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._gone = asyncio.Event()
        self._is_paused = False

    @property
    def read_bytes(self) -> int:
        """How much has been read, of what was received."""
        return self._bytes.taken_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Called by the event loop."""
        return self._bytes.room(max(1 << 16, min(sizehint, 1 << 18)))

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the event loop."""
        self.received_bytes += nbytes
        self._bytes.filled(nbytes)
        self._news.set()
        if self._bytes.waiting_bytes > _MOST_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._pause(stop=True)

    def eof_received(self) -> None:
        """Called by the event loop."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._gone.set()
        self._news.set()

    async def read(self, size_bytes: int) -> Buffer:
        """Return exactly so many bytes. Raises: Closed."""
        while self._bytes.waiting_bytes < size_bytes:
            if self._is_paused:
                self._is_paused = False
                self._pause(stop=False)
            if self._gone.is_set():
                raise Closed("the server has closed the connection", self._bytes.rest())
            self._news.clear()
            await self._news.wait()
        return self._bytes.take(size_bytes)

    def write(self, content: bytes) -> None:
        """Send; does not wait."""
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(content)

    async def close(self) -> None:
        """End the connection. Idempotent."""
        if self._transport is not None:
            self._transport.abort()
            await self._gone.wait()

    def _pause(self, *, stop: bool) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if stop:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


@dataclass(frozen=True)
class WebAddress:
    """What a WebSocket's URL does not say.

    Args:
        unix_socket: the path of the socket where the server listens.
        protocols: the subprotocols to offer.
        headers: further headers.
    """

    unix_socket: str | None = None
    protocols: Sequence[str] = ("binary",)
    headers: Mapping[str, str] = field(default_factory=dict)


class WebSocketStream:
    """The binary messages of a WebSocket, joined."""

    def __init__(self, stack: AsyncExitStack, web_socket: aiohttp.ClientWebSocketResponse) -> None:
        self.received_bytes = 0
        self.web_socket = web_socket
        self._stack = stack
        self._bytes = _Bytes()
        self._to_send: asyncio.Queue[bytes] = asyncio.Queue()

    @property
    def read_bytes(self) -> int:
        """How much has been read, of what was received."""
        return self._bytes.taken_bytes

    @classmethod
    async def opened(cls, url: str, web: WebAddress) -> WebSocketStream:
        """Connect.

        Raises: aiohttp.WSServerHandshakeError with the status where the server refuses.
        """
        async with AsyncExitStack() as stack:
            connector = aiohttp.UnixConnector(web.unix_socket) if web.unix_socket else None
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            web_socket = await session.ws_connect(
                url, protocols=web.protocols, headers=web.headers, max_msg_size=0
            )
            stack.push_async_callback(web_socket.close)
            stream = cls(stack, web_socket)
            # It lives as long as the connection, which no block of code encloses.
            sending = asyncio.create_task(stream._send(), name="rfb: send")  # noqa: TID251
            stack.callback(sending.cancel)
            stream._stack = stack.pop_all()
        return stream

    async def read(self, size_bytes: int) -> Buffer:
        """Return exactly so many bytes. Raises: Closed."""
        while self._bytes.waiting_bytes < size_bytes:
            message = await self.web_socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                code = self.web_socket.close_code
                raise Closed(f"the server has closed the WebSocket: {code} {message.extra or ''}")
            content = message.data
            self.received_bytes += len(content)
            self._bytes.room(len(content))[: len(content)] = content
            self._bytes.filled(len(content))
        return self._bytes.take(size_bytes)

    def write(self, content: bytes) -> None:
        """Send; does not wait."""
        self._to_send.put_nowait(content)

    async def close(self) -> None:
        """End the connection. Idempotent."""
        async with asyncio.timeout(_CLOSE_S):
            await self._stack.aclose()

    async def _send(self) -> None:
        with suppress(ConnectionError):  # The reader is told of it.
            while True:
                await self.web_socket.send_bytes(await self._to_send.get())


async def open_stream(address: str | socket.socket, *, web: WebAddress | None = None) -> Stream:
    """Connect to `host:port`, `unix:/path`, or a WebSocket by its URL; or use a socket."""
    loop = asyncio.get_running_loop()
    if isinstance(address, socket.socket):
        return (await loop.create_connection(SocketStream, sock=address))[1]
    if address.startswith(("ws://", "wss://")):
        return await WebSocketStream.opened(address, web or WebAddress())
    if address.startswith("unix:"):
        return (await loop.create_unix_connection(SocketStream, address.removeprefix("unix:")))[1]
    host, _, port = address.rpartition(":")
    return (await loop.create_connection(SocketStream, host, int(port)))[1]
