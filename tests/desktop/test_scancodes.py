"""Scan codes against the names of our own map's keys."""

from __future__ import annotations

import pytest

from agentd.desktop.hands.keyboard_map import _ROWS
from agentd.desktop.hands.scancodes import keycode_of_scancode

NAMES = {keycode: name for keycode, name, _ in _ROWS}


@pytest.mark.parametrize(
    ("scancode", "name"),
    [
        (0x01, "ESC"),
        (0x1E, "AC01"),
        (0x2A, "LFSH"),
        (0x36, "RTSH"),
        (0x37, "KPMU"),
        (0x3A, "CAPS"),
        (0x44, "FK10"),
        (0x45, "NMLK"),
        (0x46, "SCLK"),
        (0x53, "KPDL"),
        (0x56, "LSGT"),
        (0x57, "FK11"),
        (0x58, "FK12"),
        (0x9C, "KPEN"),
        (0x9D, "RCTL"),
        (0xB5, "KPDV"),
        (0xB7, "PRSC"),
        (0xB8, "RALT"),
        (0xC6, "PAUS"),
        (0xC8, "UP"),
        (0xD3, "DELE"),
        (0xDB, "LWIN"),
        (0xDD, "COMP"),
    ],
)
def test_scan_code_names_its_key(scancode: int, name: str) -> None:
    keycode = keycode_of_scancode(scancode)
    assert keycode is not None
    assert NAMES[keycode] == name


def test_all_keys_of_our_map_have_a_scan_code() -> None:
    reached = {keycode_of_scancode(scancode) for scancode in range(256)}
    assert set(NAMES) <= reached


@pytest.mark.parametrize("scancode", [-1, 0, 0x55, 0xFF, 2**32])
def test_no_key_has_other_codes(scancode: int) -> None:
    assert keycode_of_scancode(scancode) is None
