"""A lane: one thread, calls in their order, a bounded queue, nobody left waiting."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agentd.base.errors import Busy, Unavailable
from agentd.base.lane import Lane
from agentd.base.log import LineFormatter, request_context
from tests.fakes import until

LIMIT_S = 10.0


class Gate:
    """A call that holds the lane until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def pass_through(self) -> str:
        self.entered.set()
        assert self.open.wait(LIMIT_S)
        return "passed"


@pytest_asyncio.fixture
async def lane() -> AsyncIterator[Lane]:
    lane = Lane("lane-under-test", capacity=3)
    lane.open()
    yield lane
    lane.close()
    assert await lane.wait_closed(LIMIT_S)


async def hold(lane: Lane, group: asyncio.TaskGroup) -> tuple[Gate, asyncio.Task[str]]:
    """Make the lane busy; the task ends when the gate is opened."""
    gate = Gate()
    task = group.create_task(lane.call(gate.pass_through))
    await until(gate.entered.is_set)
    return gate, task


async def test_returns_the_result(lane: Lane) -> None:
    assert await lane.call(divmod, 7, 2) == (3, 1)


async def test_takes_keywords(lane: Lane) -> None:
    assert await lane.call(sorted, [1, 2], reverse=True) == [2, 1]


async def test_raises_what_the_call_raises(lane: Lane) -> None:
    with pytest.raises(ZeroDivisionError):
        await lane.call(divmod, 1, 0)


async def test_goes_on_after_an_exception(lane: Lane) -> None:
    with pytest.raises(ZeroDivisionError):
        await lane.call(divmod, 1, 0)
    assert await lane.call(divmod, 4, 2) == (2, 0)


async def test_end_of_an_iterator_reaches_the_waiter(lane: Lane) -> None:
    # A future refuses StopIteration: the waiter would wait for ever.
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await lane.call(next, iter(()))


async def test_system_exit_in_a_call_does_not_end_the_thread(lane: Lane) -> None:
    def leave() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await lane.call(leave)
    assert await lane.call(int) == 0


async def test_all_calls_run_on_one_named_thread(lane: Lane) -> None:
    found = {await lane.call(threading.current_thread) for _ in range(5)}
    assert [thread.name for thread in found] == ["lane-under-test"]


async def test_calls_run_in_the_order_they_were_made(lane: Lane) -> None:
    found: list[int] = []
    async with asyncio.TaskGroup() as group:
        gate, _ = await hold(lane, group)
        for number in range(3):
            group.create_task(lane.call(found.append, number))
            await asyncio.sleep(0)
        gate.open.set()
    assert found == [0, 1, 2]


async def test_full_queue_is_busy(lane: Lane) -> None:
    async with asyncio.TaskGroup() as group:
        gate, _ = await hold(lane, group)
        for _ in range(3):
            group.create_task(lane.call(int))
        await asyncio.sleep(0)
        with pytest.raises(Busy) as caught:
            await lane.call(int)
        gate.open.set()
    assert caught.value.retry_after_s == 0.1


async def test_queue_has_room_again_when_calls_are_done(lane: Lane) -> None:
    async with asyncio.TaskGroup() as group:
        gate, _ = await hold(lane, group)
        waiting = [group.create_task(lane.call(int)) for _ in range(3)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(*waiting)
        assert await lane.call(int) == 0


async def test_call_whose_waiter_left_is_dropped(lane: Lane) -> None:
    found: list[str] = []
    async with asyncio.TaskGroup() as group:
        gate, _ = await hold(lane, group)
        waiting = group.create_task(lane.call(found.append, "dropped"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        await lane.call(found.append, "kept")
    assert found == ["kept"]


async def test_call_that_has_begun_runs_to_its_end(lane: Lane) -> None:
    async with asyncio.TaskGroup() as group:
        gate, task = await hold(lane, group)
        task.cancel()
        await asyncio.wait([task])
        gate.open.set()
        # In order: when this is done, the one before is too.
        assert await lane.call(int) == 0
    assert task.cancelled()


async def test_thread_does_the_last_thing_before_it_ends(lane: Lane) -> None:
    names: list[str] = []
    lane.close(last=lambda: names.append(threading.current_thread().name))
    assert await lane.wait_closed(LIMIT_S)
    assert names == ["lane-under-test"]


async def test_statistics_tell_calls_and_queue(lane: Lane) -> None:
    await lane.call(int)
    async with asyncio.TaskGroup() as group:
        gate, _ = await hold(lane, group)
        group.create_task(lane.call(int))
        await asyncio.sleep(0)
        found = lane.statistics()
        gate.open.set()
    assert (found.name, found.calls, found.waiting) == ("lane-under-test", 1, 1)
    assert found.running_s > 0


async def test_lines_logged_on_the_lane_have_the_request_id(lane: Lane) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", None, None)
    with request_context("r1"):
        assert "request_id=r1" in await lane.call(LineFormatter().format, record)
    assert "request_id" not in await lane.call(LineFormatter().format, record)


async def test_call_on_a_lane_that_is_not_open_is_refused() -> None:
    with pytest.raises(Unavailable):
        await Lane("never").call(int)


class TestClose:
    async def test_refuses_new_calls(self, lane: Lane) -> None:
        lane.close()
        with pytest.raises(Unavailable, match="is closed"):
            await lane.call(int)

    async def test_answers_those_who_wait(self, lane: Lane) -> None:
        async with asyncio.TaskGroup() as group:
            gate, running = await hold(lane, group)
            waiting = asyncio.gather(*(lane.call(int) for _ in range(3)), return_exceptions=True)
            await asyncio.sleep(0)
            lane.close()
            found = await waiting
            gate.open.set()
        assert [type(error) for error in found] == [Unavailable] * 3
        assert running.result() == "passed"

    async def test_tells_when_the_thread_hangs(self, lane: Lane) -> None:
        async with asyncio.TaskGroup() as group:
            gate, _ = await hold(lane, group)
            lane.close()
            assert not await lane.wait_closed(0.01)
            gate.open.set()
        assert await lane.wait_closed(LIMIT_S)

    async def test_twice_is_nothing(self, lane: Lane) -> None:
        lane.close()
        lane.close()
        assert await lane.wait_closed(LIMIT_S)

    async def test_of_a_lane_that_was_never_open_is_nothing(self) -> None:
        lane = Lane("never")
        lane.close()
        assert await lane.wait_closed()


def test_answer_for_a_loop_that_is_gone_is_dropped() -> None:
    lane, gate = Lane("lane-under-test"), Gate()
    lane.open()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await lane.call(gate.pass_through)
        await asyncio.to_thread(gate.entered.wait, LIMIT_S)

    asyncio.run(give_up())
    gate.open.set()
    lane.close()
    assert asyncio.run(lane.wait_closed(LIMIT_S))
