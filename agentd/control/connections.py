"""The HTTP server under every face: connections with a name, an owner and an end.

Adds to aiohttp's low-level server what it lacks: who is at the other end, asked once a
connection; a limit on connections; a limit on the time until the first request is complete; and
a callback when a connection ends. It knows no path and no command.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from agentd.base.errors import Denied
from agentd.control.auth import Identity, PeerPolicy, peer_of

logger = logging.getLogger(__name__)

CONNECTION_LIMIT = 512
FIRST_REQUEST_S = 15.0
KEEPALIVE_S = 3630.0

_numbers = itertools.count(1)


@dataclass(slots=True)
class Connection:
    """One connection: `identity` is None where only a token can tell (TCP)."""

    id: str
    identity: Identity | None
    denied: Denied | None = None
    requests: int = 0
    running: int = 0
    is_lost: bool = False
    timer: asyncio.TimerHandle | None = None


Handler = Callable[[web.BaseRequest, Connection], Awaitable[web.StreamResponse]]


class ConnectionServer(web.Server):
    """aiohttp's server that tells its handler which connection a request came by.

    Args:
        peers: the policy for Unix sockets, or None on TCP, where tokens decide.
        ended: called once with the id of each connection that is gone, when nothing runs for it
            any more: what a cancelled call still did is done.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        peers: PeerPolicy | None,
        ended: Callable[[str], None],
    ) -> None:
        super().__init__(
            self._handle,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_S,
            access_log=None,
            auto_decompress=False,
            lingering_time=1.0,
        )
        self._handler = handler
        self._peers = peers
        self._ended = ended
        self._open: dict[object, Connection] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Name the connection and ask who it is; called by aiohttp."""
        super().connection_made(handler, transport)
        if len(self._open) >= CONNECTION_LIMIT:
            logger.warning("connection refused reason=limit limit=%d", CONNECTION_LIMIT)
            transport.abort()
            return
        connection = Connection(f"c{next(_numbers)}", None)
        if self._peers is not None:
            try:
                peer = peer_of(transport.get_extra_info("socket"))
                connection.identity = self._peers.identify(peer)
            except Denied as exc:
                connection.denied = exc
            except OSError as exc:  # The peer is gone already; its request will not come.
                logger.debug("peer unknown connection=%s error=%s", connection.id, exc)
        loop = asyncio.get_running_loop()
        connection.timer = loop.call_later(FIRST_REQUEST_S, _close_if_mute, connection, transport)
        self._open[handler] = connection

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget the connection and tell its end; called by aiohttp."""
        super().connection_lost(handler, exc)
        connection = self._open.pop(handler, None)
        if connection is not None:
            if connection.timer is not None:
                connection.timer.cancel()
            connection.is_lost = True
            self._tell_end(connection)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = self._open.get(request.protocol)
        if connection is None:
            raise web.HTTPServiceUnavailable
        connection.requests += 1
        connection.running += 1
        try:
            return await self._handler(request, connection)
        finally:
            connection.running -= 1
            self._tell_end(connection)

    def _tell_end(self, connection: Connection) -> None:
        if connection.is_lost and not connection.running:
            self._ended(connection.id)


def _close_if_mute(connection: Connection, transport: asyncio.Transport) -> None:
    if connection.requests == 0:
        logger.debug("connection closed id=%s reason=no_request", connection.id)
        transport.abort()
