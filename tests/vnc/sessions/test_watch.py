"""Watching one desktop after the other, with displays that are played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from agentd.base.errors import Busy, Unavailable
from agentd.desktop.screen.changes import Change
from agentd.desktop.screen.damage import grid
from agentd.desktop.screen.frame import Frame, Rect, Size
from agentd.desktop.xlink import DisplayLost
from agentd.vnc.numbers import Led
from agentd.vnc.sessions.watch import Watch
from tests.fakes import until
from tests.vnc.sessions.played import cursor

SIZE = Size(64, 48)


def frame(id: int, *, value: int = 0) -> Frame:
    pixels = np.full((SIZE.height, SIZE.width, 4), value, np.uint8)
    return Frame(pixels, id, 1, Rect(0, 0, SIZE.width, SIZE.height))


class PlayedFollower:
    """What has changed, until it is lost."""

    def __init__(self) -> None:
        self.frame = frame(1)
        self.is_lost = False

    def take(self) -> Change | None:
        if self.is_lost:
            raise DisplayLost("gone")
        tiles = grid(SIZE.width, SIZE.height, value=True)
        return Change(self.frame, self.frame, tiles, tiles, 0.0, generation_changed=False)


class PlayedDisplay:
    """One X server as it is followed."""

    def __init__(self) -> None:
        self.follower = PlayedFollower()
        self.refusals: list[Exception] = []
        self.has_pointer = True
        self.changes = SimpleNamespace(follow=self._follow)
        self.capture = SimpleNamespace(shot=self._shot)
        self.cursor_news = SimpleNamespace(follow=self._follow_pointer, cursor=cursor(1, 2))
        self.keyboard_news = SimpleNamespace(follow=self._follow_keyboard, leds=4, bells=7)
        self.tells: Callable[[], None] = lambda: None

    async def _shot(self) -> Any:
        return SimpleNamespace(cursor=cursor(1, 2))

    @asynccontextmanager
    async def _follow(
        self, tell: Callable[[], None], *, pace_s: float
    ) -> AsyncIterator[PlayedFollower]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.tells = tell
        yield self.follower

    @asynccontextmanager
    async def _follow_pointer(self, tell: Callable[[], None]) -> AsyncIterator[Any]:
        if not self.has_pointer:
            raise Unavailable("no XInput")
        yield self.cursor_news

    @asynccontextmanager
    async def _follow_keyboard(self, tell: Callable[[], None]) -> AsyncIterator[Any]:
        yield self.keyboard_news


class Room:
    """A watch, and the session whose displays come and go."""

    def __init__(self) -> None:
        self.current: PlayedDisplay | None = None
        self._changed = asyncio.Event()
        house: Any = SimpleNamespace(
            desktop=SimpleNamespace(session=self),
            live_or_none=lambda: self.current,
            blank=lambda size: frame(0),
        )
        self.stir = asyncio.Event()
        self.watch = Watch(house, SIZE, self.stir)

    def set(self, display: PlayedDisplay | None) -> None:
        self.current = display
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_live(self) -> PlayedDisplay:
        while self.current is None:
            await self._changed.wait()
        return self.current

    async def wait_gone(self, display: PlayedDisplay) -> None:
        while self.current is display:
            await self._changed.wait()

    async def attach(self) -> PlayedDisplay:
        before, display = self.watch.attached, PlayedDisplay()
        self.set(display)
        await until(lambda: self.watch.attached > before)
        return display


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.watch.run())
        yield room
        task.cancel()


async def test_without_a_desktop_there_is_nothing_but_that_is_ready(room: Room) -> None:
    assert room.watch.is_ready
    assert room.watch.frame.id == 0
    assert room.watch.take() is None
    assert room.watch.cursor is None
    assert room.watch.take_bells() == 0


async def test_desktop_that_begins_is_waited_for(room: Room) -> None:
    display = PlayedDisplay()
    display.refusals = [Busy("too much at once")]
    room.set(display)
    assert not room.watch.is_ready
    await until(lambda: room.watch.attached == 1)
    assert room.watch.is_ready
    assert room.stir.is_set()


async def test_news_is_seen(room: Room) -> None:
    display = await room.attach()
    assert room.watch.cursor is display.cursor_news.cursor
    assert room.watch.leds == Led.CAPS
    display.follower.frame = frame(2)
    change = room.watch.take()
    assert change is not None
    assert room.watch.frame is change.frame


async def test_bells_that_rang_before_are_not_heard(room: Room) -> None:
    display = await room.attach()
    assert room.watch.take_bells() == 0
    display.keyboard_news.bells += 2
    assert room.watch.take_bells() == 2
    assert room.watch.take_bells() == 0


async def test_server_without_a_pointer_is_watched_all_the_same(room: Room) -> None:
    display = PlayedDisplay()
    display.has_pointer = False
    room.set(display)
    await until(lambda: room.watch.leds == Led.CAPS)
    assert room.watch.cursor is not None, "as it was at first"


async def test_frame_does_not_go_ahead_of_what_was_told(room: Room) -> None:
    # Else what changed in between would never be compared again.
    display = await room.attach()
    room.watch.take()
    display.follower.frame = frame(9, value=5)
    display.follower.is_lost = True
    assert room.watch.take() is None
    assert room.watch.frame.id == 1
    room.set(None)
    await until(lambda: room.watch.cursor is None)
    assert room.watch.frame.id == 1


async def test_desktop_that_goes_leaves_its_last_picture_and_stirs(room: Room) -> None:
    await room.attach()
    assert room.watch.leds == Led.CAPS
    room.stir.clear()
    room.set(None)
    await room.stir.wait()
    assert room.watch.is_ready
    assert room.watch.frame.id == 1
    assert room.watch.leds == Led.CAPS


async def test_next_desktop_is_watched_and_counted(room: Room) -> None:
    await room.attach()
    room.set(None)
    second = await room.attach()
    assert room.watch.attached == 2
    assert room.watch.frame is second.follower.frame


@pytest.mark.parametrize("display_goes", [False, True])
async def test_lost_display_is_not_asked_again(room: Room, *, display_goes: bool) -> None:
    display = PlayedDisplay()
    display.refusals = [DisplayLost("gone")] * 2
    room.set(display)
    await until(lambda: len(display.refusals) == 1)
    if display_goes:
        room.set(None)
        await room.attach()
    assert len(display.refusals) == 1
