"""Whole connections: versions, ways in, failures, and what the shell is asked."""

from __future__ import annotations

import struct

import pytest

from agentd.desktop.screen.frame import Size
from agentd.vnc.protocol.reading import MAX_HELD_BYTES, ProtocolError
from agentd.vnc.protocol.rfb import (
    CheckPassword,
    CheckPlain,
    Event,
    Ready,
    Refused,
    Rfb,
    Stage,
    StartTls,
)
from agentd.vnc.protocol.security import Method, Security
from tests.vnc.protocol.conversations import CHALLENGE, SAID, SERVER_INIT, V33, V37, V38, ready, rfb

OK, FAILED = b"\0\0\0\0", b"\0\0\0\1"
RESPONSE = b"sixteen bytes ok"
TOO_MANY = "too many failures"
KEY, PRESSED = SAID["KeyEvent down"]
PLAIN = struct.pack(">II", 2, 3) + b"idtok"


def say(connection: Rfb, data: bytes) -> bytes:
    """Feed bytes that ask for nothing, and return what is answered."""
    assert connection.feed(data) == []
    return connection.to_send()


def opened(version: bytes, security: Security) -> tuple[Rfb, bytes]:
    """A connection that has agreed on a version, and what was said to it then."""
    connection = rfb(security)
    assert connection.to_send() == V38
    return connection, say(connection, version)


def assert_lets_in(connection: Rfb, events: list[Event]) -> None:
    """The client is told of the desktop when it asks, and its messages are heard."""
    assert events == []
    assert connection.feed(b"\1" + KEY) == [Ready(True), PRESSED]
    assert connection.to_send() == SERVER_INIT
    assert connection.stage is Stage.READY


# --- versions and None ---


def test_none_in_3_8_has_a_result() -> None:
    connection, types = opened(V38, Security.trusted())
    assert types == b"\1\1"
    assert say(connection, b"\1") == OK
    assert_lets_in(connection, [])
    assert (connection.version, connection.method) == ("3.8", Method.NONE)


def test_none_in_3_7_has_no_result() -> None:
    connection, types = opened(V37, Security.trusted())
    assert types == b"\1\1"
    assert say(connection, b"\1") == b""
    assert_lets_in(connection, [])
    assert connection.version == "3.7"


def test_none_in_3_3_is_decided_by_the_server_and_has_no_result() -> None:
    connection, chosen = opened(V33, Security.trusted())
    assert chosen == b"\0\0\0\1"
    assert_lets_in(connection, [])
    assert connection.version == "3.3"


@pytest.mark.parametrize("minor", [0, 4, 5, 6, 9, 14, 889])
def test_unpublished_version_means_3_3(minor: int) -> None:
    connection, chosen = opened(b"RFB 003.%03d\n" % minor, Security.trusted())
    assert (connection.version, chosen) == ("3.3", b"\0\0\0\1")


@pytest.mark.parametrize(
    "version", [b"RFB 004.001\n", b"RFB 3.8\nabcd", b"GET / HTTP/1", b"\x16\x03\x01" + bytes(9)]
)
def test_other_protocols_are_told_apart(version: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"wanted one like RFB 003\.008"):
        rfb().feed(version)


def test_nothing_is_answered_before_the_whole_version_has_come() -> None:
    connection = rfb()
    connection.to_send()
    for byte in V38[:-1]:
        assert say(connection, bytes([byte])) == b""
    assert say(connection, V38[-1:]) == b"\1\1"


# --- VNC authentication ---


@pytest.mark.parametrize("version", [V37, V38])
def test_password_is_checked_by_the_shell(version: bytes) -> None:
    connection, types = opened(version, Security.password())
    assert types == b"\1\2"
    assert say(connection, b"\2") == CHALLENGE
    assert connection.feed(RESPONSE) == [CheckPassword(CHALLENGE, RESPONSE)]
    events = connection.accept()
    assert connection.to_send() == OK
    assert_lets_in(connection, events)
    assert connection.method is Method.VNC_AUTH


def test_challenge_follows_at_once_in_3_3() -> None:
    connection, answer = opened(V33, Security.password())
    assert answer == b"\0\0\0\2" + CHALLENGE
    assert connection.feed(RESPONSE) == [CheckPassword(CHALLENGE, RESPONSE)]
    events = connection.accept()
    assert connection.to_send() == OK
    assert_lets_in(connection, events)


@pytest.mark.parametrize(
    ("version", "answer"),
    [(V33, FAILED), (V37, FAILED), (V38, FAILED + b"\0\0\0\x06who?!\n")],
)
def test_rejection_has_a_reason_in_3_8_alone(version: bytes, answer: bytes) -> None:
    connection, _ = opened(version, Security.password())
    connection.feed(RESPONSE if version == V33 else b"\2" + RESPONSE)
    connection.to_send()
    connection.reject("who?!\n")
    assert connection.to_send() == answer
    assert connection.stage is Stage.ENDED
    assert say(connection, b"\1" + KEY) == b""


