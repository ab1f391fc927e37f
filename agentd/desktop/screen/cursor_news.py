"""Tells whoever follows where the cursor goes and how it looks, as it happens.

Driven by events: XFixes tells of a new shape, XInput 2 of each movement of the pointer. Where the
pointer is then is asked once for all movements that have come. A program that sets the pointer over
a window of its own, and takes motions there, has the only event of it: that is seen with the next
movement. It draws nothing, and reads nothing while nobody follows. Sources: fixesproto.txt section
7, XI2proto.txt (RawMotion).
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from Xlib.display import Display
from Xlib.ext import xfixes
from Xlib.ext.ge import GenericEventCode
from Xlib.protocol import event, rq

from agentd.base.errors import Unavailable
from agentd.desktop.following import Following, OnNews
from agentd.desktop.screen.cursor import CursorReader
from agentd.desktop.screen.overlay import Cursor
from agentd.desktop.xlink import DisplayAddress, take_events

_ALL_MASTER_DEVICES = 1
_MOTION, _RAW_MOTION = 6, 17
_MASK = struct.Struct("<I")


class CursorNews:
    """The cursor of one display, for all who follow it."""

    def __init__(self, address: DisplayAddress) -> None:
        self._following = Following(address, "x-cursor", begin=self._begin, read=self._read)
        # Written by the lane's thread, read by the event loop: a single reference.
        self._cursor: Cursor | None = None
        # All below: the lane's alone.
        self._reader = CursorReader()
        self._shape_event = 0

    @asynccontextmanager
    async def follow(self, on_news: OnNews) -> AsyncIterator[CursorNews]:
        """Follow the cursor; gives what holds the newest one, which may skip some.

        Args:
            on_news: called on the event loop when `cursor` looks different or has moved.

        Raises: DisplayLost; Unavailable on a server without XInput 2.
        """
        async with self._following.follow(on_news):
            yield self

    @property
    def cursor(self) -> Cursor:
        """The cursor now; only while it is followed."""
        assert self._cursor is not None, "the cursor is followed"
        return self._cursor

    def close(self) -> None:
        """Tell nobody any more. Idempotent."""
        self._following.close()

    def _begin(self, display: Display) -> None:
        """Select the events and read the cursor. Thread: the lane's."""
        self._reader = CursorReader()
        display.xfixes_query_version()
        fixes = display.query_extension("XFIXES")
        inputs = display.query_extension("XInputExtension")
        if fixes is None or inputs is None:
            raise Unavailable(
                "the X server cannot tell of its cursor: it has no XFIXES or XInput extension",
                code="no_xinput",
            )
        self._shape_event = fixes.first_event + xfixes.XFixesCursorNotify
        root = display.screen().root
        display.xfixes_select_cursor_input(root, xfixes.XFixesDisplayCursorNotifyMask)
        display.xinput_query_version()
        _SelectEvents(
            display=display.display,
            opcode=inputs.major_opcode,
            window=root,
            mask_count=1,
            device=_ALL_MASTER_DEVICES,
            mask_length=1,
            mask=1 << _MOTION | 1 << _RAW_MOTION,
        )
        # That it came is all that counts of such an event; python-xlib would take it apart.
        display.display.add_extension_event(GenericEventCode, event.AnyEvent)
        self._cursor = self._reader.read(display)

    def _read(self, display: Display) -> bool:
        """Take the events and follow them. Thread: the lane's."""
        before = self._cursor
        while events := take_events(display):
            if any(one.type & 0x7F == self._shape_event for one in events):
                self._cursor = self._reader.read(display)
            elif before is not None:
                pointer = display.screen().root.query_pointer()
                self._cursor = Cursor(pointer.root_x, pointer.root_y, self.cursor.image)
        return not self.cursor.looks_like(before)


class _SelectEvents(rq.Request):  # type: ignore[misc]
    """XISelectEvents with one mask."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(46),
        rq.RequestLength(),
        rq.Window("window"),
        rq.Card16("mask_count"),
        rq.Pad(2),
        rq.Card16("device"),
        rq.Card16("mask_length"),
        rq.Card32("mask"),
    )
