"""The client's messages: golden bytes, any pieces, limits."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.protocol.message_script import (
    MAX_CUT_TEXT_BYTES,
    MAX_ENCODINGS,
    MAX_FENCE_BYTES,
    message_script,
)
from agentd.vnc.protocol.messages import (
    ClipboardRefused,
    CutText,
    Fence,
    KeyEvent,
    Message,
    PointerEvent,
    SetEncodings,
)
from agentd.vnc.protocol.reading import ProtocolError, Reading
from tests.vnc.protocol.conversations import SAID

KEY, PRESSED = SAID["KeyEvent down"]
WITH_BUTTONS = bytes.fromhex("02 00 0001 fffffec4")


class Listener:
    """Reads messages, and keeps them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.reading = Reading(message_script(self.messages.append))

    def hear(self, *chunks: bytes) -> list[Message]:
        for chunk in chunks:
            self.reading.feed(chunk)
        return self.messages


def in_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("name", SAID)
def test_message_is_read_from_its_bytes(name: str) -> None:
    data, message = SAID[name]
    assert Listener().hear(data) == [message]


@pytest.mark.parametrize("name", SAID)
def test_message_is_read_byte_by_byte(name: str) -> None:
    data, message = SAID[name]
    listener = Listener()
    assert listener.hear(*in_bytes(data[:-1])) == []
    assert listener.hear(data[-1:]) == [message]


@pytest.mark.parametrize("name", SAID)
def test_message_leaves_what_follows_to_the_next(name: str) -> None:
    data, message = SAID[name]
    assert Listener().hear(data + KEY[:3], KEY[3:]) == [message, PRESSED]


@given(st.lists(st.sampled_from(sorted(SAID))), st.data())
def test_messages_do_not_depend_on_how_the_bytes_come(
    names: list[str], data: st.DataObject
) -> None:
    stream = b"".join(SAID[name][0] for name in names)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert Listener().hear(*chunks) == [SAID[name][1] for name in names]


def test_nothing_is_held_between_messages() -> None:
    listener = Listener()
    listener.hear(b"".join(data for data, _ in SAID.values()))
    assert listener.reading.held_bytes == 0


@pytest.mark.parametrize("kind", [1, 7, 8, 10, 11, 151, 250, 253, 254])
def test_unknown_message_ends_the_conversation(kind: int) -> None:
    with pytest.raises(ProtocolError, match=f"type {kind} is not known"):
        Listener().hear(bytes([kind]))


def test_unknown_qemu_message_ends_the_conversation() -> None:
    with pytest.raises(ProtocolError, match="QEMU message: type 1 is not known"):
        Listener().hear(b"\xff\x01")


def test_pixel_format_that_cannot_be_served_ends_the_conversation() -> None:
    with pytest.raises(ProtocolError, match=r"reading SetPixelFormat: .*colour map"):
        Listener().hear(bytes.fromhex("00 000000 08 08 00 00 0000 0000 0000 00 00 00 000000"))


def test_number_of_encodings_is_bounded() -> None:
    most = struct.pack(">BxH", 2, MAX_ENCODINGS) + bytes(4 * MAX_ENCODINGS)
    assert Listener().hear(most) == [SetEncodings((0,) * MAX_ENCODINGS)]
    with pytest.raises(ProtocolError, match="1025 encodings, the limit is 1024"):
        Listener().hear(struct.pack(">BxH", 2, MAX_ENCODINGS + 1))


def test_payload_of_a_fence_is_bounded() -> None:
    most = struct.pack(">B3xIB", 248, 0, MAX_FENCE_BYTES) + bytes(MAX_FENCE_BYTES)
    assert Listener().hear(most) == [Fence(0, bytes(64))]
    with pytest.raises(ProtocolError, match="65 bytes of payload, the limit is 64"):
        Listener().hear(struct.pack(">B3xIB", 248, 0, MAX_FENCE_BYTES + 1))


def test_largest_clipboard_is_taken() -> None:
    text = b"x" * MAX_CUT_TEXT_BYTES
    head = struct.pack(">B3xi", 6, len(text))
    assert Listener().hear(head + text + KEY) == [CutText(text), PRESSED]


@pytest.mark.parametrize("sign", [1, -1])
def test_larger_clipboard_is_thrown_away_and_the_conversation_goes_on(sign: int) -> None:
    size = MAX_CUT_TEXT_BYTES + 1
    listener = Listener()
    listener.hear(struct.pack(">B3xi", 6, sign * size))
    for start in range(0, size, 1000):
        listener.reading.feed(bytes(min(1000, size - start)))
        assert listener.reading.held_bytes == 0
    assert listener.hear(KEY) == [
        ClipboardRefused("it has 262145 bytes, the limit is 262144"),
        PRESSED,
    ]


def test_clipboard_of_the_most_negative_length_is_thrown_away() -> None:
    listener = Listener()
    heard = listener.hear(b"\x06\0\0\0\x80\0\0\0", bytes(1 << 20))
    assert heard == [ClipboardRefused("it has 2147483648 bytes, the limit is 262144")]
    assert listener.reading.held_bytes == 0


@pytest.mark.parametrize(
    ("data", "buttons"),
    [("05 81 0001 0002 02", 0x101), ("05 80 0001 0002 01", 0x80), ("05 7f 0001 0002", 0x7F)],
)
def test_more_buttons_follow_where_the_client_listed_them(data: str, buttons: int) -> None:
    said = WITH_BUTTONS + bytes.fromhex(data) + KEY
    messages = Listener().hear(*in_bytes(said))
    assert messages == [SetEncodings((-316,)), PointerEvent(1, 2, buttons), PRESSED]


def test_more_buttons_do_not_follow_where_the_client_no_longer_lists_them() -> None:
    said = WITH_BUTTONS + bytes.fromhex("02 00 0000 05 80 0001 0002") + KEY
    assert Listener().hear(said)[2:] == [PointerEvent(1, 2, 0x80), PRESSED]


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 255))
def test_any_key_is_read_back(keysym: int, down: int) -> None:
    said = struct.pack(">BBHI", 4, down, 0xFFFF, keysym)
    assert Listener().hear(said) == [KeyEvent(keysym, down != 0)]
