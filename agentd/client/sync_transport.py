"""Calls over HTTP without an event loop, on the standard library alone: quick to import.

One connection carries all calls in order, so that what is pressed stays pressed between them;
each stream has its own. The connection is never closed for being idle. A call is never sent
twice: whether a lost one was done is for the caller to find out. It does not know commands.
Source: RFC 9112.
"""

from __future__ import annotations

import http.client
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from agentd.base.errors import BadRequest
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

if TYPE_CHECKING:
    from agentd.client.picture import Picture

T = TypeVar("T")

Parameters = Mapping[str, object]


class Answer(NamedTuple):
    """A complete answer of the daemon."""

    content_type: str
    meta: str
    body: bytes


class SyncTransport:
    """Carries the calls of one client, one after the other. Thread: any."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None  # Protected by _lock.

    def close(self) -> None:
        """Close the connection: what is pressed is lifted. Idempotent."""
        with self._lock:
            self._drop()

    def json(self, command: str, parameters: Parameters, wanted: type[T], deadline_s: float) -> T:
        """Call a command that answers JSON of a type.

        Raises: the AgentdError that the daemon answers; Unavailable when it is not there.
        """
        answer = self.ask(command, parameters, deadline_s)
        return wire.answer_in(answer.content_type, answer.body, wanted, command)

    def optional(
        self, command: str, parameters: Parameters, wanted: type[T], deadline_s: float
    ) -> T | None:
        """Call a command that answers JSON of a type, or null; otherwise as `json`."""
        body = self.ask(command, parameters, deadline_s).body
        return None if body == b"null" else wire.answer_of(body, wanted, command)

    def blob(self, command: str, parameters: Parameters, deadline_s: float | None) -> Blob:
        """Call a command that answers bytes; otherwise as `json`."""
        answer = self.ask(command, parameters, deadline_s)
        meta = wire.meta_of(answer.meta, dict[str, Any], command)
        return Blob(answer.body, wire.media_type_of(answer.content_type), meta)

    def picture(self, command: str, parameters: Parameters, deadline_s: float) -> Picture:
        """Call a command that answers a picture; otherwise as `json`."""
        # agentctl, which is to start quickly, has no use for the types of answers.
        from agentd.client.commands.values import PictureMeta
        from agentd.client.picture import Picture

        answer = self.ask(command, parameters, deadline_s)
        meta = wire.meta_of(answer.meta, PictureMeta, command)
        return Picture(answer.body, wire.media_type_of(answer.content_type), meta)

    def value(self, command: str, parameters: Parameters, deadline_s: float | None) -> Any:
        """Call any command that does not stream; returns a JSON value or a Blob."""
        answer = self.ask(command, parameters, deadline_s)
        media_type = wire.media_type_of(answer.content_type)
        if media_type in (wire.JSON, wire.PARTS):
            return wire.answer_in(answer.content_type, answer.body, object, command)
        return Blob(
            answer.body,
            media_type,
            wire.meta_of(answer.meta, dict[str, Any], command),
        )

    def stream(self, command: str, parameters: Parameters, wanted: type[T]) -> SyncStream[T]:
        """Return the stream of a command; it opens when it is entered or first read."""
        return SyncStream(self._address, command, parameters, wanted)

    def ask(self, command: str, parameters: Parameters, deadline_s: float | None) -> Answer:
        """Send a call and read its whole answer. Raises: as `json`."""
        path, body = wire.path_of(command), wire.body_of(parameters)
        return self._exchange("POST", path, body, deadline_s, command)

    def get(self, path: str) -> Any:
        """Ask for a JSON document that is no command, as `/v1/describe`. Raises: as `json`."""
        return wire.any_value(self._exchange("GET", path, None, None, path).body, path)

    def _exchange(
        self, method: str, path: str, body: bytes | None, deadline_s: float | None, what: str
    ) -> Answer:
        limit_s = (LONGEST_S if deadline_s is None else deadline_s) + GRACE_S
        headers = {**wire.headers_of(deadline_s), **self._address.headers}
        is_whole = False
        with self._lock:
            try:
                connection = self._connected(limit_s)
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                answer = _read(response, what)
                is_whole = True
            except TimeoutError as exc:
                raise no_answer(what, limit_s) from exc
            except (OSError, http.client.HTTPException) as exc:
                raise connection_lost(what) from exc
            finally:
                # An exchange that ended halfway, as by Ctrl-C, leaves nothing that can be used.
                if not is_whole:
                    self._drop()
        return _good(response.status, answer, what)

    def _connected(self, limit_s: float) -> http.client.HTTPConnection:
        """Return the connection; one that the daemon has closed meanwhile is made anew."""
        if self._connection is None or _has_ended(self._connection):
            self._drop()
            self._connection = _connect(self._address)
        self._connection.sock.settimeout(limit_s)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SyncStream(Generic[T]):
    """The items of a streaming command, as they come, over a connection of their own.

    `with stream: for item in stream` closes for certain; a bare `for` that runs to the end does so
    too. Closing ends the command in the daemon.
    """

    def __init__(
        self, address: Address, command: str, parameters: Parameters, wanted: type[T]
    ) -> None:
        self._address = address
        self._command = command
        self._parameters = parameters
        self._wanted = wanted
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        """Begin: when this returns, the daemon has the subscription."""
        if self._response is None and not self._is_closed:
            self._connection = _connect(self._address)
            self._connection.sock.settimeout(SILENCE_S)
            headers = {**wire.headers_of(None), **self._address.headers}
            body = wire.body_of(self._parameters)
            try:
                self._connection.request("POST", wire.path_of(self._command), body, headers)
                self._response = self._connection.getresponse()
                if self._response.status != 200:
                    answer = _read(self._response, self._command)
                    _good(self._response.status, answer, self._command)
            except BaseException as exc:
                self.close()
                if isinstance(exc, OSError | http.client.HTTPException):
                    raise connection_lost(self._command) from exc
                raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """Wait for the next item."""
        self.__enter__()
        while self._response is not None:
            try:
                line = self._response.readline()
                if not line:
                    break
                item = wire.item_of(line, self._wanted, self._command)
            except TimeoutError as exc:
                self.close()
                raise no_answer(self._command, SILENCE_S) from exc
            except (OSError, http.client.HTTPException) as exc:
                self.close()
                raise connection_lost(self._command) from exc
            if item is not None:
                return item
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Leave the stream. Idempotent."""
        self._is_closed = True
        self._response = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the path instead of a host; called by http.client."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CONNECT_S)
        self.sock.connect(self._path)


def _connect(address: Address) -> http.client.HTTPConnection:
    connection: http.client.HTTPConnection
    if address.socket:
        connection = _UnixConnection(address.socket)
    else:
        parts = urlsplit(address.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=CONNECT_S)
    try:
        connection.connect()
    except OSError as exc:
        connection.close()
        raise unreachable(address, exc) from exc
    return connection


def _read(response: http.client.HTTPResponse, command: str) -> Answer:
    """Read a whole answer. Raises: BadRequest for a stream, which has no whole."""
    content_type = response.headers.get("Content-Type", "")
    if wire.media_type_of(content_type) == wire.STREAM:
        raise BadRequest(
            f"{command} answers a stream",
            code="is_a_stream",
            hint="iterate client.stream(...) or the typed method",
        )
    return Answer(content_type, response.headers.get(wire.META_HEADER, ""), response.read())


def _good(status: int, answer: Answer, command: str) -> Answer:
    if status != 200:
        media_type = wire.media_type_of(answer.content_type)
        raise wire.error_in(status, media_type, answer.body, command)
    return answer


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has closed: an idle connection has nothing to read but its end."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
