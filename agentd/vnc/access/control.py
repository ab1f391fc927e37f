"""The arbitration: who has the desktop, an agent or a person, and until when.

Pure: all times are arguments, in seconds of one clock. A person takes the desktop by taking over,
which lasts until it is given back, or, in mode human_first, by touching it, which lasts for some
seconds after the last touch. It lifts no keys, tells nobody and sets no timer: `desk.py` does.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from agentd.base.errors import Conflict

# A touch keeps the agent away for so long.
TOUCH_S = 3.0
# Who took over and lost the connection may come back for so long.
RETURN_S = 20.0


class Mode(enum.StrEnum):
    """Who acts while nobody has taken over.

    agent: viewers look on. human: agents do. shared: both act. human_first: both act, and an
    agent waits while a person acts.
    """

    AGENT = "agent"
    HUMAN = "human"
    SHARED = "shared"
    HUMAN_FIRST = "human_first"


class HolderKind(enum.StrEnum):
    """Who keeps agents away: one viewer, an operator for all viewers, or the mode human."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Person:
    """A viewer as far as the arbitration knows it."""

    viewer_id: str
    grant_id: str
    label: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the desktop.

    Attributes:
        person: the viewer, for one.
        until: when it ends by itself, if nothing more happens; None: it does not.
        is_taken: by taking over, not by a touch.
        withholds: no pictures for agents meanwhile.
        is_away: the viewer has gone and may come back until then.
    """

    kind: HolderKind
    label: str
    since: float
    person: Person | None = None
    until: float | None = None
    is_taken: bool = True
    withholds: bool = False
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    holder: Holder
    # Of the lease; None: it is not limited.
    ends_at: float | None
    away_until: float | None = None

    @property
    def until(self) -> float | None:
        times = [at for at in (self.ends_at, self.away_until) if at is not None]
        return min(times, default=None)


@dataclass(frozen=True, slots=True)
class _Touch:
    person: Person
    since: float
    # None while something is held down.
    ends_at: float | None


class Control:
    """The state of the arbitration. Every method first ends what has run out."""

    def __init__(self, mode: Mode, *, touch_s: float = TOUCH_S, return_s: float = RETURN_S) -> None:
        self._mode = mode
        self._touch_s = touch_s
        self._return_s = return_s
        self._taken: _Taken | None = None
        self._touch: _Touch | None = None
        self._acting_agents = 0

    @property
    def mode(self) -> Mode:
        """Who acts while nobody has taken over."""
        return self._mode

    def holder(self, now: float) -> Holder | None:
        """Return the person who has the desktop, if one has."""
        self.expire(now)
        if self._taken is not None:
            away = self._taken.away_until is not None
            return replace(self._taken.holder, until=self._taken.until, is_away=away)
        if self._touch is not None:
            touch = self._touch
            return Holder(
                HolderKind.VIEWER,
                touch.person.label,
                touch.since,
                touch.person,
                touch.ends_at,
                is_taken=False,
            )
        return None

    def agent_refusal(self, now: float) -> Holder | None:
        """Return who keeps agents from acting now; None when they may."""
        holder = self.holder(now)
        if holder is None and self._mode is Mode.HUMAN:
            return Holder(HolderKind.MODE, "a person", now)
        return holder

    def agent_begins(self) -> None:
        """An agent's action that was not refused begins; `agent_ends` follows."""
        self._acting_agents += 1

    def agent_ends(self) -> None:
        """An agent's action has ended, however."""
        self._acting_agents -= 1

    def is_allowed(self, person: Person, now: float) -> bool:
        """Whether a viewer's hands count now, or would by a touch."""
        self.expire(now)
        if self._taken is None:
            return self._mode is not Mode.AGENT
        return self._taken.holder.person in (None, person)

    def viewer_may(self, person: Person, now: float, *, acts: bool, is_down: bool = False) -> bool:
        """Say whether an input event of a viewer counts; in mode human_first it may take.

        Args:
            person: a viewer that has the right.
            acts: a key, a button, the wheel, a motion with a button down; not mere motion.
            is_down: after it the viewer holds something down.
        """
        if not self.is_allowed(person, now):
            return False
        if self._taken is not None or self._mode is not Mode.HUMAN_FIRST:
            return True
        if not acts:
            # A hand that only moves must not shake the agent's.
            return self._touch is not None or not self._acting_agents
        same = self._touch is not None and self._touch.person == person
        since = self._touch.since if self._touch is not None and same else now
        self._touch = _Touch(person, since, None if is_down else now + self._touch_s)
        return True

    def take(
        self, person: Person, now: float, *, lease_s: float | None = None, withholds: bool = False
    ) -> None:
        """Let a viewer take over. Again: its lease begins anew.

        Raises: Conflict while another person has taken over.
        """
        self.expire(now)
        held = self._taken
        if held is not None and not _belongs(held.holder, person):
            raise _held_by_another(held.holder)
        is_again = held is not None and held.holder.person == person
        since = held.holder.since if held is not None and is_again else now
        self._hold(
            Holder(HolderKind.VIEWER, person.label, since, person, withholds=withholds),
            None if lease_s is None else now + lease_s,
        )

    def take_as_operator(
        self,
        label: str,
        now: float,
        *,
        person: Person | None = None,
        lease_s: float | None = None,
        withholds: bool = False,
    ) -> None:
        """Take over whoever has the desktop: for one viewer, or for all of them (None)."""
        self.expire(now)
        kind = HolderKind.OPERATOR if person is None else HolderKind.VIEWER
        self._hold(
            Holder(kind, label, now, person, withholds=withholds),
            None if lease_s is None else now + lease_s,
        )

    def withhold(self, person: Person, now: float, *, withholds: bool) -> None:
        """Let who has taken over say whether agents get pictures. Raises: Conflict."""
        self.expire(now)
        if self._taken is None or self._taken.holder.person != person:
            raise Conflict(f"{person.label} has not taken over the desktop", code="not_in_control")
        holder = replace(self._taken.holder, withholds=withholds)
        self._taken = replace(self._taken, holder=holder)

    def release(self, person: Person, now: float) -> bool:
        """Let a viewer give the desktop back; say whether it had taken over.

        Raises: Conflict when another person has taken over.
        """
        self.expire(now)
        if self._touch is not None and self._touch.person == person:
            self._touch = None
        if self._taken is None:
            return False
        if self._taken.holder.person != person:
            raise _held_by_another(self._taken.holder)
        self._taken = None
        return True

    def release_as_operator(self, now: float) -> bool:
        """Give the desktop back whoever has it; say whether somebody had taken over."""
        self.expire(now)
        had, self._taken, self._touch = self._taken is not None, None, None
        return had

    def taken(self, now: float) -> tuple[Holder, float | None] | None:
        """Return who has taken over, and the end of their lease, to be kept."""
        self.expire(now)
        return None if self._taken is None else (self._taken.holder, self._taken.ends_at)

    def restore(self, holder: Holder, ends_at: float | None, now: float) -> None:
        """Make a takeover true again that was kept; its viewer is away and may return."""
        away_until = None if holder.person is None else now + self._return_s
        self._taken = _Taken(holder, ends_at, away_until)

    def set_mode(self, mode: Mode, now: float) -> None:
        """Change who acts while nobody has taken over; whoever has taken over keeps it."""
        self.expire(now)
        self._mode, self._touch = mode, None

    def viewer_joined(self, person: Person, now: float) -> None:
        """Let who comes back by the same grant keep what they had taken."""
        self.expire(now)
        held = self._taken
        if held is None or held.away_until is None or held.holder.person is None:
            return
        if held.holder.person.grant_id == person.grant_id:
            self._taken = _Taken(replace(held.holder, person=person), held.ends_at)

    def viewer_left(self, viewer_id: str, now: float, *, may_return: bool = True) -> None:
        """End what a viewer touched; what it had taken waits for its return, if it may."""
        self.expire(now)
        if self._touch is not None and self._touch.person.viewer_id == viewer_id:
            self._touch = None
        held = self._taken
        if held is None or held.holder.person is None:
            return
        if held.holder.person.viewer_id == viewer_id:
            away = replace(held, away_until=held.away_until or now + self._return_s)
            self._taken = away if may_return else None

    def grant_ended(self, grant_id: str, now: float) -> None:
        """End what viewers of a grant have, present or away."""
        self.expire(now)
        if self._touch is not None and self._touch.person.grant_id == grant_id:
            self._touch = None
        taken_by = self._taken.holder.person if self._taken is not None else None
        if taken_by is not None and taken_by.grant_id == grant_id:
            self._taken = None

    def deadline(self, now: float) -> float | None:
        """Return when the state changes by itself next; None: it does not."""
        self.expire(now)
        times = (
            self._taken.until if self._taken is not None else None,
            self._touch.ends_at if self._touch is not None else None,
        )
        return min((at for at in times if at is not None), default=None)

    def expire(self, now: float) -> None:
        """End what has run out."""
        if self._taken is not None and _is_over(self._taken.until, now):
            self._taken = None
        if self._touch is not None and _is_over(self._touch.ends_at, now):
            self._touch = None

    def _hold(self, holder: Holder, ends_at: float | None) -> None:
        self._taken, self._touch = _Taken(holder, ends_at), None


def _is_over(at: float | None, now: float) -> bool:
    return at is not None and at <= now


def _belongs(holder: Holder, person: Person) -> bool:
    """Whether a viewer may have what is held: its own, or of another window of its grant."""
    return holder.person is not None and holder.person.grant_id == person.grant_id


def _held_by_another(holder: Holder) -> Conflict:
    return Conflict(
        f"the desktop is held by {holder.label}",
        code="held_by_another",
        hint="ask them to give it back, or an operator: vnc.release",
        data={"holder": {"kind": str(holder.kind), "label": holder.label}},
    )
