"""How a key must be pressed so that a program gets what a viewer means.

Pure. A viewer tells the keysym that its own keyboard made, and the modifiers as keys of their own;
the keyboard here may need another modifier for it. What counts is the keysym: Shift is added or
lifted for the moment of the press, Caps Lock put out, Num Lock set. Does not press anything:
`remote.py` does. Source: rfbproto, KeyEvent; X11 protocol, section 5; XKB protocol, section 12.
"""

from __future__ import annotations

from typing import NamedTuple

from agentd.desktop.hands.keymap import Keymap
from agentd.desktop.hands.keynames import SHIFT_L, TAB

SHIFT_MASK, LOCK_MASK, NUM_LOCK_MASK = 0x01, 0x02, 0x10

MAX_KEYSYM = 0x1FFFFFFF

_ISO_LEFT_TAB = 0xFE20
# Mode_switch and the shifts of level 3 and 5: the viewer has used them up, its keysym tells.
_LEVEL_SHIFTS = frozenset({0xFF7E, 0xFE02, 0xFE03, 0xFE04, 0xFE05, 0xFE11, 0xFE12, 0xFE13})
_UNICODE = 0x01000000
# ASCII's control characters that have a key: some viewers send them as they are.
_CONTROLS = frozenset({0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x7F})


class Meaning(NamedTuple):
    """A key to press, and what must be so at that moment.

    Attributes:
        shift: whether Shift is down; None leaves it as it is.
        num_lock: whether Num Lock is on; None leaves it.
        no_caps: Caps Lock must be out, if it is not.
    """

    keycode: int
    shift: bool | None = None
    num_lock: bool | None = None
    no_caps: bool = False


def usual_keysym(keysym: int) -> int:
    """Return the keysym that a keyboard would make; 0 if there is nothing to press.

    Args:
        keysym: as a viewer sent it, any number.
    """
    if not 0 < keysym <= MAX_KEYSYM or keysym in _LEVEL_SHIFTS:
        return 0
    if _UNICODE + 0x20 <= keysym <= _UNICODE + 0xFF:
        keysym -= _UNICODE
    return 0xFF00 + keysym if keysym in _CONTROLS else keysym


def is_character(keysym: int) -> bool:
    """Whether a keysym types something, which Shift and Caps Lock would make another."""
    return keysym < 0xFE00 or keysym >= _UNICODE


def meaning(
    keymap: Keymap, keysym: int, mask: int, *, keycode: int | None = None
) -> Meaning | None:
    """Return how to make a keysym; None when the keyboard has no key for it.

    Args:
        keysym: a usual one; 0 to press the key whatever it makes.
        mask: the modifiers in effect.
        keycode: the key that the viewer's user has pressed, if that is known; it is taken where
            it can make the keysym.
    """
    if keycode is not None and (not keysym or keysym in keymap.levels(keycode)):
        level = keymap.levels(keycode).index(keysym) if keysym else 0
    elif (found := keymap.keypad(keysym)) is not None:
        keycode, level = found
    elif (stroke := keymap.find(keysym)) is not None:
        keycode, level = stroke.keycode, int(stroke.shift)
    elif keysym == _ISO_LEFT_TAB and (stroke := keymap.find(TAB)) is not None:
        return Meaning(stroke.keycode, shift=True)
    else:
        return None
    if not keysym or keycode in keymap.modifier_keycodes:
        return Meaning(keycode)
    plain, shifted = keymap.levels(keycode)
    if keymap.keypad(keysym) == (keycode, level):
        return Meaning(keycode, num_lock=bool(level) != bool(mask & SHIFT_MASK))
    if not is_character(keysym):
        # Shift+Tab, Shift+Left: only what is on the second level needs a Shift.
        return Meaning(keycode, shift=True if level and keymap.find(SHIFT_L) else None)
    shift = bool(level) if shifted not in (0, plain) else None
    return Meaning(keycode, shift=shift, no_caps=True)
