"""Raw: the pixels as they are.

Pure. The quickest where the way is short: on the same machine. Source: rfbproto "Raw encoding".
"""

from __future__ import annotations

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.profile import EncodedRect
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import PixelFormat


class RawEncoder:
    """Writes PIXELs, row by row."""

    is_stateless = True

    def __init__(self, format: PixelFormat) -> None:
        self._format = format

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen as one rectangle."""
        if rect.area == 0:
            return []
        part = pixels[rect.y : rect.bottom, rect.x : rect.right]
        # What is native is copied once, by `tobytes`.
        body = part if self._format.is_native else self._format.convert(part)
        return [EncodedRect(rect, Encoding.RAW, body.tobytes())]
