"""The viewer page over HTTP: its files, the stream of what it shows, and its buttons.

The page itself holds no secret and needs no authority; its token stays in the browser, behind the
`#` of the link, and comes as a bearer token with `state` and `control`. It does not speak RFB and
decides nothing about control: the front desk does. Sources: RFC 6750 (bearer), RFC 9457 (problem
details), Content Security Policy Level 3.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Protocol

import msgspec
from aiohttp import web
from msgspec import Meta

from agentd.base.errors import (
    AgentdError,
    BadRequest,
    Fault,
    NotFound,
    TimedOut,
    TooLarge,
    Unauthorized,
    problem_of,
)
from agentd.vnc.viewer_files import ViewerFile, ViewerFiles

logger = logging.getLogger(__name__)

PREFIX = "/vnc"

_HEARTBEAT_S = 15.0
_MAX_BODY_BYTES = 1024
_BODY_S = 10.0
_MAX_TOKEN_CHARACTERS = 256


class Deed(enum.StrEnum):
    """What the page's buttons do; to withhold pictures from agents is to take over as well."""

    TAKEOVER = "takeover"
    RELEASE = "release"
    HELP_DONE = "help_done"
    WITHHOLD = "withhold"
    UNWITHHOLD = "unwithhold"


class Holder(msgspec.Struct, frozen=True):
    """Who has the desktop: `agent`, `human` or `nobody`.

    `is_you`: a viewer of this grant; `taken`: by taking over, not by a touch that passes.
    """

    kind: str
    label: str
    is_you: bool = False
    taken: bool = False


