"""What an agent asks of people: help, and its turn on the desktop.

Speaks JSON types on one side and the room's types on the other; decides nothing.
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Scope, command
from agentd.desktop.parameters import WaitMs
from agentd.vnc.access.access import Access
from agentd.vnc.access.state import HelpAnswer, HolderInfo

_LONGEST_WAIT_S = 3500.0


class Turn(msgspec.Struct, frozen=True):
    """Whether agents may act now; `holder` is the person who has the desktop otherwise."""

    free: bool
    elapsed_ms: int
    holder: HolderInfo | None = None


class TurnCommands:
    """`desktop.request_help`, `desktop.wait_turn`, `vnc.help_done`."""

    def __init__(self, access: Access) -> None:
        self._desk = access.desk

    @command("desktop.request_help", scope=Scope.INPUT, positional=("reason",), deadline_s=3600)
    async def request_help(
        self,
        *,
        reason: Annotated[
            str,
            Meta(
                min_length=1,
                max_length=500,
                description="What a person is to do, in words for them",
                examples=["Please solve the captcha, then press Done"],
            ),
        ],
        wait_s: Annotated[
            float,
            Meta(
                ge=0,
                le=_LONGEST_WAIT_S,
                description="Wait so long for it; 0: ask and go on",
                examples=[300],
            ),
        ] = 0.0,
    ) -> HelpAnswer:
        """Ask a person for help, as with a captcha, a password or a decision.

        Everybody who looks at the desktop sees it; the event desktop.help_requested tells others.
        `done`: a person said that it is, or took the desktop over and gave it back. With wait_s
        it is withdrawn when the time is up; without, the event desktop.help_done tells.
        """
        return await self._desk.ask_help(reason, wait_s)

    @command("desktop.wait_turn", scope=Scope.VIEW, read_only=True, deadline_s=610)
    async def wait_turn(self, *, timeout_ms: WaitMs = 60_000) -> Turn:
        """Wait until no person has the desktop, so that an agent may act.

        Returns at once when it is free. A screen that a person has used may look different.
        """
        began = time.monotonic()
        is_free = await self._desk.wait_turn(timeout_ms / 1000)
        elapsed_ms = round((time.monotonic() - began) * 1000)
        return Turn(is_free, elapsed_ms, self._desk.state().holder)

    @command("vnc.help_done", scope=Scope.ADMIN)
    async def help_done(
        self,
        *,
        by: Annotated[
            str, Meta(max_length=80, description="Who has seen to it", examples=["Ada"])
        ] = "an operator",
    ) -> bool:
        """Tell the agent that what it asked for is done, as the viewer page can.

        Answers whether anything was asked.
        """
        was_asked = self._desk.state().help is not None
        self._desk.help_done(by)
        return was_asked
