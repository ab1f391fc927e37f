"""A lane: one named thread behind one bounded queue, for a blocking library.

Calls run in the order they were made, all on the same thread. The lane does not restart itself
and does not interrupt a call: a waiter that gives up leaves the call running, and the statistics
tell for how long.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from agentd.base.errors import Busy, Unavailable

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_CLOSE = object()


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """What a lane has done: calls finished, calls waiting, seconds the current call has run."""

    name: str
    calls: int
    waiting: int
    running_s: float


class Lane:
    """One thread that runs calls one after the other.

    Args:
        name: the thread's name.
        capacity: calls that may wait; one more is refused with Busy.
    """

    def __init__(self, name: str, *, capacity: int = 256) -> None:
        self._name = name
        self._queue: queue.Queue[Any] = queue.Queue(capacity)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._last: Callable[[], None] | None = None
        self._calls = 0
        # Written by the thread, read by anybody: a single float, so no lock is needed.
        self._started_at = 0.0

    def open(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` on the lane and return its result.

        Raises: Busy when the queue is full; Unavailable when the lane is closed; whatever the
            function raises.
        Cancelling: the waiter goes at once; a call that has not begun is dropped, one that has
            begun runs to its end and its result is thrown away.
        """
        if self._closed or self._thread is None:
            raise Unavailable(f"lane {self._name} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # The caller's context goes along, so that a line logged on the lane has its request id.
        work = partial(contextvars.copy_context().run, function, *args, **kwargs)
        try:
            self._queue.put_nowait((loop, future, work))
        except queue.Full:
            raise Busy(f"lane {self._name} is full", retry_after_s=0.1) from None
        return await future

    def statistics(self) -> LaneStatistics:
        """Return a snapshot."""
        started_at = self._started_at
        running_s = time.monotonic() - started_at if started_at else 0.0
        return LaneStatistics(self._name, self._calls, self._queue.qsize(), running_s)

    def close(self, *, last: Callable[[], None] | None = None) -> None:
        """Take no more calls; the thread ends after the call that it is running. Idempotent.

        Args:
            last: what the thread does at its very end, to give back what only it may touch.
        """
        if self._closed or self._thread is None:
            self._closed = True
            return
        self._closed = True
        self._last = last
        self._drop_waiting()
        self._queue.put(_CLOSE)

    async def wait_closed(self, timeout_s: float = 2.0) -> bool:
        """Wait until the thread has ended; False when it hangs in a call."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return True
        await asyncio.to_thread(thread.join, timeout_s)
        return not thread.is_alive()

    def _drop_waiting(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if item is not _CLOSE:
                loop, future, *_ = item
                _answer(loop, _fail, future, Unavailable(f"lane {self._name} is closed"))

    def _run(self) -> None:
        while (item := self._queue.get()) is not _CLOSE:
            loop, future, work = item
            if future.cancelled():
                continue
            self._started_at = time.monotonic()
            try:
                result = work()
            except BaseException as exc:  # The lane's end: everything goes to the waiter.
                _answer(loop, _fail, future, exc)
            else:
                _answer(loop, _succeed, future, result)
            finally:
                self._started_at = 0.0
                self._calls += 1
        self._drop_waiting()
        if self._last is not None:
            self._last()


def _answer(loop: asyncio.AbstractEventLoop, setter: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(setter, *args)
    except RuntimeError:
        logger.debug("lane answer dropped reason=loop_closed")


def _succeed(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if isinstance(error, StopIteration):
        # A future refuses it (PEP 479), and the waiter would wait for ever.
        cause, error = error, RuntimeError("the call raised StopIteration")
        error.__cause__ = cause
    if not future.done():
        future.set_exception(error)
