"""The hand-over: who is told, what is lifted, what is withheld, and when it ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agentd.base.errors import Conflict
from agentd.base.events import EventBus
from agentd.desktop.pictures.curtain import Curtain
from agentd.vnc.access.control import Control, Mode, Person
from agentd.vnc.access.desk import Desk

ADA, BEN = Person("v1", "g1", "Ada"), Person("v2", "g2", "Ben")
LIMIT_S = 10.0


class Room:
    """A desk with everything that it is connected to."""

    def __init__(self, mode: Mode = Mode.HUMAN_FIRST, *, touch_s: float = 3.0) -> None:
        self.bus = EventBus()
        self.events = self.bus.subscribe(["vnc", "desktop"])
        self.curtain = Curtain()
        self.lifted = 0
        control = Control(mode, touch_s=touch_s, return_s=0.02)
        self.desk = Desk(control, self.bus, self.curtain, lift=self._lift)

    async def _lift(self) -> None:
        self.lifted += 1

    def holder(self) -> str | None:
        holder = self.desk.state().holder
        return holder.label if holder is not None else None


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    room.desk.close()


async def test_first_touch_lifts_what_agents_hold_and_is_told_once(room: Room) -> None:
    for _ in range(5):
        assert await room.desk.viewer_may(ADA, acts=True)
    assert room.lifted == 1
    event = await room.events.next()
    assert event.type == "vnc.control_changed"
    assert event.data == {
        "why": "touch",
        "mode": "human_first",
        "holder": {"kind": "viewer", "label": "Ada", "viewer": "v1", "taken": False},
        "withheld": False,
    }
    assert room.bus.last_seq == 1


async def test_touch_ends_by_itself_and_that_is_told() -> None:
    room = Room(touch_s=0.01)
    await room.desk.viewer_may(ADA, acts=True, is_down=True)
    await room.desk.viewer_may(ADA, acts=True)
    await room.events.next()
    async with asyncio.timeout(LIMIT_S):
        event = await room.events.next()
    assert (event.data["why"], event.data["holder"]) == ("time", None)
    room.desk.close()


async def test_lease_ends_by_itself(room: Room) -> None:
    state = await room.desk.takeover(ADA, lease_s=0.01)
    assert state.holder is not None
    assert state.holder.until is not None
    async with asyncio.timeout(LIMIT_S):
        await room.desk.wait_changed(room.desk.serial)
    assert room.holder() is None


async def test_takeover_lifts_what_agents_hold(room: Room) -> None:
    await room.desk.takeover(ADA)
    assert room.lifted == 1
    room.desk.release(ADA)
    assert room.lifted == 1


async def test_mode_human_lifts_what_agents_hold(room: Room) -> None:
    await room.desk.set_mode(Mode.SHARED)
    assert room.lifted == 0
    await room.desk.set_mode(Mode.HUMAN)
    assert room.lifted == 1


async def test_curtain_is_drawn_until_the_release(room: Room) -> None:
    await room.desk.takeover(ADA, withholds=True)
    with pytest.raises(Conflict, match="Ada has the desktop") as caught:
        room.curtain.check()
    assert caught.value.narrow_code == "screen_withheld"
    assert room.desk.state().withheld
    room.desk.withhold(ADA, withholds=False)
    room.curtain.check()
    room.desk.withhold(ADA, withholds=True)
    assert room.curtain.is_drawn
    room.desk.release(ADA)
    room.curtain.check()


async def test_curtain_is_lifted_when_its_viewer_stays_away(room: Room) -> None:
    await room.desk.takeover(ADA, withholds=True)
    room.desk.viewer_left("v1")
    assert room.curtain.is_drawn
    async with asyncio.timeout(LIMIT_S):
        while room.curtain.is_drawn:
            await room.desk.wait_changed(room.desk.serial)


async def test_who_shows_the_state_is_woken_and_may_stop_to_listen(room: Room) -> None:
    told: list[str] = []
    stop = room.desk.on_change(lambda why, state: told.append(why))
    serial = room.desk.serial
    await room.desk.takeover(ADA)
    assert await room.desk.wait_changed(serial) == serial + 1
    stop()
    room.desk.release(ADA)
    assert told == ["takeover"]


async def test_turn_comes_when_the_desktop_is_given_back(room: Room) -> None:
    await room.desk.takeover(ADA)
    assert not await room.desk.wait_turn(0.0)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(room.desk.wait_turn(LIMIT_S))
        await asyncio.sleep(0)
        room.desk.release(ADA)
    assert waiting.result()
    assert await room.desk.wait_turn(0.0)


async def ask(room: Room, tasks: asyncio.TaskGroup) -> asyncio.Task[object]:
    """Ask for help and return when it is open."""
    serial = room.desk.serial
    task: asyncio.Task[object] = tasks.create_task(room.desk.ask_help("a captcha", LIMIT_S))
    await room.desk.wait_changed(serial)
    assert (await room.events.next()).type == "desktop.help_requested"
    return task


async def test_help_is_shown_and_its_end_is_told_to_who_asked(room: Room) -> None:
    async with asyncio.TaskGroup() as tasks:
        task = await ask(room, tasks)
        shown = room.desk.state().help
        assert shown is not None
        assert shown.reason == "a captcha"
        room.desk.help_done("Ada", ADA)
    answer = task.result()
    assert (answer.done, answer.by) == (True, "Ada")  # type: ignore[attr-defined]
    assert room.desk.state().help is None
    assert (await room.events.next()).type == "desktop.help_done"


async def test_who_takes_over_and_gives_back_has_seen_to_it(room: Room) -> None:
    async with asyncio.TaskGroup() as tasks:
        task = await ask(room, tasks)
        await room.desk.takeover(BEN)
        room.desk.release(BEN)
    assert task.result().by == "Ben"  # type: ignore[attr-defined]


async def test_help_done_gives_back_what_its_viewer_has_and_no_more(room: Room) -> None:
    await room.desk.takeover(ADA)
    room.desk.help_done("Ben", BEN)
    assert room.holder() == "Ada"
    room.desk.help_done("Ada", ADA)
    assert room.holder() is None


async def test_help_that_does_not_come_in_time_is_withdrawn(room: Room) -> None:
    answer = await room.desk.ask_help("a captcha", 0.01)
    assert not answer.done
    assert room.desk.state().help is None
    assert (await room.events.next()).type == "desktop.help_requested"
    assert (await room.events.next()).type == "desktop.help_withdrawn"


async def test_help_of_a_caller_that_leaves_is_withdrawn(room: Room) -> None:
    async with asyncio.TaskGroup() as tasks:
        task = await ask(room, tasks)
        task.cancel()
    assert room.desk.state().help is None


async def test_help_that_nobody_waits_for_stays_and_makes_way_for_the_next(room: Room) -> None:
    for number in range(100):
        await room.desk.ask_help(f"question {number}", 0.0)
    shown = room.desk.state().help
    assert shown is not None
    assert shown.reason == "question 99"
    room.desk.help_done("Ada")
    assert room.desk.state().help is None
