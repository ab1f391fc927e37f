"""The daemon's own commands; health is what the states of the services say."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
import pytest

from agentd.base.backoff import BackoffPolicy
from agentd.base.builtins import Builtins, Reloaded
from agentd.base.command import Registry
from agentd.base.errors import NotFound
from agentd.base.events import EventBus
from agentd.base.service import GiveUp, ServiceState, Supervisor
from tests.fakes import FakeService

SLOW = BackoffPolicy(first_s=600, cap_s=600)

READY, STARTING, BACKOFF, FATAL = "ready", "slow", OSError("it broke"), GiveUp("never")


class World:
    def __init__(self) -> None:
        self.bus = EventBus()
        self.supervisor = Supervisor(self.bus)
        self.reloaded = 0
        self.builtins = Builtins(
            self.supervisor,
            self.bus,
            version="1.2.3",
            statistics=lambda: {"desktop": {"frames": 3}},
            reload=self._reload,
            describe=lambda: {"commands": []},
        )

    def _reload(self) -> Reloaded:
        self.reloaded += 1
        return Reloaded(["daemon.log_level"], ["desktop.width"])

    async def health_with(self, *services: object) -> Any:
        """The health while services do what they are given; None is one that is not wanted."""
        ends = {READY: "running", STARTING: "starting", BACKOFF: "backoff", FATAL: "fatal"}
        for number, script in enumerate(services):
            name = f"part{number}"
            self.supervisor.add(FakeService(name, [script]), SLOW)
            if script is None:
                continue
            events = self.bus.subscribe(["service.state"])
            self.supervisor.start(name)
            async with asyncio.timeout(5):
                while (await events.next()).data["state"] != ends[script]:
                    pass
        try:
            return await self.builtins.health()
        finally:
            await self.supervisor.close()


@pytest.mark.parametrize(
    ("services", "status", "ready"),
    [
        ([], "ok", True),
        ([READY], "ok", True),
        ([None], "ok", True),
        ([READY, None], "ok", True),
        ([READY, STARTING], "starting", False),
        ([READY, BACKOFF], "degraded", False),
        ([STARTING, BACKOFF], "degraded", False),
        ([READY, FATAL], "failed", False),
        ([BACKOFF, STARTING, FATAL], "failed", False),
    ],
)
async def test_health_follows_from_the_states(
    services: list[object], status: str, ready: bool
) -> None:
    health = await World().health_with(*services)
    assert (health.status, health.ready) == (status, ready)


async def test_health_names_each_service_with_its_error() -> None:
    health = await World().health_with(READY, BACKOFF, None)
    assert [(part.name, part.state, part.error) for part in health.services] == [
        ("part0", ServiceState.RUNNING, ""),
        ("part1", ServiceState.BACKOFF, "it broke"),
        ("part2", ServiceState.STOPPED, ""),
    ]


async def test_version_is_ours() -> None:
    version = await World().builtins.version()
    assert (version.version, version.pid) == ("1.2.3", os.getpid())


async def test_stats_hold_our_process_and_the_rooms() -> None:
    stats = await World().builtins.stats()
    assert stats["process"]["pid"] == os.getpid()
    assert stats["process"]["rss_bytes"] > 1_000_000
    assert stats["desktop"] == {"frames": 3}
    assert stats["events"] == {"events": 0, "subscribers": 0}
    msgspec.json.encode(stats)


async def test_reload_is_passed_on() -> None:
    world = World()
    assert (await world.builtins.reload()).needs_restart == ["desktop.width"]
    assert world.reloaded == 1


async def test_describe_is_passed_on() -> None:
    assert await World().builtins.describe() == {"commands": []}


async def test_subscribe_streams_wanted_events() -> None:
    world = World()
    stream = world.builtins.subscribe(types=["b"], since=0)
    world.bus.publish("a")
    world.bus.publish("b.c", size=1)
    event = await anext(stream)
    assert (event.seq, event.type, event.data) == (2, "b.c", {"size": 1})
    await stream.aclose()


async def test_subscription_ends_with_the_stream() -> None:
    world = World()
    stream = world.builtins.subscribe(since=0)
    world.bus.publish("a")
    await anext(stream)
    assert world.bus.statistics()["subscribers"] == 1
    await stream.aclose()
    assert world.bus.statistics()["subscribers"] == 0


def test_commands_can_be_registered() -> None:
    registry = Registry()
    registry.add(World().builtins)
    assert {command.name for command in registry} == {
        "daemon.describe",
        "daemon.health",
        "daemon.reload",
        "daemon.stats",
        "daemon.version",
        "events.subscribe",
    }
    with pytest.raises(NotFound):
        registry.get("daemon.halth")
