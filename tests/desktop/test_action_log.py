"""What the action log says of actions, and what it keeps to itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from agentd.base.command import Caller
from agentd.base.errors import Conflict, TimedOut, Unavailable
from agentd.desktop.actions import Click, Drag, Hold, KeyDown, KeyUp, Move, Press, Spot, Type
from agentd.desktop.hands.injection import heard
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.recording.action_log import ActionLog, Handover, LogHead, masked
from agentd.desktop.screen.frame import Frame, Rect

CALLER = Caller("c1", "uid:1000", frozenset())
HEAD = LogHead("id", "label", 1.0, "shown", 1, 200, 100, human=False)


class Eyes:
    """A screen that a test draws on."""

    def __init__(self) -> None:
        self.pixels = np.zeros((100, 200, 4), dtype=np.uint8)
        self.is_gone = False
        self.known: list[Any] = [
            SimpleNamespace(
                focused=True, title="form", class_name="Tk", x=20, y=10, width=50, height=40
            )
        ]

    async def shot(self) -> Any:
        if self.is_gone:
            raise Unavailable("no screen")
        frame = Frame(self.pixels.copy(), 1, 3, Rect(0, 0, 200, 100))
        return SimpleNamespace(frame=frame, cursor=SimpleNamespace(x=60, y=50))


class Written:
    """A log in a temporary file."""

    def __init__(self, path: Path, keys: Any = "shown") -> None:
        self.path = path
        self.eyes = Eyes()
        self.failures: list[OSError] = []
        self.heard: list[Sequence[bytes]] = []
        self.curtain = Curtain()
        self.log = ActionLog(
            path,
            SimpleNamespace(capture=self.eyes, windows=self.eyes),  # type: ignore[arg-type]
            keys=keys,
            began_s=0.0,
            curtain=self.curtain,
            failed=self.failures.append,
            heard_own=self.heard.append,
        )
        self.log.open(HEAD)

    def lines(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.path.read_bytes().splitlines()]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    opened = Written(tmp_path / "actions.ndjson")
    yield opened
    opened.log.close("over")


async def test_action_is_a_line_with_who_what_and_where(written: Written) -> None:
    async with written.log.around(Click(x=100, y=50), CALLER):
        pass
    (line,) = written.lines()[1:]
    assert (line["who"], line["outcome"], line["code"]) == ("uid:1000", "done", "")
    assert line["action"]["action"] == "click"
    assert (line["generation"], line["width"], line["height"]) == (3, 200, 100)
    assert line["window"] == {"title": "form", "class": "Tk"}
    assert line["before"] == line["after"]


async def test_before_and_after_show_what_an_action_did(written: Written) -> None:
    async with written.log.around(Click(x=100, y=50), CALLER):
        written.eyes.pixels[:, :, :3] = 255
    (line,) = written.lines()[1:]
    assert line["before"]["look"] == "00" * 64
    assert line["after"]["look"] == "ff" * 64


async def test_keys_are_about_the_focused_window(written: Written) -> None:
    async with written.log.around(Type(text="a"), CALLER):
        pass
    before = written.lines()[1]["before"]
    assert (before["x"], before["y"], before["width"], before["height"]) == (20, 10, 50, 40)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Conflict("no", code="human_in_control"), "refused"),
        (TimedOut("no", code="too_late"), "failed"),
    ],
)
async def test_what_was_not_done_has_its_code(
    written: Written, error: Exception, outcome: str
) -> None:
    with pytest.raises(type(error)):
        async with written.log.around(Move(x=1, y=1), CALLER):
            raise error
    line = written.lines()[1]
    assert (line["outcome"], line["code"]) == (outcome, error.narrow_code)  # type: ignore[attr-defined]
    assert line["after"] is None


async def test_action_goes_on_where_nothing_can_be_seen(written: Written) -> None:
    written.eyes.is_gone = True
    async with written.log.around(Move(x=1, y=1), CALLER):
        pass
    assert written.lines()[1]["before"] is None


async def test_only_the_action_itself_is_heard(written: Written) -> None:
    async with written.log.around(Move(x=1, y=1), CALLER):
        hear = heard.get()
        assert hear is not None
        hear([b"request"])
    assert heard.get() is None
    assert written.heard == [[b"request"]]


async def test_full_disk_ends_the_log_and_no_action(written: Written) -> None:
    os.close(written.log._file)
    written.log._file = os.open("/dev/full", os.O_WRONLY)
    for _ in range(2):
        async with written.log.around(Move(x=1, y=1), CALLER):
            pass
    written.log.close("stopped")
    assert [error.errno for error in written.failures] == [28]


async def test_end_is_a_line(written: Written) -> None:
    written.log.close("stopped")
    written.log.close("stopped")
    assert [line["line"] for line in written.lines()] == ["head", "tail"]


async def test_handover_is_a_line(written: Written) -> None:
    written.log.note_control(
        Handover(why="takeover", mode="shared", holder="Ada", kind="viewer", withheld=False)
    )
    (line,) = written.lines()[1:]
    assert (line["line"], line["why"], line["holder"]) == ("control", "takeover", "Ada")
    assert line["at_ms"] > 0


async def test_behind_the_curtain_no_key_and_no_picture_is_written(written: Written) -> None:
    before = await written.log.before(None)
    written.curtain.draw(lambda: Conflict("withheld"))
    began_ms = written.log.now_ms()
    await written.log.note_human(
        Type(text="secret"), began_ms=began_ms, ended_ms=began_ms, before=before
    )
    written.curtain.lift()
    # What was typed behind it may be written down a little later.
    await written.log.note_human(
        Type(text="secret"), began_ms=began_ms, ended_ms=began_ms, before=before
    )
    for line in written.lines()[1:]:
        assert line["action"]["text"] == "***"
        assert line["before"] is None
        assert line["after"] is None


async def test_log_is_the_daemons_alone(written: Written) -> None:
    assert written.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "action",
    [
        Type(text="hunter2", delay_ms=20),
        Press(keys="h", repeat=2),
        Hold(keys="ctrl+h", duration_ms=5),
        KeyDown(key="h"),
        KeyUp(key="h"),
    ],
)
def test_hidden_keys_leave_no_trace(action: Any) -> None:
    text = msgspec.json.encode(masked(action)).decode()
    assert "***" in text
    assert "hunter2" not in text
    assert '"h"' not in text
    assert "ctrl" not in text


@pytest.mark.parametrize("action", [Click(x=1, y=2), Drag(path=[Spot(1, 2)]), Move(x=1, y=2)])
def test_pointer_is_never_hidden(action: Any) -> None:
    assert masked(action) is action
