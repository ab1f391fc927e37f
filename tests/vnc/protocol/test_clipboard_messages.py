"""The extended clipboard: golden bytes, broken ones, limits."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.protocol import clipboard_messages
from agentd.vnc.protocol.clipboard_messages import MAX_TEXT_BYTES, latin1, parse
from agentd.vnc.protocol.messages import ClipboardProvide, ClipboardRefused
from tests.vnc.protocol.conversations import deflated

PROVIDE = b"\x10\0\0\x01"


def with_size(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def test_caps_say_text_and_all_actions() -> None:
    assert clipboard_messages.pack_caps() == bytes.fromhex("03 000000 fffffff8 1f000001 00000000")
    assert clipboard_messages.pack_caps(unasked_text_bytes=4096)[-4:] == b"\0\0\x10\0"


def test_request_peek_and_notify_are_flags_alone() -> None:
    assert clipboard_messages.pack_request() == bytes.fromhex("03 000000 fffffffc 02000001")
    assert clipboard_messages.pack_peek() == bytes.fromhex("03 000000 fffffffc 04000000")
    notify = clipboard_messages.pack_notify
    assert notify(has_text=True) == bytes.fromhex("03 000000 fffffffc 08000001")
    assert notify(has_text=False) == bytes.fromhex("03 000000 fffffffc 08000000")


def test_text_leaves_with_carriage_returns_and_a_nul() -> None:
    message = clipboard_messages.pack_provide("a\n日本\r\n")
    kind, length, flags = struct.unpack_from(">B3xiI", message)
    assert (kind, flags) == (3, 0x10000001)
    assert -length == len(message) - 8
    text = "a\r\n日本\r\n\0".encode()
    assert zlib.decompress(message[12:]) == with_size(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_text_comes_back_as_it_left(text: str) -> None:
    assert parse(clipboard_messages.pack_provide(text)[8:]) == ClipboardProvide(text)


@pytest.mark.parametrize("pack", [deflated, zlib.compress])
def test_end_mark_may_be_missing(pack: object) -> None:
    body = PROVIDE + pack(with_size(b"abc\0"))  # type: ignore[operator]
    assert parse(body) == ClipboardProvide("abc")


def test_clipboard_is_read_as_novnc_packs_it() -> None:
    # What the deflator of noVNC 1.3 made of it.
    sent = "785e626060e07f367de9b3396b149213d30eafe4e56200000000ffff"
    assert parse(PROVIDE + bytes.fromhex(sent)) == ClipboardProvide("日本 café\n")


def test_text_ends_at_its_nul_or_at_its_size() -> None:
    assert parse(PROVIDE + deflated(with_size(b"abc"))) == ClipboardProvide("abc")
    assert parse(PROVIDE + deflated(with_size(b"abc\0def\0"))) == ClipboardProvide("abc")
    assert parse(PROVIDE + deflated(with_size(b"abc\0") + b"more")) == ClipboardProvide("abc")


def test_formats_after_the_text_are_left_packed() -> None:
    body = b"\x10\0\0\x07" + deflated(
        with_size(b"a\0") + with_size(b"{\\rtf1}") + with_size(b"<b>")
    )
    assert parse(body) == ClipboardProvide("a")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "its flags have 0 bytes"),
        (b"\x02\0\0", "its flags have 3 bytes"),
        (b"\x06\0\0\x01", "its actions are 0x06"),
        (b"\x20\0\0\x01", "its actions are 0x20"),
        (b"\x01\0\0\x03\0\0\0\0", "names 2 formats and has 4 bytes"),
        (b"\x10\0\0\x02" + deflated(with_size(b"x")), "it holds no text"),
        (PROVIDE, "ends before the size"),
        (PROVIDE + b"no zlib", "compressed data is broken"),
        (PROVIDE + deflated(b"\0\0"), "ends before the size"),
        (PROVIDE + deflated(with_size(b"abcd")[:-1]), "ends before its text"),
        (PROVIDE + deflated(with_size(b"\xff\xfe\0")), "not UTF-8"),
        (PROVIDE + deflated(b"\xff\xff\xff\xffabc"), "4294967295 bytes, the limit is 1048576"),
    ],
)
def test_what_makes_no_sense_is_refused_without_its_content(body: bytes, reason: str) -> None:
    refused = parse(body)
    assert isinstance(refused, ClipboardRefused)
    assert reason in refused.reason


def test_largest_text_is_taken_and_no_larger_one() -> None:
    text = b"x" * MAX_TEXT_BYTES
    assert parse(PROVIDE + deflated(with_size(text))) == ClipboardProvide(text.decode())
    assert isinstance(parse(PROVIDE + deflated(with_size(text + b"x"))), ClipboardRefused)


def test_small_data_that_unpacks_to_much_costs_no_more_than_the_limit() -> None:
    bomb = PROVIDE + zlib.compress(struct.pack(">I", MAX_TEXT_BYTES) + bytes(64 << 20))
    assert len(bomb) < 256 * 1024
    tracemalloc.start()
    try:
        assert parse(bomb) == ClipboardProvide("")
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_TEXT_BYTES
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    parse(body)
    parse(PROVIDE + body)
    parse(PROVIDE + deflated(body))


def test_signs_of_word_processors_become_plain_ones() -> None:
    assert latin1("“café” – it’s…\r\n5 €") == b'"caf\xe9" - it\'s...\n5 EUR'


def test_text_that_latin_1_has_not_is_not_made_wrong() -> None:
    assert latin1("日本") is None
