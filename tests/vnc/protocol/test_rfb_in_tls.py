"""A connection that changes to TLS in its midst, with TLS itself and no socket."""

from __future__ import annotations

import contextlib
import datetime
import ssl
import struct
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agentd.vnc.protocol.rfb import CheckPlain, Ready, Rfb, StartTls
from agentd.vnc.protocol.security import Security
from tests.vnc.protocol.conversations import SAID, SERVER_INIT, V38, rfb

CHOICE = V38 + b"\x13\0\2" + struct.pack(">I", 262)
PLAIN = struct.pack(">II", 2, 3) + b"idtok"
KEY, PRESSED = SAID["KeyEvent down"]


class End:
    """One end of TLS: what it reads is put in, what it writes is taken out."""

    def __init__(self, context: ssl.SSLContext, *, is_server: bool) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if is_server else "localhost"
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=is_server, server_hostname=name
        )

    def shake_hands(self, received: bytes = b"") -> bytes:
        """Go on with the handshake as far as what was received lets it; return the answer."""
        self._in.write(received)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._out.read()

    def write(self, data: bytes) -> bytes:
        self._tls.write(data)
        return self._out.read()

    def read(self, received: bytes) -> bytes:
        self._in.write(received)
        try:
            return self._tls.read(1 << 16)
        except ssl.SSLWantReadError:
            return b""


@pytest.fixture
def ends(tmp_path: Path) -> tuple[End, End]:
    """Server and client, who trusts the server's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(noon)
        .not_valid_after(noon + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.num_tickets = 0
    served.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    return End(served, is_server=True), End(trusting, is_server=False)


def finish(connection: Rfb, server: End, client: End) -> None:
    """The client says who it is and is let in, all within TLS."""
    assert connection.feed(server.read(client.write(PLAIN))) == [CheckPlain("id", "tok")]
    connection.accept()
    assert client.read(server.write(connection.to_send())) == b"\0\0\0\0"
    assert connection.feed(server.read(client.write(b"\1" + KEY))) == [Ready(True), PRESSED]
    assert client.read(server.write(connection.to_send())) == SERVER_INIT


def test_client_that_waits_for_consent_is_let_in_within_tls(ends: tuple[End, End]) -> None:
    server, client = ends
    connection = rfb(Security.certificate(allow_unencrypted=False))
    assert connection.feed(CHOICE) == [StartTls(b"")]
    assert connection.to_send().endswith(b"\1")
    answer = server.shake_hands(client.shake_hands())
    server.shake_hands(client.shake_hands(answer))
    assert connection.tls_started() == []
    finish(connection, server, client)


def test_client_that_starts_tls_at_once_loses_nothing(ends: tuple[End, End]) -> None:
    server, client = ends
    connection = rfb(Security.certificate(allow_unencrypted=False))
    (event,) = connection.feed(CHOICE + client.shake_hands())
    assert isinstance(event, StartTls)
    assert connection.to_send().endswith(b"\1")
    answer = server.shake_hands(event.received)
    server.shake_hands(client.shake_hands(answer))
    assert connection.tls_started() == []
    finish(connection, server, client)


def test_what_comes_unencrypted_after_the_choice_is_never_heard() -> None:
    connection = rfb(Security.certificate(allow_unencrypted=False))
    assert connection.feed(CHOICE + PLAIN) == [StartTls(PLAIN)]
    assert connection.tls_started() == []
