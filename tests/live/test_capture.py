"""The capture of a real X server that is not ours: shots that are shared, changes that are told."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import numpy as np
import pytest_asyncio
from Xlib.display import Display

from agentd.desktop.screen.capture import Capture
from agentd.desktop.screen.changes import Changes
from agentd.desktop.screen.frame import Pixels
from agentd.desktop.screen.settle import Outcome, SettleRequest, settle
from agentd.desktop.screen.sources import PixelSource
from agentd.desktop.xlink import DisplayAddress, XLink
from tests.live.conftest import HEIGHT, WIDTH


class World:
    """A capture with its changes, and a program that draws."""

    def __init__(self, address: DisplayAddress) -> None:
        self.capture = Capture(
            None, size=lambda: (WIDTH, HEIGHT), generation=lambda: 1, ids=itertools.count(1)
        )
        self.link = XLink(
            address,
            "x-capture",
            on_events=self.capture.on_events,
            on_lane_events=self.capture.on_lane_events,
            read=self.capture.read,
        )
        self.changes = Changes(self.capture)
        self.display = Display(address.name)
        screen = self.display.screen()
        self.window = screen.root.create_window(
            0, 0, 600, 600, 0, screen.root_depth, override_redirect=True, background_pixel=0
        )
        self.context = self.window.create_gc()
        self.window.map()
        self.display.sync()

    def fill(self, colour: int, x: int, y: int, width: int = 1, height: int = 1) -> None:
        """Draw; it is on the screen when this returns."""
        self.context.change(foreground=colour)
        self.window.fill_rectangle(self.context, x, y, width, height)
        self.display.sync()


class HeldSource:
    """A source whose copies, once made, wait to be let go."""

    is_atomic = True

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self.has_copied, self.may_go = threading.Event(), threading.Event()

    def copy(self, width: int, height: int, *_: object) -> Pixels:
        pixels = self._source.copy(width, height)
        self.has_copied.set()
        assert self.may_go.wait(20)
        return pixels

    def close(self) -> None:
        self._source.close()


@pytest_asyncio.fixture
async def world(display: DisplayAddress) -> AsyncIterator[World]:
    world = World(display)
    await world.link.open()
    await world.capture.open(world.link)
    service = asyncio.create_task(world.changes.run())  # noqa: TID251
    yield world
    service.cancel()
    with suppress(asyncio.CancelledError):
        await service
    world.link.close()
    await world.link.lane.wait_closed()
    world.capture.close()
    world.display.close()


def hold(world: World) -> HeldSource:
    assert world.capture._source is not None
    held = world.capture._source = HeldSource(world.capture._source)
    return held


async def test_shots_that_wait_together_are_one_and_show_what_was_drawn_before(world) -> None:
    release = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.link.call(lambda _: release.wait(20)))
        shots = [tasks.create_task(world.capture.shot()) for _ in range(10)]
        await asyncio.sleep(0)
        world.fill(0xFFFFFF, 7, 7)
        late = tasks.create_task(world.capture.shot())
        await asyncio.sleep(0)
        release.set()
    assert {id(shot.result()) for shot in shots} == {id(late.result())}
    assert late.result().frame.pixels[7, 7, 0] == 255
    assert world.capture.statistics()["copies"] == 1


async def test_a_shot_that_has_begun_serves_nobody_who_asks_later(world) -> None:
    await world.capture.shot()
    world.fill(0xFFFFFF, 0, 0)
    held = hold(world)
    async with asyncio.TaskGroup() as tasks:
        early = tasks.create_task(world.capture.shot())
        assert await asyncio.to_thread(held.has_copied.wait, 20)
        world.fill(0xFFFFFF, 7, 7)
        late = tasks.create_task(world.capture.shot())
        await asyncio.sleep(0)
        held.may_go.set()
    assert early.result().frame.pixels[7, 7, 0] == 0
    assert late.result().frame.pixels[7, 7, 0] == 255


async def test_a_caller_that_leaves_takes_no_shot_from_the_others(world) -> None:
    release = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(world.link.call(lambda _: release.wait(20)))
        first, second = (tasks.create_task(world.capture.shot()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        release.set()
    assert first.cancelled()
    assert second.result().frame.rect.width == WIDTH


async def test_what_is_drawn_while_a_shot_is_cancelled_is_not_lost(world) -> None:
    """Its reports went into a shot that nobody heard of."""
    async with world.changes.follow() as follower:
        held = hold(world)
        world.fill(0xFF, 3, 3)
        shot = asyncio.create_task(world.capture.shot())  # noqa: TID251
        assert await asyncio.to_thread(held.has_copied.wait, 20)
        shot.cancel()
        held.may_go.set()
        change = await follower.next(10)
    assert change is not None
    assert np.argwhere(change.tiles).tolist() == [[0, 0]]


async def test_a_screenshot_of_another_is_heard_of_by_the_followers(world) -> None:
    async with world.changes.follow() as follower:
        world.fill(0xFF, 3, 3)
        shot = await world.capture.shot()
        change = await follower.next(10)
        assert change is not None
        assert change.frame is shot.frame


async def test_a_redraw_of_the_same_pixels_is_no_change(world) -> None:
    world.fill(0xFF, 0, 0, 50, 50)
    async with world.changes.follow() as follower:
        copies = world.capture.statistics()["copies"]
        world.fill(0xFF, 0, 0, 50, 50)
        assert await follower.next(0) is None
        assert world.capture.statistics()["copies"] > copies


async def test_every_step_of_what_is_drawn_all_the_time_is_told(world) -> None:
    """No report is lost between looks: the last drawing is always seen, without another."""
    async with world.changes.follow() as follower:
        for number in range(1, 300):
            world.fill(number, 20, 20, 5, 5)
            if number % 7 == 0:
                while follower.frame.pixels[20, 20, :2].view(np.uint16)[0] != number:
                    assert await follower.next(10) is not None


async def test_nobody_who_follows_means_no_copy(world) -> None:
    async with world.changes.follow():
        pass
    # A look that was under way has ended by then.
    await world.link.call(lambda display: display.sync())
    before = world.capture.statistics()
    for number in range(50):
        world.fill(number, 0, 0, 300, 300)
    # The lane has read every report by the end of a call.
    await world.link.call(lambda display: display.sync())
    await asyncio.sleep(0)
    assert world.capture.statistics() == before
    assert world.changes.statistics()["followers"] == 0


async def test_an_attached_display_settles(world) -> None:
    async with world.changes.follow() as follower:
        world.fill(0xFFFF, 10, 10, 30, 30)
        found = await settle(follower, SettleRequest(quiet_s=0.1))
    assert found.outcome is Outcome.STABLE
    assert 0.1 <= found.elapsed_s < 2
