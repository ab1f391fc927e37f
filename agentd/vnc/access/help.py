"""An agent's call for a person: what it asks, who waits, and that somebody has seen to it.

It shows nothing and tells no bus: `desk.py` does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agentd.base.errors import Busy

MAX_REQUESTS = 16


@dataclass(eq=False, slots=True)
class HelpRequest:
    """One call for help.

    `since` is Unix time; `waits`: somebody does; `done` is completed with who has seen to it.
    """

    id: str
    reason: str
    since: float
    waits: bool
    done: asyncio.Future[str]


class Help:
    """The calls for help that are open. Event loop only."""

    def __init__(self) -> None:
        self._count = 0
        self._open: list[HelpRequest] = []

    @property
    def newest(self) -> HelpRequest | None:
        """The one that people are shown."""
        return self._open[-1] if self._open else None

    def ask(self, reason: str, now: float, *, waits: bool) -> HelpRequest:
        """Open a call; one that nobody waits for takes the place of another such.

        Raises: Busy when too many are open.
        """
        if not waits:
            self._open = [request for request in self._open if request.waits]
        if len(self._open) >= MAX_REQUESTS:
            raise Busy(f"{MAX_REQUESTS} calls for help are open", code="too_many_requests")
        self._count += 1
        request = HelpRequest(
            f"h{self._count}", reason, now, waits, asyncio.get_running_loop().create_future()
        )
        self._open.append(request)
        return request

    def withdraw(self, request: HelpRequest) -> None:
        """Close a call that nobody waits for any more. Idempotent."""
        if request in self._open:
            self._open.remove(request)

    def done(self, by: str) -> list[HelpRequest]:
        """Close every call: a person has looked at the desktop and seen to it."""
        closed, self._open = self._open, []
        for request in closed:
            if not request.done.done():
                request.done.set_result(by)
        return closed
