"""MCP's messages: JSON-RPC parsed and made, protocol versions, the envelope of stateless requests.

Pure. It does not know tools, and does not read requests. Sources: JSON-RPC 2.0; Model Context
Protocol 2024-11-05, 2025-03-26 (batches), 2025-06-18 and 2025-11-25 (the `initialize` handshake),
2026-07-28 (each request stands alone and says its version in `_meta` and headers).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentd.base.schema import shown

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS_VERSIONS = ("2026-07-28",)
VERSIONS = HANDSHAKE_VERSIONS + STATELESS_VERSIONS

VERSION_HEADER = "MCP-Protocol-Version"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CANCELLED = -32800
# 2026-07-28, error codes.
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

MESSAGES_LIMIT = 64
_NAME_LIMIT = 256

_META_PREFIX = "io.modelcontextprotocol/"
VERSION_KEY = f"{_META_PREFIX}protocolVersion"
_CAPABILITIES_KEY = f"{_META_PREFIX}clientCapabilities"
_SERVER_KEY = f"{_META_PREFIX}serverInfo"

# Which parameter of a method Mcp-Name repeats.
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
# What a client may keep, and how long: the commands of a daemon do not change while it runs.
_KEPT_MS = {"server/discover": 60_000, "tools/list": 60_000, "resources/list": 60_000}
_KEPT_MS |= {"resources/templates/list": 60_000, "resources/read": 0}
# 2026-07-28, streamable HTTP: these are wrong requests, and gateways see it by the status.
_STATUS = {PARSE_ERROR: 400, INVALID_REQUEST: 400, INVALID_PARAMS: 400, METHOD_NOT_FOUND: 404}
_STATUS |= {HEADER_MISMATCH: 400, UNSUPPORTED_VERSION: 400}

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")

Id = str | int


class RpcError(Exception):
    """A request that fails as a request; `id` is the request's if it was understood."""

    def __init__(self, code: int, message: str, *, data: Any = None, id: Id | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.id = id

    def document(self, id: Id | None = None) -> dict[str, Any]:
        """Return the response (JSON-RPC 2.0 section 5.1)."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": self.id if id is None else id, "error": error}

    def status(self, *, is_stateless: bool) -> int:
        """Return the HTTP status; before 2026-07-28 only what is no request at all has its own."""
        if is_stateless or self.code in (PARSE_ERROR, INVALID_REQUEST, UNSUPPORTED_VERSION):
            return _STATUS.get(self.code, 200)
        return 200


@dataclass(frozen=True, slots=True)
class Request:
    """A request, or a notification if it has no id."""

    method: str
    id: Id | None = None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def meta(self) -> dict[str, Any]:
        """The object `_meta` of the parameters."""
        found = self.params.get("_meta")
        return found if isinstance(found, dict) else {}

    @property
    def progress_token(self) -> Id | None:
        """What progress is to be told under, if it is wanted."""
        token = self.meta.get("progressToken")
        return token if _is_id(token) else None


@dataclass(frozen=True, slots=True)
class Body:
    """What a POST carries; in a batch, what could not be read stands in its place as an error."""

    messages: list[Request | RpcError]
    is_batch: bool = False


def parse(body: bytes | str) -> Body:
    """Read one message or a batch; responses, which nobody asked for, are left out.

    Raises: RpcError when there is nothing that could be answered one by one.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise RpcError(PARSE_ERROR, f"not JSON: {exc}") from None
    if not isinstance(value, list):
        found = _read(value)
        if isinstance(found, RpcError):
            raise found
        return Body([found] if found else [])
    if not value:
        raise RpcError(INVALID_REQUEST, "the batch is empty")
    if len(value) > MESSAGES_LIMIT:
        raise RpcError(INVALID_REQUEST, f"a batch has at most {MESSAGES_LIMIT} messages")
    return Body([item for item in map(_read, value) if item is not None], is_batch=True)


def is_stateless(request: Request, headers: Mapping[str, str]) -> bool:
    """Tell whether a request stands alone (2026-07-28) or belongs to a handshake.

    Raises: RpcError when headers and envelope disagree, or name a version that is not spoken.
    """
    header = headers.get(VERSION_HEADER, "")
    envelope = request.meta.get(VERSION_KEY)
    if request.method == "initialize" and header not in STATELESS_VERSIONS:
        return False  # Here the version is negotiated; what a header says does not count.
    if envelope is None and header not in STATELESS_VERSIONS:
        if header and header not in HANDSHAKE_VERSIONS:
            raise _unsupported(header, request.id)
        return False
    if request.id is None:
        return True  # Of notifications no envelope is asked.
    missing = [key for key in (VERSION_KEY, _CAPABILITIES_KEY) if key not in request.meta]
    if missing:
        text = "params._meta lacks " + " and ".join(missing)
        raise RpcError(INVALID_PARAMS, text, id=request.id)
    _check_headers(request, headers)
    if envelope not in STATELESS_VERSIONS:
        raise _unsupported(envelope, request.id)
    return True


def result_document(
    request: Request, result: dict[str, Any], *, server: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the response with a result.

    Args:
        server: our name and version, which every answer to a stateless request carries.
    """
    if server is not None:
        meta = {**result.get("_meta", {}), _SERVER_KEY: server}
        result = {**result, "resultType": "complete", "_meta": meta}
        if request.method in _KEPT_MS:
            result |= {"ttlMs": _KEPT_MS[request.method], "cacheScope": "private"}
    return {"jsonrpc": "2.0", "id": request.id, "result": result}


def notification(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return a message that asks for no answer."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def negotiated(wanted: object) -> str:
    """Return the version that `initialize` agrees on: the client's, or the newest with one."""
    return str(wanted) if wanted in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1]


def sse(document: dict[str, Any]) -> bytes:
    """Return a message as a server-sent event (HTML standard, section 9.2)."""
    return b"event: message\ndata: " + msgspec.json.encode(document) + b"\n\n"


def _read(value: object) -> Request | RpcError | None:
    """Return a message; None for a response."""
    if not isinstance(value, dict):
        return RpcError(INVALID_REQUEST, f"a message is an object, not {shown(value)}")
    known_id = value.get("id") if _is_id(value.get("id")) else None
    if value.get("jsonrpc") != "2.0":
        return RpcError(INVALID_REQUEST, 'jsonrpc: wanted "2.0"', id=known_id)
    method = value.get("method")
    if method is None and ("result" in value or "error" in value):
        return None
    if not isinstance(method, str) or len(method) > _NAME_LIMIT:
        return RpcError(INVALID_REQUEST, "method: wanted a name", id=known_id)
    if "id" in value and known_id is None:
        return RpcError(INVALID_REQUEST, "id: wanted text or an integer")
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        return RpcError(INVALID_PARAMS, "params: wanted an object", id=known_id)
    return Request(method, known_id, params or {})


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _NAME_LIMIT
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64


def _check_headers(request: Request, headers: Mapping[str, str]) -> None:
    """Compare the headers that gateways route by with what they repeat.

    Raises: RpcError.
    """
    wanted = {VERSION_HEADER: request.meta.get(VERSION_KEY), METHOD_HEADER: request.method}
    name = request.params.get(NAMED_BY.get(request.method, ""))
    if name is not None:
        wanted[NAME_HEADER] = name
    for header, value in wanted.items():
        if _decoded(headers.get(header, "")) != value:
            text = f"the header {header} does not say what the message says"
            raise RpcError(HEADER_MISMATCH, text, id=request.id)


def _decoded(header: str) -> str | None:
    """Return a header's text; one that is not plain ASCII travels in base64."""
    match = _ENCODED.fullmatch(header)
    if match is None:
        return header
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _unsupported(version: object, id: Id | None) -> RpcError:
    data = {"supported": list(VERSIONS), "requested": str(version)[:_NAME_LIMIT]}
    return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data=data, id=id)
