"""The supervisor: what runs is watched, what falls comes back, what is stopped stays stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from agentd.base import service as module
from agentd.base.backoff import BackoffPolicy
from agentd.base.errors import NotFound, TimedOut, Unavailable
from agentd.base.events import EventBus
from agentd.base.service import GiveUp, ServiceState, Supervisor
from tests.fakes import FakeService

QUICK = BackoffPolicy(first_s=0.001, cap_s=0.001, stable_s=60)
SLOW = BackoffPolicy(first_s=600, cap_s=600)
LIMIT_S = 5.0


class World:
    """A supervisor, and the states that its services went through."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.supervisor = Supervisor(self.bus)
        self._states = self.bus.subscribe(["service.state"])

    def add(self, *script: object, policy: BackoffPolicy = QUICK, name: str = "a") -> FakeService:
        service = FakeService(name, list(script))
        self.supervisor.add(service, policy)
        return service

    def state(self, name: str = "a") -> ServiceState:
        return next(s.state for s in self.supervisor.statuses() if s.name == name)

    async def wait_state(self, *states: str, name: str = "a") -> list[str]:
        """Wait for the last of some states, and return the states on the way."""
        seen: list[str] = []
        async with asyncio.timeout(LIMIT_S):
            while not seen or seen[-1] != states[-1]:
                event = await self._states.next()
                if event.data["name"] == name:
                    seen.append(event.data["state"])
        return seen


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.supervisor.close()


async def test_runs_when_started(world: World) -> None:
    world.add("ready")
    world.supervisor.start("a")
    assert await world.wait_state("running") == ["starting", "running"]
    assert world.supervisor.is_running("a")


async def test_task_has_the_name_of_the_service(world: World) -> None:
    world.add("ready", name="desktop.part")
    world.supervisor.start("desktop.part")
    assert "desktop.part" in {task.get_name() for task in asyncio.all_tasks()}


async def test_is_stopped_at_first(world: World) -> None:
    world.add("ready")
    assert world.state() is ServiceState.STOPPED


async def test_starting_twice_runs_once(world: World) -> None:
    service = world.add("ready")
    world.supervisor.start("a")
    await world.wait_state("running")
    world.supervisor.start("a")
    await asyncio.sleep(0)
    assert service.runs == 1


async def test_fallen_service_comes_back(world: World) -> None:
    world.add(OSError("it broke"), "ready")
    world.supervisor.start("a")
    states = await world.wait_state("running")
    assert states == ["starting", "backoff", "starting", "running"]


async def test_restarts_are_counted_and_the_error_goes_when_it_runs(world: World) -> None:
    world.add(OSError("one"), OSError("two"), "ready")
    world.supervisor.start("a")
    await world.wait_state("running")
    (status,) = world.supervisor.statuses()
    assert (status.restarts, status.error, status.wanted) == (2, "", True)


async def test_error_is_told_while_it_waits(world: World) -> None:
    world.add(OSError("it broke"), policy=SLOW)
    world.supervisor.start("a")
    await world.wait_state("backoff")
    assert world.supervisor.statuses()[0].error == "it broke"


async def test_error_without_text_is_told_by_its_class(world: World) -> None:
    world.add(KeyError(), policy=SLOW)
    world.supervisor.start("a")
    await world.wait_state("backoff")
    assert world.supervisor.statuses()[0].error == "KeyError"


