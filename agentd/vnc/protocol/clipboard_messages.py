"""The extended clipboard: text in all scripts, sent when it is asked for.

Pure. It keeps no clipboard and answers nobody; only text is taken and given. `parse` reads the body
of a client's message, `pack_*` write whole messages to a client that listed EXTENDED_CLIPBOARD.
Sources: rfbproto "Extended Clipboard Pseudo-Encoding"; noVNC, whose compressed data ends with a
full flush and no end mark.
"""

from __future__ import annotations

import struct
import zlib

from agentd.vnc.numbers import ClipboardAction, ClipboardFormat, ServerMessage
from agentd.vnc.protocol.messages import (
    ClipboardCaps,
    ClipboardNotify,
    ClipboardPeek,
    ClipboardProvide,
    ClipboardRefused,
    ClipboardRequest,
)

# Of text as UTF-8, unpacked.
MAX_TEXT_BYTES = 1024 * 1024

# Bits of the flags: formats below, actions above, and between them what is reserved.
_FORMATS = 0xFFFF
_ACTIONS = 0xFF00_0000

_ALL_ACTIONS = (
    ClipboardAction.CAPS
    | ClipboardAction.REQUEST
    | ClipboardAction.PEEK
    | ClipboardAction.NOTIFY
    | ClipboardAction.PROVIDE
)

_U32 = struct.Struct(">I")

# What word processors put in place of plain signs, and Latin-1 has not.
_PLAIN_SIGNS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u2000\u2001\u2002\u2003\u2007\u2009\u202f", " "),
        "…": "...",
        "•": "*",
        "€": "EUR",
        "™": "(TM)",
    }
)


def parse(
    body: bytes,
) -> (
    ClipboardCaps
    | ClipboardRequest
    | ClipboardPeek
    | ClipboardNotify
    | ClipboardProvide
    | ClipboardRefused
):
    """Read what a client says of its clipboard.

    Args:
        body: all that follows the length; its size is bounded by who read it.

    Returns: the message; ClipboardRefused for one that makes no sense, as its end is known and the
        next can be read.
    """
    if len(body) < _U32.size:
        return ClipboardRefused(f"its flags have {len(body)} bytes, wanted {_U32.size}")
    (flags,) = _U32.unpack_from(body)
    formats = ClipboardFormat(flags & _FORMATS)
    actions = flags & _ACTIONS
    # Caps names all actions that its sender understands; any other message is one action.
    if actions & ClipboardAction.CAPS:
        return _parse_caps(ClipboardAction(actions), formats, body[_U32.size :])
    match actions:
        case ClipboardAction.REQUEST:
            return ClipboardRequest(formats)
        case ClipboardAction.PEEK:
            return ClipboardPeek()
        case ClipboardAction.NOTIFY:
            return ClipboardNotify(formats)
        case ClipboardAction.PROVIDE:
            return _parse_provide(formats, body[_U32.size :])
    return ClipboardRefused(f"its actions are 0x{actions >> 24:02x}, wanted one that is known")


def pack_caps(*, unasked_text_bytes: int = 0) -> bytes:
    """Say what we understand: text, and all actions.

    Args:
        unasked_text_bytes: text up to this size may come without our asking for it.
    """
    return _pack(_ALL_ACTIONS, ClipboardFormat.TEXT, _U32.pack(unasked_text_bytes))


def pack_request() -> bytes:
    """Ask for the client's text."""
    return _pack(ClipboardAction.REQUEST, ClipboardFormat.TEXT)


def pack_peek() -> bytes:
    """Ask whether the client has text."""
    return _pack(ClipboardAction.PEEK)


def pack_notify(*, has_text: bool) -> bytes:
    """Say that the clipboard has changed, and whether there is text in it."""
    return _pack(ClipboardAction.NOTIFY, ClipboardFormat(has_text))


def pack_provide(text: str) -> bytes:
    """Send text, in which lines end by a line feed."""
    data = text.replace("\r\n", "\n").replace("\n", "\r\n").encode(errors="replace") + b"\0"
    packed = zlib.compress(_U32.pack(len(data)) + data)
    return _pack(ClipboardAction.PROVIDE, ClipboardFormat.TEXT, packed)


def latin1(text: str) -> bytes | None:
    """Return text for a client that knows Latin-1 alone; typographic signs become plain ones.

    Returns: `None` when there is more in it than Latin-1 can say: nothing is better than wrong.
    """
    text = text.replace("\r\n", "\n")
    try:
        return text.translate(_PLAIN_SIGNS).encode("latin-1")
    except UnicodeEncodeError:
        return None


def _parse_caps(
    actions: ClipboardAction, formats: ClipboardFormat, body: bytes
) -> ClipboardCaps | ClipboardRefused:
    """Read one size for each format, lowest bit first."""
    known = [ClipboardFormat(1 << bit) for bit in range(16) if formats & 1 << bit]
    if len(body) < _U32.size * len(known):
        return ClipboardRefused(f"it names {len(known)} formats and has {len(body)} bytes of sizes")
    sizes = struct.unpack_from(f">{len(known)}I", body)
    return ClipboardCaps(actions, dict(zip(known, sizes, strict=True)))


def _parse_provide(formats: ClipboardFormat, body: bytes) -> ClipboardProvide | ClipboardRefused:
    """Read the text, which comes first as it is the lowest bit; what follows is not unpacked."""
    if not formats & ClipboardFormat.TEXT:
        return ClipboardRefused("it holds no text")
    try:
        # Bounded, whatever the data makes of itself; an end mark is not asked for.
        data = zlib.decompressobj().decompress(body, _U32.size + MAX_TEXT_BYTES)
    except zlib.error:
        return ClipboardRefused("its compressed data is broken")
    if len(data) < _U32.size:
        return ClipboardRefused("it ends before the size of its text")
    (size_bytes,) = _U32.unpack_from(data)
    if size_bytes > MAX_TEXT_BYTES:
        return ClipboardRefused(f"its text has {size_bytes} bytes, the limit is {MAX_TEXT_BYTES}")
    if len(data) < _U32.size + size_bytes:
        return ClipboardRefused("it ends before its text does")
    try:
        text = data[_U32.size : _U32.size + size_bytes].decode()
    except UnicodeDecodeError:
        return ClipboardRefused("its text is not UTF-8")
    text = text.partition("\0")[0]
    return ClipboardProvide(text.replace("\r\n", "\n").replace("\r", "\n"))


def _pack(actions: int, formats: int = 0, body: bytes = b"") -> bytes:
    """Write a ServerCutText whose length is negative: that is what tells it from Latin-1 text."""
    return (
        struct.pack(">B3xiI", ServerMessage.CUT_TEXT, -(_U32.size + len(body)), actions | formats)
        + body
    )
