"""Handing the desktop over and back, through the socket of a real daemon."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from Xlib.display import Display

from agentd.base.errors import AgentdError, BadRequest, Conflict, NotFound
from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.injected import Injected, hearing, keycode
from tests.live.recorded import picture_at

ROOT = Path(__file__).parents[2]
DESCRIPTION = json.loads((ROOT / "agentd/client/description.json").read_text())
SHIFT_L, A = 0xFFE1, 0x61


def acting() -> list[Any]:
    """Every command by which an agent changes the desktop, with what it needs."""
    found = []
    for item in DESCRIPTION["commands"]:
        name, parameters = item["name"], item["parameters"]
        if item["scope"] != "input" and not name.startswith("apps."):
            continue
        # What a batch does is told step by step; to ask for help is not to act.
        if name in ("desktop.act", "desktop.request_help"):
            continue
        needed = {*parameters.get("required", ()), *({"text"} if name == "clipboard.set" else ())}
        given = {key: example(parameters["properties"][key]) for key in needed}
        found.append(pytest.param(name, given, id=name))
    return found


def example(schema: dict[str, Any]) -> Any:
    """A value that a parameter takes, as its description shows one."""
    if "$ref" in schema and "examples" not in schema:
        schema = DESCRIPTION["components"][schema["$ref"].rpartition("/")[2]]
    choices = [schema, *schema.get("anyOf", ())]
    return next(one["examples"][0] for one in choices if "examples" in one)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("access")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[SyncClient]:
    with daemon.client() as client:
        yield client
        client.vnc.mode(mode="human_first")
        client.vnc.release()


@pytest.fixture
def address(client: SyncClient) -> DisplayAddress:
    environment = client.desktop.status().environment
    return DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))


@pytest.fixture
def heard(address: DisplayAddress) -> Iterator[Injected]:
    with hearing(address) as heard:
        yield heard


@contextmanager
def meanwhile(daemon: DaemonProcess, work: Callable[[SyncClient], Any]) -> Iterator[list[Any]]:
    """Do something on another connection; its answer or error is there behind the block."""
    outcome: list[Any] = []

    def run() -> None:
        with daemon.client() as other:
            try:
                outcome.append(work(other))
            except AgentdError as exc:
                outcome.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(30)
        assert not thread.is_alive()


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Conflict) as caught:
        call()
    return caught.value.narrow_code


class TestGrants:
    def test_grant_is_told_once_and_listed_without_its_secrets(self, daemon, client):
        granted = client.vnc.grant(rights=["pointer"], ttl_s=60, uses=3, label="Ada")
        assert granted.rights == ["pointer", "view"]
        assert len(granted.token) >= 22
        assert not granted.url or granted.url.endswith(f"#token={granted.token}")
        listed = next(one for one in client.vnc.grants() if one.id == granted.id)
        assert (listed.label, listed.uses_left) == ("Ada", 3)
        assert granted.token not in str(client.vnc.grants())
        assert client.vnc.revoke(id=granted.id).viewers == 0
        with pytest.raises(NotFound):
            client.vnc.revoke(id=granted.id)

    def test_grant_looks_on_only_by_default(self, client):
        granted = client.vnc.grant()
        assert granted.rights == ["view"]
        assert granted.expires_at is not None
        client.vnc.revoke(id=granted.id)

    def test_wrong_rights_say_what_is_right(self, client):
        with pytest.raises(BadRequest, match="pointer"):
            client.vnc.grant(rights=["pionter"])

    def test_grants_survive_a_crash_and_their_tokens_are_written_nowhere(self, tmp_path):
        with running_daemon(tmp_path, "[desktop]\nautostart = false\n") as daemon:
            with daemon.client() as client:
                granted = client.vnc.grant(ttl_s=600, label="Ada")
                ended = client.vnc.grant(ttl_s=600)
                client.vnc.revoke(id=ended.id)
                stream = client.stream("events.subscribe", types=["vnc"], since=0)
                events = "".join(str(next(iter(stream))) for _ in range(3))
                stream.close()
            daemon.kill()
            daemon.start()
            with daemon.client() as client:
                assert [one.id for one in client.vnc.grants()] == [granted.id]
            kept = (
                b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
                + events.encode()
            )
            assert granted.id.encode() in kept
            assert granted.token.encode() not in kept


class TestTakeover:
    @pytest.mark.parametrize(("name", "parameters"), acting())
    def test_agent_is_refused_whatever_it_would_change(self, client, name, parameters):
        client.vnc.takeover(label="Ada")
        with pytest.raises(Conflict, match="Ada has the desktop") as caught:
            client.call(name, **parameters)
        assert caught.value.narrow_code == "human_in_control"
        assert caught.value.retry_after_s

    def test_looking_goes_on(self, client):
        client.vnc.takeover()
        assert client.desktop.screenshot().body
        client.desktop.cursor()
        client.windows.list()
        client.desktop.wait(timeout_ms=100)

    def test_status_tells_who_has_it_until_the_release(self, client):
        taken = client.vnc.takeover(label="Ada", lease_s=60)
        assert (taken.holder.kind, taken.holder.label, taken.holder.taken) == (
            "operator",
            "Ada",
            True,
        )
        assert taken.holder.until > taken.holder.since
        assert client.vnc.status() == taken
        assert client.vnc.release().holder is None
        client.desktop.click(10, 10)

    def test_lease_gives_it_back(self, client):
        client.vnc.takeover(lease_s=0.2)
        turn = client.desktop.wait_turn(timeout_ms=10_000)
        assert turn.free
        client.desktop.click(10, 10)

    def test_turn_that_does_not_come_is_no_error(self, client):
        client.vnc.takeover(label="Ada")
        turn = client.desktop.wait_turn(timeout_ms=50)
        assert not turn.free
        assert turn.holder.label == "Ada"

    def test_mode_human_refuses_agents_until_another(self, client):
        assert client.vnc.mode(mode="human").mode == "human"
        assert code_of(lambda: client.desktop.click(10, 10)) == "human_in_control"
        client.vnc.release()
        assert code_of(lambda: client.desktop.click(10, 10)) == "human_in_control"
        client.vnc.mode(mode="agent")
        client.desktop.click(10, 10)

    def test_viewer_that_is_not_here_cannot_have_it(self, client):
        with pytest.raises(NotFound):
            client.vnc.takeover(viewer="v999")
        assert client.vnc.status().holder is None

    def test_keys_that_the_agent_holds_go_up(self, client, address, heard):
        shift = keycode(address, SHIFT_L)
        client.desktop.key_down(key="shift")
        client.desktop.button_down(x=10, y=10)
        client.vnc.takeover()
        heard.wait(lambda events: ("key_up", shift) in events and ("button_up", 1) in events)

    def test_action_on_its_way_ends(self, daemon, client, address, heard):
        key = keycode(address, A)
        with meanwhile(daemon, lambda other: other.desktop.hold("a", 60_000)) as outcome:
            heard.wait(lambda events: ("key_down", key) in events)
            client.vnc.takeover()
            heard.wait(lambda events: ("key_up", key) in events)
        assert outcome[0].narrow_code == "human_in_control"

    def test_text_on_its_way_ends_and_says_how_far_it_came(self, daemon, client, address, heard):
        key = keycode(address, A)
        with meanwhile(
            daemon, lambda other: other.desktop.type("a" * 1000, delay_ms=100)
        ) as outcome:
            heard.wait(lambda events: events.count(("key_down", key)) >= 2)
            client.vnc.takeover()
        assert outcome[0].narrow_code == "human_in_control"
        assert 2 <= outcome[0].data["delivered"] < 1000

    def test_batch_halts_at_the_step_it_is_at(self, daemon, client, address, heard):
        key = keycode(address, A)
        actions = [
            {"action": "click", "x": 10, "y": 10},
            {"action": "hold", "keys": "a", "duration_ms": 60_000},
            {"action": "click", "x": 20, "y": 20},
        ]
        with meanwhile(daemon, lambda other: other.desktop.act(actions=actions)) as outcome:
            heard.wait(lambda events: ("key_down", key) in events)
            client.vnc.takeover()
        report = outcome[0]
        assert [step.status for step in report.steps] == ["done", "failed", "not_run"]
        assert report.steps[1].error.code == "human_in_control"

    def test_takeover_outlives_a_crash_of_the_daemon(self, tmp_path):
        with running_daemon(tmp_path, "[desktop]\nautostart = false\n") as daemon:
            with daemon.client() as client:
                client.vnc.takeover(label="Ada", withhold=True)
            daemon.kill()
            daemon.start()
            with daemon.client() as client:
                status = client.vnc.status()
                assert (status.holder.label, status.withheld) == ("Ada", True)
                client.desktop.start()
                assert code_of(lambda: client.desktop.click(10, 10)) == "human_in_control"
                assert code_of(client.desktop.screenshot) == "screen_withheld"
                client.vnc.release()
                client.desktop.click(10, 10)

    def test_handovers_are_events(self, daemon, client):
        since = client.daemon.stats()["events"]["events"]
        client.vnc.takeover(label="Ada")
        client.vnc.release()
        stream = client.stream("events.subscribe", types=["vnc.control_changed"], since=since)
        first, second = next(iter(stream)), next(iter(stream))
        stream.close()
        assert first["data"]["holder"]["label"] == "Ada"
        assert second["data"]["holder"] is None


class TestWithheld:
    def test_agent_gets_no_picture_until_the_release(self, client):
        frame = client.desktop.screenshot().meta.frame
        assert client.vnc.takeover(label="Ada", withhold=True).withheld
        pixel = {"x": 1, "y": 1, "color": "#ffffff"}
        for look in (
            client.desktop.screenshot,
            lambda: client.desktop.screenshot(if_changed_since=frame),
            client.desktop.anchor,
            client.desktop.record_start,
            client.clipboard.get,
            lambda: client.desktop.wait(until="pixels", pixels=[pixel], timeout_ms=50),
        ):
            assert code_of(look) == "screen_withheld"
        report = client.desktop.act(actions=[{"action": "screenshot"}])
        assert report.steps[0].error.code == "screen_withheld"
        assert report.image is None
        client.vnc.release()
        assert client.desktop.screenshot().body

    def test_lease_shows_the_screen_again(self, client):
        client.vnc.takeover(withhold=True, lease_s=0.2)
        assert client.desktop.wait_turn(timeout_ms=10_000).free
        assert client.desktop.screenshot().body

    def test_recording_shows_what_was_there_before(self, daemon, client, address):
        with painting(address) as paint:
            paint(0x00FF00)
            client.desktop.wait(quiet_ms=300)
            begun = client.desktop.record_start(quality=100)
            client.desktop.wait(quiet_ms=300)
            client.vnc.takeover(label="Ada", withhold=True)
            paint(0xFF0000)
            client.desktop.wait(quiet_ms=600)
            ended = client.desktop.record_stop()
            client.vnc.release()
        folder = daemon.state_dir / "recordings" / begun.id
        (video,) = folder.glob("video.*")
        for at_s in (0.0, ended.duration_ms / 1000):
            assert picture_at(video, at_s)[150, 200].argmax() == 1
        lines = map(json.loads, (folder / "actions.ndjson").read_text().splitlines())
        (handover,) = [line for line in lines if line["line"] == "control"]
        assert (handover["why"], handover["holder"], handover["withheld"]) == (
            "takeover",
            "Ada",
            True,
        )


@contextmanager
def painting(address: DisplayAddress) -> Iterator[Callable[[int], None]]:
    """Another program that shows colours in a window without a frame."""
    with authority_environment(address):
        display = Display(address.name)
    screen = display.screen()
    window = screen.root.create_window(
        0, 0, 400, 300, 0, screen.root_depth, override_redirect=True, background_pixel=0
    )
    window.map()

    def paint(colour: int) -> None:
        window.change_attributes(background_pixel=colour)
        window.clear_area(0, 0, 400, 300)
        display.sync()

    try:
        yield paint
    finally:
        window.destroy()
        display.close()


class TestHelp:
    def test_agent_waits_for_a_person(self, daemon, client):
        def ask(other: SyncClient) -> Any:
            return other.desktop.request_help("Please solve the captcha", wait_s=30)

        with meanwhile(daemon, ask) as outcome:
            daemon.wait_until(lambda: client.vnc.status().help is not None, "help is asked for")
            assert client.vnc.status().help.reason == "Please solve the captcha"
            assert client.vnc.help_done(by="Ada")
        assert (outcome[0].done, outcome[0].by) == (True, "Ada")
        assert client.vnc.status().help is None
        assert not client.vnc.help_done()

    def test_giving_the_desktop_back_is_the_answer(self, daemon, client):
        with meanwhile(
            daemon, lambda other: other.desktop.request_help("a captcha", wait_s=30)
        ) as outcome:
            daemon.wait_until(lambda: client.vnc.status().help is not None, "help is asked for")
            client.vnc.takeover(label="Ada")
            client.vnc.release()
        assert outcome[0].done

    def test_agent_that_waits_no_longer_is_answered(self, client):
        answer = client.desktop.request_help("a captcha", wait_s=0.05)
        assert not answer.done
        assert client.vnc.status().help is None

    def test_call_that_ends_early_asks_no_more(self, client):
        with pytest.raises(AgentdError):
            client.call("desktop.request_help", deadline_s=0.1, reason="a captcha", wait_s=30)
        assert client.vnc.status().help is None

    def test_help_that_nobody_waits_for_stays_until_it_is_done(self, client):
        assert not client.desktop.request_help("Please choose a colour").done
        assert client.vnc.status().help.reason == "Please choose a colour"
        assert client.vnc.help_done()
