"""Answers kept by the caller's key, so that a call that is sent twice is done once.

A retry gets the answer of the first call, also while that one still runs. It does not know what
a call does. Source: draft-ietf-httpapi-idempotency-key-header, sections 2.2 and 2.6.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from agentd.base.errors import AgentdError, Conflict, Unavailable

T = TypeVar("T")

_KEPT = 128
_KEPT_S = 600.0
_KEPT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Entry(Generic[T]):
    fingerprint: bytes
    answer: asyncio.Future[T]
    begun_s: float
    size_bytes: int = 0


class Answers(Generic[T]):
    """The answers of the last calls, by who called and the key given.

    Args:
        size: returns how much an answer weighs, in bytes.
        now: the clock, in seconds.
    """

    def __init__(self, size: Callable[[T], int], now: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._now = now
        self._entries: OrderedDict[tuple[str, str], _Entry[T]] = OrderedDict()

    async def once(
        self, principal: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Do the work, unless it was done under this key; then return its answer.

        A refused call did nothing and may come again under its key.

        Args:
            fingerprint: equal for equal calls.

        Raises: Conflict for a key that another call has used; Unavailable when the first call
            was cut off; whatever the work raises.
        Cancelling: the first call is cut off, and its retry is told so; a retry just leaves.
        """
        self._forget_old()
        entry = self._entries.get((principal, key))
        if entry is not None:
            if entry.fingerprint != fingerprint:
                raise Conflict(
                    "the idempotency key belongs to another call",
                    code="idempotency_key_reused",
                    hint="give each new call a key of its own",
                )
            return await asyncio.shield(entry.answer)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        entry = self._entries[principal, key] = _Entry(fingerprint, answer, self._now())
        try:
            result = await work()
        except AgentdError as exc:
            del self._entries[principal, key]
            _fail(answer, exc)
            raise
        except BaseException:
            cut_off = "the call was cut off; some of its actions may have been done"
            _fail(answer, Unavailable(cut_off, code="interrupted", hint="take a screenshot"))
            raise
        entry.size_bytes = self._size(result)
        answer.set_result(result)
        return result

    def _forget_old(self) -> None:
        """Drop what is too old or too much, the oldest first; what still runs stays."""
        oldest_s = self._now() - _KEPT_S
        weight = sum(entry.size_bytes for entry in self._entries.values())
        for name, entry in list(self._entries.items()):
            is_over = len(self._entries) >= _KEPT or weight > _KEPT_BYTES
            if entry.answer.done() and (is_over or entry.begun_s < oldest_s):
                weight -= entry.size_bytes
                del self._entries[name]


def _fail(answer: asyncio.Future[T], error: AgentdError) -> None:
    answer.set_exception(error)
    # There may be no retry: an error that nobody fetched is no news.
    answer.exception()
