"""One large selection on its way in pieces: what is sent next, what has arrived, and the limit.

Pure. Counts and joins bytes; the properties that carry them, the waiting and the deadlines are
`selection_owner.py` and `selection_request.py`. Source: ICCCM 2.0 section 2.7.2 (INCR).
"""

from __future__ import annotations

from agentd.base.errors import TooLarge


class Outgoing:
    """A selection that leaves in pieces.

    Args:
        data: all of it.
        piece_bytes: how much one property takes.
    """

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        assert piece_bytes > 0
        self._data = memoryview(data)
        self._piece_bytes = piece_bytes
        self._sent_bytes = 0
        self._is_ended = False

    @property
    def size_bytes(self) -> int:
        """How much there is, which the receiver is told first."""
        return len(self._data)

    @property
    def is_ended(self) -> bool:
        """Whether the empty piece was taken: the receiver has had everything before it."""
        return self._is_ended

    def next_piece(self) -> bytes:
        """Return what follows when the receiver has taken the last piece; empty at the end."""
        assert not self._is_ended, "nothing follows the empty piece"
        end = self._sent_bytes + self._piece_bytes
        piece = bytes(self._data[self._sent_bytes : end])
        self._sent_bytes += len(piece)
        self._is_ended = not piece
        return piece


class Incoming:
    """A selection that arrives in pieces.

    Args:
        limit_bytes: more than this is refused.
        announced_bytes: what the owner says that it will be at least.

    Raises: TooLarge when that is already too much.
    """

    def __init__(self, limit_bytes: int, *, announced_bytes: int = 0) -> None:
        self._limit_bytes = limit_bytes
        self._data = bytearray()
        self._is_complete = False
        self._check(announced_bytes)

    @property
    def is_complete(self) -> bool:
        """Whether the empty piece has come."""
        return self._is_complete

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises: TooLarge with what there is at least."""
        assert not self._is_complete, "nothing follows the empty piece"
        self._check(len(self._data) + len(piece))
        self._data += piece
        self._is_complete = not piece

    def data(self) -> bytes:
        """Return all that has arrived."""
        return bytes(self._data)

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._limit_bytes:
            raise too_large(size_bytes, self._limit_bytes)


def too_large(size_bytes: int, limit_bytes: int) -> TooLarge:
    """Return the error for a selection of at least this size."""
    return TooLarge(
        f"the selection has at least {size_bytes} bytes, the limit is {limit_bytes}",
        code="selection_too_large",
        data={"size_bytes": size_bytes, "limit_bytes": limit_bytes},
    )
