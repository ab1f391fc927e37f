"""What a client says once it is let in, as values.

Pure. It reads no bytes; `message_script` does. Coordinates are root pixels and may lie off the
screen: a client may not have heard of a new size yet. What tells of keys and clipboards is left out
of texts (`repr`), so that no log has it. Source: rfbproto "Client to Server Messages".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from agentd.desktop.screen.frame import Rect
from agentd.vnc.numbers import ClipboardAction, ClipboardFormat, FenceFlag
from agentd.vnc.pixel_format import PixelFormat

# What an answer to a fence may promise; the client is told by the bits that come back.
_KNOWN_FENCE_FLAGS = FenceFlag.BLOCK_BEFORE | FenceFlag.BLOCK_AFTER | FenceFlag.SYNC_NEXT


@dataclass(frozen=True, slots=True)
class SetPixelFormat:
    """Write pixels so from now on."""

    format: PixelFormat


@dataclass(frozen=True, slots=True)
class SetEncodings:
    """What the client understands, most wanted first; replaces what it said before."""

    encodings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """Send the rectangle: all of it, or what changes of it from now on."""

    incremental: bool
    rect: Rect


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key goes down or up; a repeated one goes down again."""

    keysym: int = field(repr=False)
    down: bool


@dataclass(frozen=True, slots=True)
class ScanKeyEvent:
    """A key goes down or up.

    Args:
        keysym: what the client's keyboard makes of it; 0 when it does not know.
        scancode: which key, as XT numbers it; 0x80 added where XT has a byte 0xE0 before it.
    """

    keysym: int = field(repr=False)
    scancode: int = field(repr=False)
    down: bool


@dataclass(frozen=True, slots=True)
class PointerEvent:
    """Where the pointer is, and which buttons are down: bit 0 is button 1, bit 8 button 9."""

    x: int
    y: int
    buttons: int


@dataclass(frozen=True, slots=True)
class CutText:
    """The client's clipboard, in Latin-1, lines ended by a line feed."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClipboardCaps:
    """What the client understands of the extended clipboard.

    Args:
        sizes: per format, how large it may be to be sent unasked.
    """

    actions: ClipboardAction
    sizes: dict[ClipboardFormat, int]


@dataclass(frozen=True, slots=True)
class ClipboardRequest:
    """Send the clipboard in these formats."""

    formats: ClipboardFormat


@dataclass(frozen=True, slots=True)
class ClipboardPeek:
    """Say what formats the clipboard has."""


@dataclass(frozen=True, slots=True)
class ClipboardNotify:
    """The client's clipboard has changed, and has these formats; none when it was emptied."""

    formats: ClipboardFormat


@dataclass(frozen=True, slots=True)
class ClipboardProvide:
    """The client's clipboard: its text, lines ended by a line feed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClipboardRefused:
    """A clipboard came that was not taken; the conversation goes on.

    Args:
        reason: why, for a log; it has nothing of the content.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen of a desktop; only its `id` tells it from another."""

    id: int
    rect: Rect
    flags: int = 0


@dataclass(frozen=True, slots=True)
class SetDesktopSize:
    """Make the desktop so large, with these screens on it."""

    width: int
    height: int
    screens: tuple[Screen, ...]

    @property
    def is_valid(self) -> bool:
        """Whether it is a layout at all: a screen at least, all on the desktop, ids apart."""
        desktop = Rect(0, 0, self.width, self.height)
        ids = {screen.id for screen in self.screens}
        return (
            bool(ids)
            and len(ids) == len(self.screens)
            and all(screen.rect.area > 0 and desktop.covers(screen.rect) for screen in self.screens)
        )


@dataclass(frozen=True, slots=True)
class ContinuousUpdates:
    """Send changes of the rectangle unasked, or no longer."""

    enable: bool
    rect: Rect


@dataclass(frozen=True, slots=True)
class Fence:
    """A mark in the stream: the client's own, or one of ours that comes back."""

    flags: int
    payload: bytes

    @property
    def is_request(self) -> bool:
        """Whether an answer is wanted."""
        return bool(self.flags & FenceFlag.REQUEST)

    @property
    def answer_flags(self) -> FenceFlag:
        """The flags of the answer: those of the request that are known."""
        return FenceFlag(self.flags & _KNOWN_FENCE_FLAGS)


Message: TypeAlias = (
    SetPixelFormat
    | SetEncodings
    | UpdateRequest
    | KeyEvent
    | ScanKeyEvent
    | PointerEvent
    | CutText
    | ClipboardCaps
    | ClipboardRequest
    | ClipboardPeek
    | ClipboardNotify
    | ClipboardProvide
    | ClipboardRefused
    | SetDesktopSize
    | ContinuousUpdates
    | Fence
)
