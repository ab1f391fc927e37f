"""Where viewers come in: a TCP or Unix socket for RFB, and one for browsers.

One service: it opens what `[vnc]` names, and at its end closes it and sends everybody away. The
control listeners serve browsers as well, through the same face (`web.py`). It knows no protocol.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from aiohttp import web

from agentd.base.config import VncConfig
from agentd.base.errors import Unavailable
from agentd.vnc.access.grants import Grant, GrantId, Right
from agentd.vnc.protocol.security import Security
from agentd.vnc.sessions.reception import Reception
from agentd.vnc.sessions.streams import SocketStream
from agentd.vnc.web import WebFace

logger = logging.getLogger(__name__)

_BACKLOG = 64
_KEEPALIVE_S = 75.0
_DRAIN_S = 1.0

# Whoever may open our Unix socket may do everything.
_LOCAL = Grant(GrantId("local"), "local", frozenset(Right), 0.0, None, None)


class Listeners:
    """The sockets of `[vnc]`. Service `vnc.listeners`.

    Args:
        config: what to open.
        reception: takes in viewers that speak RFB.
        web_face: answers browsers.
    """

    name = "vnc.listeners"

    def __init__(self, config: VncConfig, reception: Reception, web_face: WebFace) -> None:
        self._config = config
        self._reception = reception
        self._web = web_face
        # Where they are open; empty while they are not.
        self._rfb_address = ""
        self._page_url = ""
        self._visits: set[asyncio.Task[None]] = set()
        self._takes_visits = False

    @property
    def takes_passwords(self) -> bool:
        """Whether viewers can come in by a password."""
        listen = self._config.listen
        return bool(listen) and not listen.startswith("unix:")

    def addresses(self) -> dict[str, str]:
        """Return where viewers find us: `rfb`, `page`; those that are open."""
        found = {"rfb": self._rfb_address, "page": self._page_url}
        return {name: address for name, address in found.items() if address}

    async def run(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled, then end every connection.

        Raises: Unavailable when an address cannot be used; the supervisor tries again.
        """
        tls = self._tls()
        async with AsyncExitStack() as stack:
            # The last that was opened is closed first: nobody comes in while others are sent away.
            stack.push_async_callback(self._end_visits)
            self._takes_visits = True
            if self._config.listen:
                await self._open_rfb(stack, tls)
            if isinstance(self._config.websocket, str) and self._config.websocket:
                await self._open_web(stack, tls)
            ready()
            await asyncio.get_running_loop().create_future()

    async def _open_rfb(self, stack: AsyncExitStack, tls: ssl.SSLContext | None) -> None:
        is_unix = self._config.listen.startswith("unix:")
        transport = "unix" if is_unix else "tcp"

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            stream = SocketStream(reader, writer, transport=transport, tls=tls)
            if is_unix:
                await self._reception.receive(stream, Security.trusted(), _LOCAL)
            elif tls is not None:
                # Viewers that know no TLS are served on loopback, where nobody listens in.
                security = Security.certificate(allow_unencrypted=stream.is_loopback)
                await self._reception.receive(stream, security)
            else:
                await self._reception.receive(stream, Security.password())

        server = await self._start_rfb(is_unix, self._visited(serve))
        stack.callback(self._close_rfb, server)
        self._rfb_address = self._config.listen
        if not is_unix:
            self._rfb_address = _shown(server.sockets[0].getsockname()[:2])
        logger.info("viewer listener open address=%s", self._rfb_address)

    def _close_rfb(self, server: asyncio.Server) -> None:
        server.close()
        self._rfb_address = ""
        if self._config.listen.startswith("unix:"):
            Path(self._config.listen.removeprefix("unix:")).unlink(missing_ok=True)

    async def _start_rfb(
        self,
        is_unix: bool,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None],
    ) -> asyncio.Server:
        listen = self._config.listen
        try:
            if is_unix:
                bound = _bind_unix(Path(listen.removeprefix("unix:")))
                return await asyncio.start_unix_server(serve, sock=bound, backlog=_BACKLOG)
            host, port = _host_and_port(listen)
            return await asyncio.start_server(serve, host, port, backlog=_BACKLOG)
        except OSError as exc:
            raise _unusable("vnc.listen", listen, exc) from exc

    async def _open_web(self, stack: AsyncExitStack, tls: ssl.SSLContext | None) -> None:
        address = str(self._config.websocket)
        server = web.Server(
            self._web.handle,
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=_KEEPALIVE_S,
        )
        host, port = _host_and_port(address)
        try:
            listener = await asyncio.get_running_loop().create_server(
                server, host, port, ssl=tls, backlog=_BACKLOG
            )
        except OSError as exc:
            raise _unusable("vnc.websocket", address, exc) from exc
        stack.push_async_callback(self._close_web, listener, server)
        scheme = "http" if tls is None else "https"
        self._page_url = f"{scheme}://{_shown(listener.sockets[0].getsockname()[:2])}/vnc/"
        logger.info("viewer page open address=%s", self._page_url)

    async def _close_web(self, listener: asyncio.Server, server: web.Server) -> None:
        listener.close()
        self._page_url = ""
        self._web.drain()
        await server.shutdown(_DRAIN_S)

    def _visited(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        """Have each connection served by a task, whose faults are the connection's own."""

        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except OSError as exc:
                logger.debug("viewer gone before it was heard reason=%s", exc)
            except Exception:
                logger.exception("fault in a viewer's connection")
            finally:
                writer.transport.abort()

        def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not self._takes_visits:
                writer.transport.abort()  # It was accepted in the moment of the closing.
                return
            visit = asyncio.create_task(guarded(reader, writer), name="viewer")  # noqa: TID251
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)

        return start

    async def _end_visits(self) -> None:
        self._takes_visits = False
        for visit in (visits := tuple(self._visits)):
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    def _tls(self) -> ssl.SSLContext | None:
        if not self._config.certificate_file:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # TigerVNC's viewer 1.12 waits for ever at a session ticket.
        context.num_tickets = 0
        try:
            context.load_cert_chain(self._config.certificate_file, self._config.key_file)
        except (OSError, ssl.SSLError) as exc:
            raise Unavailable(f"cannot use {self._config.certificate_file}: {exc}") from exc
        return context


def _bind_unix(path: Path) -> socket.socket:
    """Make the socket for its owner alone; one that a dead daemon has left is replaced."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(os.fspath(path))
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        bound.bind(os.fspath(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unusable(key: str, address: str, exc: OSError) -> Unavailable:
    return Unavailable(
        f"cannot listen on {address}: {exc.strerror or exc}",
        code="address_not_usable",
        hint=f"set {key} to another address",
    )
