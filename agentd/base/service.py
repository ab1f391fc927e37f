"""Services and their supervisor: each part of the daemon runs, is watched, and comes back.

A service is one coroutine `run(ready)`: it opens what it owns, calls `ready()` once, and ends by
cancellation or by raising. Restarting is done here and nowhere else. The supervisor does not
know what a service does; health is computed from states, never set by hand.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from agentd.base.backoff import Backoff, BackoffPolicy
from agentd.base.errors import AgentdError, NotFound, TimedOut, Unavailable
from agentd.base.events import EventBus

logger = logging.getLogger(__name__)

_STOP_LIMIT_S = 15.0


class Service(Protocol):
    """Something that runs until it is cancelled."""

    @property
    def name(self) -> str:
        """A stable name, as `desktop.xserver`."""

    async def run(self, ready: Callable[[], None]) -> None:
        """Open, call `ready()` once, serve; ends by cancellation or by raising.

        Raises: GiveUp when trying again cannot help; anything else is tried again.
        """


class GiveUp(Exception):
    """Trying again cannot help until somebody changes something; the text says what."""


class ServiceState(enum.StrEnum):
    """Where a service is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    FATAL = "fatal"


class ServiceStatus(msgspec.Struct, frozen=True):
    """A snapshot of one service; `since` is Unix time in seconds."""

    name: str
    state: ServiceState
    wanted: bool
    since: float
    restarts: int
    error: str = ""


@dataclass(slots=True)
class _Entry:
    service: Service
    backoff: Backoff
    wanted: bool = False
    state: ServiceState = ServiceState.STOPPED
    since: float = field(default_factory=time.time)
    restarts: int = 0
    error: str = ""
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def status(self) -> ServiceStatus:
        return ServiceStatus(
            self.service.name, self.state, self.wanted, self.since, self.restarts, self.error
        )


