"""Vendors' calls on a real screen: the golden files' actions are what reaches the X server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from agentd.client.sync import SyncClient
from agentd.desktop.actions import (
    Action,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    Move,
    Pause,
    Scroll,
    name_of,
)
from agentd.desktop.hands.gestures import button_number
from agentd.desktop.xlink import DisplayAddress
from tests.desktop.dialects.golden import CASES, Case
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.injected import Injected, hearing

LIVE = {f"{file}: {name}": case for (file, name), case in CASES.items() if case.live}
POINTER = (Move, Click, Drag, Scroll, ButtonDown, ButtonUp, Pause)

Events = list[tuple[Any, ...]]

# No case moves from one of these corners to the other.
END: Events = [("motion", 1279, 1), ("motion", 1, 799)]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("dialects")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture(scope="module")
def heard(daemon: DaemonProcess) -> Iterator[Injected]:
    with daemon.client() as client:
        environment = client.desktop.status().environment
    address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
    with hearing(address) as heard:
        yield heard


def run(
    daemon: DaemonProcess, heard: Injected, calls: list[Any], dialect: str, **more: Any
) -> Events:
    """Run calls from a fixed beginning; return what reached the server until the end."""
    with daemon.client() as client:
        client.desktop.move(x=640, y=400)
        heard.wait(lambda events: bool(events) and events[-1] == ("motion", 640, 400))
        heard.clear()
        report = client.desktop.act(
            actions=calls, dialect=dialect, settle=None, observe=None, **more
        )
        assert report.completed, report
        for _, x, y in END:
            client.desktop.move(x=x, y=y)
        events = heard.wait(lambda events: events[-2:] == END)[:-2]
        client.desktop.release_all()
        return events


def expected(action: Action) -> Events:
    """What an action of the pointer is at the X server; the way of a drag is left open."""
    match action:
        case Move():
            return [("motion", action.x, action.y)]
        case Click():
            number = button_number(action.button)
            return at(action) + [("button_down", number), ("button_up", number)] * action.count
        case ButtonDown() | ButtonUp():
            return [*at(action), (name_of(action), button_number(action.button))]
        case Drag(path=path):
            number = button_number(action.button)
            ends: Events = [("motion", spot.x, spot.y) for spot in (path[0], path[-1])]
            return [ends[0], ("button_down", number), ends[1], ("button_up", number)]
        case Scroll():
            scale = 1 if action.unit == "ticks" else 100
            right, down = int(action.dx / scale), int(action.dy / scale)
            turns = [7 if right > 0 else 6] * abs(right) + [5 if down > 0 else 4] * abs(down)
            pairs = [(("button_down", turn), ("button_up", turn)) for turn in turns]
            return at(action) + [event for pair in pairs for event in pair]
    return []


def at(action: Click | Scroll | ButtonDown | ButtonUp) -> Events:
    return [] if action.x is None else [("motion", action.x, action.y)]


def without_way(events: Events) -> Events:
    """Leave out the motions between a press and the last one before its release."""
    kept: Events = []
    for index, event in enumerate(events):
        following = events[index + 1] if index + 1 < len(events) else ("", 0)
        is_on_the_way = event[0] == following[0] == "motion" and ("button_down", 1) in kept
        if not is_on_the_way:
            kept.append(event)
    return kept


def without_repeats(events: Events) -> Events:
    """Count the presses of a key that is held as one: how many the server makes is its clock's."""
    return [event for event, _ in groupby(events)]


def is_plain(action: Action) -> bool:
    """Whether the table above tells all of an action: no keys, and a drag that says its start."""
    if isinstance(action, Drag) and len(action.path) < 2:
        return False
    return isinstance(action, POINTER) and not getattr(action, "modifiers", ())


