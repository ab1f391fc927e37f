"""A certificate for tests with real TLS, and both sides' contexts of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.live import vnc_certificate


@dataclass(frozen=True)
class Certificate:
    """Files for a server, and contexts for both sides; the client's trusts the server's."""

    certificate_file: Path
    key_file: Path
    server: ssl.SSLContext
    client: ssl.SSLContext


def make_certificate(folder: Path) -> Certificate:
    """Make one for 127.0.0.1."""
    certificate_file, key_file = vnc_certificate.make_certificate(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.num_tickets = 0
    server.load_cert_chain(certificate_file, key_file)
    client = ssl.create_default_context(cafile=str(certificate_file))
    return Certificate(certificate_file, key_file, server, client)
