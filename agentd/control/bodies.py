"""The body of a request: read whole, in bounded time, up to a bounded size.

It does not know what the body means. Source: RFC 9110 section 8.4 (content coding).
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from agentd.base.errors import BadRequest, TimedOut, TooLarge

_BODY_S = 30.0


async def read_body(request: web.BaseRequest, limit_bytes: int) -> bytes:
    """Read the body of a request.

    Raises: TooLarge; TimedOut when it does not arrive; BadRequest when it is compressed.
    Cancelling: what was read is lost.
    """
    if (request.content_length or 0) > limit_bytes:
        raise TooLarge(f"the body is over {limit_bytes} bytes", code="body_too_large")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise BadRequest("a compressed body is not accepted", code="encoding_refused")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit_bytes:
                    raise TooLarge(f"the body is over {limit_bytes} bytes", code="body_too_large")
    except TimeoutError:
        raise TimedOut(f"the body did not arrive within {_BODY_S:g} s") from None
    return bytes(body)
