"""The HTTP face: paths to commands, requests to calls.

`POST /v1/NAMESPACE/VERB` with a JSON object, `GET` with query parameters for read-only commands,
and the few paths that are not commands: health, metrics, descriptions, the event stream, the
WebSocket, MCP. Nothing is decided here but bytes. Sources: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from agentd.base.command import Caller, Command, Kind, Scope
from agentd.base.errors import (
    AgentdError,
    BadRequest,
    Denied,
    Fault,
    FieldError,
    NotFound,
    Unauthorized,
    Unavailable,
)
from agentd.base.log import request_context
from agentd.base.schema import shown, takes_text
from agentd.control import describe
from agentd.control.answers import (
    document_answer,
    error_answer,
    json_answer,
    send_blob,
    send_stream,
)
from agentd.control.auth import Identity, Tokens
from agentd.control.bodies import read_body
from agentd.control.connections import Connection
from agentd.control.dispatch import Call, Dispatcher, new_request_id
from agentd.control.mcp import McpFace
from agentd.control.websocket import WebSocketFace

logger = logging.getLogger(__name__)

_MCP_PATHS = ("/mcp", "/mcp/")
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

# A port at the end of a Host header; an IPv6 address stands in brackets (RFC 9110 section 7.2).
_PORT = re.compile(r":\d*$")
# W3C Trace Context section 3.2.2.3: 16 bytes, not all zero.
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")

Route = Callable[[web.BaseRequest, Caller], Awaitable[web.StreamResponse]]
Door = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What a request may cost, and what browsers may do; `hosts` and `origins` matter on TCP."""

    max_body_bytes: int = 16 * 1024 * 1024
    hosts: frozenset[str] = LOOPBACK_HOSTS
    origins: frozenset[str] = field(default_factory=frozenset)


class HttpFace:
    """Answers requests.

    Args:
        health: returns the health document and whether every wanted part runs.
        metrics: returns the exposition text and its media type.
        tokens: the bearer tokens, for connections that carry no identity of their own.
        doors: first path segments (`/vnc`) below which another room answers, and itself says who
            may come in.
        instructions: what the language models behind MCP clients are told of this daemon.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        version: str,
        health: Callable[[], tuple[dict[str, Any], bool]],
        metrics: Callable[[], tuple[bytes, str]],
        limits: HttpLimits,
        tokens: Tokens | None = None,
        doors: Mapping[str, Door] | None = None,
        instructions: str = "",
    ) -> None:
        self._dispatcher = dispatcher
        self._version = version
        self._health = health
        self._metrics = metrics
        self._limits = limits
        self._tokens = tokens
        self._websocket = WebSocketFace(dispatcher, max_message_bytes=limits.max_body_bytes)
        self._mcp = McpFace(
            dispatcher,
            version=version,
            instructions=instructions,
            max_body_bytes=limits.max_body_bytes,
        )
        self._streams: set[asyncio.Task[Any]] = set()
        self._draining = False
        self._routes: dict[str, Route] = {
            "/metrics": self._get_metrics,
            "/readyz": self._get_ready,
            "/v1/openapi.json": self._get_openapi,
            "/v1/describe": self._get_description,
            "/v1/events": self._get_events,
            "/v1/ws": self._websocket.serve,
        }
        self._doors = doors or {}

    def drain(self) -> None:
        """Refuse new work; what runs goes on. WebSockets and streams end."""
        self._draining = True
        self._websocket.drain()
        self._mcp.drain()
        for task in self._streams:
            task.cancel()

    async def handle(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        """Answer one request; errors become problem documents."""
        request_id = _request_id(request)
        with request_context(request_id):
            return await self._handle(request, connection, request_id)

    async def _handle(
        self, request: web.BaseRequest, connection: Connection, request_id: str
    ) -> web.StreamResponse:
        try:
            if request.path == "/healthz":
                return json_answer({"alive": True}, request_id)
            if (door := self._door_at(request, connection)) is not None:
                return await door(request)
            identity = self._identify(request, connection)
            caller = Caller(connection.id, identity.principal, identity.scopes, request_id)
            if self._draining:
                raise Unavailable("the daemon is stopping", code="stopping", retry_after_s=1)
            if request.path in _MCP_PATHS:
                return await self._mcp.serve(request, caller)
            route = self._routes.get(request.path)
            if route is not None:
                _require_method(request, "GET", "HEAD")
                return await route(request, caller)
            return await self._command(request, caller)
        except AgentdError as exc:
            return error_answer(exc, request_id)
        except ConnectionError:
            raise  # The caller has gone, perhaps in the midst of its answer.
        except Exception:
            logger.exception("fault path=%s", request.path)
            if request.writer.output_size > 0:
                raise  # An answer has begun: closing the connection is all that can tell.
            return error_answer(Fault("a request failed"), request_id)

    def _door_at(self, request: web.BaseRequest, connection: Connection) -> Door | None:
        """Find who else answers at a path. A user whom the socket is not for is not let past it."""
        door = self._doors.get("/" + request.path.split("/", 2)[1])
        if door is not None and connection.denied is not None:
            raise connection.denied
        return door

    def _identify(self, request: web.BaseRequest, connection: Connection) -> Identity:
        """Say who asks, and refuse a browser that was tricked into asking."""
        if connection.denied is not None:
            raise connection.denied
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._limits.origins:
            raise Denied(f"origin {origin} is not allowed", code="origin_refused")
        if connection.identity is not None:
            return connection.identity
        host = _PORT.sub("", request.headers.get("Host", "")).lower()
        if host not in self._limits.hosts:
            raise Denied(f"host {host!r} is not this daemon", code="host_refused")
        if self._tokens is None:
            raise Unauthorized("the system does not tell who this is")
        return self._tokens.identify(request.headers.get("Authorization", ""))

    async def _command(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        name = _command_name(request.path)
        command = self._dispatcher.registry.get(name)
        if request.method == "POST":
            parameters, lax = await self._read_json(request), False
        elif request.method in ("GET", "HEAD") and command.read_only:
            parameters, lax = _read_query(request, command), True
        else:
            _require_method(request, "POST", *(["GET", "HEAD"] if command.read_only else []))
        call = Call(caller, name, parameters, lax, _deadline_s(request))
        command, result = await self._dispatcher.run(call)
        match command.kind:
            case Kind.BLOB:
                return await send_blob(request, result, caller.request_id)
            case Kind.STREAM:
                return await self._stream(request, result, caller)
            case Kind.JSON:
                # Nothing to say is an empty object; a value that may be null stays null.
                nothing = command.result is type(None)
                answer = {} if nothing else result
                return document_answer(request, answer, caller.request_id)

    async def _stream(
        self, request: web.BaseRequest, stream: AsyncIterator[Any], caller: Caller
    ) -> web.StreamResponse:
        """Send a stream; one that has no end must not keep the daemon from stopping."""
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            return await send_stream(request, stream, caller.request_id)
        finally:
            self._streams.discard(task)

    async def _read_json(self, request: web.BaseRequest) -> dict[str, Any]:
        return _json_object(await read_body(request, self._limits.max_body_bytes))

    async def _get_metrics(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        _require_view(caller)
        body, media_type = self._metrics()
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def _get_ready(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        _require_view(caller)
        document, is_ready = self._health()
        response = json_answer(document, caller.request_id)
        response.set_status(200 if is_ready else 503)
        return response

    async def _get_openapi(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        _require_view(caller)
        document = describe.openapi(self._dispatcher.registry, self._version)
        return json_answer(document, caller.request_id)

    async def _get_description(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        _require_view(caller)
        document = describe.description(self._dispatcher.registry, self._version)
        return json_answer(document, caller.request_id)

    async def _get_events(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        """The event stream under its own path; a browser's Last-Event-ID continues it."""
        command = self._dispatcher.registry.get("events.subscribe")
        parameters = _read_query(request, command)
        last = request.headers.get("Last-Event-ID", "")
        if last.isascii() and last.isdigit():
            parameters.setdefault("since", last)
        call = Call(caller, command.name, parameters, lax=True)
        _, stream = await self._dispatcher.run(call)
        return await self._stream(request, stream, caller)


