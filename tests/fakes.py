"""What the tests of several rooms share: sample commands, a control server, a fake service."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self

import aiohttp
import msgspec
from msgspec import Meta
from multidict import CIMultiDict

from agentd.base.builtins import Builtins, Reloaded
from agentd.base.command import Blob, Caller, Registry, Scope, command
from agentd.base.config import ControlConfig, TcpConfig
from agentd.base.errors import AgentdError, Conflict
from agentd.base.events import EventBus
from agentd.base.metrics import MEDIA_TYPE, Metrics
from agentd.base.service import Supervisor
from agentd.control.auth import Tokens
from agentd.control.connections import Connection
from agentd.control.dispatch import Dispatcher
from agentd.control.http import LOOPBACK_HOSTS, HttpFace, HttpLimits
from agentd.control.listeners import Listeners

LIMIT_S = 10.0


async def until(condition: Callable[[], bool], *, limit_s: float = LIMIT_S) -> None:
    """Poll for something that the kernel or another thread gives no event for."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.002)


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter with parts."""

    x: Annotated[int, Meta(ge=0, le=99)]
    y: Annotated[int, Meta(ge=0, le=99)] = 0


class Echo(msgspec.Struct, frozen=True):
    """What `sample.echo` was given."""

    text: str
    count: int
    ratio: float
    point: Point | None
    tags: list[str]
    flag: bool


class Tick(msgspec.Struct, frozen=True):
    """One item of a stream."""

    seq: int


class Snap(msgspec.Struct, frozen=True):
    """A picture among other things."""

    steps: list[str]
    width: int
    image: bytes | None = None
    other: bytes = b""


PNG = b"\x89PNG\r\n\x1a\n..."


class Unprintable:
    """A value that no face can put on the wire."""


class SampleRoom:
    """One command of every shape. `begun` and `ended` tell of the commands that wait."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.running = 0
        self.go_on = asyncio.Event()

    @command("sample.echo", scope=Scope.VIEW, read_only=True)
    async def echo(
        self,
        *,
        text: Annotated[str, Meta(max_length=20, description="A text", examples=["hello"])] = "",
        count: Annotated[int, Meta(ge=0, le=9, description="A number", examples=[3])] = 1,
        ratio: Annotated[float, Meta(gt=0, le=8, description="A share", examples=[0.5])] = 1.0,
        point: Annotated[Point, Meta(description="A place", examples=[{"x": 1}])] | None = None,
        tags: Annotated[list[str], Meta(max_length=3, description="Words", examples=[["a"]])] = [],
        flag: Annotated[bool, Meta(description="A switch")] = False,
    ) -> Echo:
        """Answer what was given."""
        return Echo(text, count, ratio, point, tags, flag)

    @command("sample.poke", scope=Scope.INPUT, destructive=True)
    async def poke(
        self, *, side: Annotated[Literal["left", "right"], Meta(description="Which side")] = "left"
    ) -> None:
        """Do something and say nothing."""

    @command("sample.who", scope=Scope.VIEW, read_only=True)
    async def who(self, caller: Caller) -> dict[str, Any]:
        """Tell who calls."""
        return {
            "id": caller.id,
            "principal": caller.principal,
            "scopes": sorted(caller.scopes),
            "request_id": caller.request_id,
        }

    @command("sample.wait", scope=Scope.EXEC)
    async def wait(self) -> str:
        """Wait until the test says go on."""
        self.running += 1
        self.begun.set()
        try:
            await self.go_on.wait()
            return "went on"
        finally:
            self.running -= 1
            self.ended.set()

    @command("sample.fail", scope=Scope.VIEW, read_only=True)
    async def fail(
        self,
        *,
        how: Annotated[
            Literal["conflict", "bug", "timeout", "reset", "interrupted", "unprintable"],
            Meta(description="How"),
        ] = "conflict",
    ) -> Any:
        """Fail in one of several ways."""
        logging.getLogger("sample").warning("about to fail how=%s", how)
        match how:
            case "conflict":
                raise Conflict("it is taken", code="taken", hint="wait", retry_after_s=2.4)
            case "bug":
                raise ValueError("the secret story")
            case "timeout":
                raise TimeoutError("not the dispatcher's deadline")
            case "reset":
                raise ConnectionResetError("not the caller's connection")
            case "interrupted":
                raise asyncio.CancelledError("not the caller's task")
            case _:
                return Unprintable()

    @command("sample.picture", scope=Scope.VIEW, read_only=True)
    async def picture(
        self,
        *,
        size: Annotated[int, Meta(ge=0, le=1 << 24, description="Bytes", examples=[10])] = 10,
    ) -> Blob:
        """Answer bytes that count up."""
        body = bytes(range(256)) * (size // 256 + 1)
        return Blob(memoryview(body)[:size], "image/sample", {"size": size, "word": "größe"})

    @command("sample.snap", scope=Scope.INPUT, model_defaults={"width": 7})
    async def snap(
        self,
        *,
        width: Annotated[int, Meta(ge=1, description="Pixels", examples=[9])] | None = None,
        image: Annotated[bool, Meta(description="Whether with the picture")] = True,
    ) -> Snap:
        """Do steps and answer a picture."""
        return Snap(["one", "two"], width or 1000, PNG if image else None, b"\0\1")

    @command("sample.count", scope=Scope.VIEW, read_only=True)
    async def count(
        self,
        *,
        to: Annotated[int, Meta(ge=0, le=10_000, description="Last one", examples=[3])] = 3,
        then: Annotated[
            Literal["end", "conflict", "bug", "reset", "unprintable", "wait"],
            Meta(description="What happens behind the last"),
        ] = "end",
    ) -> AsyncIterator[Tick]:
        """Count from one."""
        self.running += 1
        self.begun.set()
        try:
            for number in range(1, to + 1):
                yield Tick(number)
            if then == "wait":
                await self.go_on.wait()
            elif then == "unprintable":
                yield Unprintable()  # type: ignore[misc]
            elif then != "end":
                await self.fail(how=then)
        finally:
            self.running -= 1
            self.ended.set()


def token_file(folder: Path, tokens: dict[str, Iterable[Scope]], *, mode: int = 0o600) -> Path:
    """Write a token file; each token's name is its text too."""
    text = ""
    for name, scopes in tokens.items():
        digest = hashlib.sha256(name.encode()).hexdigest()
        text += f'[[tokens]]\nname = "{name}"\nsha256 = "{digest}"\n'
        text += f"scopes = {json.dumps([str(scope) for scope in scopes])}\n"
    path = folder / "tokens.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ControlServer:
    """The HTTP face with its listeners, as the daemon builds them, and ways to talk to it."""

    def __init__(
        self,
        folder: Path,
        *,
        tcp: bool = False,
        config: ControlConfig | None = None,
        limit: int = 256,
        max_body_bytes: int = 1 << 20,
        origins: frozenset[str] = frozenset(),
        instructions: str = "",
    ) -> None:
        self.socket = folder / "control.sock"
        self.room = SampleRoom()
        self.bus = EventBus()
        self.supervisor = Supervisor(self.bus)
        self.metrics = Metrics()
        self.registry = Registry()
        self.registry.add(self.room)
        self.registry.add(
            Builtins(
                self.supervisor,
                self.bus,
                version="1.2.3",
                statistics=dict,
                reload=lambda: Reloaded([], []),
                describe=dict,
            )
        )
        self.dispatcher = Dispatcher(self.registry, self.metrics, limit=limit)
        # Who left, and how many commands ran when that was told.
        self.left: list[str] = []
        self.running_then: list[int] = []
        # Whom the rooms were told of: connections, and sessions of MCP.
        self.told: list[str] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self.dispatcher.on_leave(self._tell)
        self.healthy = True
        self.port = free_port() if tcp else 0
        scopes = {"full": list(Scope), "viewer": [Scope.VIEW], "none": []}
        tokens = Tokens(token_file(folder, scopes)) if tcp else None
        self.face = HttpFace(
            self.dispatcher,
            version="1.2.3",
            health=lambda: ({"status": "ok" if self.healthy else "failed"}, self.healthy),
            metrics=lambda: (self.metrics.exposition(), MEDIA_TYPE),
            limits=HttpLimits(
                max_body_bytes=max_body_bytes,
                hosts=LOOPBACK_HOSTS | {"desk.example.org"},
                origins=origins,
            ),
            tokens=tokens,
            instructions=instructions,
        )
        listen = f"127.0.0.1:{self.port}" if tcp else ""
        self.listeners = Listeners(
            config or ControlConfig(tcp=TcpConfig(listen=listen)),
            self.socket,
            self._handle,
            ended=self._ended,
        )
        self.connections: list[Connection] = []
        self._session: aiohttp.ClientSession | None = None

    async def _handle(
        self, request: aiohttp.web.BaseRequest, connection: Connection
    ) -> aiohttp.web.StreamResponse:
        if connection not in self.connections:
            self.connections.append(connection)
        return await self.face.handle(request, connection)

    def _ended(self, caller_id: str) -> None:
        self.left.append(caller_id)
        self.running_then.append(self.room.running)
        task = asyncio.create_task(self.dispatcher.leave(caller_id))  # noqa: TID251
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _tell(self, caller_id: str) -> None:
        self.told.append(caller_id)

    async def __aenter__(self) -> Self:
        await self.listeners.open()
        connector = aiohttp.UnixConnector(path=str(self.socket), limit=0)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()
        self.face.drain()
        self.room.go_on.set()
        await self.listeners.drain()
        await asyncio.gather(*self._leaving)
        self.listeners.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """A client on the Unix socket."""
        assert self._session is not None
        return self._session

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Ask over the Unix socket."""
        async with self.session.request(method, f"http://localhost{path}", **options) as response:
            headers = CIMultiDict(response.headers)
            return Answer(response.status, headers, await response.read())

    async def post(self, path: str, document: object = None, **options: Any) -> Answer:
        """Call a command, with a JSON object or nothing."""
        body = b"" if document is None else json.dumps(document).encode()
        return await self.ask("POST", path, data=body, **options)

    async def get(self, path: str, **options: Any) -> Answer:
        """Get a path, with its query."""
        return await self.ask("GET", path, **options)

    async def connect(self, *, tcp: bool = False) -> Wire:
        """Open a bare connection."""
        if tcp:
            return Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        return Wire(*await asyncio.open_unix_connection(self.socket))

    async def send(self, text: str | bytes, *, tcp: bool = False) -> Answer:
        """Send bytes as they are and read one answer."""
        wire = await self.connect(tcp=tcp)
        async with wire:
            await wire.send(text)
            return await wire.answer()


@dataclass(slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem that the body holds."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        return str(self.document["code"])


class Wire:
    """A connection on which a test says exactly what it sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go away."""
        self.writer.close()

    async def send(self, text: str | bytes) -> None:
        """Send; line ends of a text become those of HTTP."""
        is_text = isinstance(text, str)
        self.writer.write(text.replace("\n", "\r\n").encode() if is_text else text)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(LIMIT_S):
            status, headers = await self.head()
            if head_only or status in (101, 204):
                return Answer(status, headers, b"")
            if "chunked" in headers.get("Transfer-Encoding", ""):
                chunks = []
                while chunk := await self.chunk():
                    chunks.append(chunk)
                return Answer(status, headers, b"".join(chunks))
            length = int(headers.get("Content-Length", "0"))
            return Answer(status, headers, await self.reader.readexactly(length))

    async def head(self) -> tuple[int, CIMultiDict[str]]:
        """Read a status line and headers."""
        async with asyncio.timeout(LIMIT_S):
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.split("\r\n")
        pairs = (line.partition(": ") for line in lines if line)
        return int(first.split()[1]), CIMultiDict((name, value) for name, _, value in pairs)

    async def chunk(self) -> bytes:
        """Read one chunk of a stream; empty at its end."""
        async with asyncio.timeout(LIMIT_S):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def is_closed(self) -> bool:
        """Wait for the other side's end; whatever it still says is read and thrown away."""
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        return True


@dataclass(slots=True)
class FakeService:
    """A service whose runs follow a script: each entry is what one run does.

    An exception is raised at once; "ready" gets ready and waits; "slow" waits without getting
    ready; an exception within a tuple is raised after getting ready.
    """

    name: str
    script: list[object] = field(default_factory=list)
    runs: int = 0
    cancelled: int = 0
    in_cleanup: BaseException | None = None
    hangs: asyncio.Event | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Follow the script; its last entry is repeated."""
        step = self.script[min(self.runs, len(self.script) - 1)] if self.script else "ready"
        self.runs += 1
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, tuple):
            ready()
            raise step[0]
        if step == "return":
            return
        if step == "ready":
            ready()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1
            while self.hangs is not None and not self.hangs.is_set():
                try:
                    await self.hangs.wait()
                except asyncio.CancelledError:
                    continue
            if self.in_cleanup is not None:
                raise self.in_cleanup


def error_classes() -> list[type[AgentdError]]:
    """Every error class that is imported, the base first."""
    found, queue = [], [AgentdError]
    while queue:
        found.append(queue.pop(0))
        queue += found[-1].__subclasses__()
    return found
