"""What a viewer's bytes come and go by: a connected socket, with or without TLS.

A write returns when what waits to be sent is little again: nobody's bytes pile up here. The
WebSocket has the same shape and lives in `vnc/web.py`. It knows no RFB. Sources: tcp(7)
(keep-alive, TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT), RFC 8446.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import ip_address
from typing import Protocol

_READ_BYTES = 64 * 1024
_WAITING_BYTES = 128 * 1024
# A peer that is gone without a word is noticed within this time.
_KEEPALIVE_S = 30
_SILENT_S = 90


class ByteStream(Protocol):
    """Both directions of one connection. One task reads, one writes."""

    address: str
    transport: str
    is_encrypted: bool

    async def read(self) -> bytes:
        """Return what has come, at least a byte; nothing at the end. Raises: OSError."""

    async def write(self, parts: list[bytes]) -> None:
        """Send bytes; returns when few of them still wait. Raises: OSError."""

    async def start_tls(self) -> None:
        """Speak TLS from the next byte on, as a server. Raises: OSError."""

    def close(self) -> None:
        """End both directions at once. Idempotent."""


class SocketStream:
    """A TCP or Unix socket."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        transport: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._tls = tls
        self.transport = transport
        self.is_encrypted = False
        peer = writer.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else "local"
        writer.transport.set_write_buffer_limits(high=_WAITING_BYTES)
        self.is_loopback = isinstance(peer, tuple) and ip_address(peer[0]).is_loopback
        if transport == "tcp":
            tune(writer.get_extra_info("socket"))

    async def read(self) -> bytes:
        """See `ByteStream.read`. Cancelling is safe."""
        return await self._reader.read(_READ_BYTES)

    async def write(self, parts: list[bytes]) -> None:
        """See `ByteStream.write`. Cancelling: the parts go out all the same."""
        self._writer.writelines(parts)
        await self._writer.drain()

    async def start_tls(self) -> None:
        """See `ByteStream.start_tls`."""
        assert self._tls is not None, "TLS is offered where there is a certificate"
        await self._writer.start_tls(self._tls)
        self._writer.transport.set_write_buffer_limits(high=_WAITING_BYTES)
        self.is_encrypted = True

    def close(self) -> None:
        """See `ByteStream.close`."""
        self._writer.transport.abort()


def tune(connection: socket.socket) -> None:
    """Have the kernel notice a peer that is gone, and queue little for one that is slow.

    What waits in the kernel can be replaced by nothing newer: megabytes of it are seconds of a slow
    link.
    """
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_S * 1000),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _WAITING_BYTES),
    ):
        connection.setsockopt(level, option, value)
