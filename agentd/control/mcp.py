"""The MCP face: every command a tool, over streamable HTTP at `/mcp`.

Clients of the handshake (2024-11-05 to 2025-11-25) and stateless ones (2026-07-28) are told apart
request by request. Answers are JSON; a call that takes long is answered by server-sent events, so
that progress can be told. It does not decide who may call, and does not know commands. Source:
Model Context Protocol, transports, section "Streamable HTTP".
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from aiohttp import web

from agentd.base.command import Caller
from agentd.base.errors import NotFound
from agentd.base.log import request_context
from agentd.control import mcp_messages as messages
from agentd.control.answers import REQUEST_ID_HEADER
from agentd.control.bodies import read_body
from agentd.control.dispatch import Dispatcher, new_request_id
from agentd.control.mcp_messages import Request, RpcError
from agentd.control.mcp_methods import Methods
from agentd.control.mcp_sessions import Session, Sessions

SESSION_HEADER = "Mcp-Session-Id"

# When progress is first told; each time it takes twice as long, up to a sign of life, which goes
# out where nobody asked for progress too.
_PROGRESS_S = 1.0
_HEARTBEAT_S = 15.0

_SSE = "text/event-stream"


@dataclass(frozen=True, slots=True)
class _Ask:
    """A message on its way: who sent it, in which session if any, by which kind of protocol."""

    request: Request
    caller: Caller
    session: Session | None
    is_stateless: bool


class McpFace:
    """Serves `/mcp`.

    Args:
        instructions: what a model should know of all tools together.
    """

    def __init__(
        self, dispatcher: Dispatcher, *, version: str, instructions: str, max_body_bytes: int
    ) -> None:
        self._methods = Methods(dispatcher, version=version, instructions=instructions)
        self._max_body_bytes = max_body_bytes
        self._sessions = Sessions(dispatcher.leave)
        dispatcher.on_leave(self._sessions.connection_left)

    async def serve(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        """Answer one HTTP request. Cancelling: cancels the command that it runs."""
        has_session = SESSION_HEADER in request.headers
        is_stateless = request.headers.get(messages.VERSION_HEADER) in messages.STATELESS_VERSIONS
        match request.method:
            case "POST":
                return await self._post(request, caller)
            case "GET" if has_session and not is_stateless:
                return await self._listen(request, caller)
            case "DELETE" if has_session:
                await self._sessions.close(self._known_session(request, caller))
                return _empty(204, caller)
            case _:
                return _empty(405, caller, Allow="POST")

    def drain(self) -> None:
        """End the streams that clients listen on; what runs goes on."""
        self._sessions.drain()

    async def _post(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        body = await read_body(request, self._max_body_bytes)
        session = (
            self._known_session(request, caller) if SESSION_HEADER in request.headers else None
        )
        try:
            parsed = messages.parse(body)
            found = [self._ask(request, item, session, caller) for item in parsed.messages]
            if parsed.is_batch:
                return await self._answer_batch(found, caller)
            for ask in found:
                if isinstance(ask, RpcError):
                    raise ask
                if ask.request.id is not None:
                    return await self._answer(request, ask)
                _heed(ask)
            return _empty(202, caller)
        except RpcError as exc:
            return _json(exc.document(), caller, status=exc.status(is_stateless=True))

    def _known_session(self, request: web.BaseRequest, caller: Caller) -> Session:
        """Return the session that a request names. Raises: NotFound when it was ended."""
        name = request.headers[SESSION_HEADER]
        session = self._sessions.find(caller.principal, name, caller.id)
        if session is None:
            raise NotFound(
                "the session has ended",
                code="no_such_session",
                hint="begin with initialize, without Mcp-Session-Id",
            )
        return session

    def _ask(
        self,
        request: web.BaseRequest,
        message: Request | RpcError,
        session: Session | None,
        caller: Caller,
    ) -> _Ask | RpcError:
        """Find out the protocol of a message, and who its caller is."""
        if isinstance(message, RpcError):
            return message
        try:
            is_stateless = messages.is_stateless(message, request.headers)
        except RpcError as exc:
            return exc
        if message.method == "initialize" and session is None and not is_stateless:
            session = self._sessions.open(caller.principal, caller.id)
        if session is not None:
            caller = replace(caller, id=session.id)
        return _Ask(message, caller, session, is_stateless)

    async def _answer(self, request: web.BaseRequest, ask: _Ask) -> web.StreamResponse:
        """Answer in JSON, or by events when that takes long or is all that the client reads."""
        accept = request.headers.get("Accept", "")
        wants_events = _SSE in accept
        only_events = wants_events and "json" not in accept and "*/*" not in accept
        has_token = ask.request.progress_token is not None
        pause_s = _PROGRESS_S if has_token else _HEARTBEAT_S
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._outcome(ask), name=f"mcp-{ask.caller.request_id}")
            if not only_events:
                await asyncio.wait((task,), timeout=pause_s if wants_events else None)
            if not task.done():
                return await self._stream(request, ask, task, began, pause_s)
        document, status = _result(task, ask)
        return _json(document, ask.caller, status=status, session=_new_session(ask))

    async def _stream(
        self,
        request: web.BaseRequest,
        ask: _Ask,
        task: asyncio.Task[tuple[dict[str, Any], int]],
        began: float,
        pause_s: float,
    ) -> web.StreamResponse:
        """Send signs of life until the answer is there, and then the answer."""
        response = _events(ask.caller, session=_new_session(ask))
        try:
            await response.prepare(request)
            while not task.done():
                await response.write(_sign_of_life(ask, time.monotonic() - began))
                await asyncio.wait((task,), timeout=pause_s)
                pause_s = min(2 * pause_s, _HEARTBEAT_S)
            await response.write(messages.sse(_result(task, ask)[0]))
            await response.write_eof()
        except ConnectionResetError:
            task.cancel()  # The client has gone, and nobody waits for the answer.
        return response

    async def _answer_batch(
        self, asks: list[_Ask | RpcError], caller: Caller
    ) -> web.StreamResponse:
        """Answer the messages of a batch (2025-03-26) in their order, one after the other."""
        documents = []
        for ask in asks:
            if isinstance(ask, RpcError):
                documents.append(ask.document())
            elif ask.request.id is None:
                _heed(ask)
            else:
                own = replace(ask.caller, request_id=new_request_id())
                with request_context(own.request_id):
                    documents.append(await self._alone(replace(ask, caller=own)))
        return _json(documents, caller) if documents else _empty(202, caller)

    async def _alone(self, ask: _Ask) -> dict[str, Any]:
        """Run a request of a batch, so that the client can cancel it and not the others."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._outcome(ask), name=f"mcp-{ask.caller.request_id}")
        return _result(task, ask)[0]

    async def _outcome(self, ask: _Ask) -> tuple[dict[str, Any], int]:
        """Run a request; return the response and its HTTP status."""
        request, session = ask.request, ask.session
        task = asyncio.current_task()
        assert task is not None and request.id is not None
        if session is not None:
            session.calls[request.id] = task
        try:
            result = await self._methods.answer(request, ask.caller, is_stateless=ask.is_stateless)
        except RpcError as exc:
            return exc.document(request.id), exc.status(is_stateless=ask.is_stateless)
        finally:
            if session is not None and session.calls.get(request.id) is task:
                del session.calls[request.id]
        server = self._methods.server if ask.is_stateless else None
        return messages.result_document(request, result, server=server), 200

    async def _listen(self, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        """Keep a stream open on which nothing is said: its end tells that the client has gone."""
        session = self._known_session(request, caller)
        response = _events(caller, session="")
        session.listening.add(caller.id)
        session.has_listened = True
        try:
            await response.prepare(request)
            while not session.closing.is_set():
                await response.write(b": \n\n")
                try:
                    async with asyncio.timeout(_HEARTBEAT_S):
                        await session.closing.wait()
                except TimeoutError:
                    continue
            await response.write_eof()
        except ConnectionResetError:
            pass  # The client has gone, perhaps before it heard anything.
        finally:
            session.listening.discard(caller.id)
        return response


def _heed(ask: _Ask) -> None:
    """Act on a notification; of most there is nothing to do."""
    if ask.request.method == "notifications/cancelled" and ask.session is not None:
        ask.session.cancel(ask.request.params.get("requestId"))


def _result(
    task: asyncio.Task[tuple[dict[str, Any], int]], ask: _Ask
) -> tuple[dict[str, Any], int]:
    if task.cancelled():
        return RpcError(messages.CANCELLED, "cancelled", id=ask.request.id).document(), 200
    return task.result()


def _sign_of_life(ask: _Ask, elapsed_s: float) -> bytes:
    token = ask.request.progress_token
    if token is None:
        return b": \n\n"
    name = str(ask.request.params.get("name", ask.request.method))[:64]
    params = {
        "progressToken": token,
        "progress": round(elapsed_s, 6),
        "message": f"{name} is running, {elapsed_s:.0f} s",
    }
    return messages.sse(messages.notification("notifications/progress", params))


def _new_session(ask: _Ask) -> str:
    """Return the name of the session that an answer hands out, or an empty text."""
    if ask.session is None or ask.request.method != "initialize":
        return ""
    return ask.session.name


def _events(caller: Caller, *, session: str) -> web.StreamResponse:
    # A proxy that collects events (nginx does) would keep them until the end.
    headers = {"Content-Type": _SSE, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return web.StreamResponse(headers=headers | _named(caller, session))


def _json(document: Any, caller: Caller, *, status: int = 200, session: str = "") -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(document),
        content_type="application/json",
        headers=_named(caller, session),
    )


def _empty(status: int, caller: Caller, **headers: str) -> web.Response:
    return web.Response(status=status, headers=headers | _named(caller))


def _named(caller: Caller, session: str = "") -> dict[str, str]:
    headers = {REQUEST_ID_HEADER: caller.request_id}
    return {**headers, SESSION_HEADER: session} if session else headers
