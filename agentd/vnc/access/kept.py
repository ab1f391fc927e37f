"""What of the arbitration outlives the daemon: a takeover, and a mode that was asked for.

An agent that a person keeps away stays away, and a screen that is withheld stays withheld, when
the daemon crashes meanwhile; the viewer has the time of any lost connection to come back. Touches
are not kept: they are over before the daemon is back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from agentd.base.errors import NoSpace, Unavailable
from agentd.base.store import Store
from agentd.vnc.access.control import Control, Holder, HolderKind, Mode, Person

logger = logging.getLogger(__name__)


class StoredHold(msgspec.Struct, frozen=True):
    """Who had taken over; times are Unix time in seconds, `ends_at` is of the lease."""

    kind: HolderKind
    label: str
    since: float
    ends_at: float | None = None
    grant_id: str = ""
    withholds: bool = False


class StoredControl(msgspec.Struct, frozen=True):
    """The file. `mode` is None while it is the configuration's."""

    mode: Mode | None = None
    hold: StoredHold | None = None


class Kept:
    """Keeps a control's state in a file. Event loop only.

    Args:
        now: the clock of `control`, seconds.
    """

    def __init__(
        self,
        store: Store[StoredControl],
        control: Control,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._control = control
        self._now = now
        self._configured = control.mode
        self._saved = StoredControl()

    def load(self) -> None:
        """Make true again what was kept; a lease that has run out meanwhile is over."""
        self._saved = kept = self._store.load()
        now, ahead = self._now(), time.time() - self._now()
        if kept.mode is not None:
            self._control.set_mode(kept.mode, now)
        if (hold := kept.hold) is not None:
            person = None
            if hold.grant_id:
                # Viewers are numbered anew: the old number may be another's.
                person = Person("", hold.grant_id, hold.label)
            holder = Holder(
                hold.kind, hold.label, hold.since - ahead, person, withholds=hold.withholds
            )
            ends_at = None if hold.ends_at is None else hold.ends_at - ahead
            self._control.restore(holder, ends_at, now)

    def save(self) -> None:
        """Keep what has changed; a disk that is full costs nobody the desktop."""
        state = self._state()
        if state == self._saved:
            return
        try:
            self._store.save(state)
            self._saved = state
        except (NoSpace, Unavailable) as exc:
            logger.error("who has the desktop is not written error=%s", exc)

    def _state(self) -> StoredControl:
        mode = self._control.mode
        found = self._control.taken(self._now())
        hold = None
        if found is not None:
            holder, ends_at = found
            ahead = time.time() - self._now()
            # Rounded: the same moment of two clocks is not the same number twice.
            hold = StoredHold(
                holder.kind,
                holder.label,
                round(holder.since + ahead, 1),
                None if ends_at is None else round(ends_at + ahead, 1),
                holder.person.grant_id if holder.person is not None else "",
                holder.withholds,
            )
        return StoredControl(None if mode is self._configured else mode, hold)
