"""Waiting for the colours of given pixels."""

from __future__ import annotations

import asyncio

import pytest

from agentd.base.errors import BadRequest
from agentd.desktop.screen.points import Point, wait_points
from agentd.desktop.screen.settle import Outcome
from tests.desktop.screen import Screen, running


async def test_all_must_match_at_once() -> None:
    screen = Screen()
    wanted = [Point(0, 0, 9, 9, 9), Point(5, 5, 7, 7, 7)]
    async with running(screen) as changes, changes.follow() as follower:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(wait_points(follower, wanted, 5))
            async with changes.follow() as other:
                screen.fill(0, 0, 9)
                assert await other.next(5) is not None
                await asyncio.sleep(0)
                assert not waiting.done()
            screen.fill(5, 5, 7)
        assert waiting.result().outcome is Outcome.STABLE


async def test_what_is_so_already_is_not_waited_for() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        found = await wait_points(follower, [Point(127, 95, 0, 0, 0)], 0)
    assert found.outcome is Outcome.STABLE


async def test_what_does_not_come_times_out() -> None:
    async with running(Screen()) as changes, changes.follow() as follower:
        found = await wait_points(follower, [Point(0, 0, 1, 0, 0)], 0.05)
    assert found.outcome is Outcome.TIMED_OUT
    assert found.elapsed_s >= 0.05


@pytest.mark.parametrize(("colour", "matches"), [(92, True), (108, True), (91, False)])
async def test_each_channel_may_be_off_by_the_tolerance(colour, matches) -> None:
    screen = Screen()
    screen.pixels[3, 2] = (colour, 100, 100, 0)
    async with running(screen) as changes, changes.follow() as follower:
        assert Point(2, 3, 100, 100, 100, 8).matches(follower.frame) is matches


async def test_red_green_and_blue_are_told_apart() -> None:
    screen = Screen()
    screen.pixels[0, 0] = (30, 20, 10, 0)
    async with running(screen) as changes, changes.follow() as follower:
        assert Point(0, 0, 10, 20, 30).matches(follower.frame)


async def test_a_point_off_the_screen_is_refused() -> None:
    async with running(Screen()) as changes, changes.follow() as follower:
        with pytest.raises(BadRequest, match="off the screen") as caught:
            await wait_points(follower, [Point(0, 0, 0, 0, 0), Point(128, 0, 0, 0, 0)], 1)
    assert [error.path for error in caught.value.errors] == ["pixels[1]"]
