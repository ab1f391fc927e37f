"""What must be so when a key is pressed, for every way in which a viewer may mean it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.hands.keymap import Keymap
from agentd.desktop.hands.meaning import (
    LOCK_MASK,
    NUM_LOCK_MASK,
    SHIFT_MASK,
    Meaning,
    meaning,
    usual_keysym,
)

FIRST = 8
SHIFT_L, META_L, TAB, LEFT_TAB, RETURN = 0xFFE1, 0xFFE7, 0xFF09, 0xFE20, 0xFF0D
KP_HOME, KP_7 = 0xFF95, 0xFFB7
KEYS = {
    11: (ord("2"), ord("@")),
    23: (TAB, LEFT_TAB),
    36: (RETURN, 0),
    38: (ord("a"), ord("A")),
    50: (SHIFT_L, 0),
    64: (0xFFE9, META_L),
    65: (0x20, 0),
    79: (KP_HOME, KP_7),
    200: (0x1005BB6, 0x1005BB6),
}


def keymap(keys: dict[int, tuple[int, int]] = KEYS) -> Keymap:
    return Keymap(FIRST, [keys.get(code, (0, 0)) for code in range(FIRST, 256)], {50, 64})


@pytest.mark.parametrize(
    ("keysym", "mask", "wanted"),
    [
        (ord("a"), 0, Meaning(38, shift=False, no_caps=True)),
        (ord("A"), 0, Meaning(38, shift=True, no_caps=True)),
        (ord("@"), SHIFT_MASK, Meaning(11, shift=True, no_caps=True)),
        (0x20, SHIFT_MASK, Meaning(65, no_caps=True)),
        (RETURN, SHIFT_MASK, Meaning(36)),
        (TAB, SHIFT_MASK, Meaning(23)),
        (LEFT_TAB, 0, Meaning(23, shift=True)),
        (SHIFT_L, LOCK_MASK, Meaning(50)),
        (META_L, 0, Meaning(64)),
        (KP_7, 0, Meaning(79, num_lock=True)),
        (KP_7, SHIFT_MASK | NUM_LOCK_MASK, Meaning(79, num_lock=False)),
        (KP_HOME, NUM_LOCK_MASK, Meaning(79, num_lock=False)),
        (KP_HOME, SHIFT_MASK, Meaning(79, num_lock=True)),
        (0x1005BB6, SHIFT_MASK, Meaning(200, no_caps=True)),
        (0xE9, 0, None),
    ],
)
def test_meaning_of_a_keysym(keysym: int, mask: int, wanted: Meaning | None) -> None:
    assert meaning(keymap(), keysym, mask) == wanted


def test_a_keyboard_without_a_back_tab_makes_it_by_shift() -> None:
    keys = {**KEYS, 23: (TAB, 0)}
    assert meaning(keymap(keys), LEFT_TAB, 0) == Meaning(23, shift=True)


def test_the_pressed_key_is_taken_where_it_makes_the_keysym() -> None:
    keys = {**KEYS, 39: (ord("a"), ord("b"))}
    assert meaning(keymap(keys), ord("a"), 0, keycode=39) == Meaning(39, shift=False, no_caps=True)
    assert meaning(keymap(keys), ord("2"), 0, keycode=39) == Meaning(11, shift=False, no_caps=True)
    assert meaning(keymap(keys), 0, 0, keycode=39) == Meaning(39)


@pytest.mark.parametrize(
    ("sent", "usual"),
    [
        (0, 0),
        (-5, 0),
        (0x20000000, 0),
        (0xFE03, 0),
        (0xFF7E, 0),
        (0x0D, RETURN),
        (0x1000041, 0x41),
        (0x10020AC, 0x10020AC),
        (0xE9, 0xE9),
    ],
)
def test_usual_keysym(sent: int, usual: int) -> None:
    assert usual_keysym(sent) == usual


@given(st.integers(-(2**40), 2**40), st.integers(0, 0xFFFF), st.integers(0, 300))
def test_any_number_has_a_meaning_or_none(keysym: int, mask: int, keycode: int) -> None:
    usual = usual_keysym(keysym)
    found = meaning(keymap(), usual, mask, keycode=keycode)
    assert found is not None or usual
