"""The most recent of what was made, within a number of bytes.

Pure but for its own memory. It does not know what it keeps, and is no lock: one thread uses it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


class Shelf(Generic[Key, Thing]):
    """Things by their key; the one not asked for the longest goes first.

    Args:
        limit_bytes: of all things together. One that is larger alone is not kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._things: OrderedDict[Key, tuple[Thing, int]] = OrderedDict()

    def get(self, key: Key) -> Thing | None:
        """Return a thing that is here, or None."""
        if key not in self._things:
            return None
        self._things.move_to_end(key)
        return self._things[key][0]

    def put(self, key: Key, thing: Thing, size_bytes: int) -> None:
        """Keep a thing, in the place of what had its key."""
        _, before_bytes = self._things.pop(key, (None, 0))
        self._things[key] = thing, size_bytes
        self._size_bytes += size_bytes - before_bytes
        while self._size_bytes > self._limit_bytes:
            _, (_, oldest_bytes) = self._things.popitem(last=False)
            self._size_bytes -= oldest_bytes

    def clear(self) -> None:
        """Keep nothing any more."""
        self._things.clear()
        self._size_bytes = 0
