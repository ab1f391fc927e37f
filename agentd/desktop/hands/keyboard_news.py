"""Tells whoever follows which locks of the keyboard are on, and when the bell rings.

Driven by XKB's events; nothing is read while nobody follows. It changes nothing. Source: XKB
protocol (SelectEvents, GetIndicatorState, IndicatorStateNotify, BellNotify).
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from Xlib.display import Display
from Xlib.protocol import rq

from agentd.base.errors import Unavailable
from agentd.desktop.following import Following, OnNews
from agentd.desktop.hands.injection import USE_CORE_KEYBOARD, use_xkb
from agentd.desktop.xlink import DisplayAddress, take_events

_INDICATOR_STATE_NOTIFY, _BELL_NOTIFY = 4, 8
_WANTED = 1 << _INDICATOR_STATE_NOTIFY | 1 << _BELL_NOTIFY


class Leds(enum.IntFlag):
    """The locks that are on; the numbers are those of RFB."""

    SCROLL = 1
    NUM = 2
    CAPS = 4


# XKB's indicators as all usual maps number them, and ours.
_INDICATORS = {1 << 0: Leds.CAPS, 1 << 1: Leds.NUM, 1 << 2: Leds.SCROLL}


class KeyboardNews:
    """The lights and the bell of one display, for all who follow them."""

    def __init__(self, address: DisplayAddress) -> None:
        self._following = Following(address, "x-keyboard", begin=self._begin, read=self._read)
        # Both are written by the lane's thread and read by the event loop: single values.
        self._leds = Leds(0)
        self._bells = 0
        # The lane's alone.
        self._opcode = self._first_event = 0

    @asynccontextmanager
    async def follow(self, on_news: OnNews) -> AsyncIterator[KeyboardNews]:
        """Follow the keyboard; gives what holds the newest state.

        Args:
            on_news: called on the event loop when `leds` or `bells` is another.

        Raises: DisplayLost; Unavailable on a server without XKB.
        """
        async with self._following.follow(on_news):
            yield self

    @property
    def leds(self) -> Leds:
        """The locks that are on; true while it is followed."""
        return self._leds

    @property
    def bells(self) -> int:
        """How often the bell has rung while it was followed."""
        return self._bells

    def close(self) -> None:
        """Tell nobody any more. Idempotent."""
        self._following.close()

    def _begin(self, display: Display) -> None:
        """Select the events and read the lights. Thread: the lane's."""
        xkb = display.query_extension("XKEYBOARD")
        if xkb is None:
            raise Unavailable("the X server has no XKEYBOARD extension", code="no_xkb")
        self._opcode, self._first_event = xkb.major_opcode, xkb.first_event
        use_xkb(display, xkb.major_opcode)
        _SelectEvents(
            display=display.display,
            opcode=xkb.major_opcode,
            device=USE_CORE_KEYBOARD,
            affect=_WANTED,
            clear=0,
            select_all=_WANTED,
            affect_map=0,
            map=0,
        )
        self._leds = self._lit(display)

    def _read(self, display: Display) -> bool:
        """Take the events and note what they tell. Thread: the lane's."""
        before = self._leds, self._bells
        while events := take_events(display):
            kinds = [one.detail for one in events if one.type & 0x7F == self._first_event]
            self._bells += kinds.count(_BELL_NOTIFY)
            if _INDICATOR_STATE_NOTIFY in kinds:
                # Not what the event says: our hands put a lock out for the moment of a press.
                self._leds = self._lit(display)
        return (self._leds, self._bells) != before

    def _lit(self, display: Display) -> Leds:
        reply = _GetIndicatorState(
            display=display.display, opcode=self._opcode, device=USE_CORE_KEYBOARD
        )
        return leds_of_indicators(reply.state)


def leds_of_indicators(indicators: int) -> Leds:
    """Return the locks for XKB's mask of indicators."""
    leds = Leds(0)
    for bit, led in _INDICATORS.items():
        if indicators & bit:
            leds |= led
    return leds


class _SelectEvents(rq.Request):  # type: ignore[misc]
    """XkbSelectEvents without details."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(1),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Card16("affect"),
        rq.Card16("clear"),
        rq.Card16("select_all"),
        rq.Card16("affect_map"),
        rq.Card16("map"),
    )


class _GetIndicatorState(rq.ReplyRequest):  # type: ignore[misc]
    """XkbGetIndicatorState."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(12),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Pad(2),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("device"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card32("state"),
        rq.Pad(20),
    )