@pytest.mark.parametrize("case", LIVE.values(), ids=LIVE)
def test_vendor_calls_reach_the_server_as_recorded(
    daemon: DaemonProcess, heard: Injected, case: Case
) -> None:
    actions = [action for call in case.expected() for read in call for action in read.actions]
    declared = case.declared and dict(zip(("width", "height"), case.declared, strict=True))
    events = run(daemon, heard, case.calls, case.dialects[0], display=declared)
    if all(map(is_plain, actions)):
        wanted = [event for action in actions for event in expected(action)]
        assert without_way(events) == wanted
    else:
        # Which key makes a character is for the typing tests to say; here both ways are the same.
        native = run(daemon, heard, msgspec.to_builtins(actions), "native")
        assert without_repeats(events) == without_repeats(native)


class TestAnswers:
    def ask(self, client: SyncClient, dialect: str, *calls: dict[str, Any], **more: Any) -> Any:
        return client.desktop.act(actions=calls, dialect=dialect, **more)

    def test_anthropic_screenshot_fits_the_declared_display(self, daemon):
        call = {"type": "tool_use", "id": "t1", "name": "computer"}
        with daemon.client() as client:
            report = self.ask(
                client,
                "computer_20250124",
                {**call, "input": {"action": "left_click", "coordinate": [512, 300]}},
                {**call, "id": "t2", "input": {"action": "screenshot"}},
                {**call, "id": "t3", "input": {"action": "cursor_position"}},
                display={"width": 1024, "height": 600},
            )
        click, shot, cursor = report.results
        assert click["tool_use_id"] == "t1"
        image = next(block for block in shot["content"] if block["type"] == "image")
        body = base64.b64decode(image["source"]["data"])
        assert Image.open(io.BytesIO(body)).size == (1024, 600)
        assert "X=512,Y=300" in str(cursor["content"])
        assert report.image is None

    def test_toolset_halts_with_its_text_and_answers_every_block(self, daemon):
        def block(number: int, name: str, **given: Any) -> dict[str, Any]:
            head = {"type": "tool_use", "id": f"t{number}", "toolset_name": "computer"}
            return {**head, "name": name, "input": given}

        with daemon.client() as client:
            report = self.ask(
                client,
                "computer_toolset_20260801",
                block(1, "mouse_move", coordinate=[10, 10]),
                block(2, "key", text="ctrl+nonsense"),
                block(3, "screenshot"),
            )
        results = report.results
        assert [result["tool_use_id"] for result in results] == ["t1", "t2", "t3"]
        assert all(result["toolset_name"] == "computer" for result in results)
        assert [bool(result.get("is_error")) for result in results] == [False, True, True]
        assert "nonsense" in str(results[1]["content"])
        halted = "Not executed: an earlier computer action in this turn failed."
        assert halted in str(results[2]["content"])

    def test_openai_call_is_answered_with_a_screenshot(self, daemon):
        with daemon.client() as client:
            report = self.ask(
                client,
                "computer",
                {
                    "type": "computer_call",
                    "call_id": "c1",
                    "actions": [
                        {"type": "click", "button": "left", "x": 30, "y": 40},
                        {"type": "wait"},
                        {"type": "keypress", "keys": ["CTRL", "C"]},
                    ],
                },
                observe=None,
            )
        (output,) = report.results
        assert output["type"] == "computer_call_output"
        assert output["call_id"] == "c1"
        assert output["output"]["image_url"].startswith("data:image/png;base64,")

    def test_steps_are_called_by_what_was_done(self, daemon):
        actions = [{"type": "screenshot"}, {"type": "wait"}, {"type": "click", "x": 9999, "y": 1}]
        call = {"type": "computer_call", "call_id": "c1", "actions": actions}
        with daemon.client() as client:
            report = self.ask(client, "computer", call)
        told = [(step.action, step.status) for step in report.steps]
        assert told == [("(none)", "done"), ("pause", "done"), ("(refused)", "failed")]

    def test_gemini_points_are_of_a_thousand(self, daemon, heard):
        with daemon.client() as client:
            client.desktop.move(x=1, y=1)
            heard.wait(lambda events: events[-1:] == [("motion", 1, 1)])
            heard.clear()
            report = self.ask(
                client, "gemini", {"functionCall": {"name": "move", "args": {"x": 500, "y": 250}}}
            )
        assert heard.wait(bool)[0] == ("motion", 640, 200)
        assert "functionResponse" in str(report.results[0])
