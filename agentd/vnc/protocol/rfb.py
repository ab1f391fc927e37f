"""The server's side of an RFB connection, from the version to the last message.

Pure. Bytes in, events out: it opens nothing, checks no password, and keeps no picture; what it
wants written is taken with `to_send`. Sources: rfbproto "Handshaking Messages", "Initialisation
Messages", "VeNCrypt"; RFC 6143 section 7.1.
"""

from __future__ import annotations

import contextlib
import enum
import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from agentd.desktop.screen.frame import Size
from agentd.vnc.numbers import SecurityResult, SecurityType
from agentd.vnc.pixel_format import NATIVE, PixelFormat
from agentd.vnc.protocol import server_messages
from agentd.vnc.protocol.message_script import message_script
from agentd.vnc.protocol.messages import Message
from agentd.vnc.protocol.reading import Pause, ProtocolError, Reading, Script, Want
from agentd.vnc.protocol.security import CHALLENGE_BYTES, Method, Security

# Of a name and of a password in VeNCrypt's Plain: a token with room to spare.
MAX_PLAIN_BYTES = 1024

_T = TypeVar("_T")
_Part: TypeAlias = Generator[Want, bytes, _T]

_VERSION = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_OUR_VERSION = b"RFB 003.008\n"
_OUR_VENCRYPT = bytes((0, 2))


class Stage(enum.Enum):
    """How far a connection has come."""

    VERSION = "version"
    SECURITY = "security"
    TLS = "tls"
    CHECK = "check"
    INIT = "init"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write what is to be sent, start TLS as its server, then call `tls_started`.

    What is fed from here on has come out of TLS; some may, before the call. TLS gives no session
    tickets (`SSLContext.num_tickets = 0`): TigerVNC's viewer 1.12 stops for good when they come
    together with our first words.

    Args:
        received: what came unencrypted after the client's choice; mostly nothing, as clients wait
            for our consent. It is the first that TLS is to read, or a reason to close; fed as it
            is, it would let whoever is on the way speak as the client.
    """

    received: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Check with `vnc_auth_matches`, then call `accept` or `reject`."""

    challenge: bytes = field(repr=False)
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckPlain:
    """Check a name and a password, then call `accept` or `reject`."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """The client is in and was told of the desktop; messages follow.

    Args:
        shared: false when it asks for the desktop to itself.
    """

    shared: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no way in for this client; write what is to be sent, and close."""

    reason: str


Event: TypeAlias = StartTls | CheckPassword | CheckPlain | Refused | Ready | Message


