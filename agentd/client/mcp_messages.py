"""What `agentctl mcp` must understand of MCP: ids, methods, headers, and answers of its own.

Pure. The daemon speaks MCP; here is what it takes to carry its messages, and what is said while no
daemon is there. Sources: JSON-RPC 2.0; Model Context Protocol, transports "stdio" and "Streamable
HTTP"; HTML standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from agentd.base.errors import AgentdError, problem_of

_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_INTERNAL_ERROR = -32603

_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_SERVER_KEY = "io.modelcontextprotocol/serverInfo"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}

LIST_CHANGED = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'

Id = str | int


class Packaged(msgspec.Struct, frozen=True):
    """What the daemon of this version would say (`mcp.json`)."""

    version: str
    handshake_versions: list[str]
    stateless_versions: list[str]
    instructions: str
    tools: list[dict[str, Any]]


class Message(msgspec.Struct, frozen=True):
    """A message of the client; `id` is None for a notification."""

    method: str = ""
    id: Id | None = None
    params: dict[str, Any] = {}

    @property
    def version(self) -> str:
        """The version that a stateless request names, or an empty text."""
        meta = self.params.get("_meta")
        return str(meta.get(_VERSION_KEY, "")) if isinstance(meta, dict) else ""

    @property
    def cancels(self) -> object:
        """The id of the request that this notification cancels, or None."""
        is_one = self.method == "notifications/cancelled"
        return self.params.get("requestId") if is_one else None


class BadLine(ValueError):
    """A line that is no message; `document` is the answer to it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        error = {"code": code, "message": text}
        self.document: dict[str, Any] = {"jsonrpc": "2.0", "id": None, "error": error}


def parse(line: bytes) -> Message | None:
    """Read a message; None for a batch, of which only the daemon knows. Raises: BadLine."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise BadLine(_PARSE_ERROR, f"not JSON: {exc}") from None
    if isinstance(value, list):
        return None
    try:
        return msgspec.convert(value, Message)
    except msgspec.ValidationError as exc:
        raise BadLine(_INVALID_REQUEST, f"not a JSON-RPC message: {exc}") from None


def headers_of(message: Message) -> dict[str, str]:
    """Return the headers that a stateless request must carry beside its body (2026-07-28)."""
    if not message.version:
        return {}
    headers = {
        "MCP-Protocol-Version": _header(message.version),
        "Mcp-Method": _header(message.method),
    }
    name = message.params.get(_NAMED_BY.get(message.method, ""))
    return headers | ({"Mcp-Name": _header(name)} if isinstance(name, str) else {})


def failed(message: Message, error: AgentdError) -> dict[str, Any]:
    """Return the answer to a request that could not be carried: for a tool, words for a model."""
    if message.method != "tools/call":
        text = f"{error.detail} ({error.hint})" if error.hint else error.detail
        failure = {"code": _INTERNAL_ERROR, "message": text}
        return {"jsonrpc": "2.0", "id": message.id, "error": failure}
    hint = [f"hint: {error.hint}"] if error.hint else []
    text = "\n".join([f"error: {error.detail}", *hint, f"code: {error.narrow_code}"])
    result: dict[str, Any] = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": {"agentd/problem": msgspec.to_builtins(problem_of(error))},
    }
    return _answer(message, result)


def without_daemon(message: Message, packaged: Packaged) -> dict[str, Any] | None:
    """Return what can be answered while no daemon is there; None for what cannot."""
    server = {"name": "agentd", "title": "agentd", "version": packaged.version}
    # A stateless client would have to listen, and there is nobody to listen to.
    tools = {"listChanged": not message.version}
    about = {
        "capabilities": {"tools": tools, "resources": {}},
        "instructions": packaged.instructions,
    }
    kept = {"ttlMs": 0, "cacheScope": "private"} if message.version else {}
    match message.method:
        case "initialize":
            wanted = message.params.get("protocolVersion")
            known = packaged.handshake_versions
            version = wanted if wanted in known else known[-1]
            return _answer(message, {"protocolVersion": version, "serverInfo": server, **about})
        case "server/discover":
            versions = [*packaged.handshake_versions, *packaged.stateless_versions]
            meta = {"_meta": {_SERVER_KEY: server}}
            return _answer(message, {"supportedVersions": versions, **about, **kept, **meta})
        case "tools/list":
            return _answer(message, {"tools": packaged.tools, **kept})
        case "resources/list":
            return _answer(message, {"resources": [], **kept})
        case "resources/templates/list":
            return _answer(message, {"resourceTemplates": [], **kept})
        case "ping":
            return _answer(message, {})
    return None


def is_answer(data: bytes) -> bool:
    """Whether a message of the daemon is the answer that a request waits for."""
    return bool(data) and "method" not in msgspec.json.decode(data)


def telling_changes(answer: bytes) -> bytes:
    """Return the answer to `initialize` with what is added here: the list of tools may change."""
    document = msgspec.json.decode(answer)
    tools = document.get("result", {}).get("capabilities", {}).get("tools")
    if isinstance(tools, dict):
        tools["listChanged"] = True
    return msgspec.json.encode(document)


class Events:
    """Takes the data of server-sent events out of a stream of bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that are complete now; comments have none."""
        seen = max(0, len(self._rest) - 1)
        self._rest += chunk
        found = []
        while (end := self._rest.find(b"\n\n", seen)) >= 0:
            lines = bytes(self._rest[:end]).split(b"\n")
            del self._rest[: end + 2]
            seen = 0
            data = b"\n".join(
                line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")
            )
            if data:
                found.append(data)
        return found


def _answer(message: Message, result: dict[str, Any]) -> dict[str, Any]:
    if message.version:
        result = {**result, "resultType": "complete"}
    return {"jsonrpc": "2.0", "id": message.id, "result": result}


def _header(text: str) -> str:
    """Return a header's value; what is not plain ASCII travels in base64 (2026-07-28)."""
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
