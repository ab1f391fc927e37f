"""Calls over HTTP in asyncio: connections that stay, answers as types, streams that close.

The commands that press and move go over one connection, one after the other, because what is
pressed belongs to the connection and is lifted when it ends; everything else shares a pool, so
that a long wait holds nothing up. No connection is closed for being idle while the transport is
open. It does not know commands. Source: RFC 9112.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, Self, TypeVar

import aiohttp

from agentd.base.errors import BadRequest, Conflict
from agentd.client import wire
from agentd.client.address import (
    CONNECT_S,
    GRACE_S,
    LONGEST_S,
    SILENCE_S,
    Address,
    connection_lost,
    no_answer,
    unreachable,
)
from agentd.client.blob import Blob
from agentd.client.commands.values import PictureMeta
from agentd.client.picture import Picture

T = TypeVar("T")

Parameters = Mapping[str, object]

# aiohttp's connectors want a number: idle connections are kept for ten years.
_KEPT_S = 10 * 365 * 86400.0
_READ_BYTES = 1024 * 1024


class AsyncTransport:
    """Carries the calls of one client.

    Args:
        ordered: names of the commands that share one connection.
    """

    def __init__(self, address: Address, *, ordered: frozenset[str] = frozenset()) -> None:
        self._address = address
        self._ordered = ordered
        self._turn = asyncio.Lock()
        self._hands: aiohttp.ClientSession | None = None
        self._others: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready to call; the first call connects."""
        if self._hands is None:
            self._hands = self._session(1)
            self._others = self._session(0)

    async def close(self) -> None:
        """Close every connection: what runs is cancelled, what is pressed is lifted. Idempotent."""
        hands, self._hands = self._hands, None
        others, self._others = self._others, None
        for session in (hands, others):
            if session is not None:
                await session.close()

    async def json(
        self, command: str, parameters: Parameters, wanted: type[T], deadline_s: float
    ) -> T:
        """Call a command that answers JSON of a type.

        Raises: the AgentdError that the daemon answers; Unavailable when it is not there.
        Cancelling: the daemon cancels the command, and lifts keys that this connection pressed.
        """
        headers, body = await self._ask(command, parameters, deadline_s)
        return wire.answer_in(headers.get("Content-Type", ""), body, wanted, command)

    async def optional(
        self, command: str, parameters: Parameters, wanted: type[T], deadline_s: float
    ) -> T | None:
        """Call a command that answers JSON of a type, or null; otherwise as `json`."""
        _, body = await self._ask(command, parameters, deadline_s)
        return None if body == b"null" else wire.answer_of(body, wanted, command)

    async def blob(self, command: str, parameters: Parameters, deadline_s: float) -> Blob:
        """Call a command that answers bytes; otherwise as `json`."""
        headers, body = await self._ask(command, parameters, deadline_s)
        meta = wire.meta_of(headers.get(wire.META_HEADER, ""), dict[str, Any], command)
        return Blob(body, wire.media_type_of(headers.get("Content-Type")), meta)

    async def picture(self, command: str, parameters: Parameters, deadline_s: float) -> Picture:
        """Call a command that answers a picture; otherwise as `json`."""
        headers, body = await self._ask(command, parameters, deadline_s)
        meta = wire.meta_of(headers.get(wire.META_HEADER, ""), PictureMeta, command)
        return Picture(body, wire.media_type_of(headers.get("Content-Type")), meta)

    async def value(self, command: str, parameters: Parameters, deadline_s: float | None) -> Any:
        """Call any command that does not stream; returns a JSON value or a Blob."""
        headers, body = await self._ask(command, parameters, deadline_s)
        content_type = headers.get("Content-Type", "")
        media_type = wire.media_type_of(content_type)
        if media_type in (wire.JSON, wire.PARTS):
            return wire.answer_in(content_type, body, object, command)
        meta = wire.meta_of(headers.get(wire.META_HEADER, ""), dict[str, Any], command)
        return Blob(body, media_type, meta)

    def stream(self, command: str, parameters: Parameters, wanted: type[T]) -> AsyncStream[T]:
        """Return the stream of a command; it opens when it is entered or first read."""
        return AsyncStream(self, command, parameters, wanted)

    @asynccontextmanager
    async def answer(
        self, command: str, parameters: Parameters, deadline_s: float | None, *, is_stream: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a call and give its answer, with errors of the network and the daemon raised."""
        limit_s = (LONGEST_S if deadline_s is None else deadline_s) + GRACE_S
        timeout = (
            aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
            if is_stream
            else aiohttp.ClientTimeout(total=limit_s, sock_connect=CONNECT_S)
        )
        try:
            async with self._session_for(command).post(
                self._address.base + wire.path_of(command),
                data=wire.body_of(parameters),
                headers=wire.headers_of(deadline_s),
                timeout=timeout,
            ) as response:
                if response.status != 200:
                    media_type, body = response.content_type, await response.read()
                    raise wire.error_in(response.status, media_type, body, command)
                yield response
        except aiohttp.ClientConnectorError as exc:
            raise unreachable(self._address, exc.os_error) from exc
        except TimeoutError as exc:
            raise no_answer(command, SILENCE_S if is_stream else limit_s) from exc
        except (aiohttp.ClientError, ConnectionError) as exc:
            raise connection_lost(command) from exc

    async def _ask(
        self, command: str, parameters: Parameters, deadline_s: float | None
    ) -> tuple[Mapping[str, str], bytes]:
        if command not in self._ordered:
            return await self._ask_now(command, parameters, deadline_s)
        # A call waits for its turn here, not in the connector, whose timeout would run meanwhile.
        async with self._turn:
            return await self._ask_now(command, parameters, deadline_s)

    async def _ask_now(
        self, command: str, parameters: Parameters, deadline_s: float | None
    ) -> tuple[Mapping[str, str], bytes]:
        async with self.answer(command, parameters, deadline_s, is_stream=False) as response:
            if response.content_type == wire.STREAM:
                response.close()
                raise BadRequest(
                    f"{command} answers a stream",
                    code="is_a_stream",
                    hint="iterate client.stream(...) or the typed method",
                )
            return response.headers, await response.read()

    def _session_for(self, command: str) -> aiohttp.ClientSession:
        session = self._hands if command in self._ordered else self._others
        if session is None:
            raise Conflict(
                "the client is not open", code="client_closed", hint="use `async with Client()`"
            )
        return session

    def _session(self, connections: int) -> aiohttp.ClientSession:
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(
                self._address.socket, limit=connections, keepalive_timeout=_KEPT_S
            )
            if self._address.socket
            else aiohttp.TCPConnector(limit=connections, keepalive_timeout=_KEPT_S)
        )
        return aiohttp.ClientSession(
            connector=connector, headers=self._address.headers, read_bufsize=_READ_BYTES
        )


class AsyncStream(Generic[T]):
    """The items of a streaming command, as they come.

    `async with stream: async for item in stream` closes for certain; a bare `async for` that runs
    to the end does so too. Closing ends the command in the daemon.
    """

    def __init__(
        self, transport: AsyncTransport, command: str, parameters: Parameters, wanted: type[T]
    ) -> None:
        self._command = command
        self._wanted = wanted
        self._answer = transport.answer(command, parameters, None, is_stream=True)
        self._response: aiohttp.ClientResponse | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Begin: when this returns, the daemon has the subscription."""
        if self._response is None and not self._is_closed:
            self._response = await self._answer.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Wait for the next item. Cancelling: no item is lost."""
        await self.__aenter__()
        while self._response is not None:
            try:
                line = await self._response.content.readline()
                if not line:
                    break
                item = wire.item_of(line, self._wanted, self._command)
            except TimeoutError as exc:
                await self.aclose()
                raise no_answer(self._command, SILENCE_S) from exc
            except (aiohttp.ClientError, ConnectionError) as exc:
                await self.aclose()
                raise connection_lost(self._command) from exc
            if item is not None:
                return item
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave the stream. Idempotent."""
        self._is_closed = True
        response, self._response = self._response, None
        if response is not None:
            response.close()
            await self._answer.__aexit__(None, None, None)