class Rfb:
    """One connection of one client.

    It ends by a ProtocolError, by Refused, and by `reject`: what is to be sent then tells the
    client why, where its version has words for it; after that the connection is closed. What is fed
    by then is ignored.

    Args:
        security: what is offered.
        name: of the desktop, as viewers show it in their title.
        size: of the desktop, up to 65535 pixels an edge. Both may be set until Ready.
        challenge: 16 random bytes, never used for another connection.
        format: how pixels are written until the client says otherwise.
    """

    def __init__(
        self,
        *,
        security: Security,
        name: str,
        size: Size,
        challenge: bytes,
        format: PixelFormat = NATIVE,
    ) -> None:
        assert len(challenge) == CHALLENGE_BYTES
        self.name = name
        self.size = size
        self._security = security
        self._challenge = challenge
        self._format = format
        self._out = bytearray()
        self._events: list[Event] = []
        self._stage = Stage.VERSION
        self._minor_version = 8
        self._method: Method | None = None
        self._reading = Reading(self._script())

    @property
    def stage(self) -> Stage:
        """How far the connection has come."""
        return self._stage

    @property
    def version(self) -> str:
        """The version that is spoken: `3.3`, `3.7` or `3.8`."""
        return f"3.{self._minor_version}"

    @property
    def method(self) -> Method | None:
        """How the client chose to be let in; `None` before it did."""
        return self._method

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes from the client, in whatever pieces they come.

        Returns: what the client said, in its order.
        Raises: ProtocolError when it broke the rules; what it said before, in the same bytes, is
            lost with it.
        """
        with self._ending_on_error():
            self._reading.feed(data)
        return self._take_events()

    def to_send(self) -> bytes:
        """Take what is to be written to the client next; empty when there is nothing."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def tls_started(self) -> list[Event]:
        """Go on after StartTls: what is to be sent goes through TLS too.

        Returns: what the client had already said in TLS by then.
        Raises: ProtocolError, as `feed` does.
        """
        assert self._stage is Stage.TLS, "TLS was asked for"
        self._enter(Stage.SECURITY)
        with self._ending_on_error():
            self._reading.resume()
        return self._take_events()

    def accept(self) -> list[Event]:
        """Let the client in, after a check.

        Returns: what it had already said by then; mostly nothing.
        Raises: ProtocolError, as `feed` does.
        """
        assert self._stage is Stage.CHECK, "a check was asked for"
        self._out += server_messages.security_result(SecurityResult.OK)
        with self._ending_on_error():
            self._reading.resume()
        return self._take_events()

    def reject(self, reason: str) -> None:
        """Keep the client out, after a check.

        Args:
            reason: for the viewer to show; it should not tell a wrong name from a wrong password.
        """
        assert self._stage is Stage.CHECK, "a check was asked for"
        self._out += server_messages.security_result(SecurityResult.FAILED)
        if self._minor_version >= 8:
            self._out += server_messages.reason(reason)
        self._end()

    def _script(self) -> Script:
        """The whole conversation."""
        yield from self._agree_on_version()
        self._enter(Stage.SECURITY)
        method = yield from self._choose_method()
        if method is None:
            self._enter(Stage.ENDED)
            return
        self._method = method
        yield from self._let_in(method)
        self._enter(Stage.INIT)
        (shared,) = yield 1
        self._out += server_messages.server_init(self.size, self._format, self.name)
        self._enter(Stage.READY)
        self._events.append(Ready(shared != 0))
        yield from message_script(self._events.append)

    def _agree_on_version(self) -> _Part[None]:
        self._out += _OUR_VERSION
        text = yield len(_OUR_VERSION)
        found = _VERSION.fullmatch(text)
        if found is None or int(found[1]) != 3:
            raise ProtocolError("reading a client's version: wanted one like RFB 003.008")
        # RFC 6143 section 7.1.1: any other number means 3.3.
        minor = int(found[2])
        self._minor_version = minor if minor in (7, 8) else 3

    def _choose_method(self) -> _Part[Method | None]:
        """Agree on how the client is let in; `None` when there is no way."""
        if self._minor_version == 3:
            # The server decides. An invalid type is followed by the reason.
            method = self._security.method_of_3_3
            self._out += struct.pack(">I", method.security_type if method else SecurityType.INVALID)
            if method is None:
                self._refuse(self._security.refusal or "this desktop needs a viewer of RFB 3.8")
            return method
        types = self._security.types
        # No type at all is followed by the reason.
        self._out += bytes((len(types), *types))
        if not types:
            self._refuse(self._security.refusal)
            return None
        (chosen,) = yield 1
        if chosen not in types:
            raise ProtocolError(f"letting a client in: it chose type {chosen}, not offered")
        if chosen == SecurityType.VENCRYPT:
            return (yield from self._choose_vencrypt_method())
        return Method(SecurityType(chosen))

    def _choose_vencrypt_method(self) -> _Part[Method]:
        self._out += _OUR_VENCRYPT
        version = yield len(_OUR_VENCRYPT)
        if version != _OUR_VENCRYPT:
            self._out += b"\xff"
            raise ProtocolError("letting a client in: it wants another VeNCrypt than 0.2")
        numbers = {method.value: method for method in self._security.vencrypt_methods}
        self._out += struct.pack(f">BB{len(numbers)}I", 0, len(numbers), *numbers)
        (chosen,) = struct.unpack(">I", (yield 4))
        if chosen not in numbers:
            raise ProtocolError(f"letting a client in: it chose VeNCrypt's {chosen}, not offered")
        return numbers[chosen]

    def _let_in(self, method: Method) -> _Part[None]:
        """Do what a method asks for; returns when the client is in."""
        if method.starts_tls:
            self._out += b"\x01"
            self._events.append(StartTls(b""))
            self._enter(Stage.TLS)
            yield Pause.PAUSE
        if method.asks_challenge:
            self._out += self._challenge
            response = yield CHALLENGE_BYTES
            yield from self._check(CheckPassword(self._challenge, response))
        elif method.asks_name:
            yield from self._check((yield from self._read_plain()))
        elif method.starts_tls or self._minor_version >= 8:
            # Before 3.8, None alone has no result.
            self._out += server_messages.security_result(SecurityResult.OK)

    def _read_plain(self) -> _Part[CheckPlain]:
        sizes = struct.unpack(">II", (yield 8))
        if max(sizes) > MAX_PLAIN_BYTES:
            raise ProtocolError(
                f"letting a client in: a name or a password of {max(sizes)} bytes, "
                f"the limit is {MAX_PLAIN_BYTES}"
            )
        user = yield sizes[0]
        password = yield sizes[1]
        return CheckPlain(user.decode(errors="replace"), password.decode(errors="replace"))

    def _check(self, event: CheckPassword | CheckPlain) -> _Part[None]:
        """Ask for a check; goes on when the client was accepted."""
        self._events.append(event)
        self._enter(Stage.CHECK)
        yield Pause.PAUSE

    def _refuse(self, reason: str) -> None:
        self._out += server_messages.reason(reason)
        self._events.append(Refused(reason))

    def _take_events(self) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        if events and isinstance(events[-1], StartTls):
            # The script paused right there, so all that is held came before TLS.
            events[-1] = StartTls(self._reading.take_held())
        return events

    @contextlib.contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError:
            self._end()
            raise

    def _end(self) -> None:
        self._enter(Stage.ENDED)
        self._events.clear()
        self._reading.end()

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
