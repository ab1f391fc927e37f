"""The X requests of the hands: fake input, bindings, lock states, and the keyboard's state.

Packs requests itself where python-xlib would spend 30 microseconds on each: a text of a thousand
characters is two thousand of them. Does not decide what to press. Sources: XTEST protocol 2.2,
X11 protocol (ChangeKeyboardMapping, QueryPointer), XKB protocol (LatchLockState, SetControls).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from Xlib import X
from Xlib.display import Display
from Xlib.protocol import request, rq

from agentd.base.errors import Unavailable
from agentd.desktop.hands.keymap import Binding

LOCK_MASK = 0x02
# Shift, Control, Mod1, Mod3, Mod4, Mod5: all that change what a key means, without the locks.
HELD_MASK = 0xED

_FAKE = struct.Struct("<BBHBBHIIQhhIHBB")
_REMAP = struct.Struct("<BBHBBH")
_LOCK = struct.Struct("<BBHHBBBBBBBBH")
_CONTROLS = struct.Struct("<BBHH18xII68x")

_CHANGE_KEYBOARD_MAPPING = 100
_FAKE_INPUT = 2
_LATCH_LOCK_STATE = 5
_SET_CONTROLS = 7
_REPEAT_KEYS = 1
# XKB's number of the keyboard that all programs hear.
USE_CORE_KEYBOARD = 0x100

# Whoever must tell our events from others' sets this around an action, which hears of all that it
# sends, before it is sent. Thread: the lane's, in the context of the action.
heard: ContextVar[Callable[[Sequence[bytes]], None] | None] = ContextVar("heard", default=None)


class FakeInput(NamedTuple):
    """What a request of ours makes happen: an event type of X, its key or button, its point."""

    kind: int
    detail: int
    x: int
    y: int


class PointerState(NamedTuple):
    """Where the pointer is, and the modifiers, buttons and group that are in effect."""

    x: int
    y: int
    mask: int

    @property
    def group(self) -> int:
        """The effective keyboard group, from 0 (XKB protocol, section 2.2.2)."""
        return self.mask >> 13 & 3


class KeyboardState(NamedTuple):
    """The keyboard's map as the server tells it, undigested."""

    first_keycode: int
    width: int
    keysyms: bytes
    modifier_keycodes: frozenset[int]

    def rows(self) -> list[tuple[int, ...]]:
        """Return the keysyms of each keycode."""
        count = len(self.keysyms) // 4
        flat = struct.unpack(f"={count}I", self.keysyms)
        return [flat[start : start + self.width] for start in range(0, count, self.width)]


