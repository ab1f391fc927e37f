"""Who is here, and who is told."""

from __future__ import annotations

import pytest

from agentd.base.errors import Busy, NotFound
from agentd.base.events import EventBus
from agentd.vnc.access.grants import GrantId
from agentd.vnc.access.viewers import MAX_VIEWERS, Viewers
from tests.vnc.access.people import FakeViewer


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def viewers(bus: EventBus) -> Viewers:
    return Viewers(bus)


async def test_coming_and_going_are_events(bus: EventBus, viewers: Viewers) -> None:
    events = bus.subscribe(["vnc"])
    viewer = FakeViewer(viewers.new_id())
    viewers.join(viewer)
    assert [info.id for info in viewers.list()] == [viewer.id]
    viewers.leave(viewer, "closed")
    viewers.leave(viewer, "closed")
    assert len(viewers) == 0
    joined, left = await events.next(), await events.next()
    assert (joined.type, joined.data["label"]) == ("vnc.viewer_joined", "Ada")
    assert (left.type, left.data["reason"]) == ("vnc.viewer_left", "closed")
    assert bus.last_seq == 2


def test_ids_are_not_given_twice(viewers: Viewers) -> None:
    assert len({viewers.new_id() for _ in range(100)}) == 100


def test_kicked_viewer_is_told_why(viewers: Viewers) -> None:
    viewer = FakeViewer("v1")
    viewers.join(viewer)
    assert viewers.kick("v1").id == "v1"
    assert viewer.closed == ["kicked"]
    with pytest.raises(NotFound):
        viewers.kick("v2")


def test_viewers_of_a_grant_are_sent_away_and_no_others(viewers: Viewers) -> None:
    here = [FakeViewer("v1", "g-1"), FakeViewer("v2", "g-2"), FakeViewer("v3", "g-1")]
    for viewer in here:
        viewers.join(viewer)
    assert viewers.close(GrantId("g-1"), "revoked") == 2
    assert [viewer.closed for viewer in here] == [["revoked"], [], ["revoked"]]
    assert viewers.is_watching(GrantId("g-2"))
    assert not viewers.is_watching(GrantId("g-3"))


def test_number_of_viewers_is_bounded(viewers: Viewers) -> None:
    for number in range(MAX_VIEWERS):
        viewers.join(FakeViewer(f"v{number}"))
    with pytest.raises(Busy):
        viewers.join(FakeViewer("one more"))
