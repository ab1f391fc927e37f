"""COMPOUND_TEXT: what old X programs write and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.clipboard.compound_text import decode_compound_text, encode_compound_text

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_any_text_comes_back(text):
    assert decode_compound_text(encode_compound_text(text)) == text


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(encoded):
    decode_compound_text(encoded)


def test_latin_1_is_written_as_it_is():
    assert encode_compound_text("Grüße\n") == "Grüße\n".encode("latin-1")


def test_other_letters_are_written_as_utf_8_segments():
    assert encode_compound_text("a你b") == b"a\x1b%G" + "你".encode() + b"\x1b%@b"


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        (b"\x1b-L\xbf\xe0\xd8\xd2\xd5\xe2", "Привет"),
        (b"\x1b-F\xe1\xe2\xe3", "αβγ"),
        (b"\x1b$(B$3$s\x1b(Bx", "こんx"),
        (b"\x1b$)C\xc7\xd1\xb1\xdb", "한글"),
        (b"\x1b$(A\x44\x63\x3a\x43", "你好"),
        (b"\x1b)I\xb1\xb2", "ｱｲ"),
        (b"a\x9b2]b\x9b]c", "abc"),
        (b"\x1b%/1\x80\x8diso8859-15\x02\xa4!x", "€!x"),
        (b"\x1b-A\xe9", "é"),
    ],
)
def test_character_sets_of_old_programs_are_read(encoded, text):
    assert decode_compound_text(encoded) == text


def test_what_is_not_known_is_marked():
    assert decode_compound_text(b"a\x1b-~\xe9b") == "a�b"
    assert decode_compound_text(b"\x1b%/1\x80\x86zlib\x02xy") == "�y"


@given(texts, st.integers(min_value=0, max_value=40))
def test_text_that_was_cut_off_is_read_as_far_as_it_goes(text, cut):
    encoded = encode_compound_text(text)
    decode_compound_text(encoded[: max(0, len(encoded) - cut)])
