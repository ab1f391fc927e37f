"""Our own events are told from a person's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.recording.echoes import (
    BUTTON_PRESS,
    BUTTON_RELEASE,
    EXPIRES_MS,
    KEY_PRESS,
    KEY_RELEASE,
    MOTION,
    Echoes,
)


def key(code: int, *, down: bool = True) -> tuple[int, int, int, int]:
    return (KEY_PRESS if down else KEY_RELEASE, code, 0, 0)


def test_what_was_sent_is_an_echo_once() -> None:
    echoes = Echoes()
    echoes.expect([key(38)], 0)
    assert echoes.takes(*key(38), 5)
    assert not echoes.takes(*key(38), 6)


def test_what_was_not_sent_is_a_persons() -> None:
    echoes = Echoes()
    echoes.expect([key(38)], 0)
    assert not echoes.takes(*key(39), 1)
    assert not echoes.takes(*key(38, down=False), 1)


def test_key_where_the_pointer_is_needs_no_point() -> None:
    echoes = Echoes()
    echoes.expect([key(38), (BUTTON_PRESS, 1, 0, 0)], 0)
    assert echoes.takes(KEY_PRESS, 38, 640, 400, 1)
    assert echoes.takes(BUTTON_PRESS, 1, 640, 400, 1)


def test_motion_is_known_by_its_point() -> None:
    echoes = Echoes()
    echoes.expect([(MOTION, 0, 10, 20)], 0)
    assert not echoes.takes(MOTION, 0, 10, 21, 1)
    assert echoes.takes(MOTION, 0, 10, 20, 1)


def test_motions_that_the_server_joined_do_not_wait_for_their_echo() -> None:
    echoes = Echoes()
    echoes.expect([(MOTION, 0, x, 0) for x in range(50)], 0)
    assert echoes.takes(MOTION, 0, 49, 0, 1)
    assert not echoes.takes(MOTION, 0, 10, 0, 2)


def test_press_behind_a_joined_motion_keeps_its_echo() -> None:
    echoes = Echoes()
    echoes.expect([key(37), (MOTION, 0, 5, 5), (BUTTON_PRESS, 1, 0, 0), key(37, down=False)], 0)
    assert echoes.takes(BUTTON_PRESS, 1, 5, 5, 1)
    assert echoes.takes(*key(37), 1)
    assert echoes.takes(*key(37, down=False), 1)


def test_event_that_never_came_is_forgotten() -> None:
    echoes = Echoes()
    echoes.expect([key(38)], 0)
    assert not echoes.takes(*key(38), EXPIRES_MS + 1)


def test_of_two_equal_events_one_is_a_persons() -> None:
    echoes = Echoes()
    echoes.expect([(BUTTON_RELEASE, 1, 0, 0)], 0)
    taken = [echoes.takes(BUTTON_RELEASE, 1, 0, 0, 1) for _ in range(2)]
    assert sorted(taken) == [False, True]


@given(st.lists(st.tuples(st.booleans(), st.integers(8, 20)), max_size=60))
def test_a_persons_keys_among_ours_are_all_that_remain(mixed: list[tuple[bool, int]]) -> None:
    """Ours and theirs on different keys, in any order."""
    echoes = Echoes()
    remaining = []
    for is_ours, code in mixed:
        event = key(code + (100 if is_ours else 0))
        if is_ours:
            echoes.expect([event], 0)
        if not echoes.takes(*event, 1):
            remaining.append(code)
    assert remaining == [code for is_ours, code in mixed if not is_ours]
