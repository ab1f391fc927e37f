"""Greets who connects: the handshake, and who it is that comes in.

A connection that was let in before, by a token or by who may open the socket, brings its grant; any
other shows a password, which the door checks, slowly after failures. All of it has to be done in
10 s; where a person is asked for a password meanwhile, in a minute. It serves nobody: `viewer.py`
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agentd.base.errors import Denied, TimedOut
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant
from agentd.vnc.protocol.rfb import (
    CheckPassword,
    CheckPlain,
    Event,
    Ready,
    Refused,
    Rfb,
    StartTls,
)
from agentd.vnc.sessions.streams import ByteStream

GREETING_S = 10.0
PASSWORD_S = 60.0

_REFUSAL = "This password opens nothing. Ask for a new one."


async def greet(
    stream: ByteStream, rfb: Rfb, door: Door, grant: Grant | None
) -> tuple[Grant, Sequence[Event]]:
    """Carry the handshake to its end.

    Args:
        rfb: has heard nothing yet.
        grant: of somebody who was let in before; None: the client has to show something.

    Returns: the grant, and the messages that came with the end of the handshake.
    Raises: Denied; TimedOut; ProtocolError; OSError. What the client is to be told was sent.
    Cancelling is safe.
    """
    try:
        async with asyncio.timeout(GREETING_S) as limit:
            return await _greet(stream, rfb, door, grant, limit)
    except TimeoutError:
        raise TimedOut("the viewer did not come in in time") from None
    finally:
        await _flush(stream, rfb)


async def _greet(
    stream: ByteStream, rfb: Rfb, door: Door, grant: Grant | None, limit: asyncio.Timeout
) -> tuple[Grant, Sequence[Event]]:
    await _flush(stream, rfb)
    is_asked = False
    while data := await stream.read():
        events = list(rfb.feed(data))
        if not is_asked and rfb.method is not None and rfb.method.asks_person:
            is_asked = True
            limit.reschedule(asyncio.get_running_loop().time() + PASSWORD_S)
        while events:
            event = events.pop(0)
            match event:
                case StartTls(received):
                    if received:
                        # Whoever stands in between could have put it there.
                        raise Denied("a viewer spoke before its encryption began")
                    await _flush(stream, rfb)
                    await stream.start_tls()
                    events += rfb.tls_started()
                case CheckPassword() | CheckPlain():
                    grant = await _check(event, door, stream.address)
                    if grant is None:
                        rfb.reject(_REFUSAL)
                        raise Denied("a viewer came with a wrong password", code="wrong_password")
                    events += rfb.accept()
                case Refused(reason):
                    raise Denied(f"a viewer was refused: {reason}")
                case Ready():
                    assert grant is not None, "nobody comes in without a grant"
                    return grant, events
                case _:
                    raise AssertionError("a message before the handshake's end")
        await _flush(stream, rfb)
    raise ConnectionResetError("the viewer left before it was in")


async def _check(event: CheckPassword | CheckPlain, door: Door, address: str) -> Grant | None:
    if isinstance(event, CheckPassword):
        return await door.admit_password(event.challenge, event.response, address)
    return await door.admit_plain(event.user, event.password, address)


async def _flush(stream: ByteStream, rfb: Rfb) -> None:
    if data := rfb.to_send():
        await stream.write([data])
