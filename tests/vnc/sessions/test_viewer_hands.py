"""A viewer's hands: what arrives at the desktop, in what order, and what goes up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from agentd.base.errors import BadRequest, TimedOut
from agentd.vnc.protocol.messages import KeyEvent, PointerEvent, ScanKeyEvent
from agentd.vnc.sessions.viewer_hands import HandEvent, ViewerHands
from tests.fakes import until

A, SHIFT = 0x61, 0xFFE1


class PlayedHands:
    """The desktop's side: notes what is done, and waits while it is told to."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.fails = False

    async def key(self, keysym: int, *, down: bool) -> None:
        await self._do("key", keysym, down)

    async def scan_key(self, scancode: int, keysym: int, *, down: bool) -> None:
        await self._do("scan", scancode, keysym, down)

    async def pointer(self, x: int, y: int, buttons: int) -> None:
        await self._do("pointer", x, y, buttons)

    async def release(self) -> None:
        await self._do("release")

    async def _do(self, *what: object) -> None:
        await self.is_free.wait()
        if self.fails:
            raise TimedOut("the program hangs")
        self.done.append(what)


class Viewer:
    """A viewer's hands, whether they count, and what was asked about it."""

    def __init__(self) -> None:
        self.played = PlayedHands()
        self.asked: list[tuple[HandEvent, bool]] = []
        self.may = True
        self.live: Any = self.new_live()
        self.hands = ViewerHands("viewer:v1", live=lambda: self.live, may=self._may)

    def new_live(self) -> Any:
        return SimpleNamespace(input=SimpleNamespace(remote=lambda owner: self.played))

    def put(self, *events: HandEvent) -> None:
        for event in events:
            self.hands.put_nowait(event)

    async def wait_done(self, *what: tuple[object, ...]) -> None:
        await until(lambda: len(self.played.done) >= len(what))
        assert self.played.done == list(what)

    async def _may(self, event: HandEvent, is_down: bool) -> bool:
        self.asked.append((event, is_down))
        return self.may


@pytest_asyncio.fixture
async def viewer() -> AsyncIterator[Viewer]:
    viewer = Viewer()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(viewer.hands.run())
        yield viewer
        viewer.played.is_free.set()
        task.cancel()


class TestOrder:
    async def test_events_arrive_in_their_order(self, viewer: Viewer) -> None:
        viewer.put(
            KeyEvent(SHIFT, True),
            PointerEvent(5, 6, 0),
            PointerEvent(5, 6, 1),
            ScanKeyEvent(A, 30, True),
            PointerEvent(5, 6, 0),
        )
        await viewer.wait_done(
            ("key", SHIFT, True),
            ("pointer", 5, 6, 0),
            ("pointer", 5, 6, 1),
            ("scan", 30, A, True),
            ("pointer", 5, 6, 0),
        )

    async def test_motions_that_wait_are_one(self, viewer: Viewer) -> None:
        viewer.played.is_free.clear()
        viewer.put(KeyEvent(A, True))
        await until(lambda: bool(viewer.asked))
        viewer.put(*(PointerEvent(x, x, 0) for x in range(100_000)))
        viewer.played.is_free.set()
        await viewer.wait_done(("key", A, True), ("pointer", 99_999, 99_999, 0))

    async def test_each_turn_of_the_wheel_counts(self, viewer: Viewer) -> None:
        viewer.put(*(PointerEvent(1, 1, buttons) for buttons in (8, 0, 8, 0)))
        await viewer.wait_done(*(("pointer", 1, 1, buttons) for buttons in (8, 0, 8, 0)))

    async def test_a_fault_drops_its_event_alone(self, viewer: Viewer) -> None:
        viewer.played.fails = True
        viewer.put(KeyEvent(A, True))
        await until(lambda: bool(viewer.asked))
        viewer.played.fails = False
        viewer.put(KeyEvent(A, False))
        await viewer.wait_done(("key", A, False))

    async def test_some_pages_of_text_may_wait_and_no_more(self) -> None:
        viewer = Viewer()
        viewer.put(*(KeyEvent(A, number % 2 == 0) for number in range(4000)))
        with pytest.raises(BadRequest):
            viewer.put(*(KeyEvent(A, number % 2 == 0) for number in range(5000)))


class TestRights:
    async def test_who_may_not_does_nothing(self, viewer: Viewer) -> None:
        viewer.may = False
        viewer.put(KeyEvent(A, True), PointerEvent(1, 1, 1))
        await until(lambda: len(viewer.asked) == 2)
        viewer.may = True
        viewer.put(PointerEvent(2, 2, 0))
        await viewer.wait_done(("pointer", 2, 2, 0))

    async def test_it_is_said_what_is_down_afterwards(self, viewer: Viewer) -> None:
        viewer.put(
            KeyEvent(A, True),
            PointerEvent(1, 1, 1),
            KeyEvent(A, False),
            PointerEvent(1, 1, 0),
        )
        await until(lambda: len(viewer.asked) == 4)
        assert [is_down for _, is_down in viewer.asked] == [True, True, True, False]

    async def test_key_is_known_by_its_place_when_it_goes_up_under_another_name(
        self, viewer: Viewer
    ) -> None:
        viewer.put(ScanKeyEvent(0x41, 30, True), ScanKeyEvent(0x61, 30, False))
        await until(lambda: len(viewer.asked) == 2)
        assert [is_down for _, is_down in viewer.asked] == [True, False]


class TestRelease:
    async def test_all_goes_up_when_the_viewer_leaves(self) -> None:
        viewer = Viewer()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(viewer.hands.run())
            viewer.put(KeyEvent(A, True))
            await viewer.wait_done(("key", A, True))
            task.cancel()
        assert viewer.played.done[-1] == ("release",)

    async def test_all_goes_up_before_anything_else_when_control_goes(self, viewer: Viewer) -> None:
        viewer.played.is_free.clear()
        viewer.put(KeyEvent(A, True), KeyEvent(SHIFT, True))
        await until(lambda: bool(viewer.asked))
        viewer.hands.let_go()
        viewer.played.is_free.set()
        await viewer.wait_done(("key", A, True), ("release",), ("key", SHIFT, True))
        # What went up is not held any more.
        viewer.put(KeyEvent(SHIFT, False))
        await until(lambda: len(viewer.asked) == 3)
        assert viewer.asked[-1][1] is False

    async def test_who_never_acted_has_nothing_to_lift(self, viewer: Viewer) -> None:
        viewer.hands.let_go()
        viewer.put(KeyEvent(A, True))
        await viewer.wait_done(("key", A, True))


class TestDesktop:
    async def test_without_one_events_are_dropped(self, viewer: Viewer) -> None:
        viewer.live = None
        viewer.put(KeyEvent(A, True))
        await until(lambda: not viewer.hands._waiting)
        assert not viewer.asked
        viewer.live = viewer.new_live()
        viewer.put(KeyEvent(SHIFT, True))
        await viewer.wait_done(("key", SHIFT, True))

    async def test_another_one_gets_hands_of_its_own(self, viewer: Viewer) -> None:
        viewer.put(KeyEvent(A, True))
        await viewer.wait_done(("key", A, True))
        viewer.played, viewer.live = PlayedHands(), None
        viewer.live = viewer.new_live()
        viewer.put(KeyEvent(A, True))
        await viewer.wait_done(("key", A, True))
