"""The desk where the desktop is handed over: the arbitration with its clock, and who is told.

The shell around `control.py` and `help.py`: it sets the timer, draws the curtain, has agents' keys
lifted, publishes `vnc.control_changed`, and wakes whoever shows the state. It decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from agentd.base.errors import Conflict
from agentd.base.events import EventBus
from agentd.desktop.pictures.curtain import Curtain
from agentd.vnc.access.control import Control, Holder, Mode, Person
from agentd.vnc.access.gate import holder_data, withheld
from agentd.vnc.access.help import Help
from agentd.vnc.access.state import DeskState, HelpAnswer, HelpInfo, holder_info, is_news

logger = logging.getLogger(__name__)


Told = Callable[[str, DeskState], None]


class Desk:
    """Hands the desktop over and back. Event loop only.

    Args:
        lift: ends what agents do and lifts what they hold.
        now: the clock of `control`, seconds; the loop's own runs beside it.
    """

    def __init__(
        self,
        control: Control,
        bus: EventBus,
        curtain: Curtain,
        *,
        lift: Callable[[], Coroutine[Any, Any, None]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._bus = bus
        self._curtain = curtain
        self._lift = lift
        self._now = now
        self._help = Help()
        self._known: tuple[Mode, Holder | None] = (control.mode, None)
        self._since = time.time()
        self._serial = 0
        self._changed = asyncio.Event()
        self._told: list[Told] = []
        self._timer: asyncio.TimerHandle | None = None

    def state(self) -> DeskState:
        """Return who acts now."""
        now = self._now()
        holder = self._control.holder(now)
        newest = self._help.newest
        return DeskState(
            self._control.mode,
            self._since,
            None if holder is None else holder_info(holder, time.time() - now),
            None if newest is None else HelpInfo(newest.reason, newest.since),
            holder is not None and holder.withholds,
        )

    @property
    def serial(self) -> int:
        """How often the state has changed."""
        return self._serial

    async def wait_changed(self, serial: int) -> int:
        """Wait until the state has changed since that serial; return the present one.

        Cancelling is safe.
        """
        while self._serial == serial:
            await self._changed.wait()
        return self._serial

    def on_change(self, callback: Told) -> Callable[[], None]:
        """Have a callback told why the state has changed, and the state; return how it ends."""
        self._told.append(callback)
        return lambda: self._told.remove(callback)

    def is_allowed(self, person: Person) -> bool:
        """Whether a viewer's hands count now; what it holds must be lifted when they do not."""
        return self._control.is_allowed(person, self._now())

    async def viewer_may(self, person: Person, *, acts: bool, is_down: bool = False) -> bool:
        """Say whether an input event counts; see `Control.viewer_may`.

        Returns when agents' keys are lifted, where it has taken the desktop from them.
        Cancelling: the desktop is taken all the same.
        """
        may = self._control.viewer_may(person, self._now(), acts=acts, is_down=is_down)
        if may and acts:
            now = self._now()
            if is_news(self._known[1], self._control.holder(now)):
                await self._taken("touch")
            elif self._timer is None:
                self._set_timer(now)
        return may

    async def takeover(
        self, person: Person, *, lease_s: float | None = None, withholds: bool = False
    ) -> DeskState:
        """Let a viewer take over. Raises: Conflict while another person has."""
        self._control.take(person, self._now(), lease_s=lease_s, withholds=withholds)
        await self._taken("takeover")
        return self.state()

    async def takeover_as_operator(
        self,
        label: str,
        *,
        person: Person | None = None,
        lease_s: float | None = None,
        withholds: bool = False,
    ) -> DeskState:
        """Take over whoever has the desktop, for one viewer or for all."""
        self._control.take_as_operator(
            label, self._now(), person=person, lease_s=lease_s, withholds=withholds
        )
        await self._taken("takeover")
        return self.state()

    def withhold(self, person: Person, *, withholds: bool) -> DeskState:
        """Let who has taken over say whether agents get pictures. Raises: Conflict."""
        self._control.withhold(person, self._now(), withholds=withholds)
        self._refresh("withhold")
        return self.state()

    def release(self, person: Person) -> DeskState:
        """Let a viewer give the desktop back. Raises: Conflict when another person has it.

        Who had taken over and gives it back has seen to what an agent asked for.
        """
        if self._control.release(person, self._now()):
            self._help_done(person.label)
        self._refresh("release")
        return self.state()

    def release_as_operator(self, label: str) -> DeskState:
        """Give the desktop back, whoever has it."""
        if self._control.release_as_operator(self._now()):
            self._help_done(label)
        self._refresh("release")
        return self.state()

    async def set_mode(self, mode: Mode) -> DeskState:
        """Change who acts while nobody has taken over."""
        self._control.set_mode(mode, self._now())
        await self._taken("mode")
        return self.state()

    def restored(self) -> None:
        """Take over what was made true again of before a restart."""
        self._refresh("restart")

    def viewer_joined(self, person: Person) -> None:
        """Let who comes back keep what they had."""
        self._control.viewer_joined(person, self._now())
        self._refresh("returned")

    def viewer_left(self, viewer_id: str, *, may_return: bool = True) -> None:
        """End what a viewer touched, and have what it took wait for its return."""
        self._control.viewer_left(viewer_id, self._now(), may_return=may_return)
        self._refresh("left")

    def grant_ended(self, grant_id: str) -> None:
        """End what viewers of a grant have."""
        self._control.grant_ended(grant_id, self._now())
        self._refresh("grant_ended")

    async def wait_turn(self, timeout_s: float) -> bool:
        """Wait until agents may act; say whether they may. Cancelling is safe."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._control.agent_refusal(self._now()) is not None:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def ask_help(self, reason: str, wait_s: float) -> HelpAnswer:
        """Ask a person for help, and wait for it.

        Args:
            wait_s: how long; with 0 it is asked and stays asked, else it is withdrawn after it.

        Raises: Busy. Cancelling: it is withdrawn.
        """
        began = self._now()
        with self._asked(reason, wait_s) as done:
            if not wait_s:
                return HelpAnswer(False, 0.0)
            try:
                async with asyncio.timeout(wait_s):
                    by = await done
            except TimeoutError:
                return HelpAnswer(False, round(self._now() - began, 3))
            return HelpAnswer(True, round(self._now() - began, 3), by)

    def help_done(self, label: str, person: Person | None = None) -> DeskState:
        """Say that a person has seen to what was asked; what that viewer has it gives back."""
        self._help_done(label)
        if person is not None:
            with suppress(Conflict):  # What another person has stays with them.
                self._control.release(person, self._now())
        self._refresh("help_done")
        return self.state()

    def close(self) -> None:
        """Stop the clock. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @contextmanager
    def _asked(self, reason: str, wait_s: float) -> Iterator[asyncio.Future[str]]:
        request = self._help.ask(reason, time.time(), waits=bool(wait_s))
        self._bus.publish(
            "desktop.help_requested", id=request.id, reason=reason, wait_s=wait_s or None
        )
        self._tell("help_requested")
        try:
            yield request.done
        finally:
            if wait_s and not (request.done.done() and not request.done.cancelled()):
                self._help.withdraw(request)
                self._bus.publish("desktop.help_withdrawn", id=request.id)
                self._tell("help_withdrawn")

    def _help_done(self, by: str) -> None:
        closed = self._help.done(by)
        for request in closed:
            self._bus.publish("desktop.help_done", id=request.id, by=by)
        if closed:
            self._tell("help_done")

    async def _taken(self, why: str) -> None:
        """Tell of a change, and take from agents what they hold if they must wait now."""
        self._refresh(why)
        if self._control.agent_refusal(self._now()) is not None:
            lifting = asyncio.create_task(self._lift(), name="lift-agents")  # noqa: TID251
            await asyncio.shield(lifting)

    def _refresh(self, why: str) -> None:
        """Set the clock anew, and tell of a change if there is one."""
        now = self._now()
        holder, mode = self._control.holder(now), self._control.mode
        self._set_timer(now)
        known_mode, known = self._known
        if mode is known_mode and not is_news(known, holder):
            return
        self._known, self._since = (mode, holder), time.time()
        self._set_curtain(holder)
        logger.info(
            "control changed why=%s mode=%s holder=%s",
            *(why, mode, holder.label if holder is not None else "none"),
        )
        self._bus.publish(
            "vnc.control_changed",
            why=why,
            mode=str(mode),
            holder=None if holder is None else holder_data(holder),
            withheld=self._curtain.is_drawn,
        )
        self._tell(why)

    def _tell(self, why: str) -> None:
        self._serial += 1
        self._changed.set()
        self._changed = asyncio.Event()
        state = self.state()
        for callback in list(self._told):
            callback(why, state)

    def _set_curtain(self, holder: Holder | None) -> None:
        if holder is not None and holder.withholds:
            self._curtain.draw(lambda: withheld(holder, self._now()))
        else:
            self._curtain.lift()

    def _set_timer(self, now: float) -> None:
        """Wake at the next moment at which the state changes by itself.

        A touch that goes on moves that moment: the timer that comes too early is set again.
        """
        at = self._control.deadline(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, at - now), self._refresh, "time")
