"""The HTTP face: paths to commands, requests to calls.

`POST /v1/NAMESPACE/VERB` with a JSON object, `GET` with query parameters for read-only commands,
and the few paths that are not commands: health, metrics, descriptions, the event stream, the
WebSocket. Nothing is decided here but bytes. Sources: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from agentd.base.command import Caller, Kind
from agentd.base.errors import (
    AgentdError,
    BadRequest,
    Denied,
    FieldError,
    NotFound,
    TimedOut,
    TooLarge,
    Unavailable,
)
from agentd.control import describe
from agentd.control.answers import error_answer, json_answer, send_blob, send_stream
from agentd.control.auth import Identity, Tokens
from agentd.control.connections import Connection
from agentd.control.dispatch import Call, Dispatcher, new_request_id
from agentd.control.websocket import WebSocketFace

logger = logging.getLogger(__name__)

_BODY_S = 30.0
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

Route = Callable[[web.BaseRequest, Caller], Awaitable[web.StreamResponse]]


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
        routes: further paths under the roof, each with its own handler.
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
        routes: dict[str, Route] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._version = version
        self._health = health
        self._metrics = metrics
        self._limits = limits
        self._tokens = tokens
        self._websocket = WebSocketFace(dispatcher, max_message_bytes=limits.max_body_bytes)
        self._draining = False
        self._routes: dict[str, Route] = {
            "/metrics": self._get_metrics,
            "/readyz": self._get_ready,
            "/v1/openapi.json": self._get_openapi,
            "/v1/describe": self._get_description,
            "/v1/events": self._get_events,
            "/v1/ws": self._websocket.serve,
            **(routes or {}),
        }

    def drain(self) -> None:
        """Refuse new work; what runs goes on. WebSockets are told to go away."""
        self._draining = True
        self._websocket.drain()

    async def handle(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        """Answer one request; errors become problem documents."""
        request_id = _request_id(request)
        try:
            if request.path == "/healthz":
                return json_answer({"alive": True}, request_id)
            identity = self._identify(request, connection)
            caller = Caller(connection.id, identity.principal, identity.scopes, request_id)
            if self._draining:
                raise Unavailable("the daemon is stopping", code="stopping", retry_after_s=1)
            route = self._routes.get(request.path)
            if route is not None:
                _require_method(request, "GET", "HEAD")
                return await route(request, caller)
            return await self._command(request, caller)
        except AgentdError as exc:
            return error_answer(exc, request_id)

    def _identify(self, request: web.BaseRequest, connection: Connection) -> Identity:
        """Say who asks, and refuse a browser that was tricked into asking."""
        if connection.denied is not None:
            raise connection.denied
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._limits.origins:
            raise Denied(f"origin {origin} is not allowed", code="origin_refused")
        if connection.identity is not None:
            return connection.identity
        host = (request.host or "").rsplit(":", 1)[0].lower()
        if host not in self._limits.hosts:
            raise Denied(f"host {host!r} is not this daemon", code="host_refused")
        assert self._tokens is not None, "a connection without identity needs tokens"
        return self._tokens.identify(request.headers.get("Authorization", ""))

    async def _command(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        name = _command_name(request.path)
        command = self._dispatcher.registry.get(name)
        if request.method == "POST":
            parameters, lax = await self._read_json(request), False
        elif request.method in ("GET", "HEAD") and command.read_only:
            parameters, lax = _read_query(request), True
        else:
            _require_method(request, "POST", *(["GET", "HEAD"] if command.read_only else []))
        call = Call(caller, name, parameters, lax, _deadline_s(request))
        command, result = await self._dispatcher.run(call)
        match command.kind:
            case Kind.BLOB:
                return await send_blob(request, result, caller.request_id)
            case Kind.STREAM:
                return await send_stream(request, result, caller.request_id)
            case Kind.JSON:
                return json_answer(result, caller.request_id)

    async def _read_json(self, request: web.BaseRequest) -> dict[str, Any]:
        """Read a bounded JSON object, in bounded time."""
        limit = self._limits.max_body_bytes
        if (request.content_length or 0) > limit:
            raise TooLarge(f"the body is over {limit} bytes", code="body_too_large")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise BadRequest("a compressed body is not accepted", code="encoding_refused")
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise TooLarge(f"the body is over {limit} bytes", code="body_too_large")
        except TimeoutError:
            raise TimedOut(f"the body did not arrive within {_BODY_S:g} s") from None
        return _json_object(bytes(body))

    async def _get_metrics(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        body, media_type = self._metrics()
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def _get_ready(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        document, is_ready = self._health()
        response = json_answer(document, caller.request_id)
        response.set_status(200 if is_ready else 503)
        return response

    async def _get_openapi(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        document = describe.openapi(self._dispatcher.registry, self._version)
        return json_answer(document, caller.request_id)

    async def _get_description(self, request: web.BaseRequest, caller: Caller) -> web.Response:
        document = describe.description(self._dispatcher.registry, self._version)
        return json_answer(document, caller.request_id)

    async def _get_events(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        """The event stream under its own path; a browser's Last-Event-ID continues it."""
        parameters = _read_query(request)
        last = request.headers.get("Last-Event-ID", "")
        if last.isdigit():
            parameters.setdefault("since", last)
        call = Call(caller, "events.subscribe", parameters, lax=True)
        _, stream = await self._dispatcher.run(call)
        return await send_stream(request, stream, caller.request_id)


def _request_id(request: web.BaseRequest) -> str:
    """Take the caller's request id, the trace id of a traceparent (W3C), or make one."""
    given = request.headers.get("X-Request-Id", "")
    if 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum():
        return given
    parts = request.headers.get("traceparent", "").split("-")
    if len(parts) == 4 and len(parts[1]) == 32 and parts[1].isalnum():
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
            errors=[FieldError("", "an object", type(value).__name__)],
        )
    return value


def _read_query(request: web.BaseRequest) -> dict[str, Any]:
    """Query parameters as JSON-like values; objects and lists are written as JSON."""
    parameters: dict[str, Any] = {}
    for name, text in request.query.items():
        value: Any = text
        if text[:1] in ("{", "["):
            try:
                value = msgspec.json.decode(text)
            except msgspec.DecodeError as exc:
                raise BadRequest(f"query parameter {name} is not JSON: {exc}") from None
        if name in parameters:
            raise BadRequest(f"query parameter {name} is given twice", code="bad_query")
        parameters[name] = value
    return parameters
