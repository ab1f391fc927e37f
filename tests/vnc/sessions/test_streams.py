"""Sockets with real peers: nothing piles up for one that does not read, and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agentd.vnc.sessions.streams import SocketStream
from tests.fakes import LIMIT_S
from tests.vnc.certificates import make_certificate

MEGABYTE = 1 << 20
T = TypeVar("T")


@asynccontextmanager
async def accepted(
    *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[SocketStream, socket.socket]]:
    """A stream, and the socket at its other end."""
    come: asyncio.Queue[SocketStream] = asyncio.Queue()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come.put_nowait(SocketStream(reader, writer, transport="tcp", tls=tls))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as peer:
        stream = await come.get()
        try:
            yield stream, peer
        finally:
            stream.close()
            server.close()


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.create_task(work, name="peer")  # noqa: TID251


async def in_thread(work: Callable[[], bytes]) -> bytes:
    async with asyncio.timeout(LIMIT_S):
        return await asyncio.to_thread(work)


async def test_bytes_come_as_they_were_sent_and_then_nothing() -> None:
    async with accepted() as (stream, peer):
        peer.sendall(b"abc")
        assert await stream.read() == b"abc"
        peer.shutdown(socket.SHUT_WR)
        assert await stream.read() == b""
        await stream.write([b"d", b"", b"ef"])
        assert await in_thread(lambda: peer.recv(3, socket.MSG_WAITALL)) == b"def"


async def test_write_returns_only_when_the_peer_reads() -> None:
    async with accepted() as (stream, peer):
        writing = begin(stream.write([bytes(32 * MEGABYTE)]))
        done, _ = await asyncio.wait([writing], timeout=0.1)
        assert not done
        await in_thread(lambda: peer.recv(32 * MEGABYTE, socket.MSG_WAITALL))
        async with asyncio.timeout(LIMIT_S):
            await writing


async def test_close_ends_a_write_that_is_stuck() -> None:
    async with accepted() as (stream, _):
        writing = begin(stream.write([bytes(32 * MEGABYTE)]))
        done, _ = await asyncio.wait([writing], timeout=0.05)
        assert not done
        stream.close()
        stream.close()
        async with asyncio.timeout(LIMIT_S):
            await writing
        with pytest.raises(ConnectionResetError):
            await stream.write([b"more"])


async def test_peer_that_is_gone_is_an_error_of_the_connection() -> None:
    async with accepted() as (stream, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))
        peer.close()
        with pytest.raises(ConnectionResetError):
            await stream.read()


async def test_says_where_it_comes_from() -> None:
    async with accepted() as (stream, _):
        assert (stream.address, stream.transport) == ("127.0.0.1", "tcp")
        assert stream.is_loopback
        assert not stream.is_encrypted


async def test_kernel_looks_after_silent_peers() -> None:
    async with accepted() as (stream, _):
        connection = stream._writer.get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 90_000
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_tls_begins_in_the_midst(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with accepted(tls=certificate.server) as (stream, peer):
        peer.setblocking(True)
        await stream.write([b"tls?"])

        def talk() -> bytes:
            assert peer.recv(4, socket.MSG_WAITALL) == b"tls?"
            with certificate.client.wrap_socket(peer.dup(), server_hostname="127.0.0.1") as wrapped:
                wrapped.sendall(b"hello")
                got = b""
                while len(got) < 2 * MEGABYTE:
                    got += wrapped.recv(MEGABYTE)
                return got

        talking = begin(in_thread(talk))
        await stream.start_tls()
        assert stream.is_encrypted
        assert await stream.read() == b"hello"
        await stream.write([bytes(MEGABYTE), bytes(MEGABYTE)])
        assert await talking == bytes(2 * MEGABYTE)
