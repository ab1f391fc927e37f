"""What a person does is recorded as actions, and replayed onto another program.

The person is xdotool: another client of the X server, whose events are XTEST's as ours are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.oracle import Oracle, oracle

in_module = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("daemon")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[SyncClient]:
    with daemon.client() as client:
        yield client


@asynccontextmanager
async def form(client: SyncClient) -> AsyncIterator[Oracle]:
    """A window with a text field that tells what reaches it."""
    environment = client.desktop.status().environment
    address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
    async with oracle("tk", address) as receiver:
        yield receiver


@pytest_asyncio.fixture(loop_scope="module")
async def field(client: SyncClient) -> AsyncIterator[Oracle]:
    async with form(client) as receiver:
        yield receiver


def person(client: SyncClient, *words: str) -> None:
    """Let a person do something."""
    environment = {"PATH": os.environ["PATH"], **client.desktop.status().environment}
    subprocess.run(["xdotool", *words], env=environment, check=True)


def actions_of(client: SyncClient, id: str) -> list[dict[str, Any]]:
    """The actions of a recording, in the order of their times, with who did them."""
    body = client.desktop.record_get(id=id, part="actions").body
    lines = [msgspec.json.decode(line) for line in body.splitlines()]
    assert lines[0]["human"] is True
    done = sorted((one for one in lines if one["line"] == "action"), key=lambda one: one["at_ms"])
    return [{"who": "human" if one["who"] == "human" else "agent", **one["action"]} for one in done]


def replay(daemon: DaemonProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run agentctl replay."""
    script = "import sys; from agentd.client.cli import main; sys.exit(main())"
    argv = [sys.executable, "-c", script, "--socket", os.fspath(daemon.socket), "replay", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@in_module
async def test_a_persons_hands_are_recorded_as_actions(client, field):
    begun = client.desktop.record_start(video=False)
    person(client, "mousemove", "500", "350", "click", "1")
    person(client, "type", "Hello, world")
    person(client, "key", "Return")
    person(client, "key", "ctrl+a")
    person(client, "mousemove", "600", "400", "click", "--repeat", "3", "--delay", "20", "5")
    client.desktop.record_stop()
    await field.wait_text("Hello, world\n")
    found = actions_of(client, begun.id)
    assert {one["who"] for one in found} == {"human"}
    told = [(one["action"], one.get("text") or one.get("keys") or one.get("x")) for one in found]
    assert told == [
        ("click", 500),
        ("type", "Hello, world"),
        ("press", "Return"),
        ("press", "ctrl+a"),
        ("scroll", 600),
    ]
    assert found[-1]["dy"] == 3


@in_module
async def test_double_click_and_drag_of_a_person_are_one_action_each(client, field):
    begun = client.desktop.record_start()
    person(client, "mousemove", "450", "300", "click", "--repeat", "2", "--delay", "30", "1")
    person(client, "mousemove", "420", "400", "mousedown", "1")
    person(client, "mousemove", "520", "400", "mousemove", "520", "460", "mouseup", "1")
    client.desktop.record_stop()
    click, drag = actions_of(client, begun.id)
    assert (click["action"], click["count"]) == ("click", 2)
    assert drag["path"] == [{"x": 420, "y": 400}, {"x": 520, "y": 400}, {"x": 520, "y": 460}]


@in_module
async def test_actions_of_the_agent_appear_once(client, field):
    begun = client.desktop.record_start(video=False)
    client.desktop.click(x=500, y=350, count=2)
    client.desktop.type(text="Grüße, мир 你好 " * 20)
    client.desktop.drag(path=[{"x": 450, "y": 400}, {"x": 650, "y": 420}])
    client.desktop.scroll(x=500, y=400, dy=3)
    client.desktop.press(keys="ctrl+shift+Left", repeat=3)
    client.desktop.key_down(key="shift")
    client.desktop.key_up(key="shift")
    client.desktop.hold(keys="F5", duration_ms=20)
    client.desktop.wait(quiet_ms=100)
    client.desktop.record_stop()
    found = actions_of(client, begun.id)
    assert {one["who"] for one in found} == {"agent"}
    assert [one["action"] for one in found] == [
        *("click", "type", "drag", "scroll", "press", "key_down", "key_up", "hold")
    ]


def test_person_and_agent_at_once_are_told_apart(client):
    begun = client.desktop.record_start(video=False)
    environment = {"PATH": os.environ["PATH"], **client.desktop.status().environment}
    typing = subprocess.Popen(["xdotool", "type", "--delay", "10", "h" * 40], env=environment)
    for _ in range(20):
        client.desktop.press(keys="F7")
        client.desktop.move(x=20, y=20)
    typing.wait()
    client.desktop.record_stop()
    found = actions_of(client, begun.id)
    texts = [one["text"] for one in found if one["who"] == "human" and one["action"] == "type"]
    assert "".join(texts) == "h" * 40
    assert [one["action"] for one in found if one["who"] == "agent"] == ["press", "move"] * 20
    assert not [one for one in found if one["who"] == "human" and one["action"] != "type"]


@in_module
async def test_hidden_keys_are_nowhere_on_the_disk(daemon, client, field):
    begun = client.desktop.record_start(keys="hidden")
    person(client, "type", "hunter2")
    client.desktop.type(text="hunter2")
    client.desktop.wait()
    client.desktop.record_stop()
    folder = daemon.state_dir / "recordings" / begun.id
    for path in folder.iterdir():
        assert b"hunter2" not in path.read_bytes()
    assert b"hunter2" not in daemon.log.read_bytes()
    assert [one["text"] for one in actions_of(client, begun.id)] == ["***", "***"]
    refused = replay(daemon, begun.id)
    assert refused.returncode == 5
    assert "hides what was typed" in refused.stderr


@in_module
async def test_typed_text_of_recorded_actions_is_not_in_the_daemons_log(daemon, client, field):
    client.desktop.record_start(video=False)
    person(client, "type", "correct horse")
    client.desktop.type(text="battery staple")
    client.desktop.record_stop()
    said = daemon.log.read_text()
    assert "correct horse" not in said
    assert "battery staple" not in said


@in_module
async def test_demonstration_is_replayed_onto_another_program(daemon, client):
    async with form(client) as field:
        begun = client.desktop.record_start(label="demonstration")
        person(client, "mousemove", "500", "350", "click", "1")
        person(client, "type", "Hello, Replay 42")
        person(client, "key", "Return")
        person(client, "type", "second line")
        person(client, "key", "BackSpace")
        await field.wait_text("Hello, Replay 42\nsecond lin")
        shown = field.of("button", press=True)
        client.desktop.record_stop()
    async with form(client) as field:
        done = replay(daemon, begun.id, "--as-fast-as-possible", "--check", "warn")
        assert done.returncode == 0, done.stderr
        await field.wait_text("Hello, Replay 42\nsecond lin")
        again = field.of("button", press=True)
    wanted = [(500, 350, 1)]
    assert [(one["x"], one["y"], one["button"]) for one in shown] == wanted
    assert [(one["x"], one["y"], one["button"]) for one in again] == wanted
    assert "0 on a screen that differs" in done.stdout


@in_module
async def test_replay_notices_that_the_program_is_another(daemon, client):
    async with form(client):
        begun = client.desktop.record_start()
        person(client, "mousemove", "500", "350", "click", "1")
        client.desktop.record_stop()
    client.desktop.wait()
    client.desktop.move(x=600, y=600)
    stopped = replay(daemon, begun.id, "--check", "stop")
    assert stopped.returncode == 5
    assert "the screen there is not what it was" in stopped.stderr
    assert client.desktop.cursor().x == 600
    warned = replay(daemon, begun.id)
    assert warned.returncode == 0
    assert "1 on a screen that differs" in warned.stdout


def test_replay_on_another_screen_size_must_be_asked_for(daemon, client):
    begun = client.desktop.record_start(video=False)
    client.desktop.move(x=1000, y=600)
    client.desktop.record_stop()
    try:
        client.desktop.resize(width=640, height=400)
        refused = replay(daemon, begun.id)
        assert refused.returncode == 5
        assert "was made on a screen of 1280x800; this one is 640x400" in refused.stderr
        done = replay(daemon, begun.id, "--scale")
        assert done.returncode == 0, done.stderr
        at = client.desktop.cursor()
        assert (at.x, at.y) == (500, 300)
    finally:
        client.desktop.resize(width=1280, height=800)


def test_replay_reads_a_file_and_keeps_the_recorded_pace(daemon, client, tmp_path):
    begun = client.desktop.record_start(video=False)
    client.desktop.move(x=10, y=10)
    client.desktop.wait(quiet_ms=900)
    client.desktop.move(x=30, y=10)
    client.desktop.record_stop()
    path = tmp_path / "actions.ndjson"
    path.write_bytes(client.desktop.record_get(id=begun.id, part="actions").body)
    done = replay(daemon, os.fspath(path), "--check", "off")
    assert done.returncode == 0, done.stderr
    second = done.stdout.splitlines()[1].split()
    assert float(second[0]) >= 0.85


def test_refused_action_is_told_as_refused(client):
    begun = client.desktop.record_start(video=False)
    with pytest.raises(Exception, match="off the screen"):
        client.desktop.click(x=5000, y=5)
    client.desktop.record_stop()
    body = client.desktop.record_get(id=begun.id, part="actions").body
    line = msgspec.json.decode(body.splitlines()[1])
    assert (line["outcome"], line["code"]) == ("refused", "off_screen")


def test_nothing_listens_while_nothing_is_recorded(daemon, client):
    assert daemon.process is not None
    descriptors = Path(f"/proc/{daemon.process.pid}/fd")

    def opened() -> int:
        return len(list(descriptors.iterdir()))

    client.desktop.screenshot()
    before = opened()
    for _ in range(5):
        client.desktop.record_start()
        assert opened() > before
        client.desktop.record_stop()
    daemon.wait_until(lambda: opened() <= before, "all is closed")