class Supervisor:
    """Keeps services running in named tasks. Event loop only."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._entries: dict[str, _Entry] = {}

    def add(self, service: Service, policy: BackoffPolicy | None = None) -> None:
        """Take charge of a service, stopped at first."""
        if service.name in self._entries:
            raise ValueError(f"service {service.name} is added twice")
        self._entries[service.name] = _Entry(service, Backoff(policy or BackoffPolicy()))

    def start(self, name: str) -> None:
        """Want a service to run; returns at once. A running one stays as it is."""
        entry = self._entry(name)
        entry.wanted = True
        if entry.task is None or entry.task.done():
            entry.backoff.reset()
            entry.task = asyncio.create_task(self._keep(entry), name=name)  # noqa: TID251
        elif entry.state is ServiceState.STOPPING:
            # Its task is cancelled already: the next life begins when this one is over.
            entry.task.add_done_callback(lambda _: self.start(name) if entry.wanted else None)

    async def stop(self, name: str) -> None:
        """Stop a service and wait until it has.

        Raises: TimedOut when it does not end in time; its task stays cancelled.
        Cancelling: the service still stops.
        """
        entry = self._entry(name)
        entry.wanted = False
        task = entry.task
        if task is None or task.done():
            self._set(entry, ServiceState.STOPPED)
            return
        self._set(entry, ServiceState.STOPPING)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=_STOP_LIMIT_S)
        if not done:
            raise TimedOut(f"service {name} did not stop within {_STOP_LIMIT_S:g} s")
        if entry.task is task:
            # A task that is cancelled before its first step does not run its `finally`.
            self._set(entry, ServiceState.STOPPED)

    async def restart(self, name: str) -> None:
        """Stop a service and start it again; waits for the stop, not for the start."""
        await self.stop(name)
        self.start(name)

    async def wait_running(self, name: str, timeout_s: float) -> None:
        """Wait until a service runs.

        Raises: Unavailable when it is FATAL or stopped, with its own error; TimedOut.
        """
        entry = self._entry(name)
        try:
            async with asyncio.timeout(timeout_s):
                while entry.state is not ServiceState.RUNNING:
                    if entry.state is ServiceState.FATAL or not entry.wanted:
                        raise Unavailable(
                            f"{name} is {entry.state}" + (f": {entry.error}" * bool(entry.error)),
                            code="service_not_running",
                        )
                    await entry.changed.wait()
        except TimeoutError:
            raise TimedOut(
                f"{name} was not running after {timeout_s:g} s"
                + (f"; last error: {entry.error}" * bool(entry.error))
            ) from None

    def is_running(self, name: str) -> bool:
        """Whether a service is in state RUNNING."""
        return self._entry(name).state is ServiceState.RUNNING

    def names(self) -> list[str]:
        """The names of all services in the order they were added."""
        return list(self._entries)

    def statuses(self, prefix: str = "") -> list[ServiceStatus]:
        """Snapshots of all services whose name begins with `prefix`."""
        return [entry.status() for name, entry in self._entries.items() if name.startswith(prefix)]

    async def close(self, names: Iterable[str] | None = None) -> None:
        """Stop services one after the other, the last added first."""
        for name in reversed(list(names) if names is not None else self.names()):
            try:
                await self.stop(name)
            except TimedOut as exc:
                logger.error("service hangs name=%s error=%s", name, exc)

    def _entry(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise NotFound(
                f"there is no service {name!r}", hint="one of " + ", ".join(self._entries)
            ) from None

    async def _keep(self, entry: _Entry) -> None:
        """Run a service again and again until it is not wanted or cannot be helped."""
        try:
            while entry.wanted:
                self._set(entry, ServiceState.STARTING)
                started = time.monotonic()
                became_ready = False

                def ready() -> None:
                    nonlocal started, became_ready
                    started, became_ready = time.monotonic(), True
                    # A service that is being stopped may get as far as this, and stays stopping.
                    if entry.state is ServiceState.STARTING:
                        self._set(entry, ServiceState.RUNNING)

                try:
                    await entry.service.run(ready)
                    raise RuntimeError("ended by itself")
                except GiveUp as exc:
                    if not entry.wanted:
                        return
                    entry.error = str(exc)
                    self._set(entry, ServiceState.FATAL)
                    return
                except (Exception, asyncio.CancelledError) as exc:
                    if isinstance(exc, asyncio.CancelledError) and is_cancelled():
                        raise
                    if not entry.wanted:
                        logger.warning(
                            "service stopped badly name=%s error=%s", entry.service.name, exc
                        )
                        return
                    ran_s = time.monotonic() - started if became_ready else 0.0
                    await self._back_off(entry, exc, ran_s)
        finally:
            if entry.state is not ServiceState.FATAL:
                self._set(entry, ServiceState.STOPPED)

    async def _back_off(self, entry: _Entry, exc: BaseException, ran_s: float) -> None:
        entry.error = str(exc) or type(exc).__name__
        entry.restarts += 1
        delay_s = entry.backoff.next_delay_s(ran_s=ran_s, random=random.random())
        expected = isinstance(exc, AgentdError | RuntimeError | OSError)
        logger.warning(
            "service ended name=%s error=%s retry_in_s=%.2f",
            entry.service.name,
            entry.error,
            delay_s,
            exc_info=None if expected else exc,
        )
        self._set(entry, ServiceState.BACKOFF)
        await asyncio.sleep(delay_s)

    def _set(self, entry: _Entry, state: ServiceState) -> None:
        """The one place that changes a state."""
        if entry.state is state:
            return
        entry.state, entry.since = state, time.time()
        if state is ServiceState.RUNNING:
            entry.error = ""
        entry.changed.set()
        entry.changed = asyncio.Event()
        level = logging.ERROR if state is ServiceState.FATAL else logging.DEBUG
        logger.log(
            level, "service state name=%s state=%s error=%s", entry.service.name, state, entry.error
        )
        self._bus.publish(
            "service.state",
            name=entry.service.name,
            state=str(state),
            restarts=entry.restarts,
            error=entry.error,
        )


def is_cancelled() -> bool:
    """Whether somebody cancelled our task; a CancelledError may also come from inside."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
