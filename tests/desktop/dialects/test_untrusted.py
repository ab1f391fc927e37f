"""Whatever a model or a caller writes: a fault or a BadRequest, and never off the screen."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.actions import Action, Drag, Zoom
from agentd.desktop.dialects.dialect import NOT_EXECUTED, Outcome, Picture, Read, Status, View
from agentd.desktop.dialects.names import DESCRIPTIONS, dialect_named
from agentd.desktop.screen.frame import Rect, Size
from tests.desktop.dialects.golden import CASES

CALLS = [call for case in CASES.values() for call in case.calls]
SCREEN = Size(1280, 800)
PICTURE = Picture(b"PNG", "image/png", Rect(0, 0, 1280, 800))

numbers = st.integers(-10, 2000) | st.integers() | st.floats() | st.just(10**400)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=20)
words = st.sampled_from(["type", "input", "action", "actions", "name", "args", "x", "coordinate"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)
names = st.sampled_from(list(DESCRIPTIONS))


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the path to every value within a value."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += places(item, (*path, number))
    return found


@st.composite
def spoiled(draw: st.DrawFn) -> dict[str, object]:
    """A golden call with one value replaced, dropped or added."""
    call = copy.deepcopy(draw(st.sampled_from(CALLS)))
    *path, last = draw(st.sampled_from(places(call)))
    inner: dict[object, object] = call
    for step in path:
        inner = inner[step]  # type: ignore[assignment]
    if draw(st.booleans()) and isinstance(inner, dict):
        inner.pop(last)
        inner[draw(words)] = draw(values)
    else:
        inner[last] = draw(values)
    return call


def points_of(action: Action) -> list[tuple[float, float]]:
    if isinstance(action, Drag):
        return [(spot.x, spot.y) for spot in action.path]
    if isinstance(action, Zoom):
        area = action.region
        return [(area.x, area.y), (area.x + area.width - 1, area.y + area.height - 1)]
    x, y = getattr(action, "x", None), getattr(action, "y", None)
    return [] if x is None or y is None else [(x, y)]


def check(name: str, call: dict[str, object]) -> None:
    vendor = dialect_named(name)
    view = vendor.view(SCREEN, Size(1024, 768))
    try:
        reads = vendor.read(call, view)
    except BadRequest:
        return
    for read in reads:
        assert not (read.fault and read.actions)
        assert len(read.fault) < 1000
        read.fault.encode()
        for action in read.actions:
            assert all(0 <= x < 1280 and 0 <= y < 800 for x, y in points_of(action))
    check_answers(name, call, reads, view)


def check_answers(name: str, call: dict[str, object], reads: list[Read], view: View) -> None:
    good = [Outcome(Status.DONE, pictures=(PICTURE,)) for _ in reads]
    bad = [Outcome(Status.FAILED, read.fault or "no") for read in reads]
    for outcomes in (good if not any(read.fault for read in reads) else bad, bad):
        for final in (PICTURE, None):
            answer = dialect_named(name).answer([call, call], [outcomes, outcomes], view, final)
            assert len(answer) in (2, 3)
            msgspec.json.encode(answer)


@given(names, st.dictionaries(words | st.text(max_size=8), values, max_size=6))
def test_garbage_is_refused_and_never_breaks(name: str, call: dict[str, object]) -> None:
    check(name, call)


@given(names, spoiled())
def test_spoiled_calls_are_refused_and_never_break(name: str, call: dict[str, object]) -> None:
    check(name, call)


@pytest.mark.parametrize("name", DESCRIPTIONS)
@pytest.mark.parametrize("text", ["x" * 1_000_000, "\ud800", "a\udfffb"])
def test_texts_of_any_length_and_kind_are_told_without_repeating_them(name: str, text: str) -> None:
    for call in (
        {"action": "type", "text": text},
        {"type": "tool_use", "name": "type", "input": {"text": text}},
        {"type": "type", "text": text},
        {"name": "type", "args": {"text": text}},
        {"name": "type_text_at", "args": {"x": 1, "y": 2, "text": text}},
    ):
        try:
            (read,) = dialect_named(name).read(call, dialect_named(name).view(SCREEN, None))
        except BadRequest:
            continue
        assert read.fault
        assert "xxxx" not in read.fault
        read.fault.encode()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_what_was_not_run_is_told_in_the_exact_words(name: str) -> None:
    case = next(case for case in CASES.values() if name in case.dialects)
    vendor = dialect_named(name)
    outcomes = [[Outcome(Status.NOT_RUN) for _ in call] for call in case.reads]
    answer = vendor.answer(case.calls, outcomes, vendor.view(SCREEN, None), PICTURE)
    assert NOT_EXECUTED in msgspec.json.encode(answer).decode()
