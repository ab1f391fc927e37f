"""What a VNC client says once it is let in.

Knows the messages' bytes and the screen's size, and waits for nothing. Source: rfbproto, "Client to
server messages" and the extensions' sections.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from benchmarks.rfb_pixels import Picture, Rect
from benchmarks.rfb_streams import Stream

FENCE_REQUEST = 1 << 31


class Speech:
    """The client's half of the conversation."""

    stream: Stream
    picture: Picture
    encodings: tuple[int, ...]
    is_continuous: bool

    def set_encodings(self, encodings: Sequence[int]) -> None:
        """Say which encodings are known, the best first."""
        self.encodings = tuple(encodings)
        count = len(encodings)
        self.stream.write(struct.pack(f"!BxH{count}i", 2, count, *encodings))

    def request(self, *, incremental: bool = True, rect: Rect | None = None) -> None:
        """Ask for an update."""
        rect = rect or Rect(0, 0, self.picture.width, self.picture.height)
        self.stream.write(struct.pack("!BB4H", 3, incremental, *rect))

    def set_continuous(self, *, enable: bool) -> None:
        """Have updates pushed, or no longer."""
        self.is_continuous = enable
        size = self.picture.width, self.picture.height
        self.stream.write(struct.pack("!BB4H", 150, enable, 0, 0, *size))

    def key(self, keysym: int, *, down: bool) -> None:
        """Press or release a key."""
        self.stream.write(struct.pack("!BBxxI", 4, down, keysym))

    def scan_key(self, keysym: int, scancode: int, *, down: bool) -> None:
        """The same with the key's place (QEMU; XT set 1, 0xE0 as bit 7)."""
        self.stream.write(struct.pack("!BBHII", 255, 0, down, keysym, scancode))

    def tap(self, keysym: int) -> None:
        """Press and release."""
        self.key(keysym, down=True)
        self.key(keysym, down=False)

    def pointer(self, x: int, y: int, buttons: int = 0) -> None:
        """Move the pointer; bit 0 is button 1. Buttons from 8 on need -316."""
        if buttons < 1 << 7:
            self.stream.write(struct.pack("!BBHH", 5, buttons, x, y))
        else:
            low, high = buttons & 0x7F | 0x80, buttons >> 7
            self.stream.write(struct.pack("!BBHHB", 5, low, x, y, high))

    def cut_text(self, text: bytes) -> None:
        """Give the clipboard as Latin-1."""
        self.stream.write(struct.pack("!BxxxI", 6, len(text)) + text)

    def extended_clipboard(self, message: bytes) -> None:
        """Send a message of the extended clipboard: flags and what follows."""
        self.stream.write(struct.pack("!Bxxxi", 6, -len(message)) + message)

    def set_desktop_size(self, width: int, height: int) -> None:
        """Ask for another size, of one screen."""
        screen = struct.pack("!IHHHHI", 0, 0, 0, width, height, 0)
        self.stream.write(struct.pack("!BxHHBx", 251, width, height, 1) + screen)

    def fence(self, flags: int, payload: bytes = b"") -> None:
        """Send a fence."""
        self.stream.write(struct.pack("!BxxxIB", 248, flags, len(payload)) + payload)