def test_client_that_talks_ahead_of_the_check_is_heard_after_it() -> None:
    connection = rfb(Security.password())
    events = connection.feed(V38 + b"\2" + RESPONSE + b"\1" + KEY[:3])
    assert events == [CheckPassword(CHALLENGE, RESPONSE)]
    assert connection.feed(KEY[3:]) == []
    assert connection.accept() == [Ready(True), PRESSED]


def test_client_that_talks_too_far_ahead_is_cut_off() -> None:
    connection = rfb(Security.password())
    connection.feed(V38 + b"\2" + RESPONSE)
    with pytest.raises(ProtocolError, match="more than 65536 bytes"):
        connection.feed(bytes(MAX_HELD_BYTES + 1))
    assert connection.stage is Stage.ENDED


def test_rejected_client_that_talked_ahead_is_not_heard() -> None:
    connection = rfb(Security.password())
    connection.feed(V38 + b"\2" + RESPONSE + b"\1" + KEY)
    connection.reject("no")
    assert connection.feed(KEY) == []


# --- VeNCrypt ---


def test_vencrypt_offers_name_and_password_first() -> None:
    connection, types = opened(V38, Security.certificate(allow_unencrypted=True))
    assert types == b"\2\x13\2"
    assert say(connection, b"\x13") == b"\0\2"
    assert say(connection, b"\0\2") == bytes.fromhex("00 02 00000106 00000105")


def chose(number: int, security: Security, version: bytes = V38) -> tuple[Rfb, list[Event]]:
    """A connection whose client chose one of VeNCrypt's types."""
    connection = rfb(security)
    connection.feed(version + b"\x13\0\2")
    connection.to_send()
    return connection, connection.feed(struct.pack(">I", number))


def test_x509_plain_starts_tls_and_asks_for_name_and_password_within() -> None:
    connection, events = chose(262, Security.certificate(allow_unencrypted=False))
    assert events == [StartTls(b"")]
    assert connection.to_send() == b"\1"
    assert connection.stage is Stage.TLS
    assert connection.tls_started() == []
    assert connection.to_send() == b""
    assert connection.feed(PLAIN) == [CheckPlain("id", "tok")]
    after = connection.accept()
    assert connection.to_send() == OK
    assert_lets_in(connection, after)
    assert connection.method is Method.X509_PLAIN


def test_x509_vnc_sends_its_challenge_within_tls() -> None:
    connection, events = chose(261, Security.certificate(allow_unencrypted=False))
    assert (events, connection.to_send()) == ([StartTls(b"")], b"\1")
    assert connection.tls_started() == []
    assert connection.to_send() == CHALLENGE
    assert connection.feed(RESPONSE) == [CheckPassword(CHALLENGE, RESPONSE)]


@pytest.mark.parametrize("version", [V37, V38])
def test_x509_none_has_a_result_in_every_version(version: bytes) -> None:
    connection, events = chose(260, Security((Method.X509_NONE,)), version)
    assert (events, connection.to_send()) == ([StartTls(b"")], b"\1")
    assert connection.tls_started() == []
    assert connection.to_send() == OK
    assert_lets_in(connection, [])


def test_plain_starts_no_tls_and_has_no_byte_of_consent() -> None:
    connection, events = chose(256, Security.encrypted())
    assert (events, connection.to_send()) == ([], b"")
    assert connection.feed(PLAIN) == [CheckPlain("id", "tok")]


def test_what_follows_the_choice_of_tls_belongs_to_tls() -> None:
    connection = rfb(Security.certificate(allow_unencrypted=True))
    hello = b"\x16\x03\x01\x02\x00"
    events = connection.feed(V38 + b"\x13\0\2" + b"\0\0\1\6" + hello)
    assert events == [StartTls(hello)]
    assert connection.tls_started() == []
    assert connection.feed(PLAIN) == [CheckPlain("id", "tok")]


def test_what_comes_out_of_tls_while_it_starts_is_heard_when_it_has() -> None:
    connection, _ = chose(262, Security.certificate(allow_unencrypted=True))
    assert connection.feed(PLAIN[:5]) == []
    assert connection.feed(PLAIN[5:]) == []
    assert connection.tls_started() == [CheckPlain("id", "tok")]


def test_what_comes_out_of_tls_while_it_starts_is_bounded() -> None:
    connection, _ = chose(262, Security.certificate(allow_unencrypted=True))
    with pytest.raises(ProtocolError, match="more than 65536 bytes"):
        connection.feed(bytes(MAX_HELD_BYTES + 1))


