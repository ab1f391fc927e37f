"""What members have in common: null is left out, faults are told, actions are held to the model."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from agentd.desktop.actions import Action, Click, Press
from agentd.desktop.dialects.dialect import Outcome, Read, Status, View
from agentd.desktop.dialects.vocabulary import (
    Member,
    cursor_of,
    object_of,
    read_member,
    typed,
    unknown,
)
from agentd.desktop.screen.frame import Size

VIEW = View(Size(1280, 800), Size(1280, 800))


class Tap(Member, frozen=True):
    keys: str
    times: int | None = None

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys=self.keys, repeat=self.times or 1)]


class Point(msgspec.Struct):
    x: int
    y: int


class Report(msgspec.Struct):
    disturbed: int


def done(*results: msgspec.Struct) -> Outcome:
    return Outcome(Status.DONE, results=results)


def test_null_counts_as_left_out() -> None:
    assert read_member("tap", Tap, {"keys": "a", "times": None, "other": None}, VIEW) == Read(
        (Press(keys="a"),)
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "tap: keys: wanted text, got nothing"),
        ({"keys": "a", "tims": 2}, "did you mean 'times'?"),
        ({"keys": "a", "times": "2"}, 'tap: times: wanted an integer, got "2"'),
        ({"keys": "a", "times": 101}, "tap: repeat: wanted an integer 1..100, got 101"),
        ({"keys": "a" * 300}, "tap: keys: wanted text of 1..200 characters"),
        ({"keys": "ctrl+nope"}, "tap: keys: wanted a key name, got 'nope'"),
    ],
)
def test_what_neither_vendor_nor_model_takes_is_a_fault(
    fields: dict[str, object], fault: str
) -> None:
    read = read_member("tap", Tap, fields, VIEW)
    assert fault in read.fault
    assert read.actions == ()


def test_points_are_held_to_the_screen_too() -> None:
    class Far(Member, frozen=True):
        def actions(self, view: View) -> Sequence[Action]:
            return [Click(x=1280, y=0)]

    assert "the screen is 1280x800" in read_member("far", Far, {}, VIEW).fault


def test_unknown_names_come_with_the_nearest_or_with_all() -> None:
    assert unknown("action", "clik", ["click"]) == (
        'There is no action "clik"; did you mean click?'
    )
    assert unknown("action", 5, ["click", "type"]) == "There is no action 5; there are click, type"
    assert unknown("action", None, ["click"]) == "The call names no action; there are click"
    assert len(unknown("action", "x" * 10_000, ["click"])) < 200


def test_the_last_result_tells_where_the_pointer_is() -> None:
    assert cursor_of(done(Point(1, 2), Point(3, 4))) == (3, 4)
    assert cursor_of(done(Report(0))) is None
    assert cursor_of(done()) is None


def test_typing_that_was_disturbed_is_told() -> None:
    assert typed(done(Report(0))) == typed(done()) == "Typed."
    assert "check the text" in typed(done(Point(1, 2), Report(1)))


def test_an_object_has_texts_as_keys() -> None:
    assert object_of({"a": 1}) == {"a": 1}
    assert object_of({1: 2}) is None
    assert object_of([1]) is None
