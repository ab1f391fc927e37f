"""Which key of the keyboard a viewer means by a scan code.

Pure. Does not know what a key makes: that is `keymap.py`. Sources: rfbproto, "QEMU Extended Key
Event Message" (codes of XT set 1, the prefix 0xE0 as bit 7); linux/input-event-codes.h; an X
keycode is evdev's number plus 8.
"""

from __future__ import annotations

_EVDEV = 8

# Up to F10 and the keypad both number the keys alike.
_SAME = range(0x01, 0x54)

# Scan code: evdev's number. Those from 0x80 on have the prefix.
_OTHERS = {
    0x54: 99,  # Print with Alt
    0x56: 86,  # the key between Shift and Z
    0x57: 87,  # F11
    0x58: 88,  # F12
    0x59: 117,  # keypad =
    0x5D: 183,  # F13
    0x5E: 184,
    0x5F: 185,
    0x70: 93,  # Katakana/Hiragana
    0x73: 89,  # Ro
    0x79: 92,  # Henkan
    0x7B: 94,  # Muhenkan
    0x7D: 124,  # Yen
    0x7E: 121,  # keypad comma
    0x9C: 96,  # keypad Enter
    0x9D: 97,  # right Control
    0xB5: 98,  # keypad /
    0xB7: 99,  # Print
    0xB8: 100,  # right Alt
    0xC6: 119,  # Pause
    0xC7: 102,  # Home
    0xC8: 103,  # Up
    0xC9: 104,  # Page up
    0xCB: 105,  # Left
    0xCD: 106,  # Right
    0xCF: 107,  # End
    0xD0: 108,  # Down
    0xD1: 109,  # Page down
    0xD2: 110,  # Insert
    0xD3: 111,  # Delete
    0xDB: 125,  # left Super
    0xDC: 126,  # right Super
    0xDD: 127,  # Menu
    0xF1: 123,  # Hanja
    0xF2: 122,  # Hangul
}


def keycode_of_scancode(scancode: int) -> int | None:
    """Return the X keycode of a key; None for one that no usual keyboard has."""
    if scancode in _SAME:
        return scancode + _EVDEV
    evdev = _OTHERS.get(scancode)
    return None if evdev is None else evdev + _EVDEV
