"""One X connection on its own lane: connect, run functions, hand on events, notice its loss.

The only place that opens X connections through python-xlib. It does not know what a connection
is used for; pointers, pixels and windows are the business of the files that hold one. Every
function given to `call` runs on the lane's thread and may make X round trips; the event loop
never does. Source: X11 protocol, XSECURITY(7) for the authority file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError

from agentd.base.errors import Unavailable
from agentd.base.lane import Lane

logger = logging.getLogger(__name__)

# No request of ours takes a server longer, however slow the machine.
_ANSWER_S = 10.0

P = ParamSpec("P")
T = TypeVar("T")

# python-xlib, XCB and Xlib find the cookie only through this variable of the process.
_environment_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class DisplayAddress:
    """Where an X server listens: `name` as in DISPLAY, `authority` the cookie file or None."""

    name: str
    authority: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return the variables that a child program needs to reach the display."""
        variables = {"DISPLAY": self.name}
        if self.authority is not None:
            variables["XAUTHORITY"] = os.fspath(self.authority)
        return variables


@contextmanager
def authority_environment(address: DisplayAddress) -> Iterator[None]:
    """Let libraries that read DISPLAY and XAUTHORITY connect to `address` inside this block.

    Thread: any; blocks exclude each other, and the variables are put back afterwards.
    """
    with _environment_lock:
        before = {name: os.environ.get(name) for name in ("DISPLAY", "XAUTHORITY")}
        os.environ.update(address.environment())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


class DisplayLost(Unavailable):
    """The connection to the X server is gone; a new one comes with the next generation."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code="display_lost", retry_after_s=0.2)


class XLink:
    """One X connection.

    Args:
        address: the display.
        name: the lane's name, as `x-input`.
        on_events: called on the event loop with the events that arrived, oldest first. Events
            that a running function takes itself by `take_events` are not handed on.
        on_lane_events: called on the lane's thread with the same, for an owner whose functions
            run there and must know before the next of them begins.
        read: called on the event loop when something has arrived; it makes a call, which reads
            it. Without one the link reads by itself.
    """

    def __init__(
        self,
        address: DisplayAddress,
        name: str,
        *,
        on_events: Callable[[Sequence[Any]], None] | None = None,
        on_lane_events: Callable[[Sequence[Any]], None] | None = None,
        read: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.address = address
        self._name = name
        self._on_events = on_events
        self._on_lane_events = on_lane_events
        self._read_by_owner = read
        self._lane = Lane(name)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lost: asyncio.Future[str] | None = None
        self._is_watched = False
        self._is_closed = False
        # Made by the lane's thread, which alone uses the display after open().
        self._display: Display | None = None
        self._fd = -1

    async def open(self) -> None:
        """Connect.

        Raises: DisplayLost when nobody answers at the address or the cookie is refused.
        Cancelling: the half-open connection is closed.
        """
        self._loop = asyncio.get_running_loop()
        self._lost = self._loop.create_future()
        self._lane.open()
        try:
            await self._bounded(self._connect)
        except BaseException:
            self.close()
            raise
        self._watch()

    async def call(
        self,
        function: Callable[Concatenate[Display, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `function(display, *args)` on the lane and return its result.

        Raises: DisplayLost when the connection breaks; whatever the function raises.
        Cancelling: as Lane.call; a function that has begun runs to its end.
        """
        guarded: Callable[..., T] = partial(self._guarded, function, *args, **kwargs)
        return await self._bounded(guarded)

    async def _bounded(self, function: Callable[[], T]) -> T:
        """Run on the lane; a server that does not answer is as good as lost."""
        try:
            async with asyncio.timeout(_ANSWER_S) as deadline:
                return await self._lane.call(function)
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            reason = f"no answer within {_ANSWER_S:g} s"
            self._set_lost(reason)
            raise DisplayLost(f"display {self.address.name} hangs: {reason}") from exc

    async def wait_lost(self) -> str:
        """Wait until the connection breaks and return the reason; cancelling is safe."""
        assert self._lost is not None, "wait_lost before open"
        return await asyncio.shield(self._lost)

    @property
    def lane(self) -> Lane:
        """The lane, for its statistics."""
        return self._lane

    def close(self) -> None:
        """Close the connection; calls that wait fail. Idempotent."""
        self._is_closed = True
        self._unwatch()
        if self._display is not None:
            # Wakes a lane that waits for a dead server's answer.
            _shut_down(self._display)
        # The lane itself closes the descriptors, as it may be using or opening them until then.
        self._lane.close(last=self._disconnect)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result("closed")

    def _connect(self) -> None:
        try:
            with authority_environment(self.address):
                display = Display(self.address.name)
        except (DisplayError, ConnectionClosedError, OSError) as exc:
            raise DisplayLost(f"cannot connect to display {self.address.name}: {exc}") from exc
        display.set_error_handler(_log_x_error)
        self._display = display
        # python-xlib closes its socket as soon as it finds the server gone, on the lane. The loop
        # watches a descriptor of its own, whose number nobody else can get meanwhile.
        self._fd = os.dup(display.fileno())

    def _disconnect(self) -> None:
        """Thread: the lane's, at its end."""
        if self._display is not None:
            self._display.display.socket.close()
        if self._fd >= 0:
            os.close(self._fd)

    def _guarded(
        self,
        function: Callable[Concatenate[Display, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        assert self._display is not None
        try:
            result = function(self._display, *args, **kwargs)
            self._display.flush()
            self._hand_on_events()
        except (ConnectionClosedError, OSError) as exc:
            self._report_lost(str(exc))
            raise DisplayLost(f"display {self.address.name} is gone: {exc}") from exc
        except Exception:
            # The events that came before the error are no worse for it.
            self._hand_on_events()
            raise
        return result

    def _hand_on_events(self) -> None:
        """Pass on what a round trip has left in the queue: the socket will not tell of it."""
        assert self._display is not None and self._loop is not None
        events = take_events(self._display)
        if events and self._on_lane_events is not None:
            self._on_lane_events(events)
        if events and self._on_events is not None:
            self._loop.call_soon_threadsafe(self._on_events, events)

    def _watch(self) -> None:
        if not self._is_closed and self._loop is not None:
            self._loop.add_reader(self._fd, self._readable)
            self._is_watched = True

    def _unwatch(self) -> None:
        if self._is_watched and self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._is_watched = False

    def _readable(self) -> None:
        """Read what arrived, on the lane; the reader rests until that is done."""
        assert self._loop is not None
        self._unwatch()
        self._loop.create_task(self._read(), name=f"{self._name}-read")

    async def _read(self) -> None:
        try:
            if self._read_by_owner is not None:
                await self._read_by_owner()
            else:
                await self._lane.call(self._guarded, no_operation)
        except (Unavailable, XError) as exc:
            logger.debug("x link read ended lane=%s reason=%s", self._name, exc)
            return
        self._watch()

    def _report_lost(self, reason: str) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._set_lost, reason)

    def _set_lost(self, reason: str) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(reason)


def take_events(display: Display) -> list[Any]:
    """Return the events that are here now, without waiting. Thread: the lane's."""
    return [display.next_event() for _ in range(display.pending_events())]


def no_operation(display: Display) -> None:
    """Nothing: the guard around it reads the socket."""


def _shut_down(display: Display) -> None:
    try:
        display.display.socket.shutdown(2)
    except OSError as exc:
        logger.debug("x socket already closed reason=%s", exc)


def _log_x_error(error: XError, request: object) -> None:
    """X errors of requests without reply are races with windows that just closed: note them."""
    logger.debug("x error error=%s", error)