def _request_id(request: web.BaseRequest) -> str:
    """Take the caller's request id, the trace id of a traceparent (W3C), or make one."""
    given = request.headers.get("X-Request-Id", "")
    if 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum():
        return given
    parts = request.headers.get("traceparent", "").split("-")
    if len(parts) == 4 and _TRACE_ID.fullmatch(parts[1]):
        return parts[1]
    return new_request_id()


def _command_name(path: str) -> str:
    parts = path.split("/")
    if len(parts) == 4 and parts[1] == "v1":
        return f"{parts[2]}.{parts[3]}"
    raise NotFound(
        f"there is nothing at {path}",
        code="no_such_path",
        hint="commands are POST /v1/NAMESPACE/VERB; GET /v1/openapi.json lists them",
    )


def _require_method(request: web.BaseRequest, *methods: str) -> None:
    if request.method not in methods:
        raise BadRequest(
            f"{request.method} does not fit {request.path}",
            code="method_not_allowed",
            hint="use " + " or ".join(methods),
        )


def _require_view(caller: Caller) -> None:
    if Scope.VIEW not in caller.scopes:
        raise Denied("this path needs the scope view", code="scope_missing")


def _deadline_s(request: web.BaseRequest) -> float | None:
    text = request.headers.get("Agentd-Deadline")
    if text is None:
        return None
    try:
        value = float(text)
        if not 0 < value <= 3600:
            raise ValueError
    except ValueError:
        raise BadRequest(
            "the header Agentd-Deadline is wrong",
            errors=[FieldError("Agentd-Deadline", "seconds above 0, at most 3600", f'"{text}"')],
        ) from None
    return value


def _json_object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequest(f"the body is not JSON: {exc}", code="bad_json") from None
    if not isinstance(value, dict):
        raise BadRequest(
            "the body must be a JSON object",
            code="bad_json",
            errors=[FieldError("", "an object", shown(value))],
        )
    return value


def _read_query(request: web.BaseRequest, command: Command) -> dict[str, Any]:
    """Query parameters as JSON-like values; objects and lists are written as JSON.

    What looks like JSON stays text where the command takes text.
    """
    fields = msgspec.structs.fields(command.parameters)
    texts = {field.encode_name for field in fields if takes_text(field.type)}
    parameters: dict[str, Any] = {}
    for name, text in request.query.items():
        value: Any = text
        if text[:1] in ("{", "[") and name not in texts:
            try:
                value = msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
                raise BadRequest(
                    f"query parameter {shown(name)} is not JSON: {exc}", code="bad_query"
                ) from None
        if name in parameters:
            raise BadRequest(f"query parameter {shown(name)} is given twice", code="bad_query")
        parameters[name] = value
    return parameters
