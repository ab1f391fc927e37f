"""Large selections in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import TooLarge
from agentd.desktop.clipboard.selection_transfer import Incoming, Outgoing


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=64))
def test_pieces_make_up_the_whole_and_end_with_an_empty_one(data, piece_bytes):
    outgoing, incoming = Outgoing(data, piece_bytes), Incoming(1000)
    while not outgoing.is_ended:
        piece = outgoing.next_piece()
        assert len(piece) <= piece_bytes
        incoming.add(piece)
    assert incoming.is_complete
    assert incoming.data() == data
    assert outgoing.size_bytes == len(data)


def test_limit_is_kept_to_the_byte():
    incoming = Incoming(10)
    incoming.add(b"0123456789")
    with pytest.raises(TooLarge, match="at least 11 bytes, the limit is 10"):
        incoming.add(b"x")


def test_announced_size_over_the_limit_is_refused_before_anything_comes():
    with pytest.raises(TooLarge, match="at least 4000000000 bytes"):
        Incoming(64, announced_bytes=4_000_000_000)
