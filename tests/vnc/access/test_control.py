"""Who has the desktop: touches, takeovers, leases, leaving and coming back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import Conflict
from agentd.vnc.access.control import RETURN_S, TOUCH_S, Control, HolderKind, Mode, Person

ADA = Person("v1", "g1", "Ada")
BEN = Person("v2", "g2", "Ben")
ADA_AGAIN = Person("v3", "g1", "Ada")

PRESS, MOVE = {"acts": True}, {"acts": False}


def label(control: Control, now: float) -> str | None:
    """Whom an agent is told of."""
    holder = control.agent_refusal(now)
    return holder.label if holder is not None else None


@pytest.mark.parametrize(
    ("mode", "viewer", "agent"),
    [
        (Mode.AGENT, False, None),
        (Mode.HUMAN, True, "a person"),
        (Mode.SHARED, True, None),
        (Mode.HUMAN_FIRST, True, "Ada"),
    ],
)
def test_mode_says_who_acts_while_nobody_has_taken_over(
    mode: Mode, viewer: bool, agent: str | None
) -> None:
    control = Control(mode)
    assert control.is_allowed(ADA, 0.0) == viewer
    assert control.viewer_may(ADA, 0.0, **PRESS) == viewer
    assert label(control, 0.0) == agent


def test_touch_takes_for_some_seconds_after_the_last() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, **PRESS)
    control.viewer_may(ADA, 2.0, **PRESS)
    assert control.deadline(2.0) == 2.0 + TOUCH_S
    assert label(control, 1.9 + TOUCH_S) == "Ada"
    assert label(control, 2.0 + TOUCH_S) is None


def test_mere_motion_takes_nothing() -> None:
    control = Control(Mode.HUMAN_FIRST)
    assert control.viewer_may(ADA, 0.0, **MOVE)
    assert label(control, 0.0) is None


def test_mere_motion_does_not_shake_the_hand_of_an_agent_that_acts() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.agent_begins()
    assert not control.viewer_may(ADA, 0.0, **MOVE)
    control.agent_ends()
    assert control.viewer_may(ADA, 0.0, **MOVE)


def test_touch_lasts_while_something_is_held_down() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, acts=True, is_down=True)
    assert control.deadline(0.0) is None
    assert label(control, 1000.0) == "Ada"
    control.viewer_may(ADA, 1000.0, acts=True, is_down=False)
    assert label(control, 1000.0 + TOUCH_S) is None


def test_another_person_who_touches_has_it_then() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, **PRESS)
    assert control.viewer_may(BEN, 1.0, **PRESS)
    assert label(control, 1.0) == "Ben"


@pytest.mark.parametrize("mode", list(Mode))
def test_takeover_counts_in_every_mode_and_keeps_others_out(mode: Mode) -> None:
    control = Control(mode)
    control.take(ADA, 0.0)
    assert control.viewer_may(ADA, 1000.0, **PRESS)
    assert not control.viewer_may(BEN, 1000.0, **PRESS)
    assert not control.viewer_may(BEN, 1000.0, **MOVE)
    assert label(control, 1000.0) == "Ada"


def test_takeover_ends_by_release() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0)
    assert control.release(ADA, 1.0)
    assert label(control, 1.0) is None
    assert not control.release(ADA, 1.0)


def test_release_ends_a_touch() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, **PRESS)
    assert not control.release(ADA, 1.0)
    assert label(control, 1.0) is None


def test_takeover_ends_with_its_lease() -> None:
    control = Control(Mode.AGENT)
    control.take(ADA, 0.0, lease_s=10.0)
    assert control.deadline(1.0) == 10.0
    assert label(control, 9.9) == "Ada"
    assert label(control, 10.0) is None


def test_taking_over_again_begins_the_lease_anew() -> None:
    control = Control(Mode.AGENT)
    control.take(ADA, 0.0, lease_s=10.0)
    control.take(ADA, 5.0, lease_s=10.0)
    holder = control.holder(6.0)
    assert holder is not None
    assert (holder.since, holder.until) == (0.0, 15.0)


def test_nobody_takes_or_releases_what_another_person_has() -> None:
    control = Control(Mode.SHARED)
    control.take(ADA, 0.0)
    with pytest.raises(Conflict, match="held by Ada") as taken:
        control.take(BEN, 1.0)
    assert taken.value.narrow_code == "held_by_another"
    with pytest.raises(Conflict, match="held by Ada"):
        control.release(BEN, 1.0)
    assert label(control, 1.0) == "Ada"


def test_another_window_of_the_same_grant_may_take_over() -> None:
    control = Control(Mode.SHARED)
    control.take(ADA, 0.0)
    control.take(ADA_AGAIN, 1.0)
    assert not control.is_allowed(ADA, 1.0)
    assert control.is_allowed(ADA_AGAIN, 1.0)


def test_operator_takes_for_all_viewers_and_from_anybody() -> None:
    control = Control(Mode.AGENT)
    control.take(ADA, 0.0)
    control.take_as_operator("ops", 1.0)
    holder = control.holder(1.0)
    assert holder is not None
    assert holder.kind is HolderKind.OPERATOR
    assert control.viewer_may(ADA, 1.0, **PRESS)
    assert control.viewer_may(BEN, 1.0, **PRESS)
    assert control.release_as_operator(2.0)
    assert label(control, 2.0) is None


def test_operator_takes_for_one_viewer() -> None:
    control = Control(Mode.AGENT)
    control.take_as_operator("Ben", 0.0, person=BEN)
    assert not control.is_allowed(ADA, 0.0)
    assert control.is_allowed(BEN, 0.0)
    control.release(BEN, 1.0)
    assert label(control, 1.0) is None


def test_who_comes_back_in_time_keeps_the_desktop() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0)
    control.viewer_left("v1", 10.0)
    assert label(control, 10.0) == "Ada"
    assert control.deadline(10.0) == 10.0 + RETURN_S
    control.viewer_joined(BEN, 15.0)
    assert not control.is_allowed(BEN, 15.0)
    control.viewer_joined(ADA_AGAIN, 20.0)
    assert control.is_allowed(ADA_AGAIN, 1000.0)


def test_who_stays_away_loses_the_desktop() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0)
    control.viewer_left("v1", 10.0)
    assert label(control, 10.0 + RETURN_S) is None
    control.viewer_joined(ADA_AGAIN, 11.0 + RETURN_S)
    assert label(control, 11.0 + RETURN_S) is None


def test_lease_goes_on_while_its_holder_is_away() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0, lease_s=12.0)
    control.viewer_left("v1", 10.0)
    control.viewer_joined(ADA_AGAIN, 11.0)
    assert control.deadline(11.0) == 12.0


def test_who_was_sent_away_loses_the_desktop_at_once() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0)
    control.viewer_left("v1", 1.0, may_return=False)
    assert label(control, 1.0) is None


def test_touch_ends_when_its_viewer_leaves() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, acts=True, is_down=True)
    control.viewer_left("v2", 1.0)
    assert label(control, 1.0) == "Ada"
    control.viewer_left("v1", 1.0)
    assert label(control, 1.0) is None


@pytest.mark.parametrize("away", [True, False])
def test_grant_that_ends_gives_the_desktop_back(away: bool) -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.take(ADA, 0.0)
    if away:
        control.viewer_left("v1", 1.0)
    control.grant_ended("g2", 2.0)
    assert label(control, 2.0) == "Ada"
    control.grant_ended("g1", 2.0)
    assert label(control, 2.0) is None


def test_only_who_has_taken_over_withholds_the_screen() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, **PRESS)
    with pytest.raises(Conflict, match="has not taken over"):
        control.withhold(ADA, 0.0, withholds=True)
    control.take(ADA, 0.0)
    control.withhold(ADA, 0.0, withholds=True)
    holder = control.holder(0.0)
    assert holder is not None
    assert holder.withholds


def test_change_of_mode_leaves_a_takeover_and_ends_a_touch() -> None:
    control = Control(Mode.HUMAN_FIRST)
    control.viewer_may(ADA, 0.0, **PRESS)
    control.set_mode(Mode.SHARED, 0.0)
    assert label(control, 0.0) is None
    control.take(ADA, 0.0)
    control.set_mode(Mode.AGENT, 0.0)
    assert label(control, 0.0) == "Ada"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["touch", "hold", "move", "take", "release", "leave", "join", "end"]),
        st.sampled_from([ADA, BEN, ADA_AGAIN]),
        st.floats(0, 30),
    ),
    max_size=30,
)


@given(st.sampled_from(list(Mode)), STEPS)
def test_agents_and_a_person_who_took_over_never_act_at_once(
    mode: Mode, steps: list[tuple[str, Person, float]]
) -> None:
    control, now = Control(mode), 0.0
    people = (ADA, BEN, ADA_AGAIN)
    for what, person, later in steps:
        now += later
        with suppress(Conflict):  # What another person has.
            match what:
                case "touch" | "hold" | "move":
                    control.viewer_may(person, now, acts=what != "move", is_down=what == "hold")
                case "take":
                    control.take(person, now, lease_s=later or None)
                case "release":
                    control.release(person, now)
                case "leave":
                    control.viewer_left(person.viewer_id, now)
                case "join":
                    control.viewer_joined(person, now)
                case _:
                    control.grant_ended(person.grant_id, now)
        holder = control.holder(now)
        if holder is not None and holder.is_taken:
            assert control.agent_refusal(now) is not None
            assert sum(control.is_allowed(one, now) for one in people) <= 1
        deadline = control.deadline(now)
        assert deadline is None or deadline > now
        if deadline is not None:
            assert control.holder(deadline) != holder or control.deadline(deadline) is None
