"""One stream for all: nothing is missed, nothing runs for nobody, nothing is looked at twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import numpy as np
import pytest

from agentd.base.errors import Busy, Unavailable
from agentd.desktop.screen.changes import Changes, Follower
from agentd.desktop.xlink import DisplayLost
from tests.desktop.screen import Screen, running


async def taken(follower: Follower):
    change = await follower.next(5)
    assert change is not None
    return change


async def test_the_baseline_is_what_the_screen_shows_on_entering() -> None:
    screen = Screen()
    screen.fill(3, 4, 200)
    async with running(screen) as changes, changes.follow() as follower:
        assert follower.baseline.pixels[4, 3, 0] == 200
        assert follower.frame is follower.baseline


async def test_what_is_drawn_between_entering_and_the_first_wait_is_not_missed() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fill(40, 70, 9)
        change = await taken(follower)
    assert np.argwhere(change.tiles).tolist() == [[2, 1]]
    assert change.before is follower.baseline
    assert change.frame.pixels[70, 40, 0] == 9
    assert not change.generation_changed


async def test_a_redraw_of_the_same_pixels_is_no_change() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.damage()
        assert await follower.next(0) is None
        assert follower.frame is follower.baseline


async def test_changes_that_were_not_taken_are_joined() -> None:
    screen = Screen()
    async with running(screen) as changes:
        async with changes.follow() as slow, changes.follow() as quick:
            for x in (0, 40, 80):
                screen.fill(x, 0, 5)
                await taken(quick)
            change = await taken(slow)
    assert np.argwhere(change.tiles).tolist() == [[0, 0], [0, 1], [0, 2]]
    assert change.before is slow.baseline


async def test_what_changed_and_came_back_is_still_told() -> None:
    screen = Screen()
    async with running(screen) as changes:
        async with changes.follow() as slow, changes.follow() as quick:
            for colour in (5, 0):
                screen.fill(0, 0, colour)
                await taken(quick)
            assert (await taken(slow)).tiles[0, 0]


async def test_all_followers_share_each_look() -> None:
    screen = Screen()
    async with running(screen) as changes:
        async with changes.follow() as one, changes.follow() as two, changes.follow() as three:
            copies = screen.copies
            screen.fill(0, 0, 5)
            for follower in (one, two, three):
                await taken(follower)
            assert screen.copies == copies + 1


async def test_without_followers_nothing_is_looked_at() -> None:
    screen = Screen()
    async with running(screen) as changes:
        async with changes.follow():
            pass
        shots = screen.shots
        screen.fill(0, 0, 5)
        assert screen.watcher is None
        await asyncio.sleep(0)
        assert screen.shots == shots


async def test_with_a_follower_and_a_quiet_screen_nothing_is_copied() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        copies, shots = screen.copies, screen.shots
        assert await follower.next(0.06) is None
        # The one shot asks at the end whether anything was drawn until then.
        assert (screen.copies, screen.shots) == (copies, shots + 1)


async def test_none_is_said_only_after_the_server_was_asked() -> None:
    """A busy process learns late of what was drawn long before."""
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.pixels[0, 0] = 7  # No damage has been heard of yet.
        screen.before_shot = screen.damage
        assert (await taken_now(follower)).tiles[0, 0]


async def taken_now(follower: Follower):
    change = await follower.next(0)
    assert change is not None
    return change


async def test_another_size_is_another_generation_and_all_of_it_has_changed() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fill(0, 0, 5)
        await taken(follower)
        screen.resize(200, 40)
        change = await taken(follower)
    assert change.generation_changed
    assert change.tiles.shape == (2, 7)
    assert change.tiles.all()


async def test_a_look_that_is_refused_is_made_again() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fails = [Busy("lane x-capture is full")] * 2
        screen.fill(0, 0, 5)
        assert (await taken(follower)).tiles[0, 0]


async def test_followers_are_told_when_the_display_goes_away() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(lost(follower))
            await asyncio.sleep(0)
            changes.close()
        assert waiting.done()
        with pytest.raises(DisplayLost):
            await follower.next(0)
        with pytest.raises(DisplayLost):
            await changes.follow().__aenter__()


async def lost(follower: Follower) -> None:
    with pytest.raises(DisplayLost, match="is gone"):
        await follower.next(None)


async def test_a_lost_display_ends_the_service() -> None:
    screen = Screen()
    changes = Changes(screen)  # type: ignore[arg-type]
    async with changes.follow() as follower:
        screen.fails = [DisplayLost("gone")]
        screen.fill(0, 0, 5)
        with pytest.raises(DisplayLost):
            await changes.run()
        await lost(follower)


async def test_a_display_that_goes_away_during_the_last_look_is_told_as_such() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        screen.fails = [Unavailable("lane x-capture is closed")]
        screen.before_fail = changes.close
        with pytest.raises(DisplayLost):
            await follower.next(0)


async def test_a_wait_that_is_cancelled_loses_nothing() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await follower.next(None)
        screen.fill(0, 0, 5)
        assert (await taken(follower)).tiles[0, 0]


async def test_a_follower_is_called_when_there_is_something_to_take() -> None:
    screen, called = Screen(), asyncio.Event()
    async with running(screen) as changes, changes.follow(called.set) as follower:
        assert follower.take() is None
        assert not called.is_set()
        screen.fill(40, 70, 9)
        await asyncio.wait_for(called.wait(), 5)
        change = follower.take()
        assert change is not None
        assert np.argwhere(change.tiles).tolist() == [[2, 1]]
        assert follower.take() is None


async def test_a_follower_is_called_when_the_display_goes_away() -> None:
    screen, called = Screen(), asyncio.Event()
    async with running(screen) as changes, changes.follow(called.set) as follower:
        changes.close()
        assert called.is_set()
        with pytest.raises(DisplayLost, match="is gone"):
            follower.take()


async def test_a_follower_may_leave_while_it_is_called() -> None:
    screen = Screen()
    async with running(screen) as changes, AsyncExitStack() as stack, changes.follow() as other:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        leaving = await stack.enter_async_context(AsyncExitStack())

        def leave() -> None:
            tasks.create_task(leaving.aclose())

        await leaving.enter_async_context(changes.follow(leave))
        screen.fill(0, 0, 5)
        assert (await taken(other)).tiles[0, 0]


async def test_of_all_followers_paces_the_quickest_counts() -> None:
    screen = Screen()
    async with running(screen) as changes:
        async with changes.follow(pace_s=600), changes.follow(pace_s=0) as quick:
            for colour in range(1, 9):
                screen.fill(0, 0, colour)
                await taken(quick)


async def test_news_are_the_tiles_while_nobody_learns() -> None:
    screen = Screen()
    async with running(screen) as changes, changes.follow() as follower:
        for n in range(12):
            screen.fill(0, 0, 5 * (n % 2 + 1))
            change = await taken(follower)
            assert change.news[0, 0]
