"""The beginning of an RFB connection, from the client's side: version, None or VncAuth, the screen.

Other security types are not known here. Source: rfbproto, "Handshake messages".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from benchmarks.rfb_pixels import PixelFormat
from benchmarks.rfb_streams import Stream

VERSION = b"RFB 003.008\n"

_NONE, _VNC_AUTH = 1, 2
_OLDEST, _MIDDLE = b"RFB 003.003\n", b"RFB 003.007\n"
_MOST_BYTES = 1 << 16


class Refused(Exception):
    """The server does not let us in; its reason."""


@dataclass(frozen=True)
class Welcome:
    """What the server says of the screen, and which security types it offered."""

    width: int
    height: int
    format: PixelFormat
    name: str
    offered: tuple[int, ...]


async def shake_hands(
    stream: Stream, *, password: str | None = None, version: bytes = VERSION, shared: bool = True
) -> Welcome:
    """Go through the handshake. Raises: Refused."""
    theirs = bytes(await stream.read(12))
    if not theirs.startswith(b"RFB "):
        raise ValueError(f"no VNC server answers: {theirs!r}")
    version = min(version, theirs)
    stream.write(version)
    offered = await _offered(stream, version)
    wanted = _NONE if password is None else _VNC_AUTH
    if wanted not in offered:
        raise Refused(f"the server offers security types {offered}, not {wanted}")
    if version != _OLDEST:
        stream.write(bytes([wanted]))
    if wanted == _VNC_AUTH:
        challenge = bytes(await stream.read(16))
        stream.write(response(password or "", challenge))
    if wanted == _VNC_AUTH or version > _MIDDLE:
        [failed] = struct.unpack("!I", await stream.read(4))
        if failed:
            raise Refused(await _text(stream) if version > _MIDDLE else "no reason is given")
    stream.write(bytes([shared]))
    width, height = struct.unpack("!HH", await stream.read(4))
    pixel_format = PixelFormat.unpack(bytes(await stream.read(16)))
    return Welcome(width, height, pixel_format, await _text(stream), offered)


async def _offered(stream: Stream, version: bytes) -> tuple[int, ...]:
    if version == _OLDEST:
        [kind] = struct.unpack("!I", await stream.read(4))
        offered: tuple[int, ...] = (kind,) if kind else ()
    else:
        [count] = await stream.read(1)
        offered = tuple(await stream.read(count))
    if not offered:
        raise Refused(await _text(stream))
    return offered


async def _text(stream: Stream) -> str:
    [size] = struct.unpack("!I", await stream.read(4))
    if size > _MOST_BYTES:
        raise ValueError(f"a text of {size} bytes")
    return bytes(await stream.read(size)).decode()


def response(password: str, challenge: bytes) -> bytes:
    """Answer a VncAuth challenge: DES with each byte of the key mirrored."""
    key = password.encode("latin-1")[:8].ljust(8, b"\0")
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    # DES is triple DES with three equal keys.
    encryptor = Cipher(TripleDES(3 * mirrored), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()
