"""Viewers in a browser: the WebSocket that carries RFB, and the page around it.

Answers `/vnc/ws` and hands all else below `/vnc` to the page. The grant's token is checked before
the upgrade: it comes as a subprotocol, as pages cannot send headers, as a bearer token, or in the
query, and is never logged. It opens no socket. Sources: RFC 6455 sections 1.9 and 4.2, RFC 6454
section 7 (Origin), websockify's subprotocol `binary`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from agentd.base.errors import AgentdError, BadRequest, Denied, Unauthorized
from agentd.vnc.access.door import Door
from agentd.vnc.pages import PREFIX, Pages
from agentd.vnc.protocol.security import Security
from agentd.vnc.sessions.reception import Reception
from agentd.vnc.sessions.streams import tune

logger = logging.getLogger(__name__)

WEBSOCKET_PATH = f"{PREFIX}/ws"
TOKEN_PROTOCOL = "agentd.grant."

_MOST_MESSAGE_BYTES = 1 << 20
# Proxies cut what is silent for a minute.
_PING_S = 20.0
# A write that is larger is handed on in pieces: a ping goes between them, whose answer would else
# come too late over a slow link, and a proxy may hold a message until it is whole.
_FRAME_BYTES = 1 << 17
_GOODBYE_S = 1.0
# RFC 6455 section 5.5: a control frame has 125 bytes, and the code takes two.
_REASON_BYTES = 123


class WebFace:
    """Answers what lies below `/vnc`.

    Args:
        pages: the page.
        door: checks tokens.
        reception: takes viewers in.
        origins: pages of other sites that may connect.
    """

    def __init__(
        self, pages: Pages, door: Door, reception: Reception, *, origins: Sequence[str] = ()
    ) -> None:
        self._pages = pages
        self._door = door
        self._reception = reception
        self._origins = frozenset(origins)
        self._tasks: set[asyncio.Task[object]] = set()

    def drain(self) -> None:
        """End every connection of a viewer, and the page's streams."""
        self._pages.drain()
        for task in self._tasks:
            task.cancel()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path != WEBSOCKET_PATH:
            return await self._pages.handle(request)
        try:
            return await self._serve(request)
        except AgentdError as exc:
            return self._pages.problem(exc)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self._check_origin(request)
        address = request.remote or "local"
        offered = _offered_protocols(request)
        response = web.WebSocketResponse(
            heartbeat=_PING_S,
            max_msg_size=_MOST_MESSAGE_BYTES,
            protocols=_known_protocols(offered),
            # What is sent is compressed already.
            compress=False,
        )
        if not response.can_prepare(request).ok:
            raise BadRequest("this path speaks WebSocket", code="not_a_websocket")
        grant = await self._door.admit(_token(request, offered), address)
        try:
            await response.prepare(request)
        except BaseException:
            self._door.turned_back(grant)
            raise
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            _tune(request)
            stream = WebSocketStream(response, address, is_encrypted=request.secure)
            reason = await self._reception.receive(stream, Security.trusted(), grant)
            # By this code the page knows that it need not come again.
            code = WSCloseCode.OK if reason is None else WSCloseCode.POLICY_VIOLATION
            await _say_goodbye(response, code, reason or "")
        except asyncio.CancelledError:
            await _say_goodbye(response, WSCloseCode.GOING_AWAY, "the daemon is stopping")
            raise
        finally:
            self._tasks.discard(task)
            if request.transport is not None:
                # What a viewer has not read by now waits for nobody.
                request.transport.abort()
        return response

    def _check_origin(self, request: web.BaseRequest) -> None:
        """Refuse pages of other sites. Who is no browser sends no Origin, but needs a token."""
        origin = request.headers.get("Origin")
        if origin is None or origin in self._origins:
            return
        try:
            site = urlsplit(origin).netloc.lower()
        except ValueError:
            site = ""
        if not site or site != request.headers.get("Host", "").lower():
            raise Denied(f"origin {origin[:256]} is not allowed", code="origin_refused")


class WebSocketStream:
    """The bytes of a WebSocket, whatever its messages; see `sessions.streams.ByteStream`."""

    transport = "websocket"

    def __init__(
        self, response: web.WebSocketResponse, address: str, *, is_encrypted: bool
    ) -> None:
        self._response = response
        self.address = address
        self.is_encrypted = is_encrypted

    async def read(self) -> bytes:
        """See `ByteStream.read`."""
        while True:
            message = await self._response.receive()
            match message.type:
                case WSMsgType.BINARY if message.data:
                    return bytes(message.data)
                case WSMsgType.BINARY:
                    continue
                case WSMsgType.TEXT:
                    raise ConnectionAbortedError("a viewer's WebSocket carries binary messages")
                case _:
                    return b""

    async def write(self, parts: list[bytes]) -> None:
        """See `ByteStream.write`: small parts go together, large ones in pieces."""
        waiting: list[bytes | memoryview] = []
        size = 0
        for part in parts:
            for start in range(0, len(part), _FRAME_BYTES):
                waiting.append(memoryview(part)[start : start + _FRAME_BYTES])
                size += len(waiting[-1])
                if size >= _FRAME_BYTES:
                    await self._send(waiting)
                    waiting, size = [], 0
        if waiting:
            await self._send(waiting)

    async def start_tls(self) -> None:
        """See `ByteStream.start_tls`; here TLS is around the WebSocket."""
        raise ConnectionAbortedError("TLS inside a WebSocket is not offered")

    def close(self) -> None:
        """See `ByteStream.close`: what is read ends; the face says goodbye."""

    async def _send(self, parts: list[bytes | memoryview]) -> None:
        await self._response.send_bytes(b"".join(parts))


def _tune(request: web.BaseRequest) -> None:
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        tune(connection)


async def _say_goodbye(response: web.WebSocketResponse, code: WSCloseCode, reason: str) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(_GOODBYE_S):
            # Cut between two letters: a browser takes half a one for a broken connection.
            text = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
            await response.close(code=code, message=text.encode())


def _offered_protocols(request: web.BaseRequest) -> list[str]:
    text = request.headers.get("Sec-WebSocket-Protocol", "")
    return [name.strip() for name in text.split(",") if name.strip()]


def _known_protocols(offered: Sequence[str]) -> list[str]:
    """Return what is answered to the offer: browsers hang up on who chooses nothing of it.

    A token is said back to who has sent it only where there is no other choice; if nothing were
    chosen, aiohttp would log the offer, token and all.
    """
    if "binary" in offered:
        return ["binary"]
    return [name for name in offered if name.startswith(TOKEN_PROTOCOL)]


def _token(request: web.BaseRequest, offered: Sequence[str]) -> str:
    """Find the token where it may stand. Raises: Unauthorized when there is none."""
    for name in offered:
        if name.startswith(TOKEN_PROTOCOL):
            return name.removeprefix(TOKEN_PROTOCOL)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    if token := request.query.get("token", ""):
        return token
    raise Unauthorized("a viewer needs the token of a grant", hint="vnc.grant gives one")