@pytest.mark.parametrize("version", [b"\0\1", b"\0\3", b"\1\0"])
def test_other_vencrypt_versions_are_refused(version: bytes) -> None:
    connection, _ = opened(V38, Security.certificate(allow_unencrypted=True))
    connection.feed(b"\x13")
    connection.to_send()
    with pytest.raises(ProtocolError, match=r"another VeNCrypt than 0\.2"):
        connection.feed(version)
    assert connection.to_send() == b"\xff"


@pytest.mark.parametrize("number", [0, 256, 257, 260, 263, 1 << 31])
def test_vencrypt_type_must_have_been_offered(number: int) -> None:
    with pytest.raises(ProtocolError, match=f"VeNCrypt's {number}, not offered"):
        chose(number, Security.certificate(allow_unencrypted=True))


@pytest.mark.parametrize("sizes", [(1025, 0), (0, 1025), (1 << 31, 1 << 31)])
def test_name_and_password_are_bounded(sizes: tuple[int, int]) -> None:
    connection, _ = chose(256, Security.encrypted())
    with pytest.raises(ProtocolError, match="the limit is 1024"):
        connection.feed(struct.pack(">II", *sizes))


def test_name_and_password_of_any_bytes_are_handed_over() -> None:
    connection, _ = chose(256, Security.encrypted())
    events = connection.feed(struct.pack(">II", 2, 1) + b"\xc3\xbc\xff")
    assert events == [CheckPlain("ü", "\ufffd")]


def test_text_of_a_check_has_no_secret() -> None:
    events = [CheckPlain("12345", "12345"), CheckPassword(b"12345", b"12345"), StartTls(b"12345")]
    assert "12345" not in repr(events)


# --- refusals and mistakes ---


@pytest.mark.parametrize("type_", [0, 1, 16, 30])
def test_type_must_have_been_offered(type_: int) -> None:
    connection, _ = opened(V38, Security.password())
    with pytest.raises(ProtocolError, match=f"chose type {type_}, not offered"):
        connection.feed(bytes([type_]))
    assert connection.stage is Stage.ENDED
    assert connection.feed(b"\1" + KEY) == []


@pytest.mark.parametrize(("version", "none"), [(V33, b"\0\0\0\0"), (V37, b"\0"), (V38, b"\0")])
def test_refusal_tells_the_viewer_why(version: bytes, none: bytes) -> None:
    connection = rfb(Security.refused(TOO_MANY))
    connection.to_send()
    assert connection.feed(version + b"\1\1") == [Refused(TOO_MANY)]
    assert connection.to_send() == none + b"\0\0\0\x11too many failures"
    assert connection.stage is Stage.ENDED
    assert say(connection, KEY) == b""


def test_3_3_is_refused_where_only_vencrypt_is_offered() -> None:
    connection = rfb(Security.certificate(allow_unencrypted=False))
    reason = "this desktop needs a viewer of RFB 3.8"
    assert connection.feed(V33) == [Refused(reason)]
    assert connection.to_send()[12:] == b"\0\0\0\0\0\0\0\x26" + reason.encode()


def test_3_3_is_given_the_password_where_vencrypt_is_offered_beside_it() -> None:
    _, answer = opened(V33, Security.certificate(allow_unencrypted=True))
    assert answer == b"\0\0\0\2" + CHALLENGE


def test_connection_ends_at_the_first_broken_message() -> None:
    connection = ready()
    with pytest.raises(ProtocolError):
        connection.feed(KEY + b"\x09")
    assert connection.stage is Stage.ENDED
    assert connection.feed(KEY) == []


# --- the desktop ---


@pytest.mark.parametrize(("flag", "shared"), [(0, False), (1, True), (255, True)])
def test_client_says_whether_it_shares(flag: int, shared: bool) -> None:
    assert rfb().feed(V38 + b"\1" + bytes([flag])) == [Ready(shared)]


def test_size_and_name_are_those_of_the_moment_when_it_comes_in() -> None:
    connection = rfb()
    connection.feed(V38 + b"\1")
    connection.to_send()
    connection.size, connection.name = Size(640, 480), "x"
    connection.feed(b"\1")
    init = connection.to_send()
    assert (init[:4], init[-5:]) == (bytes.fromhex("0280 01e0"), b"\0\0\0\1x")


def test_whole_conversation_in_one_piece() -> None:
    stream = V38 + b"\1\1" + b"".join(data for data, _ in SAID.values())
    assert rfb().feed(stream) == [Ready(True), *(message for _, message in SAID.values())]


def test_whole_conversation_byte_by_byte() -> None:
    connection = rfb()
    stream = V38 + b"\1\1" + b"".join(data for data, _ in SAID.values())
    events = [event for byte in stream for event in connection.feed(bytes([byte]))]
    assert events == [Ready(True), *(message for _, message in SAID.values())]
