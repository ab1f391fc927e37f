"""Who holds what: down with the first, up with the last, nothing after release."""

from __future__ import annotations

import asyncio

import pytest

from agentd.base.errors import Conflict
from agentd.desktop.hands.held import Held, button_thing, key_thing

CTRL, A, LEFT = key_thing(37), key_thing(38), button_thing(1)


def test_goes_down_with_the_first_and_up_with_the_last() -> None:
    held = Held()
    one, two = held.lasting("one"), held.lasting("two")
    assert held.take(one, [CTRL, A]) == [CTRL, A]
    assert held.take(two, [CTRL]) == []
    assert held.take(two, [CTRL]) == []
    assert held.drop(one, [CTRL]) == []
    assert held.drop(two, [CTRL]) == [CTRL]
    assert held.keycodes() == [A.number]


def test_the_end_of_an_action_does_not_lift_what_its_owner_holds() -> None:
    held = Held()
    held.take(held.lasting("one"), [CTRL])
    with held.acting("one") as action:
        assert held.take(action, [CTRL, A]) == [A]
        assert held.drop(action) == [A]
    assert held.is_held(CTRL)


def test_release_lifts_all_of_one_owner_last_first() -> None:
    held = Held()
    held.take(held.lasting("one"), [CTRL, LEFT])
    held.take(held.lasting("two"), [A])
    assert held.release("one") == [LEFT, CTRL]
    assert held.release("one") == []
    assert held.release(None) == [A]
    assert held.release(None) == []


def test_nobody_lifts_what_another_holds() -> None:
    held = Held()
    held.take(held.lasting("one"), [CTRL])
    assert held.drop(held.lasting("two"), [CTRL]) == []


async def test_release_ends_actions() -> None:
    held = Held()
    with held.acting("one") as action:
        async with asyncio.TaskGroup() as tasks:
            pause = tasks.create_task(_refused_pause(action))
            await asyncio.sleep(0)
            held.release("one")
        assert pause.done()
        with pytest.raises(Conflict, match="lifted"):
            action.check()
    held.lasting("one").check()


async def _refused_pause(action: object) -> None:
    with pytest.raises(Conflict):
        await action.pause(60)  # type: ignore[attr-defined]
