"""The parts together: grants that end, viewers that leave, and what is written down."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agentd.base.command import Caller
from agentd.base.errors import Conflict, NotFound
from agentd.base.events import EventBus
from agentd.desktop.performer import Performer
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.recording.action_log import Handover
from agentd.vnc.access.access import Access, person_of
from agentd.vnc.access.control import Mode
from agentd.vnc.access.grants import Issued, Right
from tests.vnc.access.people import FakeViewer

AGENT = Caller("c1", "uid:1000", frozenset())
LIMIT_S = 10.0
HELD = {"kind": "operator", "label": "ops", "since": 1.0}


class House:
    """Access to a desktop that is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = EventBus()
        self.events = self.bus.subscribe(["vnc"])
        self.notes: list[Handover] = []
        self.performer = Performer(lambda: pytest.fail("no hands are needed"))
        self.access = self.make()

    def make(self) -> Access:
        desktop: Any = SimpleNamespace(
            session=SimpleNamespace(live_or_none=lambda: None),
            curtain=Curtain(),
            performer=self.performer,
        )
        access = Access(
            desktop,
            self.bus,
            mode="human_first",
            state_dir=self.folder,
            note=self.notes.append,
        )
        access.open()
        return access

    def issue(self, **options: Any) -> Issued:
        given = {"rights": [Right.POINTER], "ttl_s": 60.0, "uses": None, "label": "Ada"}
        return self.access.grants.issue(**{**given, **options})

    def join(self, id: str, issued: Issued) -> FakeViewer:
        viewer = FakeViewer(id, issued.grant.id)
        self.access.viewers.join(viewer)
        return viewer

    def holder(self) -> str | None:
        holder = self.access.desk.state().holder
        return holder.label if holder is not None else None


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    house.access.close()


async def test_revoked_grant_sends_its_viewers_away_and_frees_the_desktop(house: House) -> None:
    issued = house.issue()
    viewer = house.join("v1", issued)
    await house.access.desk.takeover(person_of(viewer))
    with pytest.raises(Conflict):
        house.performer.check(AGENT)
    house.access.grants.revoke(issued.grant.id)
    assert viewer.closed == ["revoked"]
    house.performer.check(AGENT)


async def test_grant_that_runs_out_sends_its_viewers_away(house: House) -> None:
    house.issue(ttl_s=3600)
    viewer = house.join("v1", house.issue(ttl_s=0.02))
    async with asyncio.timeout(LIMIT_S):
        while (event := await house.events.next()).type != "vnc.revoked":
            pass
    assert event.data["reason"] == "expired"
    assert viewer.closed == ["expired"]


async def test_restarted_daemon_ends_grants_in_their_time(house: House) -> None:
    house.issue(ttl_s=0.05)
    house.access.close()
    after = house.make()
    async with asyncio.timeout(LIMIT_S):
        while after.grants.list():
            await house.events.next()
    after.close()


async def test_grant_is_told_without_its_secrets(house: House) -> None:
    issued = house.issue(with_password=True)
    event = await house.events.next()
    assert event.type == "vnc.granted"
    assert event.data["id"] == issued.grant.id
    assert issued.token not in str(event.data)
    assert str(issued.password) not in str(event.data)


async def test_kicked_viewer_gives_the_desktop_back_at_once(house: House) -> None:
    viewer = house.join("v1", house.issue())
    await house.access.desk.takeover(person_of(viewer))
    house.access.kick("v1")
    assert viewer.closed == ["kicked"]
    assert house.holder() is None
    with pytest.raises(NotFound):
        house.access.kick("v2")


async def test_viewer_that_comes_back_keeps_the_desktop(house: House) -> None:
    issued = house.issue(uses=1)
    house.access.grants.admit(issued.token)
    viewer = house.join("v1", issued)
    await house.access.desk.takeover(person_of(viewer))
    house.access.viewers.leave(viewer)
    assert house.holder() == "Ada"
    house.access.grants.admit(issued.token)
    again = house.join("v2", issued)
    assert house.access.desk.is_allowed(person_of(again))
    assert house.holder() == "Ada"


async def test_handovers_are_noted_for_a_recording(house: House) -> None:
    viewer = house.join("v1", house.issue())
    await house.access.desk.takeover(person_of(viewer), withholds=True)
    house.access.desk.release(person_of(viewer))
    assert [(note.why, note.holder, note.withheld) for note in house.notes] == [
        ("takeover", "Ada", True),
        ("release", "", False),
    ]


async def test_takeover_and_mode_outlive_the_daemon(house: House) -> None:
    issued = house.issue()
    viewer = house.join("v7", issued)
    await house.access.desk.set_mode(Mode.SHARED)
    await house.access.desk.takeover(person_of(viewer), lease_s=60, withholds=True)
    before = house.access.desk.state()
    house.access.close()
    house.access = house.make()
    after = house.access.desk.state()
    assert after.mode is Mode.SHARED
    assert after.withheld
    assert before.holder is not None
    assert after.holder is not None
    assert after.holder.away
    assert abs(after.holder.since - before.holder.since) < 0.2
    again = house.join("v1", issued)
    held = house.access.desk.state().holder
    assert held is not None
    assert (held.viewer, held.away) == ("v1", False)
    assert held.until is not None
    assert before.holder.until is not None
    assert abs(held.until - before.holder.until) < 0.2
    house.access.desk.release(person_of(again))
    house.access.close()
    house.access = house.make()
    assert house.holder() is None


async def test_operators_takeover_outlives_the_daemon_unless_its_lease_is_over(
    house: House,
) -> None:
    await house.access.desk.takeover_as_operator("ops")
    house.access = house.make()
    assert house.holder() == "ops"
    kept = house.folder / "vnc_control.json"
    kept.write_text(
        json.dumps({"version": 1, "state": {"hold": {**HELD, "ends_at": time.time() - 1}}})
    )
    house.access.close()
    house.access = house.make()
    assert house.holder() is None


async def test_mode_of_the_configuration_is_not_kept(house: House) -> None:
    await house.access.desk.set_mode(Mode.SHARED)
    await house.access.desk.set_mode(Mode.HUMAN_FIRST)
    kept = (house.folder / "vnc_control.json").read_text()
    assert "human_first" not in kept


async def test_touch_is_not_kept(house: House) -> None:
    viewer = house.join("v1", house.issue())
    await house.access.desk.viewer_may(person_of(viewer), acts=True)
    assert house.holder() == "Ada"
    assert not (house.folder / "vnc_control.json").exists()
