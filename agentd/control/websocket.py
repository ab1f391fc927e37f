"""The WebSocket face: JSON-RPC 2.0 on one connection, many calls at once, bytes as frames.

Text frames are JSON-RPC requests and answers. A stream's items come as notifications `$/item`
with the request's id before its answer; `$/cancel {"id": ...}` ends a call. A blob's answer says
`{"channel", "size", "media_type", "meta"}` and binary frames of that channel follow at once: a
head of 16 bytes (channel u32, flags u32 with 1 = last, offset u64, big-endian), then the bytes.
It does not decide who may call. Sources: JSON-RPC 2.0, RFC 6455.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
from contextlib import aclosing
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from agentd.base.command import Blob, Caller, Kind
from agentd.base.errors import AgentdError, BadRequest, Busy, Fault, numbers_of, problem_of
from agentd.base.log import request_context
from agentd.control.dispatch import Call, Dispatcher, closing, new_request_id

logger = logging.getLogger(__name__)

CALLS_LIMIT = 64
_FRAME_BYTES = 1024 * 1024
_LAST = 1
_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_CANCELLED = -32800

Id = str | int


class _Request(msgspec.Struct, frozen=True):
    """A JSON-RPC request or notification (JSON-RPC 2.0 section 4)."""

    method: str
    jsonrpc: str = "2.0"
    id: Id | None = None
    params: dict[str, Any] = {}


class WebSocketFace:
    """Serves `/v1/ws`."""

    def __init__(self, dispatcher: Dispatcher, *, max_message_bytes: int) -> None:
        self._dispatcher = dispatcher
        self._max_message_bytes = max_message_bytes
        self._sessions: set[_Session] = set()

    async def serve(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        """Carry one connection to its end. Cancelling: cancels every call on it."""
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=self._max_message_bytes)
        if not socket.can_prepare(request).ok:
            raise BadRequest("this path speaks WebSocket", code="not_a_websocket")
        await socket.prepare(request)
        session = _Session(socket, caller, self._dispatcher)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
        return socket

    def drain(self) -> None:
        """Tell every client that the daemon goes away."""
        for session in self._sessions:
            session.close_soon()


class _Session:
    """The calls of one connection."""

    def __init__(
        self, socket: web.WebSocketResponse, caller: Caller, dispatcher: Dispatcher
    ) -> None:
        self._socket = socket
        self._caller = caller
        self._dispatcher = dispatcher
        self._calls: dict[Id, asyncio.Task[None]] = {}
        self._channels = itertools.count(1)
        # Held while the frames of one blob go out, so that they follow their answer at once.
        self._sending = asyncio.Lock()
        self._closing = asyncio.Event()

    def close_soon(self) -> None:
        self._closing.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            closer = group.create_task(self._close_when_told(), name="ws-close")
            try:
                async for message in self._socket:
                    if message.type is WSMsgType.TEXT:
                        await self._receive(message.data, group)
                    elif message.type is WSMsgType.BINARY:
                        await self._fail(None, _INVALID_REQUEST, "binary frames are not requests")
            finally:
                closer.cancel()
                for task in self._calls.values():
                    task.cancel()

    async def _close_when_told(self) -> None:
        await self._closing.wait()
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"the daemon is stopping")

    async def _receive(self, text: str, group: asyncio.TaskGroup) -> None:
        try:
            request = msgspec.json.decode(text, type=_Request)
        except msgspec.ValidationError as exc:
            await self._fail(None, _INVALID_REQUEST, f"not a JSON-RPC request: {exc}")
            return
        except (msgspec.DecodeError, RecursionError) as exc:
            await self._fail(None, _PARSE_ERROR, f"not JSON: {exc}")
            return
        if request.method == "$/cancel":
            given = request.params.get("id")
            task = self._calls.get(given) if isinstance(given, str | int) else None
            if task is not None:
                task.cancel()
        elif request.id is None:
            await self._fail(None, _INVALID_REQUEST, "a call needs an id")
        elif request.id in self._calls:
            await self._fail(request.id, _INVALID_REQUEST, f"id {request.id!r} is in use")
        elif len(self._calls) >= CALLS_LIMIT:
            await self._refuse(request.id, Busy(f"{CALLS_LIMIT} calls run on this connection"))
        else:
            task = group.create_task(self._run(request, request.id), name=f"ws-{request.method}")
            self._calls[request.id] = task
            # Let it begin: a task that is cancelled before would neither answer nor clean up.
            await asyncio.sleep(0)

    async def _run(self, request: _Request, call_id: Id) -> None:
        request_id = new_request_id()
        caller = Caller(self._caller.id, self._caller.principal, self._caller.scopes, request_id)
        try:
            with request_context(request_id):
                await self._answer(call_id, Call(caller, request.method, request.params))
        except AgentdError as exc:
            await self._refuse(call_id, exc, request_id)
        except asyncio.CancelledError:
            if not self._socket.closed:
                await self._fail(call_id, _CANCELLED, "cancelled")
            raise
        except ConnectionResetError:
            logger.debug("answer dropped reason=connection_gone caller=%s", self._caller.id)
        except Exception:  # A result that is no JSON; the other calls must not end with this one.
            logger.exception("fault command=%s request_id=%s", request.method, request_id)
            await self._refuse(call_id, Fault("the answer could not be sent"), request_id)
        finally:
            self._calls.pop(call_id, None)

    async def _answer(self, call_id: Id, call: Call) -> None:
        command, result = await self._dispatcher.run(call)
        match command.kind:
            case Kind.BLOB:
                await self._send_blob(call_id, result)
                return
            case Kind.STREAM:
                async with aclosing(closing(result)) as items:
                    async for item in items:
                        await self._notify(call_id, item)
                result = {}
            case Kind.JSON if command.result is type(None):
                result = {}  # Nothing to say; a value that may be null stays null.
        await self._send({"jsonrpc": "2.0", "id": call_id, "result": result})

    async def _notify(self, call_id: Id, item: Any) -> None:
        params = {"id": call_id, "item": item}
        await self._send({"jsonrpc": "2.0", "method": "$/item", "params": params})

    async def _send_blob(self, call_id: Id, blob: Blob) -> None:
        channel = next(self._channels)
        view = memoryview(blob.body).cast("B")
        result = {
            "channel": channel,
            "size": len(view),
            "media_type": blob.media_type,
            "meta": blob.meta,
        }
        async with self._sending:
            answer = {"jsonrpc": "2.0", "id": call_id, "result": result}
            await self._socket.send_str(msgspec.json.encode(answer).decode())
            for offset in range(0, max(1, len(view)), _FRAME_BYTES):
                part = view[offset : offset + _FRAME_BYTES]
                flags = _LAST if offset + len(part) >= len(view) else 0
                head = struct.pack(">IIQ", channel, flags, offset)
                await self._socket.send_bytes(b"".join((head, part)))

    async def _refuse(self, call_id: Id, error: AgentdError, request_id: str = "") -> None:
        problem = problem_of(error, request_id=request_id)
        await self._fail(call_id, numbers_of(error).rpc, problem.detail, problem)

    async def _fail(self, call_id: Id | None, code: int, message: str, data: Any = None) -> None:
        error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        await self._send({"jsonrpc": "2.0", "id": call_id, "error": error})

    async def _send(self, document: dict[str, Any]) -> None:
        async with self._sending:
            try:
                await self._socket.send_str(msgspec.json.encode(document).decode())
            except ConnectionResetError:
                logger.debug("answer dropped reason=connection_gone caller=%s", self._caller.id)
