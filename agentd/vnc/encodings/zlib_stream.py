"""Zlib: raw pixels through one stream for each viewer.

Pure. Some clients know nothing else but Raw. Source: rfbproto "Zlib encoding".
"""

from __future__ import annotations

import struct

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.deflate import DeflateStream
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.numbers import Encoding


class ZlibEncoder:
    """Writes PIXELs, row by row, deflated."""

    is_stateless = False

    def __init__(self, profile: Profile, *, before: ZlibEncoder | None = None) -> None:
        self._format = profile.format
        # The stream is the viewer's for as long as it is here, whatever its pixels are.
        self._stream: DeflateStream = (
            before._stream if before else DeflateStream(profile.compress_level)
        )

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen as one rectangle, the next of the stream."""
        if rect.area == 0:
            return []
        part = pixels[rect.y : rect.bottom, rect.x : rect.right]
        body = self._stream.deflate(self._format.convert(part))
        return [EncodedRect(rect, Encoding.ZLIB, struct.pack(">I", len(body)) + body)]
