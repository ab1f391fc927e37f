"""The control socket's requests and answers as bytes, the same for both clients.

Pure. It does not connect, send or wait. Sources: `control/http.py` and `control/answers.py` for
the paths, headers and lines; RFC 9457 for errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from agentd.base.errors import AgentdError, Fault, NotFound, Problem, error_of

T = TypeVar("T")

META_HEADER = "Agentd-Meta"
DEADLINE_HEADER = "Agentd-Deadline"
JSON = "application/json"
PROBLEM = "application/problem+json"
STREAM = "application/x-ndjson"
PARTS = "multipart/mixed"

_NAME = re.compile(r"[a-z]+\.[a-z][a-z_0-9]*")
_ERROR_LINE = b'{"error":{"type":'


class _StreamError(msgspec.Struct, frozen=True):
    """The last line of a stream that failed."""

    error: Problem


def path_of(command: str) -> str:
    """Return the path of a command. Raises: NotFound for what cannot be a command's name."""
    if not _NAME.fullmatch(command):
        raise NotFound(
            f"{command!r} is no command's name",
            code="unknown_command",
            hint="names are NAMESPACE.VERB, as desktop.click",
        )
    return "/v1/" + command.replace(".", "/")


def body_of(parameters: Mapping[str, object]) -> bytes:
    """Return parameters as JSON, without those that are UNSET."""
    given = {name: value for name, value in parameters.items() if value is not msgspec.UNSET}
    return msgspec.json.encode(given)


def headers_of(deadline_s: float | None) -> dict[str, str]:
    """Return the headers of a call; a deadline of None is the command's own.

    Bytes in a document may come beside it, as they are.
    """
    headers = {"Content-Type": JSON, "Accept": f"{PARTS}, */*;q=0.9"}
    if deadline_s is not None:
        headers[DEADLINE_HEADER] = f"{deadline_s:.15g}"
    return headers


def answer_of(body: bytes, wanted: type[T], command: str) -> T:
    """Convert an answer's JSON. Raises: Fault when it is not what this client knows."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.DecodeError as exc:
        raise _not_known(command, exc) from exc


def answer_in(content_type: str, body: bytes, wanted: type[T], command: str) -> T:
    """Convert an answer that may have come in parts, as `answer_of`."""
    if media_type_of(content_type) != PARTS:
        return answer_of(body, wanted, command)
    try:
        document, parts = _parts(body, content_type.partition("boundary=")[2])
        return msgspec.convert(_with_parts(document, parts), wanted)
    except (msgspec.MsgspecError, ValueError, IndexError) as exc:
        raise _not_known(command, exc) from exc


def meta_of(header: str, wanted: type[T], command: str) -> T:
    """Convert the metadata header of a blob, as `answer_of`."""
    return answer_of(header.encode() or b"{}", wanted, command)


def error_in(status: int, media_type: str, body: bytes, command: str) -> AgentdError:
    """Return the error that an answer carries, noted with the request's id."""
    if media_type != PROBLEM:
        return Fault(
            f"the answer to {command} is not agentd's: HTTP {status} {media_type}",
            code="bad_answer",
            hint="does something else listen there?",
        )
    return _noted(answer_of(body, Problem, command))


def item_of(line: bytes, wanted: type[T], command: str) -> T | None:
    """Convert a line of a stream; None for a heartbeat. Raises: the error that ended it."""
    line = line.strip()
    if not line:
        return None
    if line.startswith(_ERROR_LINE):
        raise _noted(answer_of(line, _StreamError, command).error)
    return answer_of(line, wanted, command)


def media_type_of(header: str | None) -> str:
    """Return a Content-Type without its parameters."""
    return (header or "").partition(";")[0].strip().lower()


def any_value(body: bytes, command: str) -> Any:
    """Convert an answer of which nothing is known but that it is JSON."""
    return answer_of(body, object, command)


def _parts(body: bytes, boundary: str) -> tuple[Any, list[bytes]]:
    """Take a multipart body apart: the document, and what follows it (RFC 2046 section 5.1).

    Raises: ValueError for a body that is not in parts with lengths.
    """
    bodies, rest = [], body
    while rest.startswith(f"--{boundary}\r\n".encode()):
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = int(head.rpartition(b"Content-Length: ")[2])
        bodies.append(rest[:length])
        rest = rest[length + 2 :]
    if not bodies or rest.strip() != f"--{boundary}--".encode():
        raise ValueError("its parts do not fit")
    return msgspec.json.decode(bodies[0]), bodies[1:]


def _with_parts(value: Any, parts: list[bytes]) -> Any:
    """Put the bytes back where a document refers to them."""
    if isinstance(value, dict):
        number = value.get("part")
        if isinstance(number, int) and value.keys() == {"part", "media_type"}:
            return parts[number - 1]
        return {key: _with_parts(item, parts) for key, item in value.items()}
    return [_with_parts(item, parts) for item in value] if isinstance(value, list) else value


def _not_known(command: str, exc: Exception) -> Fault:
    return Fault(
        f"the answer to {command} is not as this client knows it: {exc}",
        code="bad_answer",
        hint="client and daemon are of different versions",
    )


def _noted(problem: Problem) -> AgentdError:
    error = error_of(problem)
    if problem.request_id:
        # The daemon's log tells of the call under this id; a traceback shows it.
        error.add_note(f"request id {problem.request_id}")
    return error