class You(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the token's grant is."""

    rights: Sequence[str]
    label: str
    viewer_id: str | None = None


class Help(msgspec.Struct, frozen=True):
    """What the agent asks people for; `since` is Unix time."""

    reason: str
    since: float


class DesktopState(msgspec.Struct, frozen=True):
    """The desktop behind the picture."""

    running: bool
    width: int
    height: int
    name: str


class PageState(msgspec.Struct, frozen=True):
    """All that the page shows beside the picture."""

    mode: str
    holder: Holder
    you: You
    help: Help | None
    desktop: DesktopState
    exact: bool = True
    withheld: bool = False


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a button sends."""

    do: Annotated[Deed, Meta(description="what to do", examples=["takeover"])]


class FrontDesk(Protocol):
    """What the page may know and do, by its token; `address` is whence it asks."""

    async def state(self, token: str, address: str) -> PageState:
        """Return what the token's holder may see now. Raises: Unauthorized."""
        ...

    async def do(self, token: str, address: str, deed: Deed) -> None:
        """Do what a button asks. Raises: Unauthorized, Denied, Conflict."""
        ...

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, on the loop, whenever a state may have changed; return what ends that."""
        ...


class Pages:
    """Answers what lies below `/vnc`, but for the WebSocket.

    Args:
        files: what the page is made of.
        desk: who may see and do what.
        frame_origins: the sites that may show the page in a frame of theirs.
    """

    def __init__(
        self, files: ViewerFiles, desk: FrontDesk, *, frame_origins: Sequence[str] = ()
    ) -> None:
        self._files = files
        self._desk = desk
        self._headers = {
            "Content-Security-Policy": _content_policy(frame_origins),
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        self._loading = asyncio.Lock()
        self._streams: set[asyncio.Task[Any]] = set()

    def drain(self) -> None:
        """End the streams: they have no end of their own and would hold up a stop."""
        for task in self._streams:
            task.cancel()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; errors become problem documents."""
        try:
            return await self._handle(request)
        except AgentdError as exc:
            return self.problem(exc)
        except ConnectionError:
            raise  # The browser has gone, perhaps in the midst of its answer.
        except Exception:
            logger.exception("fault path=%s", request.path)
            if request.writer.output_size > 0:
                raise  # An answer has begun: closing the connection is all that can tell.
            return self.problem(Fault("a request of the viewer page failed"))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path == PREFIX:
            # Relative, for what a proxy may have put in front of us; browsers keep the fragment.
            return web.Response(status=308, headers={**self._headers, "Location": "vnc/"})
        if not path.startswith(PREFIX + "/"):
            raise NotFound("this is not a path of the viewer page", code="no_such_path")
        name = path.removeprefix(PREFIX + "/")
        if name == "control":
            _require_method(request, "POST")
            return await self._control(request)
        _require_method(request, "GET", "HEAD")
        if name == "state":
            return await self._state(request)
        return await self._file(request, name)

    # --- the files -----------------------------------------------------------------------------

    async def _file(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        if not self._files.is_complete:
            async with self._loading:
                await asyncio.to_thread(self._files.load)
        if name in ("", "index.html"):
            if not self._files.has_novnc:
                return self._send(request, self._files.get("missing.html"), "no-store", status=503)
            return self._send(request, self._files.get("index.html"), "no-store")
        file = self._files.get(name)
        # A year, the longest that RFC 9111 knows; our own files are asked after each time.
        kept = "public, max-age=31536000, immutable" if file.is_immutable else "no-cache"
        return self._send(request, file, kept)

    def _send(
        self, request: web.BaseRequest, file: ViewerFile, kept: str, *, status: int = 200
    ) -> web.Response:
        headers = {
            **self._headers,
            "Cache-Control": kept,
            "Content-Type": file.media_type,
            "ETag": file.etag,
            "Vary": "Accept-Encoding",
        }
        known = {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
        if status == 200 and kept != "no-store" and file.etag in known:
            return web.Response(status=304, headers=headers)
        body = file.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = file.gzipped
        # aiohttp leaves the body of an answer to HEAD out and keeps its length.
        return web.Response(status=status, body=body, headers=headers)

    # --- what the page shows and does ------------------------------------------------------------

    async def _state(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send the state, a line at once and one at each change, until the token ends.

        Cancelling: the stream is cut.
        """
        token = _token(request)
        address = request.remote or ""
        await self._desk.state(token, address)  # Who has no grant gets a refusal, and no stream.
        response = web.StreamResponse(
            headers={
                **self._headers,
                "Content-Type": "application/x-ndjson",
                "Cache-Control": "no-store",
                # nginx would keep the lines until it has a buffer full of them.
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        if request.method == "GET":
            task = asyncio.current_task()
            assert task is not None
            self._streams.add(task)
            try:
                await self._send_states(response, token, address)
            except ConnectionResetError:
                pass  # The page was closed.
            finally:
                self._streams.discard(task)
        with suppress(ConnectionResetError):
            await response.write_eof()
        return response

    async def _send_states(self, response: web.StreamResponse, token: str, address: str) -> None:
        changed = asyncio.Event()
        unfollow = self._desk.on_change(changed.set)
        try:
            sent = b""
            while True:
                # Asked anew each time: a grant may end by itself, too.
                line = msgspec.json.encode(await self._desk.state(token, address)) + b"\n"
                # An empty line is the heartbeat: it finds the reader that has gone.
                await response.write(line if line != sent else b"\n")
                sent = line
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_S):
                        await changed.wait()
                # Before the state is asked, so that a change meanwhile is not missed.
                changed.clear()
        except AgentdError as exc:
            await response.write(msgspec.json.encode({"error": problem_of(exc)}) + b"\n")
        finally:
            unfollow()

    async def _control(self, request: web.BaseRequest) -> web.Response:
        token = _token(request)
        address = request.remote or ""
        await self._desk.state(token, address)  # Who has no grant learns nothing of bodies.
        body = await _read_body(request)
        try:
            control = msgspec.json.decode(body, type=Control)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise BadRequest(
                f"the body of {request.path} is wrong: {exc}",
                hint='send {"do": "takeover"}, or one of: ' + ", ".join(Deed),
            ) from None
        await self._desk.do(token, address, control.do)
        return web.Response(
            body=msgspec.json.encode(await self._desk.state(token, address)),
            content_type="application/json",
            headers={**self._headers, "Cache-Control": "no-store"},
        )

    def problem(self, error: AgentdError) -> web.Response:
        """Return an error as the page's clients are told it."""
        problem = problem_of(error)
        headers = {**self._headers, "Cache-Control": "no-store"}
        if problem.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, round(problem.retry_after_s)))
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = 'Bearer realm="agentd"'
        return web.Response(
            status=problem.status,
            body=msgspec.json.encode(problem),
            content_type="application/problem+json",
            headers=headers,
        )


def _content_policy(frame_origins: Sequence[str]) -> str:
    """What the page may load: our files alone. noVNC makes pictures and cursors of data: URLs."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            " ".join(("frame-ancestors 'self'", *frame_origins)),
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _token(request: web.BaseRequest) -> str:
    """Return the bearer token. Raises: Unauthorized when there is none that could be one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAX_TOKEN_CHARACTERS:
        raise Unauthorized("the viewer page needs the token of a grant", code="token_missing")
    return token


def _require_method(request: web.BaseRequest, *methods: str) -> None:
    if request.method not in methods:
        raise BadRequest(
            f"{request.method} does not fit {request.path}",
            code="method_not_allowed",
            hint="use " + " or ".join(methods),
        )


async def _read_body(request: web.BaseRequest) -> bytes:
    """Read a short body. Raises: TooLarge, TimedOut. Cancelling: what was read is lost."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > _MAX_BODY_BYTES:
                    raise TooLarge(
                        f"the body is over {_MAX_BODY_BYTES} bytes", code="body_too_large"
                    )
    except TimeoutError:
        raise TimedOut(f"the body did not arrive within {_BODY_S:g} s") from None
    return bytes(body)
