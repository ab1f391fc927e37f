"""What the server says, as bytes.

Pure. It encodes no pixels, `encodings` does, and decides nothing of when; the extended clipboard is
in `clipboard_messages`. Sources: rfbproto "Server to Client Messages", "Pseudo-encodings".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from agentd.desktop.screen.frame import Rect, Size
from agentd.vnc.numbers import (
    Encoding,
    Led,
    SecurityResult,
    ServerMessage,
    SizeReason,
    SizeStatus,
)
from agentd.vnc.pixel_format import PixelFormat
from agentd.vnc.protocol.messages import Screen

# The count of an update whose end is marked by `last_rect`.
UNCOUNTED = 0xFFFF

_UPDATE = struct.Struct(">BxH")
_RECT = struct.Struct(">HHHHi")
_COPY = struct.Struct(">HHHHiHH")
_FENCE = struct.Struct(">B3xIB")
_SCREEN = struct.Struct(">IHHHHI")


def server_init(size: Size, format: PixelFormat, name: str) -> bytes:
    """Write the first message to a client that was let in."""
    return struct.pack(">HH", size.width, size.height) + format.pack() + _string(name)


def security_result(result: SecurityResult) -> bytes:
    """Write whether a client is let in."""
    return struct.pack(">I", result)


def reason(text: str) -> bytes:
    """Write why not; a client of 3.8 shows it."""
    return _string(text)


def update_header(count: int = UNCOUNTED) -> bytes:
    """Begin an update.

    Args:
        count: of the rectangles that follow, fewer than 65535; left out, `last_rect` ends it, for
            clients that know LAST_RECT.
    """
    return _UPDATE.pack(ServerMessage.UPDATE, count)


def rect_header(rect: Rect, encoding: int) -> bytes:
    """Begin a rectangle; its body follows."""
    return _RECT.pack(rect.x, rect.y, rect.width, rect.height, encoding)


def copy_rect(x: int, y: int, to: Rect) -> bytes:
    """Write a rectangle that is copied from another place, whose top left is (x, y)."""
    return _COPY.pack(to.x, to.y, to.width, to.height, Encoding.COPY_RECT, x, y)


def last_rect() -> bytes:
    """End an update that was begun without a count."""
    return _pseudo_rect(Encoding.LAST_RECT)


def cursor_header(hot_x: int, hot_y: int, size: tuple[int, int], encoding: int) -> bytes:
    """Begin a rectangle with a shape of the pointer.

    Args:
        hot_x: column of the pixel that points.
        hot_y: row of that pixel.
        size: width and height of the shape; an empty one hides the pointer.
        encoding: CURSOR, X_CURSOR, CURSOR_WITH_ALPHA or VMWARE_CURSOR.
    """
    return _RECT.pack(hot_x, hot_y, *size, encoding)


def pointer_position(x: int, y: int) -> bytes:
    """Write where the pointer is, for clients that know POINTER_POSITION."""
    return _pseudo_rect(Encoding.POINTER_POSITION, x, y)


def vmware_pointer_position(x: int, y: int) -> bytes:
    """Write where the pointer is, for clients that know VMWARE_CURSOR_POSITION."""
    return _pseudo_rect(Encoding.VMWARE_CURSOR_POSITION, x, y)


def desktop_size(size: Size) -> bytes:
    """Write the new size; a client takes all that it had as lost.

    It stands alone in its update, for clients that know DESKTOP_SIZE and not the extended one.
    """
    return _RECT.pack(0, 0, size.width, size.height, Encoding.DESKTOP_SIZE)


def extended_desktop_size(
    size: Size,
    screens: Sequence[Screen],
    *,
    reason: SizeReason = SizeReason.SERVER,
    status: SizeStatus = SizeStatus.OK,
) -> bytes:
    """Write size and screens: at a client's full request, at a change, and as an answer.

    It stands in an update without pixels. One for each SetDesktopSize, with `reason` THIS_CLIENT;
    what it says of the size counts only with `status` OK.
    """
    head = _RECT.pack(reason, status, size.width, size.height, Encoding.EXTENDED_DESKTOP_SIZE)
    blocks = (
        _SCREEN.pack(
            screen.id,
            screen.rect.x,
            screen.rect.y,
            screen.rect.width,
            screen.rect.height,
            screen.flags,
        )
        for screen in screens
    )
    return b"".join((head, struct.pack(">B3x", len(screens)), *blocks))


def desktop_name(name: str) -> bytes:
    """Write a new name as a rectangle, for clients that know DESKTOP_NAME."""
    return _pseudo_rect(Encoding.DESKTOP_NAME) + _string(name)


def led_state(leds: Led) -> bytes:
    """Write the lights of the keyboard as a rectangle, for clients that know LED_STATE."""
    return _pseudo_rect(Encoding.LED_STATE) + struct.pack(">B", leds)


def vmware_led_state(leds: Led) -> bytes:
    """Write them for clients that know VMWARE_LED_STATE alone."""
    return _pseudo_rect(Encoding.VMWARE_LED_STATE) + struct.pack(">I", leds)


def support(encoding: Encoding) -> bytes:
    """Write a rectangle that only says that we know an extension.

    Args:
        encoding: QEMU_KEY_EVENT or EXTENDED_MOUSE_BUTTONS; the client uses it from then on.
    """
    return _pseudo_rect(encoding)


def colour_map_entries(first: int, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """Set colours of a client that asked for a colour map; never sent to another.

    Args:
        colours: red, green, blue, each up to 65535.
    """
    head = struct.pack(">BxHH", ServerMessage.SET_COLOUR_MAP_ENTRIES, first, len(colours))
    return b"".join((head, *(struct.pack(">HHH", *colour) for colour in colours)))


def bell() -> bytes:
    """Ring."""
    return bytes([ServerMessage.BELL])


def cut_text(text: bytes) -> bytes:
    """Send the clipboard to a client that has not the extended one; Latin-1, line feeds."""
    return struct.pack(">B3xI", ServerMessage.CUT_TEXT, len(text)) + text


def fence(flags: int, payload: bytes) -> bytes:
    """Send a mark that comes back, or send one of the client's back.

    Args:
        flags: of FenceFlag; a request, or `Fence.answer_flags`.
        payload: at most 64 bytes.
    """
    return _FENCE.pack(ServerMessage.FENCE, flags, len(payload)) + payload


def end_of_continuous_updates() -> bytes:
    """Say that no update comes unasked any more; the first one says that we know how."""
    return bytes([ServerMessage.END_OF_CONTINUOUS_UPDATES])


def _pseudo_rect(encoding: Encoding, x: int = 0, y: int = 0) -> bytes:
    return _RECT.pack(x, y, 0, 0, encoding)


def _string(text: str) -> bytes:
    data = text.encode(errors="replace")
    return struct.pack(">I", len(data)) + data
