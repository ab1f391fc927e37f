"""Deflated content, as a viewer inflates it."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.encodings.deflate import DeflateStream, deflate
from tests.vnc.encodings.content import desk

levels = st.integers(0, 9)


@given(st.binary(max_size=2000), levels)
def test_one_piece_can_be_inflated_alone(content: bytes, level: int) -> None:
    inflate = zlib.decompressobj()
    assert inflate.decompress(deflate(content, level)) == content


def test_stream_of_one_piece_does_not_end() -> None:
    inflate = zlib.decompressobj()
    inflate.decompress(deflate(bytes(100), 2))
    assert not inflate.eof
    assert inflate.unused_data == b""


@given(st.lists(st.binary(max_size=500), max_size=5), levels)
def test_pieces_of_a_stream_can_be_inflated_as_they_come(pieces: list[bytes], level: int) -> None:
    stream, inflate = DeflateStream(level), zlib.decompressobj()
    for piece in pieces:
        assert inflate.decompress(stream.deflate(piece)) == piece


def test_stream_remembers_what_it_has_sent() -> None:
    content = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8)
    stream = DeflateStream(2)
    first, second = stream.deflate(content), stream.deflate(content)
    assert len(second) < len(first) / 10


@pytest.mark.parametrize("level", [8, 9])
def test_utmost_level_is_shorter(level: int) -> None:
    assert len(deflate(desk(), level)) < len(deflate(desk(), 2))
