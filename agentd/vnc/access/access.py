"""Access: the parts that say who may look and who may act, put together.

What one part must know of another is connected here: a grant that ends sends its viewers away, a
viewer that leaves gives the desktop back. It opens no door: the listeners do, and ask it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from agentd.base.events import EventBus
from agentd.base.store import Store
from agentd.desktop.desktop import Desktop
from agentd.desktop.hands.input import Input
from agentd.desktop.recording.action_log import Handover
from agentd.vnc.access.control import Control, Mode, Person
from agentd.vnc.access.desk import Desk
from agentd.vnc.access.door import Door
from agentd.vnc.access.gate import Gate
from agentd.vnc.access.grants import GrantChange, Grants, StoredGrants
from agentd.vnc.access.kept import Kept, StoredControl
from agentd.vnc.access.state import DeskState
from agentd.vnc.access.viewers import Viewer, Viewers

logger = logging.getLogger(__name__)

# A clock that is set forward ends grants no later than this.
_LONGEST_SLEEP_S = 3600.0


class Access:
    """Grants, viewers, the door, the desk and the gate of one desktop.

    Args:
        mode: who acts while nobody has taken over.
        state_dir: keeps the grants, and who has the desktop.
        vnc_response: what a client answers to a challenge who knows this password (VncAuth).
        note: told of every handover, for a recording.
    """

    def __init__(
        self,
        desktop: Desktop,
        bus: EventBus,
        *,
        mode: str,
        state_dir: Path,
        vnc_response: Callable[[str, bytes], bytes] | None = None,
        note: Callable[[Handover], None] = lambda _: None,
    ) -> None:
        self._bus = bus
        self._note = note
        self._timer: asyncio.TimerHandle | None = None
        self.viewers = Viewers(bus)
        self.grants = Grants(
            Store(state_dir / "vnc_grants.json", StoredGrants),
            is_watching=self.viewers.is_watching,
            vnc_response=vnc_response,
        )
        self.door = Door(self.grants)
        control = Control(Mode(mode))
        self._kept = Kept(Store(state_dir / "vnc_control.json", StoredControl), control)

        def hands() -> Input | None:
            live = desktop.session.live_or_none()
            return None if live is None else live.input

        self.gate = Gate(control, hands)
        self.desk = Desk(control, bus, desktop.curtain, lift=self.gate.lift)
        desktop.performer.add(self.gate)
        desktop.performer.add_guard(self.gate)
        self.grants.on_change(self._grant_changed)
        self.viewers.on_join(self._viewer_joined)
        self.viewers.on_leave(self._viewer_left)
        self.desk.on_change(self._desk_changed)

    def open(self) -> None:
        """Take over what an earlier daemon has kept, and end each grant in its time."""
        self._kept.load()
        self.grants.load()
        self.desk.restored()
        self._expire()

    def close(self) -> None:
        """Stop the clocks. Idempotent."""
        self.desk.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def kick(self, viewer_id: str, reason: str = "kicked") -> None:
        """Send a viewer away; what it has taken it gives back at once. Raises: NotFound."""
        self.viewers.kick(viewer_id, reason)
        self.desk.viewer_left(viewer_id, may_return=False)

    def _grant_changed(self, change: GrantChange) -> None:
        grant = change.grant
        if not change.ended:
            self._bus.publish(
                "vnc.granted",
                id=grant.id,
                label=grant.label,
                rights=sorted(grant.rights),
                expires_at=grant.expires_at,
                uses=grant.uses_left,
            )
            logger.info("granted id=%s rights=%s", grant.id, ",".join(sorted(grant.rights)))
            self._set_timer(grant.expires_at)
            return
        self._bus.publish("vnc.revoked", id=grant.id, label=grant.label, reason=change.ended)
        logger.info("grant ended id=%s reason=%s", grant.id, change.ended)
        self.viewers.close(grant.id, change.ended)
        self.desk.grant_ended(grant.id)

    def _viewer_joined(self, viewer: Viewer) -> None:
        self.desk.viewer_joined(person_of(viewer))

    def _viewer_left(self, viewer: Viewer) -> None:
        self.grants.left(viewer.grant_id)
        self.desk.viewer_left(viewer.id)

    def _desk_changed(self, why: str, state: DeskState) -> None:
        self._kept.save()
        holder = state.holder
        self._note(
            Handover(
                why=why,
                mode=str(state.mode),
                holder=holder.label if holder else "",
                kind=holder.kind if holder else "",
                withheld=state.withheld,
            )
        )

    def _expire(self) -> None:
        self._timer = None
        self._set_timer(self.grants.expire())

    def _set_timer(self, expires_at: float | None) -> None:
        """Wake when a grant ends; one that is set for an earlier end stays."""
        if expires_at is None:
            return
        delay_s = min(max(0.0, expires_at - time.time()), _LONGEST_SLEEP_S)
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + delay_s:
                return
            self._timer.cancel()
        self._timer = loop.call_later(delay_s, self._expire)


def person_of(viewer: Viewer) -> Person:
    """Return a viewer as the arbitration knows it."""
    return Person(viewer.id, viewer.grant_id, viewer.info().label)
