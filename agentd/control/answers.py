"""Results and errors as HTTP: what each kind of answer looks like on the wire.

It does not run commands. Sources: RFC 9457 (problem details), RFC 9110 section 12.5.1 (Accept),
the HTML standard's server-sent events.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from agentd.base.command import Blob
from agentd.base.errors import AgentdError, Fault, Problem, Unauthorized, problem_of
from agentd.control import multipart
from agentd.control.dispatch import closing

logger = logging.getLogger(__name__)

META_HEADER = "Agentd-Meta"
REQUEST_ID_HEADER = "X-Request-Id"

_HEARTBEAT_S = 15.0


def json_answer(value: Any, request_id: str) -> web.Response:
    """Return a JSON answer."""
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={REQUEST_ID_HEADER: request_id},
    )


def document_answer(request: web.BaseRequest, value: Any, request_id: str) -> web.Response:
    """Return a result: as JSON, or as parts if it holds bytes and the caller takes them so."""
    if multipart.is_accepted(request.headers.get("Accept", "")):
        document, parts = multipart.split(value)
        if parts:
            boundary = secrets.token_hex(16)
            return web.Response(
                body=multipart.join(document, parts, boundary),
                headers={
                    "Content-Type": f"{multipart.MEDIA_TYPE}; boundary={boundary}",
                    "Cache-Control": "no-store",
                    REQUEST_ID_HEADER: request_id,
                },
            )
    return json_answer(value, request_id)


def error_answer(error: AgentdError, request_id: str) -> web.Response:
    """Return the problem document of an error, with its status and headers."""
    problem = problem_of(error, request_id=request_id)
    headers = {REQUEST_ID_HEADER: request_id}
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


async def send_blob(request: web.BaseRequest, blob: Blob, request_id: str) -> web.StreamResponse:
    """Send bytes with their metadata in a header; as JSON with base64 if that alone is accepted.

    Cancelling: the connection is closed by the server, as the answer is then incomplete.
    """
    if request.headers.get("Accept", "").partition(";")[0].strip() == "application/json":
        encoded = base64.b64encode(blob.body).decode()
        document = {"media_type": blob.media_type, "data": encoded, "meta": blob.meta}
        return json_answer(document, request_id)
    # As bytes: the items of a buffer may be larger.
    view = memoryview(blob.body).cast("B")
    response = web.StreamResponse(
        headers={
            "Content-Type": blob.media_type,
            "Content-Length": str(len(view)),
            "Cache-Control": "no-store",
            # Header values are ASCII: json.dumps escapes what is not.
            META_HEADER: json.dumps(blob.meta, separators=(",", ":")),
            REQUEST_ID_HEADER: request_id,
        }
    )
    await response.prepare(request)
    if request.method != "HEAD":
        # In one piece: the transport sends what the socket takes, and holds on to the rest.
        await response.write(view)
    await response.write_eof()
    return response


async def send_stream(
    request: web.BaseRequest, stream: AsyncIterator[Any], request_id: str
) -> web.StreamResponse:
    """Send a stream's items as they come: SSE if it is accepted, else a JSON line each.

    A heartbeat goes out while nothing happens, so that a dead reader is noticed. An error ends
    the stream with an `error` event or a line `{"error": problem}`.
    Cancelling: closes the stream, which ends the command.
    """
    is_sse = "text/event-stream" in request.headers.get("Accept", "")
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream" if is_sse else "application/x-ndjson",
            "Cache-Control": "no-store",
            REQUEST_ID_HEADER: request_id,
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        await closing(stream).aclose()
        await response.write_eof()
        return response
    # The headers go out now: a reader must know that it is subscribed before the first item.
    await response.write(b": ok\n\n" if is_sse else b"\n")
    items = closing(stream)
    heartbeat = asyncio.create_task(_beat(response, is_sse), name="heartbeat")  # noqa: TID251
    try:
        async for item in items:
            await response.write(_sse(item) if is_sse else msgspec.json.encode(item) + b"\n")
    except AgentdError as exc:
        await response.write(_stream_error(problem_of(exc, request_id=request_id), is_sse))
    except ConnectionResetError:
        pass  # The reader has gone: the stream is closed below, and nobody waits for more.
    except Exception:  # An item that is no JSON; the headers are out, so that only a line is left.
        logger.exception("fault path=%s", request.path)
        fault = problem_of(Fault("an item could not be sent"), request_id=request_id)
        await response.write(_stream_error(fault, is_sse))
    finally:
        heartbeat.cancel()
        await items.aclose()
    with suppress(ConnectionResetError):
        await response.write_eof()
    return response


def _sse(item: Any) -> bytes:
    text = msgspec.json.encode(item)
    seq = getattr(item, "seq", None)
    head = f"id: {seq}\n".encode() if seq is not None else b""
    return head + b"data: " + text + b"\n\n"


def _stream_error(problem: Problem, is_sse: bool) -> bytes:
    if is_sse:
        return b"event: error\ndata: " + msgspec.json.encode(problem) + b"\n\n"
    return msgspec.json.encode({"error": problem}) + b"\n"


async def _beat(response: web.StreamResponse, is_sse: bool) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        with suppress(ConnectionResetError):
            await response.write(b": \n\n" if is_sse else b"\n")
