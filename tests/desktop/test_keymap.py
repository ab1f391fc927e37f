"""The keyboard's model: finding keys, binding the missing ones, never overtaking strokes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.base.errors import Conflict
from agentd.desktop.hands.keymap import _BROWSER_KEYS, Keymap, Round, Stroke
from agentd.desktop.hands.keynames import keysym_of, keysyms_of_text

FIRST = 8
CTRL, SHIFT = 0xFFE3, 0xFFE1
KEYS: dict[int, tuple[int, ...]] = {
    22: (0xFF08, 0xFF08),
    23: (0xFF09, 0xFE20),
    36: (0xFF0D, 0),
    37: (CTRL, 0),
    50: (SHIFT, 0),
    65: (0x20, 0),
    79: (0xFF95, 0xFFB7),
    104: (0xFF8D, 0),
    **{100 + n: (0x61 + n, 0x41 + n) for n in range(4)},
}
MODIFIERS = {37, 50}


class Server:
    """A keyboard and what its one program makes of strokes, as late as it may."""

    def __init__(self, spare: int, keys: dict[int, tuple[int, ...]] = KEYS) -> None:
        self.rows = [keys.get(code, (0xBEEF, 0)) for code in range(FIRST, 200)]
        good = [c for c in range(FIRST, 200) if c not in keys and c not in _BROWSER_KEYS]
        self.spare = good[-spare:] if spare else []
        for code in self.spare:
            self.rows[code - FIRST] = (0, 0)
        self.waiting: list[Stroke] = []
        self.received: list[int] = []

    def keymap(self, before: Keymap | None = None) -> Keymap:
        return Keymap(FIRST, self.rows, MODIFIERS, before=before)

    def consume(self) -> None:
        for stroke in self.waiting:
            self.received.append(self.rows[stroke.keycode - FIRST][stroke.shift])
        self.waiting.clear()

    def carry_out(self, keymap: Keymap, plan: Round) -> None:
        if plan.overtakes:
            self.consume()
            keymap.note_consumed(keymap.last_round - 1)
        for binding in plan.bindings:
            for code, keysym in enumerate(binding.keysyms, binding.first_keycode):
                self.rows[code - FIRST] = (keysym, keysym)
        self.waiting += plan.strokes


def type_text(server: Server, keymap: Keymap, keysyms: list[int]) -> int:
    start = rounds = 0
    while start < len(keysyms):
        plan = keymap.next_round(keysyms, start)
        assert plan.end > start
        server.carry_out(keymap, plan)
        start = plan.end
        rounds += 1
    return rounds


def test_finds_keys_and_levels() -> None:
    keymap = Server(5).keymap()
    assert keymap.find(0x61) == Stroke(100, False)
    assert keymap.find(0x41) == Stroke(100, True)
    assert keymap.find(SHIFT) == Stroke(50, False)
    assert keymap.find(0x010020AC) is None


def test_keypad_keys_that_follow_num_lock_are_not_used() -> None:
    keymap = Server(5).keymap()
    assert keymap.find(0xFFB7) is None
    assert keymap.find(0xFF95) is None
    assert keymap.find(0xFF8D) == Stroke(104, False)


def test_text_of_known_characters_binds_nothing() -> None:
    plan = Server(5).keymap().next_round(keysyms_of_text("aB\n"))
    assert plan.bindings == ()
    assert not plan.overtakes
    assert not plan.uses_bound
    assert plan.strokes == (Stroke(100, False), Stroke(101, True), Stroke(36, False))


def test_missing_characters_are_bound_in_one_run() -> None:
    server = Server(20)
    plan = server.keymap().next_round(keysyms_of_text("àaéàж"))
    assert plan.bound == 3
    (binding,) = plan.bindings
    assert len(binding.keysyms) == 3
    assert plan.end == 5


def test_bindings_are_kept_and_the_least_used_go_first() -> None:
    server = Server(3)
    keymap = server.keymap()
    type_text(server, keymap, keysyms_of_text("éèê"))
    type_text(server, keymap, keysyms_of_text("éè"))
    plan = keymap.next_round(keysyms_of_text("ж"))
    assert plan.overtakes
    assert keymap.find(0xEA) is None
    assert keymap.find(0xE9) is not None


def test_consumed_strokes_can_be_overtaken() -> None:
    server = Server(1)
    keymap = server.keymap()
    type_text(server, keymap, keysyms_of_text("é"))
    keymap.note_consumed(keymap.last_round)
    assert not keymap.next_round(keysyms_of_text("è")).overtakes


def test_held_keys_keep_their_keysym() -> None:
    server = Server(2)
    keymap = server.keymap()
    keycodes, plan = keymap.chord([0xE9])
    server.carry_out(keymap, plan)
    type_text_busy = keymap.next_round(keysyms_of_text("èê"), busy=keycodes)
    assert type_text_busy.end == 1
    assert keymap.find(0xE9) == Stroke(keycodes[0], False)


def test_no_spare_key_is_an_error() -> None:
    with pytest.raises(Conflict, match="no spare key"):
        Server(0).keymap().next_round(keysyms_of_text("é"))
    with pytest.raises(Conflict, match="too few"):
        Server(1).keymap().chord([0xE9, 0xEA])


@pytest.mark.parametrize(
    ("keysyms", "keycodes"),
    [
        ([CTRL, 0x61], (37, 100)),
        ([CTRL, 0x41], (37, 50, 100)),
        ([CTRL, SHIFT, 0x41], (37, 50, 100)),
        ([SHIFT, 0x61], (50, 100)),
        ([0x41, 0x42], (50, 100, 101)),
    ],
)
def test_chords_get_one_shift(keysyms: list[int], keycodes: tuple[int, ...]) -> None:
    assert Server(5).keymap().chord(keysyms)[0] == keycodes


def test_browser_keys_are_bound_only_if_there_is_nothing_else() -> None:
    keymap = Keymap(FIRST, [(0, 0)] * 248, ())
    plan = keymap.next_round(keysyms_of_text("".join(chr(0x4E00 + i) for i in range(300))))
    assert not {stroke.keycode for stroke in plan.strokes} & _BROWSER_KEYS
    assert keymap.spare_count == 248 - len(_BROWSER_KEYS)
    few = Keymap(166, [(0, 0)], ())
    assert few.next_round([0xE9]).strokes == (Stroke(166, False),)


def test_what_others_bound_to_browser_keys_is_not_used() -> None:
    keymap = Keymap(165, [(0, 0), (0xE9, 0xE9)], ())
    assert keymap.find(0xE9) is None
    assert keymap.next_round([0xE9]).strokes == (Stroke(165, False),)


def test_a_new_model_takes_bindings_over() -> None:
    server = Server(4)
    keymap = server.keymap()
    type_text(server, keymap, [0xE9, 0xFFC0, 0x01000436])
    after = server.keymap(keymap)
    assert after.spare_count == 4
    assert all(after.find(keysym) == keymap.find(keysym) for keysym in (0xE9, 0xFFC0, 0x01000436))
    type_text(server, after, [0x010020AC])
    # The strokes before are still on their way.
    assert after.next_round([0xEA]).overtakes


def test_bindings_of_a_predecessor_are_spare_keys() -> None:
    server = Server(4)
    type_text(server, server.keymap(), [0xE9, 0x01000436])
    after = server.keymap()
    assert after.find(0xE9) is not None
    assert after.spare_count == 4


def test_second_group_is_looked_up_and_single_groups_count_for_both() -> None:
    rows = [(0x61, 0x41, 0x010003B1, 0x01000391), (0xFF0D, 0, 0xFF0D, 0), (0xE9, 0xE9, 0xE9, 0xE9)]
    rows += [(SHIFT, 0, SHIFT, 0)]
    keymap = Keymap(FIRST, rows, {11}, group=1)
    assert keymap.find(0x010003B1) == Stroke(8, False)
    assert keymap.find(0x61) is None
    assert keymap.find(0xFF0D) == Stroke(9, False)
    assert keymap.spare_count == 1


def test_without_a_shift_key_nothing_is_shifted() -> None:
    keymap = Keymap(FIRST, [(0x61, 0x41), (0, 0)], ())
    assert keymap.find(0x41) is None
    assert keymap.next_round([0x41]).bound == 1


def test_wide_gaps_are_not_written_over() -> None:
    rows: list[tuple[int, ...]] = [(0, 0), (0x61, 0x41), (0, 0)]
    plan = Keymap(FIRST, rows, ()).next_round(keysyms_of_text("éè"))
    assert sorted(binding.first_keycode for binding in plan.bindings) == [8, 10]


ALPHABET = "aBcé→жאЖ家😀ß\n" + "".join(chr(0x4E00 + i) for i in range(30))


@settings(max_examples=200)
@given(
    st.integers(1, 12),
    st.lists(st.text(st.sampled_from(ALPHABET), max_size=40), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_late_programs_receive_what_was_sent(
    spare: int, texts: list[str], rebuilt: list[bool]
) -> None:
    server = Server(spare)
    keymap = server.keymap()
    for text, is_rebuilt in zip(texts, rebuilt, strict=False):
        type_text(server, keymap, keysyms_of_text(text))
        if is_rebuilt:
            keymap = server.keymap(keymap)
    server.consume()
    assert server.received == [keysym_of(character) for character in "".join(texts)]
