"""Agents at the gate: let through, refused, and stopped on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agentd.base.command import Caller
from agentd.base.errors import AgentdError, Conflict, Unavailable
from agentd.desktop.actions import ButtonDown, CursorPosition, HandAction, KeyDown, Pause, Type
from agentd.vnc.access.control import Control, Mode, Person
from agentd.vnc.access.gate import Gate

ADA = Person("v1", "g1", "Ada")
AGENT = Caller("c1", "uid:1000", frozenset())
OTHER = Caller("c2", "uid:1000", frozenset())
TEXT = Type(text="hello")


class Hands:
    """Notes whose keys are lifted."""

    def __init__(self, *, error: AgentdError | None = None) -> None:
        self.released: list[str] = []
        self._error = error

    async def release(self, owner: str) -> int:
        self.released.append(owner)
        if self._error is not None:
            raise self._error
        return 1


class Scene:
    """A gate in mode human_first at time 0."""

    def __init__(self, *, error: AgentdError | None = None) -> None:
        self.control = Control(Mode.HUMAN_FIRST)
        self.hands = Hands(error=error)
        self.now = 0.0
        self.gate = Gate(
            self.control,
            lambda: self.hands,  # type: ignore[arg-type, return-value]
            now=lambda: self.now,
        )

    async def act(self, action: HandAction, work: Callable[[], None] = lambda: None) -> None:
        async with self.gate.around(action, AGENT):
            work()


async def test_agent_is_told_who_has_the_desktop_and_how_to_wait() -> None:
    scene = Scene()
    scene.control.viewer_may(ADA, 0.0, acts=True)
    scene.now = 1.0
    with pytest.raises(Conflict, match="Ada has the desktop") as caught:
        await scene.act(TEXT)
    assert caught.value.narrow_code == "human_in_control"
    assert caught.value.retry_after_s == 2.0
    assert "desktop.wait_turn" in caught.value.hint
    assert caught.value.data["holder"] == {
        "kind": "viewer",
        "label": "Ada",
        "viewer": "v1",
        "taken": False,
    }
    with pytest.raises(Conflict):
        scene.gate.check(AGENT)
    scene.now = 3.0
    await scene.act(TEXT)
    scene.gate.check(AGENT)


@pytest.mark.parametrize("action", [TEXT, KeyDown(key="a"), Pause(duration_ms=1)])
async def test_whatever_hands_do_is_refused(action: HandAction) -> None:
    scene = Scene()
    scene.control.take(ADA, 0.0)
    with pytest.raises(Conflict):
        await scene.act(action)


async def test_looking_where_the_pointer_is_needs_no_hands() -> None:
    scene = Scene()
    scene.control.take(ADA, 0.0)
    await scene.act(CursorPosition())


async def test_action_on_its_way_ends_and_says_who_has_the_desktop() -> None:
    scene = Scene()

    def interrupted() -> None:
        scene.control.take(ADA, 0.0)
        raise Conflict("lifted", code="released", data={"delivered": 3})

    with pytest.raises(Conflict) as caught:
        await scene.act(TEXT, interrupted)
    assert caught.value.narrow_code == "human_in_control"
    assert caught.value.data["delivered"] == 3


async def test_other_conflicts_stay_what_they_are() -> None:
    scene = Scene()

    def stuck(code: str) -> Callable[[], None]:
        def work() -> None:
            raise Conflict("stuck", code=code)

        return work

    with pytest.raises(Conflict, match="stuck"):
        await scene.act(TEXT, stuck("released"))
    scene.control.viewer_may(ADA, 0.0, acts=True)
    scene.now = 5.0
    with pytest.raises(Conflict, match="stuck"):
        await scene.act(TEXT, stuck("modifiers_held"))


async def test_keys_of_agents_are_lifted_and_of_nobody_else() -> None:
    scene = Scene()
    await scene.act(TEXT)
    await scene.gate.lift()
    assert scene.hands.released == []
    async with scene.gate.around(ButtonDown(), AGENT):
        pass
    async with scene.gate.around(TEXT, OTHER):
        await scene.gate.lift()
    assert sorted(scene.hands.released) == ["c1", "c2"]
    await scene.gate.lift()
    assert len(scene.hands.released) == 2


async def test_connection_that_has_ended_is_forgotten() -> None:
    scene = Scene()
    await scene.act(KeyDown(key="a"))
    await scene.gate.caller_left("c1")
    await scene.gate.lift()
    assert scene.hands.released == []


async def test_display_that_is_gone_holds_nothing() -> None:
    scene = Scene(error=Unavailable("gone"))
    await scene.act(KeyDown(key="a"))
    await scene.gate.lift()
    assert scene.hands.released == ["c1"]


async def test_motion_counts_again_when_the_agents_action_has_ended() -> None:
    scene = Scene()
    async with scene.gate.around(TEXT, AGENT):
        assert not scene.control.viewer_may(ADA, 0.0, acts=False)
    with pytest.raises(asyncio.CancelledError):
        async with scene.gate.around(TEXT, AGENT):
            raise asyncio.CancelledError
    assert scene.control.viewer_may(ADA, 0.0, acts=False)