async def test_unexpected_error_is_logged_with_traceback(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.add(KeyError("x"), policy=SLOW)
    world.supervisor.start("a")
    await world.wait_state("backoff")
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_service_that_just_returns_is_started_again(world: World) -> None:
    world.add("return", "ready")
    world.supervisor.start("a")
    assert "backoff" in await world.wait_state("running")


async def test_cancellation_from_inside_is_a_failure_like_any(world: World) -> None:
    # A library that cancels its own future must not end the service for good.
    world.add(asyncio.CancelledError(), "ready")
    world.supervisor.start("a")
    assert "backoff" in await world.wait_state("running")


async def test_give_up_is_fatal(world: World) -> None:
    service = world.add(GiveUp("no such user"))
    world.supervisor.start("a")
    await world.wait_state("fatal")
    (status,) = world.supervisor.statuses()
    assert (status.state, status.error, service.runs) == (ServiceState.FATAL, "no such user", 1)


async def test_fatal_service_can_be_started_again(world: World) -> None:
    world.add(GiveUp("not yet"), "ready")
    world.supervisor.start("a")
    await world.wait_state("fatal")
    await asyncio.sleep(0)
    world.supervisor.start("a")
    assert await world.wait_state("running") == ["starting", "running"]


async def test_stopping_a_fatal_service_makes_it_stopped(world: World) -> None:
    world.add(GiveUp("never"))
    world.supervisor.start("a")
    await world.wait_state("fatal")
    await world.supervisor.stop("a")
    assert world.state() is ServiceState.STOPPED


async def test_delay_grows_while_runs_are_short(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = _recorded_delays(monkeypatch)
    policy = BackoffPolicy(first_s=0.001, cap_s=1, jitter=0, stable_s=60)
    world.add((OSError(),), (OSError(),), (OSError(),), "ready", policy=policy)
    world.supervisor.start("a")
    await world.supervisor.wait_running("a", LIMIT_S)
    while world.supervisor.statuses()[0].restarts < 3:
        await world.wait_state("running")
    assert delays == [0.001, 0.002, 0.004]


async def test_delay_starts_anew_after_a_stable_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = _recorded_delays(monkeypatch)
    policy = BackoffPolicy(first_s=0.001, cap_s=1, jitter=0, stable_s=0)
    world.add((OSError(),), (OSError(),), (OSError(),), "ready", policy=policy)
    world.supervisor.start("a")
    while world.supervisor.statuses()[0].restarts < 3:
        await world.wait_state("running")
    assert delays == [0.001, 0.001, 0.001]


async def test_time_before_ready_does_not_count_as_stable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = _recorded_delays(monkeypatch)
    policy = BackoffPolicy(first_s=0.001, cap_s=1, jitter=0, stable_s=1e-9)
    world.add(OSError(), OSError(), OSError(), "ready", policy=policy)
    world.supervisor.start("a")
    await world.wait_state("running")
    assert delays == [0.001, 0.002, 0.004]


async def test_start_that_is_asked_for_forgets_old_failures(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = _recorded_delays(monkeypatch)
    policy = BackoffPolicy(first_s=0.001, cap_s=1, jitter=0)
    world.add(OSError(), OSError(), "ready", OSError(), "ready", policy=policy)
    world.supervisor.start("a")
    await world.wait_state("running")
    await world.supervisor.restart("a")
    await world.wait_state("running")
    assert delays == [0.001, 0.002, 0.001]


class TestStop:
    async def test_cancels_and_waits(self, world: World) -> None:
        service = world.add("ready")
        world.supervisor.start("a")
        await world.wait_state("running")
        await world.supervisor.stop("a")
        assert (world.state(), service.cancelled) == (ServiceState.STOPPED, 1)

    async def test_goes_through_stopping(self, world: World) -> None:
        world.add("ready")
        world.supervisor.start("a")
        await world.wait_state("running")
        await world.supervisor.stop("a")
        assert await world.wait_state("stopped") == ["stopping", "stopped"]

    async def test_while_starting(self, world: World) -> None:
        service = world.add("slow")
        world.supervisor.start("a")
        await world.wait_state("starting")
        await world.supervisor.stop("a")
        assert (world.state(), service.cancelled) == (ServiceState.STOPPED, 1)

    async def test_before_the_first_step(self, world: World) -> None:
        service = world.add("ready")
        world.supervisor.start("a")
        await world.supervisor.stop("a")
        assert (world.state(), service.runs) == (ServiceState.STOPPED, 0)

    async def test_while_it_waits_to_try_again(self, world: World) -> None:
        world.add(OSError("x"), policy=SLOW)
        world.supervisor.start("a")
        await world.wait_state("backoff")
        async with asyncio.timeout(LIMIT_S):
            await world.supervisor.stop("a")
        assert world.state() is ServiceState.STOPPED

    async def test_of_a_stopped_service_is_nothing(self, world: World) -> None:
        world.add("ready")
        await world.supervisor.stop("a")
        assert world.state() is ServiceState.STOPPED

    async def test_does_not_wait_for_another_try_when_cleaning_up_fails(self, world: World) -> None:
        service = world.add("ready", policy=SLOW)
        service.in_cleanup = OSError("cannot clean up")
        world.supervisor.start("a")
        await world.wait_state("running")
        async with asyncio.timeout(LIMIT_S):
            await world.supervisor.stop("a")
        assert (world.state(), service.runs) == (ServiceState.STOPPED, 1)

    async def test_is_not_fatal_when_cleaning_up_gives_up(self, world: World) -> None:
        service = world.add("ready")
        service.in_cleanup = GiveUp("no more")
        world.supervisor.start("a")
        await world.wait_state("running")
        await world.supervisor.stop("a")
        assert world.state() is ServiceState.STOPPED

    async def test_of_a_hanging_service_is_given_up(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_STOP_LIMIT_S", 0.01)
        service = world.add("ready")
        service.hangs = asyncio.Event()
        world.supervisor.start("a")
        await world.wait_state("running")
        with pytest.raises(TimedOut, match="service a did not stop within"):
            await world.supervisor.stop("a")
        assert world.state() is ServiceState.STOPPING
        service.hangs.set()
        await world.wait_state("stopped")

    async def test_that_is_cancelled_goes_on_stopping(self, world: World) -> None:
        service = world.add("ready")
        service.hangs = asyncio.Event()
        world.supervisor.start("a")
        await world.wait_state("running")
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(world.supervisor.stop("a"))
            await world.wait_state("stopping")
            stopping.cancel()
        service.hangs.set()
        await world.wait_state("stopped")

    async def test_is_not_undone_by_a_service_that_gets_ready_late(self, world: World) -> None:
        class Late:
            name = "late"

            async def run(self, ready: Callable[[], None]) -> None:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                ready()
                raise asyncio.CancelledError

        world.supervisor.add(Late(), QUICK)
        world.supervisor.start("late")
        await world.wait_state("starting", name="late")
        await world.supervisor.stop("late")
        assert await world.wait_state("stopped", name="late") == ["stopping", "stopped"]

    async def test_then_start_at_once_runs_again(self, world: World) -> None:
        service = world.add("ready")
        world.supervisor.start("a")
        await world.wait_state("running")
        async with asyncio.TaskGroup() as group:
            group.create_task(world.supervisor.stop("a"))
            await world.wait_state("stopping")
            world.supervisor.start("a")
        await world.wait_state("running")
        assert service.runs == 2

    async def test_wins_over_a_start_that_waits_for_it(self, world: World) -> None:
        service = world.add("ready")
        service.hangs = asyncio.Event()
        world.supervisor.start("a")
        await world.wait_state("running")
        async with asyncio.TaskGroup() as group:
            group.create_task(world.supervisor.stop("a"))
            await world.wait_state("stopping")
            world.supervisor.start("a")
            group.create_task(world.supervisor.stop("a"))
            await asyncio.sleep(0)
            service.hangs.set()
        await asyncio.sleep(0)
        assert (world.state(), service.runs) == (ServiceState.STOPPED, 1)


async def test_restart_runs_anew(world: World) -> None:
    service = world.add("ready")
    world.supervisor.start("a")
    await world.wait_state("running")
    await world.supervisor.restart("a")
    await world.wait_state("running")
    assert (service.runs, service.cancelled) == (2, 1)


async def test_two_restarts_at_once_run_one_service(world: World) -> None:
    service = world.add("ready")
    world.supervisor.start("a")
    await world.wait_state("running")
    await asyncio.gather(world.supervisor.restart("a"), world.supervisor.restart("a"))
    await world.supervisor.wait_running("a", LIMIT_S)
    assert service.runs - service.cancelled == 1


class TestWaitRunning:
    async def test_returns_at_once_when_it_runs(self, world: World) -> None:
        world.add("ready")
        world.supervisor.start("a")
        await world.wait_state("running")
        await world.supervisor.wait_running("a", 0.001)

    async def test_waits_over_failures(self, world: World) -> None:
        world.add(OSError(), OSError(), "ready")
        world.supervisor.start("a")
        await world.supervisor.wait_running("a", LIMIT_S)
        assert world.state() is ServiceState.RUNNING

    async def test_tells_why_it_is_fatal(self, world: World) -> None:
        world.add(GiveUp("no such user"))
        world.supervisor.start("a")
        with pytest.raises(Unavailable, match="a is fatal: no such user"):
            await world.supervisor.wait_running("a", LIMIT_S)

    async def test_tells_that_it_is_not_wanted(self, world: World) -> None:
        world.add("ready")
        with pytest.raises(Unavailable, match="a is stopped") as caught:
            await world.supervisor.wait_running("a", LIMIT_S)
        assert caught.value.narrow_code == "service_not_running"

    async def test_ends_when_it_is_stopped_meanwhile(self, world: World) -> None:
        world.add("slow")
        world.supervisor.start("a")
        waiting = asyncio.gather(
            world.supervisor.wait_running("a", LIMIT_S), return_exceptions=True
        )
        await world.wait_state("starting")
        await world.supervisor.stop("a")
        assert isinstance((await waiting)[0], Unavailable)

    async def test_gives_up_in_time_and_tells_the_last_error(self, world: World) -> None:
        world.add(OSError("it broke"), policy=SLOW)
        world.supervisor.start("a")
        with pytest.raises(
            TimedOut, match=r"a was not running after 0\.01 s; last error: it broke"
        ):
            await world.supervisor.wait_running("a", 0.01)


async def test_unknown_service_is_told(world: World) -> None:
    world.add("ready")
    with pytest.raises(NotFound, match="there is no service 'b'"):
        world.supervisor.start("b")


async def test_same_name_twice_is_refused(world: World) -> None:
    world.add("ready")
    with pytest.raises(ValueError, match="added twice"):
        world.add("ready")


async def test_statuses_are_found_by_prefix(world: World) -> None:
    for name in ("desktop.x", "desktop.y", "vnc.z"):
        world.add("ready", name=name)
    found = [status.name for status in world.supervisor.statuses("desktop.")]
    assert found == ["desktop.x", "desktop.y"]


async def test_close_stops_the_last_added_first(world: World) -> None:
    for name in ("a", "b"):
        world.add("ready", name=name)
        world.supervisor.start(name)
        await world.wait_state("running", name=name)
    stops = world.bus.subscribe(["service.state"])
    await world.supervisor.close()
    events = [await stops.next() for _ in range(4)]
    assert [event.data["name"] for event in events] == ["b", "b", "a", "a"]


async def test_close_goes_on_over_a_hanging_service(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_STOP_LIMIT_S", 0.01)
    world.add("ready", name="a")
    hanging = world.add("ready", name="b")
    hanging.hangs = asyncio.Event()
    for name in ("a", "b"):
        world.supervisor.start(name)
        await world.wait_state("running", name=name)
    await world.supervisor.close()
    assert world.state("a") is ServiceState.STOPPED
    assert "service hangs name=b" in caplog.text
    hanging.hangs.set()


async def test_fatal_state_is_logged_as_an_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.add(GiveUp("never"))
    world.supervisor.start("a")
    await world.wait_state("fatal")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def _recorded_delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record what the back-off asks for; the waiting itself goes on."""
    delays: list[float] = []
    kept = module.Backoff.next_delay_s

    def next_delay_s(self: module.Backoff, *, ran_s: float, random: float) -> float:
        delays.append(kept(self, ran_s=ran_s, random=random))
        return delays[-1]

    monkeypatch.setattr(module.Backoff, "next_delay_s", next_delay_s)
    return delays
