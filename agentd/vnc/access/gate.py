"""The gate: lets an agent's actions through while nobody else has the desktop.

A witness around the hands, and the guard of what changes the desktop without them. Everybody who
calls commands is an agent here; viewers have hands of their own and do not come this way. Who has
the desktop is decided in `control.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agentd.base.command import Caller
from agentd.base.errors import AgentdError, Conflict
from agentd.desktop.actions import ButtonDown, CursorPosition, HandAction, KeyDown
from agentd.desktop.hands.input import Input
from agentd.vnc.access.control import Control, Holder

logger = logging.getLogger(__name__)

# For a holder of whom it is not known when they give the desktop back.
_RETRY_S = 5.0


class Gate:
    """Refuses agents while a person has the desktop, and takes from them what they hold.

    Args:
        hands: the hands of the running display, or None.
        now: the clock of `control`, seconds.
    """

    def __init__(
        self,
        control: Control,
        hands: Callable[[], Input | None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._hands = hands
        self._now = now
        # Who has an action on its way, and how many; who may have left something pressed.
        self._acting: dict[str, int] = {}
        self._holding: set[str] = set()

    def check(self, caller: Caller) -> None:
        """Raise Conflict while a person has the desktop."""
        now = self._now()
        holder = self._control.agent_refusal(now)
        if holder is not None:
            raise refusal(holder, now)

    def around(self, action: HandAction, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Return what an action runs inside; where a person takes over, it ends with Conflict."""
        return self._around(action, caller)

    async def lift(self) -> None:
        """End what agents are doing and lift what they hold. Cancelling: lifted all the same."""
        owners = {*self._acting, *self._holding}
        self._holding.clear()
        hands = self._hands()
        if hands is None:
            return
        for owner in owners:
            try:
                await hands.release(owner)
            except AgentdError as exc:  # A display that is gone holds nothing.
                logger.debug("keys not lifted owner=%s reason=%s", owner, exc)

    async def caller_left(self, caller_id: str) -> None:
        """Forget a connection; the desktop lifts its keys."""
        self._holding.discard(caller_id)

    @asynccontextmanager
    async def _around(self, action: HandAction, caller: Caller) -> AsyncIterator[None]:
        if isinstance(action, CursorPosition):
            yield
            return
        self.check(caller)
        if isinstance(action, KeyDown | ButtonDown):
            self._holding.add(caller.id)
        self._acting[caller.id] = self._acting.get(caller.id, 0) + 1
        self._control.agent_begins()
        try:
            yield
        except Conflict as exc:
            now = self._now()
            holder = self._control.agent_refusal(now)
            if exc.narrow_code != "released" or holder is None:
                raise
            raise refusal(holder, now, data=exc.data) from exc
        finally:
            self._control.agent_ends()
            self._acting[caller.id] -= 1
            if not self._acting[caller.id]:
                del self._acting[caller.id]


def refusal(holder: Holder, now: float, *, data: dict[str, object] | None = None) -> Conflict:
    """Return what an agent is told while a person has the desktop."""
    left_s = _RETRY_S if holder.until is None else holder.until - now
    return Conflict(
        f"{holder.label} has the desktop",
        code="human_in_control",
        hint="desktop.wait_turn waits until it is free again",
        retry_after_s=round(max(0.1, left_s), 2),
        data={**(data or {}), "holder": holder_data(holder)},
    )


def withheld(holder: Holder, now: float) -> Conflict:
    """Return what is said instead of a picture while a person types a secret."""
    left_s = _RETRY_S if holder.until is None else holder.until - now
    return Conflict(
        f"{holder.label} has the desktop and withholds what it shows",
        code="screen_withheld",
        hint="desktop.wait_turn waits until it is given back; then take the picture",
        retry_after_s=round(max(0.1, left_s), 2),
        data={"holder": holder_data(holder)},
    )


def holder_data(holder: Holder) -> dict[str, object]:
    """Return a holder as JSON values, without times."""
    return {
        "kind": str(holder.kind),
        "label": holder.label,
        "viewer": holder.person.viewer_id if holder.person is not None else "",
        "taken": holder.is_taken,
    }
