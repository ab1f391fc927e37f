"""Clients that say anything: no crash, no hang, nothing held without bound."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.protocol.message_script import MAX_CUT_TEXT_BYTES
from agentd.vnc.protocol.reading import ProtocolError
from agentd.vnc.protocol.rfb import CheckPassword, CheckPlain, Event, Rfb, Stage, StartTls
from agentd.vnc.protocol.security import Security
from tests.vnc.protocol.conversations import SAID, V33, V37, V38, ready, rfb

SECURITIES = {
    "trusted": Security.trusted(),
    "password": Security.password(),
    "encrypted": Security.encrypted(),
    "certificate": Security.certificate(allow_unencrypted=True),
    "refused": Security.refused("no"),
}
MESSAGES = b"".join(data for data, _ in SAID.values())
PLAIN = struct.pack(">II", 2, 3) + b"idtok"

# What well-behaved clients say from the first byte on.
CONVERSATIONS = [
    ("trusted", V38 + b"\1\1" + MESSAGES),
    ("trusted", V37 + b"\1\0" + MESSAGES),
    ("trusted", V33 + b"\1" + MESSAGES),
    ("password", V38 + b"\2" + bytes(16) + b"\1" + MESSAGES),
    ("password", V33 + bytes(16) + b"\1" + MESSAGES),
    ("encrypted", V38 + b"\x13\0\2\0\0\1\0" + PLAIN + b"\1" + MESSAGES),
    ("certificate", V38 + b"\x13\0\2\0\0\1\6" + PLAIN + b"\1" + MESSAGES),
    ("certificate", V38 + b"\x13\0\2\0\0\1\5" + bytes(16) + b"\1" + MESSAGES),
]

# Numbers that make trouble where lengths and types stand.
EDGES = [0, 1, 0x7F, 0x80, 0xFF]


def converse(connection: Rfb, chunks: list[bytes]) -> list[Event]:
    """Be the shell: start TLS, let everybody in, stop at the first broken rule."""
    heard: list[Event] = []
    try:
        for chunk in chunks:
            events = connection.feed(chunk)
            while events:
                heard += events
                match events[-1]:
                    case StartTls(received):
                        events = connection.tls_started() + connection.feed(received)
                    case CheckPassword() | CheckPlain():
                        events = connection.accept()
                    case _:
                        events = []
            assert connection._reading.held_bytes <= MAX_CUT_TEXT_BYTES
            # A client makes us say a few sentences, whatever it says itself.
            assert len(connection._out) < 1024
    except ProtocolError:
        assert connection.stage is Stage.ENDED
        assert connection.feed(b"more") == []
    return heard


def mutated(conversation: bytes, chance: random.Random) -> bytes:
    """Change a conversation in a few places, as no client would."""
    data = bytearray(conversation)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice(EDGES)
            case 2:
                data[at : at + 4] = chance.randbytes(4)
            case 3:
                del data[at : at + chance.randint(1, 16)]
            case 4:
                data[at:at] = data[at : at + chance.randint(1, 40)]
            case 5:
                data[at : at + 4] = b"\xff\xff\xff\xff"
        data = data or bytearray(b"\0")
    return bytes(data)


def cut(data: bytes, chance: random.Random) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = start + chance.choice([1, 2, 7, 64, 4096])
        yield data[start:end]
        start = end


@pytest.mark.parametrize(("name", "conversation"), CONVERSATIONS)
def test_untouched_conversation_is_heard_to_its_end(name: str, conversation: bytes) -> None:
    heard = converse(rfb(SECURITIES[name]), [conversation])
    assert heard[-len(SAID) :] == [message for _, message in SAID.values()]


@pytest.mark.parametrize("seed", range(16))
def test_mutated_conversations_break_nothing(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        name, conversation = chance.choice(CONVERSATIONS)
        converse(rfb(SECURITIES[name]), list(cut(mutated(conversation, chance), chance)))


@given(st.sampled_from(sorted(SECURITIES)), st.lists(st.binary(max_size=64), max_size=12))
def test_random_bytes_break_nothing(name: str, chunks: list[bytes]) -> None:
    converse(rfb(SECURITIES[name]), chunks)


@given(
    st.sampled_from(sorted(SECURITIES)),
    st.sampled_from([V33, V37, V38]),
    st.lists(st.binary(max_size=64), max_size=12),
)
def test_random_bytes_after_the_version_break_nothing(
    name: str, version: bytes, chunks: list[bytes]
) -> None:
    converse(rfb(SECURITIES[name]), [version, *chunks])


@given(st.lists(st.sampled_from([*(data for data, _ in SAID.values()), b""]) | st.binary()))
def test_random_bytes_between_messages_break_nothing(chunks: list[bytes]) -> None:
    converse(ready(), chunks)


@given(st.sampled_from(sorted({data[0] for data, _ in SAID.values()})), st.binary(max_size=80))
def test_random_body_of_a_known_message_breaks_nothing(kind: int, body: bytes) -> None:
    converse(ready(), [bytes([kind]), body])


@pytest.mark.parametrize("stage", ["password", "certificate"])
def test_client_that_never_stops_talking_is_bounded_at_every_step(stage: str) -> None:
    connection = rfb(SECURITIES[stage])
    heard = converse(connection, [V38, *(bytes([2]) * 4096 for _ in range(1000))])
    assert connection.stage in (Stage.ENDED, Stage.READY)
    assert heard
