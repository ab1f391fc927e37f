"""What a replay reads of a recording's action log."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest, Conflict
from agentd.client.action_log import (
    DRIFT,
    Action,
    Anchor,
    check_replayable,
    drift,
    read_log,
    scaled,
)

HEAD = {"line": "head", "version": 1, "id": "x"}


def line(at_ms: int = 0, outcome: str = "done", **action: Any) -> dict[str, Any]:
    return {
        "line": "action",
        "at_ms": at_ms,
        "who": "human",
        "action": action or {"action": "click", "x": 10, "y": 20},
        "outcome": outcome,
        "width": 1280,
        "height": 800,
    }


def log(*lines: dict[str, Any]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in lines)


def read(*lines: dict[str, Any]) -> list[Action]:
    return read_log(log(HEAD, *lines), name="log")


def test_actions_come_in_the_order_of_their_times() -> None:
    assert [one.at_ms for one in read(line(30), line(10), line(20))] == [10, 20, 30]


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_what_was_not_done_is_not_done_again(outcome: str) -> None:
    assert read(line(0, outcome)) == []


def test_line_that_a_crash_has_cut_is_left_out() -> None:
    whole = log(HEAD, line(1), line(2))
    assert len(read_log(whole[:-20], name="log")) == 1


def test_every_cut_of_a_log_is_read_or_refused() -> None:
    whole = log(HEAD, line(1), {"line": "tail", "at_ms": 5, "reason": "stopped"})
    for length in range(len(whole)):
        with suppress(BadRequest):
            assert len(read_log(whole[:length], name="log")) <= 1


@pytest.mark.parametrize(
    "content", [b"{}\n{}\n", b"\x00\x01\n", b'{"line":"head","version":2}\n', b"[" * 5000 + b"\n"]
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(BadRequest, match="is no action log"):
        read_log(content, name="notes.txt")


@given(st.binary(max_size=200))
def test_no_content_breaks_the_reader(content: bytes) -> None:
    with suppress(BadRequest):
        read_log(content, name="log")


def test_hidden_keys_cannot_be_replayed() -> None:
    actions = read(line(action="type", text="***"), line())
    with pytest.raises(Conflict, match="in 1 of 2 actions"):
        check_replayable(actions, width=1280, height=800, is_scaled=False, name="log")


def test_another_screen_size_must_be_asked_for() -> None:
    actions = read(line())
    with pytest.raises(Conflict, match="1280x800; this one is 640x400") as caught:
        check_replayable(actions, width=640, height=400, is_scaled=False, name="log")
    assert "--scale" in caught.value.hint
    check_replayable(actions, width=640, height=400, is_scaled=True, name="log")


def test_points_are_scaled_wherever_they_stand() -> None:
    path = [{"x": 0, "y": 0}, {"x": 1279, "y": 799}]
    (drag,) = read(line(action="drag", path=path))
    assert scaled(drag, 640, 400)["path"] == [{"x": 0, "y": 0}, {"x": 639, "y": 399}]
    (click,) = read(line(action="click", x=100, y=80, button="left"))
    assert scaled(click, 640, 400) == {"action": "click", "x": 50, "y": 40, "button": "left"}
    (typed,) = read(line(action="type", text="x"))
    assert scaled(typed, 640, 400) == {"action": "type", "text": "x"}


@given(st.integers(0, 1279), st.integers(0, 799), st.integers(64, 3000), st.integers(64, 3000))
def test_scaled_point_is_on_the_screen(x: int, y: int, width: int, height: int) -> None:
    (click,) = read(line(action="click", x=x, y=y))
    found = scaled(click, width, height)
    assert 0 <= found["x"] < width
    assert 0 <= found["y"] < height


def anchor(look: bytes, hash: str = "a") -> Anchor:
    return Anchor(0, 0, 96, 96, hash, look.hex())


def test_same_pixels_have_not_drifted() -> None:
    assert drift(anchor(bytes(64)), anchor(bytes([9] * 64))) == 0


def test_caret_is_no_drift() -> None:
    now = anchor(bytes([255] * 4 + [0] * 60), "b")
    assert drift(anchor(bytes(64)), now) < DRIFT


def test_another_page_is_drift() -> None:
    now = anchor(bytes([200] * 40 + [0] * 24), "b")
    assert drift(anchor(bytes(64)), now) == 200


@pytest.mark.parametrize("look", ["", "zz", "00"])
def test_looks_that_cannot_be_compared_have_drifted(look: str) -> None:
    assert drift(anchor(bytes(64)), Anchor(0, 0, 1, 1, "b", look)) == 255


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({"action": "click", "x": 1, "y": 0}, "click 1,0"),
        ({"action": "type", "text": "hé"}, "type 'hé'"),
        ({"action": "press", "keys": "ctrl+s"}, "press 'ctrl+s'"),
        ({"action": "drag", "path": [{"x": 5, "y": 6}]}, "drag 5,6"),
    ],
)
def test_action_is_told_in_a_few_words(action: dict[str, Any], told: str) -> None:
    assert read(line(**action))[0].told() == told
