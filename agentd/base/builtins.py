"""The commands that every daemon has: its health, its numbers, its events.

They speak for the supervisor and the event bus. What they tell of rooms comes through callables
that `daemon.py` passes in; health is computed from service states and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
import psutil
from msgspec import Meta

from agentd.base.command import Scope, command
from agentd.base.events import Event, EventBus, EventStream
from agentd.base.service import ServiceState, ServiceStatus, Supervisor


class Health(msgspec.Struct, frozen=True):
    """`status` is ok when every wanted part runs, starting, degraded, or failed."""

    status: str
    ready: bool
    version: str
    uptime_s: float
    services: list[ServiceStatus]


class Version(msgspec.Struct, frozen=True):
    """The daemon's version and process."""

    version: str
    pid: int


class Reloaded(msgspec.Struct, frozen=True):
    """Which keys of the configuration took effect, and which need a restart of the daemon."""

    applied: list[str]
    needs_restart: list[str]


class Builtins:
    """`daemon.*` and `events.*`.

    Args:
        statistics: returns the numbers of every long-lived object, by name.
        reload: reads the configuration again.
        describe: returns the registry's description.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        bus: EventBus,
        *,
        version: str,
        statistics: Callable[[], dict[str, Any]],
        reload: Callable[[], Reloaded],
        describe: Callable[[], dict[str, Any]],
    ) -> None:
        self._supervisor = supervisor
        self._bus = bus
        self._version = version
        self._statistics = statistics
        self._reload = reload
        self._describe = describe
        self._started = time.monotonic()

    @command("daemon.health", scope=Scope.VIEW, read_only=True)
    async def health(self) -> Health:
        """Tell whether every wanted part runs, and what is wrong with those that do not."""
        return self.health_now()

    @command("daemon.version", scope=Scope.VIEW, read_only=True)
    async def version(self) -> Version:
        """Tell the daemon's version and process id."""
        return Version(self._version, os.getpid())

    @command("daemon.stats", scope=Scope.VIEW, read_only=True)
    async def stats(self) -> dict[str, Any]:
        """Tell what the daemon uses and has done: memory, CPU, calls, captures, events."""
        process = psutil.Process()
        with process.oneshot():
            times = process.cpu_times()
            own = {
                "pid": process.pid,
                "uptime_s": round(time.monotonic() - self._started, 3),
                "rss_bytes": process.memory_info().rss,
                "cpu_s": round(times.user + times.system, 3),
                "threads": process.num_threads(),
                "open_files": process.num_fds(),
            }
        return {"process": own, "events": self._bus.statistics(), **self._statistics()}

    @command("daemon.describe", scope=Scope.VIEW, read_only=True)
    async def describe(self) -> dict[str, Any]:
        """List every command with its parameters and results as JSON Schema."""
        return self._describe()

    @command("daemon.reload", scope=Scope.ADMIN)
    async def reload(self) -> Reloaded:
        """Read the configuration again; a file with errors changes nothing."""
        return self._reload()

    @command("events.subscribe", scope=Scope.VIEW, read_only=True)
    def subscribe(
        self,
        *,
        types: Annotated[
            list[str],
            Meta(
                max_length=64,
                description="Wanted types; `window` takes all of `window.*`; none = all",
                examples=[["window.opened", "desktop"]],
            ),
        ] = [],
        since: Annotated[
            int,
            Meta(ge=0, description="First deliver kept events with a higher seq", examples=[0]),
        ]
        | None = None,
    ) -> AsyncIterator[Event]:
        """Stream events as they happen: what runs, what opened, what changed.

        Each has `{seq, time, type, data}`. Who falls behind loses the oldest and is told by
        `events.lost {count}`.
        """
        # Subscribed before the stream is handed over: nothing is missed before its first item.
        return EventStream(self._bus, self._bus.subscribe(types, since=since))

    def health_now(self) -> Health:
        """Compute the health from the states of the wanted services."""
        services = self._supervisor.statuses()
        states = {status.state for status in services if status.wanted}
        ready = states <= {ServiceState.RUNNING}
        if ready:
            status = "ok"
        elif ServiceState.FATAL in states:
            status = "failed"
        else:
            status = "degraded" if ServiceState.BACKOFF in states else "starting"
        return Health(
            status, ready, self._version, round(time.monotonic() - self._started, 3), services
        )
