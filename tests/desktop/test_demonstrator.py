"""Which keysym a key has under its modifiers, and what it types."""

from __future__ import annotations

import pytest

from agentd.desktop.recording.demonstrator import character_of, keysym_of_row

SHIFT, LOCK, LEVEL3, GROUP2 = 0x01, 0x02, 0x80, 1 << 13
LETTER = (0x61, 0x41, 0x6C6, 0x6E6)
DIGIT = (0x31, 0x21)
LEVELS = (0x65, 0x45, 0, 0, 0x20AC, 0)
BOUND = (0x1004F60, 0x1004F60)


@pytest.mark.parametrize(
    ("row", "state", "keysym"),
    [
        (LETTER, 0, 0x61),
        (LETTER, SHIFT, 0x41),
        (LETTER, LOCK, 0x41),
        (LETTER, SHIFT | LOCK, 0x61),
        (LETTER, GROUP2, 0x6C6),
        (LETTER, GROUP2 | SHIFT, 0x6E6),
        (DIGIT, SHIFT, 0x21),
        (DIGIT, LOCK, 0x31),
        (DIGIT, GROUP2, 0x31),
        (LEVELS, LEVEL3, 0x20AC),
        (LEVELS, LEVEL3 | SHIFT, 0x20AC),
        (BOUND, 0, 0x1004F60),
        (BOUND, SHIFT, 0x1004F60),
        ((0xFF0D,), SHIFT, 0xFF0D),
        ((), 0, 0),
    ],
)
def test_keysym_follows_group_and_level(row: tuple[int, ...], state: int, keysym: int) -> None:
    assert keysym_of_row(row, state) == keysym


@pytest.mark.parametrize(
    ("keysym", "character"),
    [
        (0x61, "a"),
        (0x20, " "),
        (0xE4, "ä"),
        (0x1004F60, "你"),
        (0x101F389, "🎉"),
        (0xFFB5, "5"),
        (0xFFAB, "+"),
        (0xFF0D, ""),
        (0xFFE1, ""),
        (0xFF08, ""),
        (0, ""),
    ],
)
def test_character_of_a_keysym(keysym: int, character: str) -> None:
    assert character_of(keysym) == character
