"""What the viewer page learns and does by its grant, over the room's own parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.base.errors import Conflict, Denied, Unauthorized
from agentd.base.events import EventBus
from agentd.base.store import Store
from agentd.desktop.pictures.curtain import Curtain
from agentd.vnc.access.control import Control, Mode, Person
from agentd.vnc.access.desk import Desk
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grants, Issued, Right, StoredGrants
from agentd.vnc.access.viewers import Viewers
from agentd.vnc.front_desk import GrantDesk
from agentd.vnc.pages import Deed, DesktopState, Help, Holder
from tests.vnc.access.people import FakeViewer

HERE = "127.0.0.1"
RUNNING = DesktopState(True, 1280, 800, "desktop")


class Room:
    """A front desk with everything behind it."""

    def __init__(self, folder: Path, mode: Mode = Mode.HUMAN_FIRST) -> None:
        bus = EventBus()
        self.viewers = Viewers(bus)
        self.grants = Grants(Store(folder / "grants.json", StoredGrants))
        self.curtain = Curtain()
        self.desk = Desk(Control(mode), bus, self.curtain, lift=self._lift)
        self.front = GrantDesk(
            Door(self.grants), self.grants, self.desk, self.viewers, desktop=lambda: RUNNING
        )
        self.news = 0
        self.front.on_change(self._note)

    def issue(self, *rights: Right, label: str = "Ada") -> Issued:
        return self.grants.issue(rights=rights, ttl_s=None, uses=None, label=label)

    def watch(self, issued: Issued, id: str = "v1") -> FakeViewer:
        viewer = FakeViewer(id, issued.grant.id, label=issued.grant.label)
        self.viewers.join(viewer)
        return viewer

    async def holder(self, issued: Issued) -> Holder:
        return (await self.front.state(issued.token, HERE)).holder

    async def _lift(self) -> None:
        pass

    def _note(self) -> None:
        self.news += 1


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.desk.close()


async def test_a_state_tells_who_one_is_and_what_there_is(room: Room) -> None:
    ada = room.issue(Right.VIEW, Right.KEY)
    state = await room.front.state(ada.token, HERE)
    assert (state.you.label, list(state.you.rights)) == ("Ada", ["key", "view"])
    assert state.you.viewer_id is None
    assert state.desktop == RUNNING
    assert state.holder == Holder("agent", "agent")
    room.watch(ada)
    assert (await room.front.state(ada.token, HERE)).you.viewer_id == "v1"


async def test_takeover_is_seen_by_each_in_their_way(room: Room) -> None:
    ada, ben = room.issue(Right.POINTER), room.issue(Right.VIEW, label="Ben")
    room.watch(ada)
    await room.front.do(ada.token, HERE, Deed.TAKEOVER)
    assert await room.holder(ada) == Holder("human", "Ada", is_you=True, taken=True)
    assert await room.holder(ben) == Holder("human", "Ada", is_you=False, taken=True)
    await room.front.do(ada.token, HERE, Deed.RELEASE)
    assert await room.holder(ben) == Holder("agent", "agent")


async def test_a_touch_is_not_taken(room: Room) -> None:
    ada = room.issue(Right.POINTER)
    room.watch(ada)
    await room.desk.viewer_may(Person("v1", ada.grant.id, "Ada"), acts=True)
    assert await room.holder(ada) == Holder("human", "Ada", is_you=True, taken=False)


async def test_of_two_viewers_the_one_that_has_the_desktop_gives_it_back(room: Room) -> None:
    ada = room.issue(Right.POINTER)
    room.watch(ada, "v1")
    await room.front.do(ada.token, HERE, Deed.TAKEOVER)
    room.watch(ada, "v2")
    await room.front.do(ada.token, HERE, Deed.RELEASE)
    assert await room.holder(ada) == Holder("agent", "agent")


@pytest.mark.parametrize("mode", [Mode.SHARED, Mode.HUMAN])
async def test_in_some_modes_nobody_has_it(tmp_path: Path, mode: Mode) -> None:
    room = Room(tmp_path, mode)
    assert await room.holder(room.issue()) == Holder("nobody", "")
    room.desk.close()


async def test_withholding_takes_over_as_well(room: Room) -> None:
    ada = room.issue(Right.KEY)
    room.watch(ada)
    await room.front.do(ada.token, HERE, Deed.WITHHOLD)
    assert room.curtain.is_drawn
    state = await room.front.state(ada.token, HERE)
    assert (state.withheld, state.holder.taken) == (True, True)
    await room.front.do(ada.token, HERE, Deed.UNWITHHOLD)
    assert not room.curtain.is_drawn
    assert (await room.holder(ada)).is_you


async def test_help_is_shown_and_done(room: Room) -> None:
    ada = room.issue(Right.KEY)
    room.watch(ada)
    await room.desk.ask_help("a captcha", 0)
    found = (await room.front.state(ada.token, HERE)).help
    assert isinstance(found, Help)
    assert found.reason == "a captcha"
    await room.front.do(ada.token, HERE, Deed.HELP_DONE)
    assert (await room.front.state(ada.token, HERE)).help is None


@pytest.mark.parametrize("deed", list(Deed))
async def test_who_looks_on_does_nothing(room: Room, deed: Deed) -> None:
    ben = room.issue(Right.VIEW)
    room.watch(ben)
    with pytest.raises(Denied):
        await room.front.do(ben.token, HERE, deed)


async def test_who_is_not_connected_cannot_take_over(room: Room) -> None:
    with pytest.raises(Conflict, match="no viewer of this grant"):
        await room.front.do(room.issue(Right.KEY).token, HERE, Deed.TAKEOVER)


async def test_a_revoked_token_opens_nothing(room: Room) -> None:
    ada = room.issue(Right.KEY)
    room.grants.revoke(ada.grant.id)
    with pytest.raises(Unauthorized):
        await room.front.state(ada.token, HERE)
    with pytest.raises(Unauthorized):
        await room.front.do(ada.token, HERE, Deed.TAKEOVER)


async def test_pages_are_told_of_what_may_have_changed(room: Room) -> None:
    ada = room.issue(Right.KEY)
    viewer = room.watch(ada)
    await room.front.do(ada.token, HERE, Deed.TAKEOVER)
    room.viewers.leave(viewer)
    before = room.news
    room.grants.revoke(ada.grant.id)
    assert (before, room.news) == (4, 5)
