"""Scripts that ask for bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.protocol.reading import MAX_HELD_BYTES, Drop, Pause, ProtocolError, Reading, Script


class Reader:
    """Runs a script that wants certain things in turn, and keeps what it was given."""

    def __init__(self, *wants: int | Drop | Pause) -> None:
        self.pieces: list[bytes] = []
        self.is_over = False
        self.reading = Reading(self._script(wants))

    def _script(self, wants: tuple[int | Drop | Pause, ...]) -> Script:
        for want in wants:
            self.pieces.append((yield want))
        self.is_over = True


def test_script_is_given_just_what_it_wants() -> None:
    reader = Reader(2, 3)
    reader.reading.feed(b"a")
    assert reader.pieces == []
    reader.reading.feed(b"bcd")
    assert reader.pieces == [b"ab"]
    reader.reading.feed(b"ef")
    assert reader.pieces == [b"ab", b"cde"]
    assert reader.is_over


def test_nothing_is_wanted_and_given_at_once() -> None:
    reader = Reader(0, 1)
    reader.reading.feed(b"a")
    assert reader.pieces == [b"", b"a"]


@given(st.lists(st.binary(max_size=9)), st.lists(st.integers(0, 7), max_size=20))
def test_pieces_do_not_depend_on_how_the_bytes_come(chunks: list[bytes], wants: list[int]) -> None:
    whole, in_chunks = Reader(*wants), Reader(*wants)
    whole.reading.feed(b"".join(chunks))
    for chunk in chunks:
        in_chunks.reading.feed(chunk)
    assert in_chunks.pieces == whole.pieces


def test_dropped_bytes_are_never_held() -> None:
    reader = Reader(1, Drop(1 << 24), 1)
    reader.reading.feed(b"a")
    for _ in range(1 << 8):
        reader.reading.feed(bytes(1 << 16))
        assert reader.reading.held_bytes == 0
    reader.reading.feed(b"z")
    assert reader.pieces == [b"a", b"", b"z"]


def test_dropping_stops_within_a_piece() -> None:
    reader = Reader(Drop(3), 2)
    reader.reading.feed(b"xx")
    reader.reading.feed(b"xab")
    assert reader.pieces == [b"", b"ab"]


def test_what_comes_in_a_pause_is_read_after_it() -> None:
    reader = Reader(1, Pause.PAUSE, 2)
    reader.reading.feed(b"ab")
    reader.reading.feed(b"cd")
    assert reader.pieces == [b"a"]
    reader.reading.resume()
    assert reader.pieces == [b"a", b"", b"bc"]


def test_what_comes_in_a_pause_is_bounded() -> None:
    reader = Reader(Pause.PAUSE, 1)
    reader.reading.feed(bytes(MAX_HELD_BYTES))
    with pytest.raises(ProtocolError, match="more than 65536 bytes"):
        reader.reading.feed(b"x")
    assert reader.reading.held_bytes == 0


def test_what_is_not_the_scripts_can_be_taken_away() -> None:
    reader = Reader(1, Pause.PAUSE, 1)
    reader.reading.feed(b"aTLS")
    assert reader.reading.take_held() == b"TLS"
    reader.reading.resume()
    reader.reading.feed(b"b")
    assert reader.pieces == [b"a", b"", b"b"]


def test_what_comes_after_the_end_is_ignored() -> None:
    reader = Reader(1)
    reader.reading.feed(b"abc")
    reader.reading.feed(b"def")
    assert reader.pieces == [b"a"]
    assert reader.reading.held_bytes == 0


def test_what_comes_after_an_error_is_ignored() -> None:
    def script() -> Script:
        yield 1
        raise ProtocolError("no")

    reading = Reading(script())
    with pytest.raises(ProtocolError):
        reading.feed(b"abc")
    reading.feed(b"def")
    assert reading.held_bytes == 0


def test_error_is_a_bad_request_with_a_code_of_its_own() -> None:
    assert ProtocolError("no").narrow_code == "protocol_error"
