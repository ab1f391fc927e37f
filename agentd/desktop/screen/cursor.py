"""The real cursor: its image and where it points. Functions for an X lane.

It does not draw; `overlay.py` blends. Source: fixesproto.txt section 7 (GetCursorImage: the image
is premultiplied ARGB, one CARD32 a pixel; the position is the hot spot's, in root pixels).
"""

from __future__ import annotations

import numpy as np
from Xlib.display import Display
from Xlib.protocol import rq

from agentd.desktop.screen.frame import CursorImage
from agentd.desktop.screen.overlay import Cursor


class CursorReader:
    """Reads the cursor of one display; keeps the last shape. Thread: one lane's."""

    def __init__(self) -> None:
        self._last: CursorImage | None = None

    def read(self, display: Display) -> Cursor:
        """Return the cursor now: one round trip."""
        reply = _CursorReply(display=display.display, opcode=_fixes_opcode(display))
        if self._last is None or self._last.serial != reply.cursor_serial:
            size = (reply.height, reply.width, 4)
            pixels = np.frombuffer(reply.image, dtype=np.uint8)[: reply.height * reply.width * 4]
            self._last = CursorImage(
                pixels=pixels.reshape(size).copy(),
                hot_x=reply.xhot,
                hot_y=reply.yhot,
                serial=reply.cursor_serial,
            )
        return Cursor(reply.x, reply.y, self._last)


class _CursorReply(rq.ReplyRequest):
    """GetCursorImage with the pixels left as bytes: a list of numbers is slow to make."""

    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(4), rq.RequestLength())
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Int16("x"),
        rq.Int16("y"),
        rq.Card16("width"),
        rq.Card16("height"),
        rq.Card16("xhot"),
        rq.Card16("yhot"),
        rq.Card32("cursor_serial"),
        rq.Pad(8),
        rq.Binary("image"),
    )


def _fixes_opcode(display: Display) -> int:
    return int(display.display.get_extension_major("XFIXES"))
