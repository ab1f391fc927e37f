"""One table of key names, for all who name keys."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.hands.keynames import (
    NAMES,
    RETURN,
    TAB,
    keysym_of,
    keysyms_of_text,
    parse_chord,
    parse_key,
)

CTRL, SHIFT, ALT, SUPER = 0xFFE3, 0xFFE1, 0xFFE9, 0xFFEB


@pytest.mark.parametrize(
    ("names", "keysym"),
    [
        ("ctrl control Control_L ControlLeft CTRL lctrl", CTRL),
        ("cmd command meta super win OPTION_L", None),
        ("cmd command meta super win CMD Super_L MetaLeft", SUPER),
        ("alt option opt AltLeft OPTION", ALT),
        ("shift SHIFT ShiftLeft Shift_L", SHIFT),
        ("esc escape Escape ESC", 0xFF1B),
        ("enter return Return ENTER", RETURN),
        ("tab TAB", TAB),
        ("pageup page_up pgup prior Page_Up PAGEUP page-up", 0xFF55),
        ("arrowup up ARROWUP Up", 0xFF52),
        ("kp_0 numpad0 num0 KP_0 Numpad0", 0xFFB0),
        ("f1 F1", 0xFFBE),
        ("f24 F24", 0xFFD5),
        ("plus +", 0x2B),
        ("minus -", 0x2D),
        ("semicolon ;", 0x3B),
        ("capslock Caps_Lock CAPSLOCK", 0xFFE5),
        ("delete del Delete", 0xFFFF),
        ("backspace BackSpace BACKSPACE", 0xFF08),
        ("printscreen Print prtsc", 0xFF61),
        ("KeyA keya a", 0x61),
        ("Digit7 7", 0x37),
        ("num_plus KP_Add", 0xFFAB),
        ("U20AC u20ac €", 0x010020AC),
    ],
)
def test_every_dialect_names_the_same_key(names: str, keysym: int | None) -> None:
    if keysym is None:
        with pytest.raises(BadRequest):
            parse_key(names.split()[-1])
        return
    assert {parse_key(name) for name in names.split()} == {keysym}


def test_there_are_about_200_names_or_more() -> None:
    assert len(NAMES) >= 200


@pytest.mark.parametrize(
    ("chord", "keysyms"),
    [
        ("ctrl+s", (CTRL, 0x73)),
        ("ctrl+shift+T", (CTRL, SHIFT, 0x54)),
        ("ctrl++", (CTRL, 0x2B)),
        ("shift++", (SHIFT, 0x2B)),
        ("+", (0x2B,)),
        ("ctrl+plus", (CTRL, 0x2B)),
        (" ", (0x20,)),
        ("ctrl+ ", (CTRL, 0x20)),
        ("ctrl + c", (CTRL, 0x63)),
        ("T", (0x54,)),
        ("é", (0xE9,)),
        ("家", (0x01005BB6,)),
        ("alt+F4", (ALT, 0xFFC1)),
    ],
)
def test_chords(chord: str, keysyms: tuple[int, ...]) -> None:
    assert parse_chord(chord) == keysyms


def test_fold_case_takes_letters_for_keys() -> None:
    assert parse_chord("CTRL+C", fold_case=True) == (CTRL, 0x63)
    assert parse_chord("CTRL+C") == (CTRL, 0x43)


@pytest.mark.parametrize("chord", ["", "ctrl+", "+s", "++", "ctrl+++", "ctrl++s"])
def test_empty_parts_are_refused(chord: str) -> None:
    with pytest.raises(BadRequest, match="none of them empty"):
        parse_chord(chord)


@pytest.mark.parametrize(
    ("chord", "found", "nearest"),
    [("retrun", "'retrun'", "return"), ("ctrl+pagup", "'pagup'", "pageup")],
)
def test_unknown_names_tell_the_nearest(chord: str, found: str, nearest: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_chord(chord, path="keys")
    (fault,) = caught.value.errors
    assert (fault.path, fault.found, fault.nearest) == ("keys", found, nearest)


def test_text_has_one_keysym_a_character() -> None:
    assert keysyms_of_text("aÄж\t\n\r\n😀") == [
        0x61,
        0xC4,
        0x01000436,
        TAB,
        RETURN,
        RETURN,
        0x0101F600,
    ]


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", "\uffff"])
def test_characters_without_a_key_are_refused(character: str) -> None:
    with pytest.raises(BadRequest) as caught:
        keysyms_of_text(f"ok{character}")
    (fault,) = caught.value.errors
    assert fault.path == "text[2]"
    # The error must survive the way to the caller, also with a lone surrogate in it.
    str(caught.value).encode()


@given(st.characters(exclude_categories=["Cc", "Cs", "Cn"]))
def test_keysyms_of_characters_can_be_told_apart(character: str) -> None:
    keysym = keysym_of(character)
    assert keysym is not None
    assert keysym & 0xFFFFFF == ord(character)


@given(st.text())
def test_any_chord_is_parsed_or_refused(chord: str) -> None:
    with suppress(BadRequest):
        assert parse_chord(chord)
