"""`agentctl mcp`: MCP on standard input and output, carried to the daemon's `/mcp` and back.

Messages are forwarded as they are. A stream that stays open tells the daemon when this process is
gone, and tells us when the daemon is back. Without a daemon the client is still served: it learns
the tools, and what keeps them from working. Source: Model Context Protocol, transport "stdio".
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import aiohttp
import msgspec

from agentd.base.errors import AgentdError, Busy
from agentd.client import mcp_messages as messages
from agentd.client import wire
from agentd.client.address import (
    CONNECT_S,
    SILENCE_S,
    Address,
    connection_lost,
    no_answer,
    unreachable,
)
from agentd.client.mcp_messages import BadLine, Events, Id, Message, Packaged
from agentd.client.stdio import LineWriter, keep_stdout_clean, read_lines

_PACKAGED = os.path.join(os.path.dirname(__file__), "mcp.json")
_PATH = "/mcp"
_SSE = "text/event-stream"
_CALLS_LIMIT = 64
# What still runs when the client has said all gets this long to be answered.
_LAST_S = 1.0
_SOONEST_S, _LATEST_S = 0.25, 5.0

Write = Callable[[bytes], Awaitable[None]]


class Bridge:
    """Carries the messages of one client.

    Args:
        write: takes each message for the client, as one line.
    """

    def __init__(self, address: Address, packaged: Packaged, write: Write) -> None:
        self._url = address.base + _PATH
        self._address = address
        self._packaged = packaged
        self._write = write
        # A name of our own: it holds whatever the daemon does.
        self._headers = {**address.headers, "Mcp-Session-Id": secrets.token_hex(16)}
        self._http: aiohttp.ClientSession
        self._calls: dict[Id, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._is_initialized = False
        self._was_away = False

    async def run(self, lines: AsyncIterator[bytes | None]) -> None:
        """Serve until the client has said all. Cancelling: what runs in the daemon is cancelled."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        async with aiohttp.ClientSession(
            connector=self._connector(), headers=self._headers, timeout=limit
        ) as self._http:
            async with asyncio.TaskGroup() as group:
                listener = group.create_task(self._listen(), name="mcp-listen")
                async for line in lines:
                    await self._take(line, group)
                if self._running:
                    await asyncio.wait(self._running, timeout=_LAST_S)
                for task in (listener, *self._running):
                    task.cancel()
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(_LAST_S), self._http.delete(self._url):
                    pass  # Whatever the answer: what was held goes up with the connections.

    def _connector(self) -> aiohttp.BaseConnector:
        if self._address.socket:
            return aiohttp.UnixConnector(self._address.socket, limit=0)
        return aiohttp.TCPConnector(limit=0)

    async def _take(self, line: bytes | None, group: asyncio.TaskGroup) -> None:
        """Begin what a line asks for."""
        try:
            if line is None:
                raise BadLine(-32600, "the message is too long")
            message = messages.parse(line)
        except BadLine as exc:
            await self._write(msgspec.json.encode(exc.document))
            return
        cancelled = message.cancels if message else None
        if isinstance(cancelled, str | int):
            # The daemon cancels what nobody waits for: its connection is closed.
            if task := self._calls.get(cancelled):
                task.cancel()
            return
        message = message or Message()
        if len(self._running) >= _CALLS_LIMIT:
            error = Busy(f"{_CALLS_LIMIT} calls are under way")
            await self._tell(messages.failed(message, error), message)
            return
        task = group.create_task(self._carry(line, message), name="mcp-carry")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if message.id is not None:
            self._calls[message.id] = task
            task.add_done_callback(partial(self._forget, message.id))

    def _forget(self, id: Id, task: asyncio.Task[None]) -> None:
        if self._calls.get(id) is task:
            del self._calls[id]

    async def _carry(self, line: bytes, message: Message) -> None:
        """Forward a message and write its answer."""
        try:
            await self._forward(line, message)
        except aiohttp.ClientConnectorError as exc:
            await self._answer_alone(message, unreachable(self._address, exc.os_error))
        except TimeoutError:
            await self._answer_alone(message, no_answer(message.method, SILENCE_S))
        except (aiohttp.ClientError, ConnectionError):
            await self._tell(messages.failed(message, connection_lost(message.method)), message)
        except AgentdError as exc:
            await self._tell(messages.failed(message, exc), message)

    async def _forward(self, line: bytes, message: Message) -> None:
        """Post a message. Raises: AgentdError that the daemon answers; errors of the network."""
        headers = {
            "Content-Type": wire.JSON,
            "Accept": f"{wire.JSON}, {_SSE}",
            **messages.headers_of(message),
        }
        async with self._http.post(self._url, data=line, headers=headers) as response:
            if message.method == "notifications/initialized":
                self._is_initialized = True
            if response.content_type == _SSE:
                await self._follow(response, message)
            elif response.content_type == wire.JSON:
                body = await response.read()
                is_first = message.method == "initialize"
                await self._write(messages.telling_changes(body) if is_first else body)
            elif response.status >= 400:
                body = await response.read()
                raise wire.error_in(response.status, response.content_type, body, message.method)

    async def _follow(self, response: aiohttp.ClientResponse, message: Message) -> None:
        """Write what comes by events. Raises: Unavailable when the answer is not among it."""
        events, last = Events(), b""
        async for chunk in response.content.iter_any():
            for last in events.feed(chunk):
                await self._write(last)
        if not messages.is_answer(last):
            raise connection_lost(message.method)

    async def _answer_alone(self, message: Message, error: AgentdError) -> None:
        """Answer for a daemon that is not there."""
        self._was_away = True
        if message.method == "notifications/initialized":
            self._is_initialized = True
        document = messages.without_daemon(message, self._packaged)
        await self._tell(document or messages.failed(message, error), message)

    async def _tell(self, document: dict[str, object], message: Message) -> None:
        # A batch has neither id nor method; as one it is answered, and its parts are not known.
        if message.id is not None or not message.method:
            await self._write(msgspec.json.encode(document))

    async def _listen(self) -> None:
        """Keep a stream open, and open it again; a daemon that is back may have other tools."""
        delay_s = _SOONEST_S
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self._http.get(self._url, headers={"Accept": _SSE}) as response:
                    if response.status == 200:
                        delay_s = _SOONEST_S
                        await self._tell_changes()
                        async for _ in response.content.iter_any():
                            pass  # Nothing is said but that the daemon lives.
            self._was_away = True
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LATEST_S)

    async def _tell_changes(self) -> None:
        if self._was_away and self._is_initialized:
            await self._write(messages.LIST_CHANGED)
        self._was_away = False


def serve(address: Address) -> int:
    """Serve a client on standard input and output until it is done; returns the exit code."""
    with open(_PACKAGED, "rb") as file:
        packaged = msgspec.json.decode(file.read(), type=Packaged)
    output = keep_stdout_clean()
    try:
        asyncio.run(_serve(address, packaged, output))
    except* BrokenPipeError:
        pass  # The client has gone without a word; with this process its keys go up.
    return 0


async def _serve(address: Address, packaged: Packaged, output: int) -> None:
    bridge = Bridge(address, packaged, LineWriter(output).write)
    await bridge.run(read_lines(0))
