"""Who stands around an action, in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from agentd.base.command import Caller
from agentd.base.errors import Conflict
from agentd.desktop.actions import CursorPosition, HandAction
from agentd.desktop.performer import Performer

CALLER = Caller("c1", "uid:0", frozenset())


class Onlooker:
    """Notes when an action begins and ends around it."""

    def __init__(self, name: str, notes: list[str], *, refuses: bool = False) -> None:
        self._name = name
        self._notes = notes
        self._refuses = refuses

    def around(self, action: HandAction, caller: Caller) -> AbstractAsyncContextManager[None]:
        return self._around()

    @asynccontextmanager
    async def _around(self) -> AsyncIterator[None]:
        self._notes.append(f"{self._name} begins")
        if self._refuses:
            raise Conflict("not now", code="human_in_control")
        try:
            yield
        finally:
            self._notes.append(f"{self._name} ends")


def no_hands() -> Any:
    raise LookupError("this far")


async def test_last_added_is_inmost_unless_it_wants_to_see_all() -> None:
    performer, notes = Performer(no_hands), list[str]()
    performer.add(Onlooker("first", notes))
    performer.add(Onlooker("second", notes))
    performer.add(Onlooker("outermost", notes), outermost=True)
    with pytest.raises(LookupError):
        await performer.perform(CursorPosition(), CALLER)
    assert notes[:3] == ["outermost begins", "first begins", "second begins"]
    assert notes[3:] == ["second ends", "first ends", "outermost ends"]


async def test_outermost_sees_what_another_refuses() -> None:
    performer, notes = Performer(no_hands), list[str]()
    performer.add(Onlooker("holder", notes, refuses=True))
    performer.add(Onlooker("recorder", notes), outermost=True)
    with pytest.raises(Conflict):
        await performer.perform(CursorPosition(), CALLER)
    assert notes == ["recorder begins", "holder begins", "recorder ends"]
