"""What viewers do is a person's doing in a recording; what an agent does meanwhile is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from agentd.desktop.actions import HandAction
from agentd.desktop.hands.injection import heard
from agentd.desktop.hands.input import Input
from agentd.desktop.recording.demonstrator import Demonstrator
from agentd.desktop.xlink import DisplayAddress
from tests.live.test_remote import CONTROL, SHIFT, tap

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Log:
    """Stands for the action log; keeps what a person did."""

    def __init__(self) -> None:
        self.actions: list[HandAction] = []

    def now_ms(self) -> int:
        return round(time.monotonic() * 1000)

    async def before(self, _: object) -> None:
        return None

    async def note_human(self, action: HandAction, **_: object) -> None:
        self.actions.append(action)


@asynccontextmanager
async def recording(address: DisplayAddress, log: Log) -> Any:
    live: Any = SimpleNamespace(capture_link=SimpleNamespace(address=address))
    demonstrator = Demonstrator(live, log, seen=lambda: None, moved=lambda: None)  # type: ignore[arg-type]
    await demonstrator.open()
    assert demonstrator.is_listening
    try:
        yield demonstrator
    finally:
        await demonstrator.close()


async def test_viewers_are_persons_and_agents_are_not(hands: Input, display) -> None:
    log, viewer = Log(), hands.remote("viewer")

    async def agent(demonstrator: Demonstrator, keys: Sequence[str]) -> None:
        """Act as the performer's witnesses have actions act."""
        token = heard.set(demonstrator.expect)
        try:
            for key in keys:
                await hands.keys.press(key, owner="agent")
            await hands.pointer.click(300, 200, owner="agent")
        finally:
            heard.reset(token)

    async with recording(display, log) as demonstrator:
        await agent(demonstrator, ("q", "Q", "ctrl+x"))
        for keysyms in ((SHIFT, ord("H")), (ord("é"),), (ord("!"),), (0x1005BB6,)):
            await tap(viewer, *keysyms)
        await agent(demonstrator, ("z",))
        await tap(viewer, CONTROL, ord("s"))
        await viewer.pointer(40, 50, 0)
        await viewer.pointer(40, 50, 1)
        await viewer.pointer(40, 50, 0)
        await hands.pointer.cursor()
    told = [
        (type(action).__name__, *(getattr(action, name, None) for name in ("text", "keys", "x")))
        for action in log.actions
    ]
    assert told == [
        ("Type", "Hé!家", None, None),
        ("Press", None, "ctrl+s", None),
        ("Click", None, None, 40),
    ]
