"""Connections for tests, and what viewers say, written out as rfbproto has it."""

from __future__ import annotations

import struct
import zlib

from agentd.desktop.screen.frame import Rect, Size
from agentd.vnc.numbers import ClipboardAction, ClipboardFormat
from agentd.vnc.pixel_format import NATIVE
from agentd.vnc.protocol.messages import (
    ClipboardCaps,
    ClipboardNotify,
    ClipboardPeek,
    ClipboardProvide,
    ClipboardRefused,
    ClipboardRequest,
    ContinuousUpdates,
    CutText,
    Fence,
    KeyEvent,
    Message,
    PointerEvent,
    ScanKeyEvent,
    Screen,
    SetDesktopSize,
    SetEncodings,
    SetPixelFormat,
    UpdateRequest,
)
from agentd.vnc.protocol.rfb import Rfb
from agentd.vnc.protocol.security import Security

CHALLENGE = bytes(range(16))
V33, V37, V38 = b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"

# ServerInit of a desktop of 1280 x 800 in our own pixel format.
SERVER_INIT = (
    bytes.fromhex(
        "0500 0320"  # width, height
        "20 18 00 01 00ff 00ff 00ff 10 08 00 000000"  # 32 bits, depth 24, little endian, BGRX
        "00000004"
    )
    + "büt".encode()
)


def rfb(security: Security | None = None, **changes: object) -> Rfb:
    """A connection on which nothing has been said yet."""
    wanted: dict[str, object] = {
        "security": security or Security.trusted(),
        "name": "büt",
        "size": Size(1280, 800),
        "challenge": CHALLENGE,
    }
    return Rfb(**wanted | changes)  # type: ignore[arg-type]


def ready() -> Rfb:
    """A connection whose handshake is done, with nothing left to send."""
    connection = rfb()
    connection.feed(V38 + b"\x01\x01")
    connection.to_send()
    return connection


def deflated(data: bytes) -> bytes:
    """Compress as noVNC does: a full flush, and no end mark."""
    packer = zlib.compressobj()
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def provided(data: bytes, *, flags: bytes = b"\x10\x00\x00\x01") -> bytes:
    """A client's extended clipboard with `data` as its text."""
    body = flags + deflated(struct.pack(">I", len(data)) + data)
    return b"\x06\x00\x00\x00" + struct.pack(">i", -len(body)) + body


# What a client sends, and what it means.
SAID: dict[str, tuple[bytes, Message]] = {
    "SetPixelFormat": (
        bytes.fromhex("00 000000 20 18 00 01 00ff 00ff 00ff 10 08 00 000000"),
        SetPixelFormat(NATIVE),
    ),
    "SetEncodings": (
        bytes.fromhex("02 00 0004 00000007 00000000 ffffff21 c0a1e5ce"),
        SetEncodings((7, 0, -223, -1063131698)),
    ),
    "SetEncodings of none": (bytes.fromhex("02 00 0000"), SetEncodings(())),
    "UpdateRequest": (
        bytes.fromhex("03 01 0001 0002 0500 0320"),
        UpdateRequest(True, Rect(1, 2, 1280, 800)),
    ),
    "UpdateRequest of all": (
        bytes.fromhex("03 00 0000 0000 ffff ffff"),
        UpdateRequest(False, Rect(0, 0, 65535, 65535)),
    ),
    "KeyEvent down": (bytes.fromhex("04 01 0000 0000ff0d"), KeyEvent(0xFF0D, True)),
    "KeyEvent up": (bytes.fromhex("04 00 0000 010020ac"), KeyEvent(0x010020AC, False)),
    "PointerEvent": (bytes.fromhex("05 05 0102 0304"), PointerEvent(0x102, 0x304, 0b101)),
    "PointerEvent with button 8": (bytes.fromhex("05 80 0000 0001"), PointerEvent(0, 1, 0x80)),
    "CutText": (b"\x06\0\0\0\0\0\0\x04caf\xe9", CutText(b"caf\xe9")),
    "CutText of nothing": (b"\x06\0\0\0\0\0\0\0", CutText(b"")),
    "ClipboardCaps": (
        # What TigerVNC's viewer sends: text and nothing unasked, all actions.
        bytes.fromhex("06 000000 fffffff8 1f000001 00000000"),
        ClipboardCaps(ClipboardAction(0x1F000000), {ClipboardFormat.TEXT: 0}),
    ),
    "ClipboardCaps of two": (
        bytes.fromhex("06 000000 fffffff4 03000005 00000010 00000020"),
        ClipboardCaps(
            ClipboardAction.CAPS | ClipboardAction.REQUEST,
            {ClipboardFormat.TEXT: 16, ClipboardFormat.HTML: 32},
        ),
    ),
    "ClipboardRequest": (
        bytes.fromhex("06 000000 fffffffc 02000001"),
        ClipboardRequest(ClipboardFormat.TEXT),
    ),
    "ClipboardPeek": (bytes.fromhex("06 000000 fffffffc 04000000"), ClipboardPeek()),
    "ClipboardNotify": (
        bytes.fromhex("06 000000 fffffffc 08000003"),
        ClipboardNotify(ClipboardFormat.TEXT | ClipboardFormat.RTF),
    ),
    "ClipboardNotify of none": (
        bytes.fromhex("06 000000 fffffffc 08000000"),
        ClipboardNotify(ClipboardFormat(0)),
    ),
    "ClipboardProvide": (
        provided("日本\r\n€\0".encode()),
        ClipboardProvide("日本\n€"),
    ),
    "ClipboardRefused": (
        bytes.fromhex("06 000000 fffffffc 00000001"),
        ClipboardRefused("its actions are 0x00, wanted one that is known"),
    ),
    "ContinuousUpdates": (
        bytes.fromhex("96 01 0000 0000 0500 0320"),
        ContinuousUpdates(True, Rect(0, 0, 1280, 800)),
    ),
    "Fence": (
        bytes.fromhex("f8 000000 80000003 04 01020304"),
        Fence(0x80000003, b"\x01\x02\x03\x04"),
    ),
    "Fence without payload": (bytes.fromhex("f8 000000 00000001 00"), Fence(1, b"")),
    "SetDesktopSize": (
        bytes.fromhex("fb 00 0780 0438 02 00")
        + bytes.fromhex("00000001 0000 0000 0400 0438 00000000")
        + bytes.fromhex("cafe0002 0400 0000 0380 0438 00000007"),
        SetDesktopSize(
            1920,
            1080,
            (Screen(1, Rect(0, 0, 1024, 1080)), Screen(0xCAFE0002, Rect(1024, 0, 896, 1080), 7)),
        ),
    ),
    "SetDesktopSize without screens": (
        bytes.fromhex("fb 00 0780 0438 00 00"),
        SetDesktopSize(1920, 1080, ()),
    ),
    "ScanKeyEvent": (
        bytes.fromhex("ff 00 0001 0000ff53 000000cd"),
        ScanKeyEvent(0xFF53, 0xCD, True),
    ),
}
