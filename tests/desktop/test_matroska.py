"""The stream of raw pictures, byte by byte, and read back by a reader of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.recording.matroska import header, picture_head

SIZES = st.integers(1, 16384)


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Read EBML elements of one level; one of unknown length takes the rest."""
    found = []
    while data:
        width = 9 - data[0].bit_length()
        number, data = int.from_bytes(data[:width], "big"), data[width:]
        assert data[0] == 1, "every length is written in eight bytes"
        length, data = int.from_bytes(data[1:8], "big"), data[8:]
        if length == (1 << 56) - 1:
            length = len(data)
        assert len(data) >= length
        found.append((number, data[:length]))
        data = data[length:]
    return found


def test_stream_begins_as_a_matroska_file() -> None:
    assert header(64, 48, usual_ms=67).startswith(bytes.fromhex("1A45DFA3"))
    ebml, segment = elements(header(64, 48, usual_ms=67))
    assert dict(elements(ebml[1]))[0x4282] == b"matroska"
    assert segment[0] == 0x18538067


@given(SIZES, SIZES)
def test_header_tells_size_and_form_of_the_pictures(width: int, height: int) -> None:
    segment = dict(elements(header(width, height, usual_ms=67)))[0x18538067]
    (entry,) = elements(dict(elements(segment))[0x1654AE6B])
    track = dict(elements(entry[1]))
    video = dict(elements(track[0xE0]))
    assert int.from_bytes(track[0x23E383], "big") == 67_000_000
    assert track[0x86] == b"V_UNCOMPRESSED"
    assert int.from_bytes(video[0xB0], "big") == width
    assert int.from_bytes(video[0xBA], "big") == height
    assert video[0x2EB524] == b"BGR\0"


def test_times_are_milliseconds() -> None:
    segment = dict(elements(header(2, 2, usual_ms=67)))[0x18538067]
    scale = dict(elements(dict(elements(segment))[0x1549A966]))[0x2AD7B1]
    assert int.from_bytes(scale, "big") == 1_000_000


@given(st.integers(0, 1 << 40), st.binary(min_size=1, max_size=64))
def test_picture_is_a_cluster_with_its_own_time(at_ms: int, pixels: bytes) -> None:
    ((number, cluster),) = elements(picture_head(at_ms, len(pixels)) + pixels)
    assert number == 0x1F43B675
    parts = dict(elements(cluster))
    assert int.from_bytes(parts[0xE7], "big") == at_ms
    assert parts[0xA3] == b"\x81\x00\x00\x80" + pixels


def test_pictures_follow_each_other_without_a_gap() -> None:
    pixels = bytes(16)
    stream = b"".join(picture_head(at_ms, 16) + pixels for at_ms in (0, 7, 100_000))
    assert [number for number, _ in elements(stream)] == [0x1F43B675] * 3
