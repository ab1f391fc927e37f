"""Chords as vendors write them, and what the key table makes of them then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.chords import chord, chord_of, chords, chords_of, modifiers
from agentd.desktop.hands.keynames import parse_chord

keys = st.sampled_from(["ctrl", "SHIFT", "a", "A", "Z", "+", " ", "é", "Page_Down", "ENTER", "ß"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A", "A"),
        ("CTRL+A", "CTRL+a"),
        ("ctrl+shift+T", "ctrl+shift+t"),
        ("+", "+"),
        ("ctrl++", "ctrl+plus"),
        ("ctrl + c", "ctrl+c"),
        (" ", " "),
        ("page down", "page down"),
    ],
)
def test_letters_of_a_chord_are_keys_and_a_letter_alone_is_itself(text: str, wanted: str) -> None:
    assert chord(text, path="text") == wanted


@given(st.lists(keys, min_size=1, max_size=6))
def test_a_chord_presses_the_keys_that_were_listed(names: list[str]) -> None:
    pressed = parse_chord(chord_of(names, path="keys"))
    assert len(pressed) == len(names)
    again = parse_chord(chord_of([chord_of(names, path="keys")], path="keys"))
    assert again == pressed


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["CTRL", "C"], ["CTRL+c"]),
        (["A"], ["A"]),
        (["a", "b"], ["a+b"]),
        (["DOWN", "DOWN"], ["DOWN", "DOWN"]),
        (["CTRL", "C", "CTRL", "V"], ["CTRL+c", "CTRL+v"]),
        (["SHIFT", "shift"], ["SHIFT+shift"]),
        (["+", "+"], ["+", "+"]),
    ],
)
def test_a_key_that_repeats_makes_chords_one_after_another(
    names: list[str], wanted: list[str]
) -> None:
    assert chords_of(names, path="keys") == wanted


def test_chords_apart_are_pressed_one_after_another() -> None:
    assert chords("ctrl+A Delete", path="text") == ["ctrl+a", "Delete"]
    assert chords("Page Down", path="text") == ["Page Down"]


def test_modifiers_are_single_keys() -> None:
    assert modifiers("ctrl+shift", path="text") == ["ctrl", "shift"]
    assert modifiers("", path="text") == modifiers(None, path="text") == []


@pytest.mark.parametrize(
    "text", ["", "ctrl+", "+ctrl", "ctrl++a", "Retrun", "a" * 201, "a b retrun"]
)
def test_faults_name_the_field_that_the_vendor_has(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chords(text, path="text")
    assert {fault.path for fault in caught.value.errors} == {"text"}


@pytest.mark.parametrize("names", [[], ["a"] * 0, list("abcdefghijklmnopq")])
def test_a_chord_is_bounded(names: list[str]) -> None:
    with pytest.raises(BadRequest, match="1 to 16 keys"):
        chord_of(names, path="keys")


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=20))
def test_garbage_is_refused_and_never_breaks(text: str, names: list[str]) -> None:
    for read in (lambda: chords(text, path="text"), lambda: chords_of(names, path="keys")):
        try:
            assert all(parse_chord(each) for each in read())
        except BadRequest:
            continue
