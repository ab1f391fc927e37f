"""The numbers of RFB: messages, encodings, security types, and the bits of their flags.

Pure. It holds no bytes and no rules. Sources: rfbproto "Protocol Messages", "Encodings",
"Pseudo-encodings", "VeNCrypt", "Extended Clipboard Pseudo-Encoding"; RFC 6143 section 7.
"""

from __future__ import annotations

import enum


class ClientMessage(enum.IntEnum):
    """The first byte of what a client sends."""

    SET_PIXEL_FORMAT = 0
    SET_ENCODINGS = 2
    UPDATE_REQUEST = 3
    KEY_EVENT = 4
    POINTER_EVENT = 5
    CUT_TEXT = 6
    ENABLE_CONTINUOUS_UPDATES = 150
    FENCE = 248
    SET_DESKTOP_SIZE = 251
    QEMU = 255


class QemuMessage(enum.IntEnum):
    """The second byte of a client's QEMU message."""

    EXTENDED_KEY_EVENT = 0


class ServerMessage(enum.IntEnum):
    """The first byte of what the server sends."""

    UPDATE = 0
    SET_COLOUR_MAP_ENTRIES = 1
    BELL = 2
    CUT_TEXT = 3
    END_OF_CONTINUOUS_UPDATES = 150
    FENCE = 248


class Encoding(enum.IntEnum):
    """What a rectangle's body is, or what a client says that it can do; signed, of 32 bits."""

    RAW = 0
    COPY_RECT = 1
    RRE = 2
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZRLE = 16
    JPEG = 21
    H264 = 50
    JPEG_QUALITY_9 = -23
    JPEG_QUALITY_0 = -32
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    POINTER_POSITION = -232
    CURSOR = -239
    X_CURSOR = -240
    COMPRESS_LEVEL_9 = -247
    COMPRESS_LEVEL_0 = -256
    QEMU_KEY_EVENT = -258
    QEMU_AUDIO = -259
    TIGHT_PNG = -260
    LED_STATE = -261
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    XVP = -309
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    CURSOR_WITH_ALPHA = -314
    EXTENDED_MOUSE_BUTTONS = -316
    FINE_QUALITY_100 = -412
    FINE_QUALITY_0 = -512
    SUBSAMPLING_HIGHEST = -763
    SUBSAMPLING_LOWEST = -768
    VMWARE_CURSOR = 0x574D5664
    VMWARE_CURSOR_POSITION = 0x574D5666
    VMWARE_LED_STATE = 0x574D5668
    EXTENDED_CLIPBOARD = 0xC0A1E5CE - (1 << 32)


class SecurityType(enum.IntEnum):
    """How a client is let in, of one byte; in 3.3 of four."""

    INVALID = 0
    NONE = 1
    VNC_AUTH = 2
    VENCRYPT = 19


class VeNCryptType(enum.IntEnum):
    """How a client is let in within VeNCrypt 0.2, of four bytes."""

    PLAIN = 256
    X509_NONE = 260
    X509_VNC = 261
    X509_PLAIN = 262


class SecurityResult(enum.IntEnum):
    """What came of it."""

    OK = 0
    FAILED = 1


class FenceFlag(enum.IntFlag):
    """What a fence asks for."""

    BLOCK_BEFORE = 1 << 0
    BLOCK_AFTER = 1 << 1
    SYNC_NEXT = 1 << 2
    REQUEST = 1 << 31


class Led(enum.IntFlag):
    """The lights of a keyboard, in both LED pseudo-encodings."""

    SCROLL = 1 << 0
    NUM = 1 << 1
    CAPS = 1 << 2


class SizeReason(enum.IntEnum):
    """Who changed the size of the desktop; the x of an ExtendedDesktopSize rectangle."""

    SERVER = 0
    THIS_CLIENT = 1
    OTHER_CLIENT = 2


class SizeStatus(enum.IntEnum):
    """What came of a SetDesktopSize; the y of an ExtendedDesktopSize rectangle."""

    OK = 0
    PROHIBITED = 1
    OUT_OF_RESOURCES = 2
    INVALID_LAYOUT = 3
    FORWARDED = 4


class ClipboardFormat(enum.IntFlag):
    """What a clipboard holds; the low half of the extended clipboard's flags."""

    TEXT = 1 << 0
    RTF = 1 << 1
    HTML = 1 << 2
    DIB = 1 << 3
    FILES = 1 << 4


class ClipboardAction(enum.IntFlag):
    """What an extended clipboard message is, and what its sender understands."""

    CAPS = 1 << 24
    REQUEST = 1 << 25
    PEEK = 1 << 26
    NOTIFY = 1 << 27
    PROVIDE = 1 << 28


def encoding_name(number: int) -> str:
    """Return a word for an encoding: `tight`, `jpeg_quality_6`; the number of one unknown."""
    for name, lowest, highest in (
        ("jpeg_quality", Encoding.JPEG_QUALITY_0, Encoding.JPEG_QUALITY_9),
        ("compress_level", Encoding.COMPRESS_LEVEL_0, Encoding.COMPRESS_LEVEL_9),
        ("fine_quality", Encoding.FINE_QUALITY_0, Encoding.FINE_QUALITY_100),
        ("subsampling", Encoding.SUBSAMPLING_LOWEST, Encoding.SUBSAMPLING_HIGHEST),
    ):
        if lowest <= number <= highest:
            return f"{name}_{number - lowest}"
    try:
        return Encoding(number).name.lower()
    except ValueError:
        return str(number)