class Injector:
    """Packs requests for one X connection. Thread: made on the lane, used anywhere."""

    def __init__(self, display: Display) -> None:
        """Look up what the server can do. Raises: Unavailable without XTEST."""
        xtest = display.query_extension("XTEST")
        if xtest is None:
            raise Unavailable("the X server has no XTEST extension", code="no_xtest")
        self._xtest: int = xtest.major_opcode
        self._root: int = display.screen().root.id
        self._first: int = display.display.info.min_keycode
        self._last: int = display.display.info.max_keycode
        xkb = display.query_extension("XKEYBOARD")
        self._xkb: int | None = None if xkb is None else xkb.major_opcode
        if self._xkb is not None:
            use_xkb(display, self._xkb)
        # A program that grabs the server must not be able to hold up the hands.
        display.xtest_grab_control(True)
        self._presses = [self._fake(X.KeyPress, code) for code in range(256)]
        self._releases = [self._fake(X.KeyRelease, code) for code in range(256)]

    def key(self, keycode: int, *, down: bool) -> bytes:
        """Return the request that presses or releases a key."""
        return self._presses[keycode] if down else self._releases[keycode]

    def button(self, number: int, *, down: bool, delay_ms: int = 0) -> bytes:
        """Return the request that presses or releases a button.

        Args:
            delay_ms: the server waits that long first, with this and all later requests of ours.
        """
        return self._fake(X.ButtonPress if down else X.ButtonRelease, number, delay_ms=delay_ms)

    def motion(self, x: int, y: int) -> bytes:
        """Return the request that moves the pointer to a point of the root window."""
        return self._fake(X.MotionNotify, 0, x, y, self._root)

    def _fake(
        self, kind: int, detail: int, x: int = 0, y: int = 0, root: int = 0, *, delay_ms: int = 0
    ) -> bytes:
        head = (self._xtest, _FAKE_INPUT, 9, kind, detail, 0, delay_ms, root, 0)
        return _FAKE.pack(*head, x, y, 0, 0, 0, 0)

    def binding(self, binding: Binding) -> bytes:
        """Return the request that gives consecutive keycodes their keysyms, on both levels."""
        count = len(binding.keysyms)
        twice = [keysym for keysym in binding.keysyms for _ in (0, 1)]
        head = _REMAP.pack(
            _CHANGE_KEYBOARD_MAPPING, count, 2 + 2 * count, binding.first_keycode, 2, 0
        )
        return head + struct.pack(f"<{len(twice)}I", *twice)

    def lock(self, mask: int, *, on: bool) -> list[bytes]:
        """Return the requests that set locked modifiers; none on a server without XKB.

        No key event tells of it: programs see the state in the next key event.
        """
        if self._xkb is None or not mask:
            return []
        locks = mask if on else 0
        head = (self._xkb, _LATCH_LOCK_STATE, 4, USE_CORE_KEYBOARD)
        return [_LOCK.pack(*head, mask, locks, 0, 0, 0, 0, 0, 0, 0)]

    def repeat(self, *, on: bool) -> list[bytes]:
        """Return the requests by which the server repeats a key that goes down now, or does not.

        It decides so at the press. None on a server without XKB.
        """
        if self._xkb is None:
            return []
        head = (self._xkb, _SET_CONTROLS, _CONTROLS.size // 4, USE_CORE_KEYBOARD)
        return [_CONTROLS.pack(*head, _REPEAT_KEYS, int(on))]

    def keyboard(self, display: Display) -> KeyboardState:
        """Ask for the keyboard's map. Thread: the lane's."""
        return self.look(display)[0]

    def look(self, display: Display) -> tuple[KeyboardState, PointerState]:
        """Ask for the keyboard's map and the pointer's state in one round trip.

        All that was sent before has been done then. Thread: the lane's.
        """
        connection = display.display
        rows = _GetKeyboardMapping(
            display=connection, defer=1, first=self._first, count=self._last - self._first + 1
        )
        modifiers = request.GetModifierMapping(display=connection, defer=1)
        pointer = request.QueryPointer(display=connection, defer=1, window=self._root)
        # The last answer brings the others along.
        for asked in (pointer, rows, modifiers):
            asked.reply()
        keyboard = KeyboardState(
            self._first,
            rows.width,
            rows.keysyms,
            frozenset(code for row in modifiers.keycodes for code in row if code),
        )
        return keyboard, PointerState(pointer.root_x, pointer.root_y, pointer.mask)


def send(display: Display, requests: Sequence[bytes]) -> None:
    """Queue requests as one; they go out with the next reply or flush. Thread: the lane's."""
    if not requests:
        return
    if (hear := heard.get()) is not None:
        hear(requests)
    connection = display.display
    connection.send_request(_Requests(b"".join(requests)), 0)
    # send_request has counted one; replies are matched by the count.
    connection.request_serial = (connection.request_serial + len(requests) - 1) % 65536


def fake_inputs(requests: Sequence[bytes]) -> list[FakeInput]:
    """Return what packed requests make happen; bindings and locks are not among it."""
    found = []
    for packed in requests:
        if len(packed) == _FAKE.size and packed[1] == _FAKE_INPUT:
            values = _FAKE.unpack(packed)
            found.append(FakeInput(values[3], values[4], values[9], values[10]))
    return found


def pointer_state(display: Display) -> PointerState:
    """Return the pointer's place and state; all that was sent before has been done then."""
    reply = display.screen().root.query_pointer()
    return PointerState(reply.root_x, reply.root_y, reply.mask)


def use_xkb(display: Display, opcode: int) -> None:
    """Begin to use XKB on a connection: the server refuses its requests before."""
    _UseXkb(display=display.display, opcode=opcode, major=1, minor=0)


class _Requests:
    """What python-xlib's send_request needs of a request, and nothing else."""

    __slots__ = ("_binary", "_serial")

    def __init__(self, binary: bytes) -> None:
        self._binary = binary
        self._serial = 0


class _UseXkb(rq.ReplyRequest):  # type: ignore[misc]
    """XkbUseExtension."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(0),
        rq.RequestLength(),
        rq.Card16("major"),
        rq.Card16("minor"),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Bool("supported"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card16("server_major"),
        rq.Card16("server_minor"),
        rq.Pad(20),
    )


class _Rest(rq.ValueField):  # type: ignore[misc]
    """The rest of a reply, as bytes."""

    structcode = None

    def parse_binary_value(
        self, data: Any, display: object, length: object, form: object
    ) -> tuple[bytes, bytes]:
        """Return all that is left."""
        return bytes(data[:]), b""


class _GetKeyboardMapping(rq.ReplyRequest):  # type: ignore[misc]
    """GetKeyboardMapping without 1700 Python integers: 0.2 ms in place of 2."""

    _request = rq.Struct(
        rq.Opcode(101),
        rq.Pad(1),
        rq.RequestLength(),
        rq.Card8("first"),
        rq.Card8("count"),
        rq.Pad(2),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("width"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Pad(24),
        _Rest("keysyms"),
    )
