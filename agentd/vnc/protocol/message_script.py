"""The client's messages as they stand in the stream.

Pure. It acts on none and decides no right. Every length that is read is bounded: a clipboard that
is too large is thrown away as it comes, anything else that is too large ends the conversation.
Source: rfbproto "Client to Server Messages".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from typing import TypeAlias

from agentd.desktop.screen.frame import Rect
from agentd.vnc.numbers import ClientMessage, Encoding, QemuMessage
from agentd.vnc.pixel_format import PixelFormat
from agentd.vnc.protocol import clipboard_messages
from agentd.vnc.protocol.messages import (
    ClipboardRefused,
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
from agentd.vnc.protocol.reading import Drop, ProtocolError, Script, Want

# Viewers name 20 to 60. The list is walked for each change of it.
MAX_ENCODINGS = 1024

# What TigerVNC takes by default, and what a person copies; also of a compressed clipboard.
MAX_CUT_TEXT_BYTES = 256 * 1024

# rfbproto "Client and Server Fence".
MAX_FENCE_BYTES = 64

# A message whose type byte has been read: it asks for the rest and returns the value.
Part: TypeAlias = Generator[Want, bytes, Message]

_RECT = struct.Struct(">BHHHH")
_KEY = struct.Struct(">B2xI")
_POINTER = struct.Struct(">BHH")
_CUT_TEXT_LENGTH = struct.Struct(">3xi")
_SET_DESKTOP_SIZE = struct.Struct(">xHHBx")
_SCREEN = struct.Struct(">IHHHHI")
_FENCE = struct.Struct(">3xIB")
_QEMU_KEY = struct.Struct(">HII")

# In the first byte of a PointerEvent: one more byte of buttons follows, from button 8 on.
_MORE_BUTTONS = 0x80
_BUTTONS_OF_FIRST_BYTE = 7


def message_script(take: Callable[[Message], None]) -> Script:
    """Read messages for ever and give each to `take`. Raises: ProtocolError."""
    encodings: tuple[int, ...] = ()
    while True:
        (kind,) = yield 1
        if kind == ClientMessage.POINTER_EVENT:
            # A client that knows the extension uses bit 7 for nothing else, from the moment that it
            # lists it.
            extended = Encoding.EXTENDED_MOUSE_BUTTONS in encodings
            message = yield from _pointer_event(extended=extended)
        elif part := _PARTS.get(kind):
            message = yield from part()
        else:
            raise ProtocolError(f"reading a client's message: type {kind} is not known")
        if isinstance(message, SetEncodings):
            encodings = message.encodings
        take(message)


def _set_pixel_format() -> Part:
    block = yield 3 + 16
    try:
        return SetPixelFormat(PixelFormat.parse(block[3:]))
    except ValueError as exc:
        raise ProtocolError(f"reading SetPixelFormat: {exc}") from exc


def _set_encodings() -> Part:
    (count,) = struct.unpack(">xH", (yield 3))
    if count > MAX_ENCODINGS:
        raise ProtocolError(
            f"reading SetEncodings: {count} encodings, the limit is {MAX_ENCODINGS}"
        )
    return SetEncodings(struct.unpack(f">{count}i", (yield 4 * count)))


def _update_request() -> Part:
    incremental, *edges = _RECT.unpack((yield _RECT.size))
    return UpdateRequest(incremental != 0, Rect(*edges))


def _key_event() -> Part:
    down, keysym = _KEY.unpack((yield _KEY.size))
    return KeyEvent(keysym, down != 0)


def _pointer_event(*, extended: bool) -> Part:
    buttons, x, y = _POINTER.unpack((yield _POINTER.size))
    if extended and buttons & _MORE_BUTTONS:
        (more,) = yield 1
        buttons = buttons & ~_MORE_BUTTONS | more << _BUTTONS_OF_FIRST_BYTE
    return PointerEvent(x, y, buttons)


def _cut_text() -> Part:
    (length,) = _CUT_TEXT_LENGTH.unpack((yield _CUT_TEXT_LENGTH.size))
    size_bytes = abs(length)
    if size_bytes > MAX_CUT_TEXT_BYTES:
        yield Drop(size_bytes)
        return ClipboardRefused(f"it has {size_bytes} bytes, the limit is {MAX_CUT_TEXT_BYTES}")
    body = yield size_bytes
    return CutText(body) if length >= 0 else clipboard_messages.parse(body)


def _set_desktop_size() -> Part:
    width, height, count = _SET_DESKTOP_SIZE.unpack((yield _SET_DESKTOP_SIZE.size))
    block = yield _SCREEN.size * count
    screens = (
        Screen(number, Rect(x, y, across, down), flags)
        for number, x, y, across, down, flags in _SCREEN.iter_unpack(block)
    )
    return SetDesktopSize(width, height, tuple(screens))


def _continuous_updates() -> Part:
    enable, *edges = _RECT.unpack((yield _RECT.size))
    return ContinuousUpdates(enable != 0, Rect(*edges))


def _fence() -> Part:
    flags, size_bytes = _FENCE.unpack((yield _FENCE.size))
    if size_bytes > MAX_FENCE_BYTES:
        raise ProtocolError(
            f"reading a fence: {size_bytes} bytes of payload, the limit is {MAX_FENCE_BYTES}"
        )
    return Fence(flags, (yield size_bytes))


def _qemu() -> Part:
    (kind,) = yield 1
    if kind != QemuMessage.EXTENDED_KEY_EVENT:
        raise ProtocolError(f"reading a client's QEMU message: type {kind} is not known")
    down, keysym, scancode = _QEMU_KEY.unpack((yield _QEMU_KEY.size))
    return ScanKeyEvent(keysym, scancode, down != 0)


_PARTS: dict[int, Callable[[], Part]] = {
    ClientMessage.SET_PIXEL_FORMAT: _set_pixel_format,
    ClientMessage.SET_ENCODINGS: _set_encodings,
    ClientMessage.UPDATE_REQUEST: _update_request,
    ClientMessage.KEY_EVENT: _key_event,
    ClientMessage.CUT_TEXT: _cut_text,
    ClientMessage.ENABLE_CONTINUOUS_UPDATES: _continuous_updates,
    ClientMessage.FENCE: _fence,
    ClientMessage.SET_DESKTOP_SIZE: _set_desktop_size,
    ClientMessage.QEMU: _qemu,
}
