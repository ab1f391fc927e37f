"""From the events of a hand to actions."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.actions import Mapping, read_actions
from agentd.desktop.hands.keynames import NAMES
from agentd.desktop.recording.demonstration import Deed, Demonstration, HandEvent, Kind, thinned
from agentd.desktop.screen.frame import Size

SHIFT, CTRL, ALT, SUPER = 0x01, 0x04, 0x08, 0x40


class Hand:
    """A person: each gesture takes some time."""

    def __init__(self) -> None:
        self.demonstration = Demonstration()
        self.deeds: list[Deed] = []
        self.now_ms = 0
        self.x = self.y = 0

    def event(self, kind: Kind, **values: Any) -> None:
        event = HandEvent(kind, self.now_ms, self.x, self.y, **values)
        self.deeds += self.demonstration.feed(event)

    def wait(self, ms: int) -> Hand:
        self.now_ms += ms
        return self

    def move(self, *path: tuple[int, int], step_ms: int = 10) -> Hand:
        for self.x, self.y in path:
            self.now_ms += step_ms
            self.event(Kind.MOTION)
        return self

    def press(self, button: int = 1, state: int = 0, mark: object = None) -> Hand:
        self.event(Kind.BUTTON_DOWN, button=button, state=state, mark=mark)
        return self

    def release(self, button: int = 1) -> Hand:
        self.now_ms += 50
        self.event(Kind.BUTTON_UP, button=button)
        return self

    def click(self, button: int = 1, state: int = 0) -> Hand:
        return self.press(button, state).release(button)

    def turn(self, button: int, times: int = 1, state: int = 0) -> Hand:
        for _ in range(times):
            self.now_ms += 20
            self.event(Kind.BUTTON_DOWN, button=button, state=state)
            self.event(Kind.BUTTON_UP, button=button, state=state)
        return self

    def key(self, character: str, state: int = 0, *, name: str = "", mark: object = None) -> Hand:
        """Strike a key that types a character, or a named one that types nothing."""
        keysym = NAMES[name] if name else ord(character)
        plain = keysym if name else ord(character.lower())
        typed = "" if name else character
        values = {"keysym": keysym, "plain": plain, "character": typed, "state": state}
        self.event(Kind.KEY_DOWN, **values, mark=mark)
        self.now_ms += 30
        self.event(Kind.KEY_UP, **values)
        self.now_ms += 30
        return self

    def type(self, text: str) -> Hand:
        for character in text:
            self.key(character, SHIFT if character.isupper() else 0)
        return self

    def done(self) -> list[dict[str, Any]]:
        """All actions as they go into the log, without what is left at its default."""
        self.deeds += self.demonstration.finish(self.now_ms)
        return [_without_defaults(deed.action) for deed in self.deeds]


def _without_defaults(action: msgspec.Struct) -> dict[str, Any]:
    found = {"action": action.__struct_config__.tag}
    for field in msgspec.structs.fields(action):
        made = field.default_factory
        usual = field.default if made is msgspec.NODEFAULT else made()
        value = getattr(action, field.name)
        found |= {} if value == usual else {field.name: value}
    return found


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_press_and_release_in_one_place_are_a_click(hand: Hand) -> None:
    hand.move((100, 50), (300, 200)).click()
    assert hand.done() == [{"action": "click", "x": 300, "y": 200}]


def test_click_in_the_corner_is_at_zero(hand: Hand) -> None:
    assert hand.click().done() == [{"action": "click", "x": 0, "y": 0}]


@pytest.mark.parametrize(
    ("button", "name"), [(2, "middle"), (3, "right"), (8, "back"), (9, "forward")]
)
def test_other_buttons_have_their_names(hand: Hand, button: int, name: str) -> None:
    assert hand.click(button).done() == [{"action": "click", "x": 0, "y": 0, "button": name}]


@pytest.mark.parametrize("count", [2, 3])
def test_quick_clicks_count_up(hand: Hand, count: int) -> None:
    hand.move((10, 10))
    for _ in range(count):
        hand.click().wait(100)
    assert hand.done() == [{"action": "click", "x": 10, "y": 10, "count": count}]


def test_slow_clicks_are_each_one(hand: Hand) -> None:
    assert len(hand.click().wait(700).click().done()) == 2


def test_clicks_apart_are_each_one(hand: Hand) -> None:
    assert len(hand.click().move((40, 40)).click().done()) == 2


def test_clicks_of_other_buttons_are_each_one(hand: Hand) -> None:
    assert len(hand.click(1).click(3).done()) == 2


def test_trembling_hand_clicks(hand: Hand) -> None:
    hand.move((10, 10)).press().move((12, 11), (11, 10)).release()
    assert hand.done() == [{"action": "click", "x": 10, "y": 10}]


def test_modifiers_go_with_the_click(hand: Hand) -> None:
    assert hand.click(state=CTRL | SHIFT).done() == [
        {"action": "click", "x": 0, "y": 0, "modifiers": ["ctrl", "shift"]}
    ]


def test_press_that_moves_is_a_drag(hand: Hand) -> None:
    hand.move((10, 10)).press().move((50, 10), (90, 10), step_ms=100).release()
    (drag,) = hand.done()
    assert [(spot.x, spot.y) for spot in drag["path"]] == [(10, 10), (90, 10)]
    assert drag["duration_ms"] == 250


def test_drag_keeps_its_corners(hand: Hand) -> None:
    sides = [(x, 0) for x in range(0, 100, 5)] + [(100, y) for y in range(0, 100, 5)]
    hand.press().move(*sides).release()
    (drag,) = hand.done()
    assert (100, 0) in [(spot.x, spot.y) for spot in drag["path"]]
    assert len(drag["path"]) <= 5


def test_drag_that_comes_back_is_a_drag(hand: Hand) -> None:
    hand.press().move((50, 0), (0, 0)).release()
    (drag,) = hand.done()
    assert [(spot.x, spot.y) for spot in drag["path"]] == [(0, 0), (50, 0), (0, 0)]


def test_release_without_a_press_is_nothing(hand: Hand) -> None:
    assert hand.release().done() == []


def test_button_that_is_never_let_go_is_nothing(hand: Hand) -> None:
    assert hand.press().move((50, 50)).done() == []


@pytest.mark.parametrize(
    ("button", "ticks"), [(4, {"dy": -3}), (5, {"dy": 3}), (6, {"dx": -3}), (7, {"dx": 3})]
)
def test_wheel_is_a_scroll(hand: Hand, button: int, ticks: dict[str, int]) -> None:
    assert hand.turn(button, 3).done() == [{"action": "scroll", "x": 0, "y": 0, **ticks}]


def test_wheel_to_and_fro_is_two_scrolls(hand: Hand) -> None:
    assert [one["dy"] for one in hand.turn(5, 2).turn(4, 2).done()] == [2, -2]


def test_wheel_across_is_a_scroll_of_its_own(hand: Hand) -> None:
    assert len(hand.turn(5).turn(7).done()) == 2


def test_plain_typing_is_text(hand: Hand) -> None:
    assert hand.type("Hello, Wörld").done() == [{"action": "type", "text": "Hello, Wörld"}]


def test_pause_begins_a_new_text(hand: Hand) -> None:
    texts = [one["text"] for one in hand.type("one").wait(1500).type("two").done()]
    assert texts == ["one", "two"]


def test_text_is_finished_when_it_is_due(hand: Hand) -> None:
    hand.type("abc")
    due_ms = hand.demonstration.due_ms
    assert due_ms is not None
    assert hand.demonstration.settle(due_ms - 1) == []
    assert len(hand.demonstration.settle(due_ms)) == 1
    assert hand.demonstration.due_ms is None


def test_return_is_a_key_of_its_own(hand: Hand) -> None:
    assert hand.type("ls").key("", name="return").done() == [
        {"action": "type", "text": "ls"},
        {"action": "press", "keys": "Return"},
    ]


@pytest.mark.parametrize(
    ("character", "state", "keys"),
    [
        ("s", CTRL, "ctrl+s"),
        ("T", CTRL | SHIFT, "ctrl+shift+t"),
        ("x", ALT, "alt+x"),
        ("l", SUPER, "super+l"),
        ("+", CTRL, "ctrl++"),
        (" ", CTRL, "ctrl+Space"),
    ],
)
def test_chords_are_named_as_press_takes_them(
    hand: Hand, character: str, state: int, keys: str
) -> None:
    assert hand.key(character, state).done() == [{"action": "press", "keys": keys}]


def test_shift_with_a_named_key_is_a_chord(hand: Hand) -> None:
    assert hand.key("", SHIFT, name="tab").done() == [{"action": "press", "keys": "shift+Tab"}]


def test_same_key_again_is_repeated(hand: Hand) -> None:
    for _ in range(4):
        hand.key("", name="backspace")
    assert hand.done() == [{"action": "press", "keys": "Backspace", "repeat": 4}]


def test_modifier_alone_is_pressed(hand: Hand) -> None:
    assert hand.key("", name="super").done() == [{"action": "press", "keys": "super"}]


def test_modifier_of_a_chord_is_not_pressed_again(hand: Hand) -> None:
    keysym = NAMES["ctrl"]
    hand.event(Kind.KEY_DOWN, keysym=keysym, plain=keysym)
    hand.key("c", CTRL)
    hand.event(Kind.KEY_UP, keysym=keysym, plain=keysym, state=CTRL)
    assert hand.done() == [{"action": "press", "keys": "ctrl+c"}]


def test_caps_lock_is_in_the_text_already(hand: Hand) -> None:
    assert hand.key("", name="capslock").done() == []


def test_key_without_a_name_is_left_out(hand: Hand) -> None:
    hand.event(Kind.KEY_DOWN, keysym=0xFE51, plain=0xFE51)
    assert hand.done() == []


def test_way_to_a_click_is_left_out(hand: Hand) -> None:
    hand.move(*[(x, x) for x in range(0, 500, 10)]).click()
    assert [one["action"] for one in hand.done()] == ["click"]


def test_pointer_that_rested_is_a_move(hand: Hand) -> None:
    hand.move((30, 30)).wait(400).move((200, 30)).click()
    assert hand.done() == [
        {"action": "move", "x": 30, "y": 30},
        {"action": "click", "x": 200, "y": 30},
    ]


def test_rest_before_a_click_in_that_place_is_the_click(hand: Hand) -> None:
    assert [one["action"] for one in hand.move((30, 30)).wait(900).click().done()] == ["click"]


def test_action_has_the_mark_of_its_first_event(hand: Hand) -> None:
    hand.key("a", mark="first").key("b", mark="second").press(mark="third").release().done()
    assert [deed.mark for deed in hand.deeds] == ["first", "third"]


def test_action_tells_when_it_began_and_ended(hand: Hand) -> None:
    hand.wait(1000).type("ab").done()
    assert (hand.deeds[0].began_ms, hand.deeds[0].ended_ms) == (1000, 1060)


def test_long_text_is_cut() -> None:
    hand = Hand()
    texts = [one["text"] for one in hand.type("x" * 4500).done()]
    assert "".join(texts) == "x" * 4500
    assert len(texts) == 3


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(list(Kind)),
        st.integers(0, 900),
        st.integers(0, 1279),
        st.integers(0, 799),
        st.sampled_from([0, SHIFT, CTRL, CTRL | ALT]),
        st.integers(1, 9),
        st.sampled_from([0x61, 0x20, 0xFF0D, 0xFFE3, 0xFFE5, 0xFE51, 0x1000041]),
    ),
    max_size=80,
)


@given(EVENTS)
def test_whatever_a_hand_does_can_be_done_again(events: list[tuple[Any, ...]]) -> None:
    demonstration, deeds, now_ms = Demonstration(), [], 0
    for kind, wait_ms, x, y, state, button, keysym in events:
        now_ms += wait_ms
        character = {0x61: "a", 0x20: " ", 0x1000041: "Ё"}.get(keysym, "")
        deeds += demonstration.feed(
            HandEvent(kind, now_ms, x, y, state, button, keysym, keysym, character)
        )
    deeds += demonstration.finish(now_ms)
    actions = [msgspec.to_builtins(deed.action) for deed in deeds]
    assert len(read_actions(actions, Mapping(Size(1280, 800)))) == len(actions)
    assert all(0 <= deed.began_ms <= deed.ended_ms <= now_ms for deed in deeds)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=300))
def test_thinned_path_keeps_its_ends_and_its_bounds(path: list[tuple[int, int]]) -> None:
    kept = thinned(path)
    assert (kept[0], kept[-1]) == (path[0], path[-1])
    assert set(kept) <= set(path)
    assert len(kept) <= 200


def test_circle_stays_round() -> None:
    circle = [
        (round(100 + 80 * math.cos(turn / 60)), round(100 + 80 * math.sin(turn / 60)))
        for turn in range(378)
    ]
    kept = thinned(circle)
    assert 8 <= len(kept) <= 60
