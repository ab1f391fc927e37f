"""When a screen counts as quiet or changed, and what is said when it does not become so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from agentd.base.errors import BadRequest
from agentd.desktop.screen.frame import Rect
from agentd.desktop.screen.settle import Outcome, SettleRequest, Until, settle
from agentd.desktop.xlink import DisplayLost
from tests.desktop.screen import Screen, running

QUIET_S = 0.06


@asynccontextmanager
async def painter(
    screen: Screen, paint: Callable[[int], None], period_s: float
) -> AsyncIterator[None]:
    """Paint again and again beside the test."""

    async def go_on() -> None:
        for number in range(100_000):
            paint(number)
            # The animation's own time, not a guess at ours.
            await asyncio.sleep(period_s)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()


async def settled(screen: Screen, **request):
    async with running(screen) as changes, changes.follow() as follower:
        return await settle(follower, SettleRequest(**{"quiet_s": QUIET_S, **request}))


async def test_a_quiet_screen_is_stable_after_the_quiet_window() -> None:
    screen = Screen()
    found = await settled(screen)
    assert (found.outcome, found.changing, found.periodic) == (Outcome.STABLE, (), ())
    assert QUIET_S <= found.elapsed_s < QUIET_S + 1
    assert screen.copies == 1


async def test_a_screen_that_goes_on_is_told_with_where() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(n % 20, 40, n % 251 + 1), 0.01):
        found = await settled(screen, timeout_s=0.2)
    assert found.outcome is Outcome.STILL_CHANGING
    assert found.changing == (Rect(0, 32, 32, 32),)
    assert 0.2 <= found.elapsed_s < 2


async def test_a_quiet_window_longer_than_the_time_times_out() -> None:
    found = await settled(Screen(), quiet_s=5, timeout_s=0.05)
    assert (found.outcome, found.changing) == (Outcome.TIMED_OUT, ())


async def test_no_time_at_all_times_out() -> None:
    assert (await settled(Screen(), timeout_s=0)).outcome is Outcome.TIMED_OUT


async def test_only_the_region_is_waited_for() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(50, 40, n % 251 + 1), 0.01):
        found = await settled(screen, region=Rect(0, 0, 50, 96))
        assert found.outcome is Outcome.STABLE
        beside = await settled(screen, region=Rect(50, 0, 50, 96), timeout_s=0.2)
    assert beside.outcome is Outcome.STILL_CHANGING
    assert beside.changing == (Rect(50, 32, 14, 32),)


async def test_what_is_ignored_is_not_waited_for() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(50, 40, n % 251 + 1), 0.01):
        found = await settled(screen, ignore=[Rect(50, 40, 1, 1)])
    assert found.outcome is Outcome.STABLE


async def test_a_region_off_the_screen_is_refused() -> None:
    with pytest.raises(BadRequest, match="shows nothing of the screen"):
        await settled(Screen(), region=Rect(500, 0, 10, 10))


async def test_a_redraw_of_the_same_pixels_does_not_disturb() -> None:
    screen = Screen()
    async with painter(screen, lambda _: screen.damage(), 0.01):
        found = await settled(screen)
    assert found.outcome is Outcome.STABLE
    assert found.elapsed_s < QUIET_S + 1


async def test_a_change_since_the_follower_began_counts() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fill(0, 0, 5)
        request = SettleRequest(quiet_s=0, until=Until.CHANGE)
        found = await settle(follower, request)
    assert found.outcome is Outcome.STABLE
    assert found.elapsed_s < 1


async def test_without_a_change_the_wait_for_one_times_out() -> None:
    found = await settled(Screen(), quiet_s=0, until=Until.CHANGE, timeout_s=0.05)
    assert (found.outcome, found.changing) == (Outcome.TIMED_OUT, ())


async def test_a_change_elsewhere_is_not_the_one_that_is_waited_for() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(100, 90, n % 251 + 1), 0.01):
        found = await settled(
            screen, quiet_s=0, until=Until.CHANGE, timeout_s=0.1, region=Rect(0, 0, 50, 50)
        )
    assert found.outcome is Outcome.TIMED_OUT


async def test_quiet_can_be_waited_for_after_the_change() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fill(0, 0, 5)
        request = SettleRequest(quiet_s=QUIET_S, until=Until.CHANGE)
        found = await settle(follower, request)
    assert found.outcome is Outcome.STABLE
    assert found.elapsed_s >= QUIET_S


async def test_what_repeats_itself_is_learnt_and_told() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(70, 40, n % 4 + 1, 20, 20), 0.05):
        found = await settled(screen, quiet_s=0.2)
    assert found.outcome is Outcome.STABLE
    assert found.periodic == (Rect(64, 32, 32, 32),)
    assert found.elapsed_s > 1.0


async def test_an_animation_alone_is_not_said_to_go_on() -> None:
    screen = Screen()
    async with painter(screen, lambda n: screen.fill(70, 40, n % 4 + 1, 20, 20), 0.05):
        found = await settled(screen, quiet_s=5, timeout_s=1.6)
    assert (found.outcome, found.changing) == (Outcome.TIMED_OUT, ())
    assert found.periodic == (Rect(64, 32, 32, 32),)


async def test_a_resize_is_a_change() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.resize(200, 40)
        request = SettleRequest(quiet_s=QUIET_S, until=Until.CHANGE)
        found = await settle(follower, request)
    assert found.outcome is Outcome.STABLE


async def test_a_lost_display_is_an_error() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        changes.close()
        with pytest.raises(DisplayLost):
            await settle(follower, SettleRequest())


async def test_many_waiters_share_the_looks() -> None:
    screen = Screen()
    async with running(screen) as changes:

        async def one() -> Outcome:
            async with changes.follow() as follower:
                return (await settle(follower, SettleRequest(quiet_s=QUIET_S))).outcome

        async with painter(screen, lambda n: screen.fill(0, 0, min(n, 8)), 0.02):
            async with asyncio.TaskGroup() as tasks:
                waiting = [tasks.create_task(one()) for _ in range(20)]
        assert {task.result() for task in waiting} == {Outcome.STABLE}
    # One copy a picture, however many look at it.
    assert screen.copies <= 14
