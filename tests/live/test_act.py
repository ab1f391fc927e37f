"""Act, settle, observe, through the socket, with every event heard at the X server."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from agentd.base.errors import BadRequest, Conflict, NotFound
from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.injected import Injected, hearing, keycode

CONTROL_L, RETURN = 0xFFE3, 0xFF0D


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("act")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[SyncClient]:
    with daemon.client() as client:
        client.desktop.resize(width=1280, height=800)
        yield client


@pytest.fixture
def address(client: SyncClient) -> DisplayAddress:
    return address_of(client)


def address_of(client: SyncClient) -> DisplayAddress:
    environment = client.desktop.status().environment
    return DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))


@pytest.fixture
def heard(address: DisplayAddress) -> Iterator[Injected]:
    with hearing(address) as heard:
        yield heard


# Shows all lines that it was given in its title.
_READ = 'while read -r line; do all="$all $line"; printf "\\033]0;%s\\007" "$all"; done'


@contextmanager
def terminal(client: SyncClient) -> Iterator[int]:
    """A terminal that reads lines; gives its window's id."""
    window = client.apps.launch(argv=["xterm", "-e", _READ], wait_window_s=10).window
    client.desktop.wait()
    yield window.id
    client.windows.close(id=window.id)


def statuses(report) -> list[str]:
    return [step.status for step in report.steps]


class TestBatch:
    def test_ten_clicks_are_ten_clicks(self, client, heard):
        points = [(100 + 40 * number, 700) for number in range(10)]
        actions = [{"action": "click", "x": x, "y": y} for x, y in points]
        report = client.desktop.act(actions=actions, settle=None, observe=None)
        assert report.completed
        assert report.image is None
        expected = []
        for x, y in points:
            expected += [("motion", x, y), ("button_down", 1), ("button_up", 1)]
        assert heard.wait(lambda events: len(events) >= len(expected)) == expected

    def test_order_is_kept_over_keys_and_pointer(self, client, heard, address):
        control, letter_s = keycode(address, CONTROL_L), keycode(address, ord("s"))
        client.desktop.act(
            actions=[
                {"action": "move", "x": 5, "y": 6},
                {"action": "press", "keys": "ctrl+s"},
                {"action": "scroll", "dy": 2},
                {"action": "button_down", "button": "right"},
                {"action": "button_up", "button": "right"},
            ],
            settle=None,
            observe=None,
        )
        expected = [
            ("motion", 5, 6),
            *[("key_down", control), ("key_down", letter_s)],
            *[("key_up", letter_s), ("key_up", control)],
            *[("button_down", 5), ("button_up", 5)] * 2,
            *[("button_down", 3), ("button_up", 3)],
        ]
        assert heard.wait(lambda events: len(events) >= len(expected)) == expected

    def test_nothing_runs_when_one_action_is_wrong(self, client, heard):
        with pytest.raises(BadRequest) as caught:
            client.desktop.act(
                actions=[
                    {"action": "click", "x": 10, "y": 10},
                    {"action": "press", "keys": "ctrl+nonsense"},
                    {"action": "move", "x": 5000, "y": 10},
                ]
            )
        assert [fault.path for fault in caught.value.errors] == ["actions[1].keys", "actions[2].x"]
        client.desktop.move(x=3, y=4)
        assert heard.wait(bool) == [("motion", 3, 4)]

    def test_batch_halts_at_the_first_failure_and_lifts_what_is_held(self, client, heard, address):
        report = client.desktop.act(
            actions=[
                {"action": "key_down", "key": "ctrl"},
                {"action": "button_down", "x": 20, "y": 700},
                {"action": "click"},
                {"action": "type", "text": "never"},
            ],
            settle=None,
        )
        assert not report.completed
        assert statuses(report) == ["done", "done", "failed", "not_run"]
        assert report.steps[2].error.code == "button_held"
        assert report.image is not None
        control = keycode(address, CONTROL_L)
        heard.wait(lambda events: {("key_up", control), ("button_up", 1)} <= set(events))

    def test_what_is_held_stays_for_the_connection(self, client, heard, address):
        control = keycode(address, CONTROL_L)
        client.desktop.act(
            actions=[{"action": "key_down", "key": "ctrl"}], settle=None, observe=None
        )
        client.desktop.act(
            actions=[{"action": "click", "x": 9, "y": 700}], settle=None, observe=None
        )
        assert heard.wait(lambda events: ("button_up", 1) in events).count(("key_up", control)) == 0
        client.close()
        heard.wait(lambda events: events[-1] == ("key_up", control))

    def test_step_that_takes_too_long_fails_and_the_rest_is_not_run(self, client):
        report = client.desktop.act(
            actions=[
                {"action": "pause", "duration_ms": 60_000},
                {"action": "move", "x": 1, "y": 1},
            ],
            step_timeout_ms=50,
            settle=None,
            observe=None,
        )
        assert statuses(report) == ["failed", "not_run"]
        assert report.steps[0].error.code == "timed_out"

    def test_time_of_the_whole_batch_is_bounded(self, client):
        report = client.desktop.act(
            actions=[{"action": "pause", "duration_ms": 40}] * 10,
            timeout_ms=100,
            settle=None,
            observe=None,
        )
        assert statuses(report)[0] == "done"
        assert statuses(report)[-1] == "not_run"
        assert "the batch's" in next(s.error for s in report.steps if s.error).detail

    def test_report_survives_the_display(self, daemon):
        with daemon.client() as client, daemon.client() as other:
            before = client.desktop.status().display.generation
            with ThreadPoolExecutor(1) as pool:
                running = pool.submit(
                    client.desktop.act,
                    actions=[
                        {"action": "move", "x": 77, "y": 78},
                        {"action": "pause", "duration_ms": 1000},
                        {"action": "click"},
                        {"action": "type", "text": "never"},
                    ],
                )

                def has_begun() -> bool:
                    at = other.desktop.cursor()
                    return (at.x, at.y) == (77, 78)

                daemon.wait_until(has_begun, "the batch has begun")
                other.desktop.restart(part="xserver")
                report = running.result(30)
            daemon.wait_until(
                lambda: other.desktop.status().display.generation > before, "a new display is up"
            )
        assert statuses(report) == ["done", "done", "failed", "not_run"]
        assert report.steps[2].error.code in ("stale_generation", "display_lost")
        assert report.error.code == "display_lost"
        assert report.image is None

    def test_empty_batch_is_a_settled_picture(self, client):
        report = client.desktop.act(actions=[])
        assert report.completed
        assert report.settle.stable
        assert Image.open(io.BytesIO(report.image)).size == (1280, 800)


class TestObserve:
    def test_picture_shows_what_the_batch_has_done(self, client):
        with terminal(client):
            before = client.desktop.screenshot(format="raw", cursor=False)
            report = client.desktop.act(
                actions=[{"action": "type", "text": "MMMMMMMM"}],
                observe={"format": "raw", "cursor": False},
            )
            assert report.settle.stable
            assert report.image != before.body
            after = client.desktop.screenshot(format="raw", cursor=False)
            assert report.image == after.body

    def test_unchanged_screen_sends_no_picture(self, client):
        client.desktop.wait()
        report = client.desktop.act(
            actions=[{"action": "move", "x": 40, "y": 780}], observe={"show": "if_changed"}
        )
        assert report.meta.unchanged
        assert report.image is None

    def test_changed_area_is_all_that_is_sent(self, client):
        with terminal(client):
            report = client.desktop.act(
                actions=[{"action": "type", "text": "MMMM"}],
                observe={"show": "changed_area", "cursor": False},
            )
            space = report.meta.space
            assert space.width * space.height < 20_000
            assert Image.open(io.BytesIO(report.image)).size == (space.width, space.height)

    def test_screenshot_in_the_midst_is_of_a_settled_screen(self, client):
        with terminal(client):
            report = client.desktop.act(
                actions=[
                    {"action": "type", "text": "MMMM"},
                    {"action": "screenshot"},
                    {"action": "zoom", "region": {"x": 320, "y": 200, "width": 640, "height": 400}},
                ],
                observe={"format": "raw", "cursor": False, "scale": 0.5},
            )
            first, zoomed = report.steps[1], report.steps[2]
            assert first.image == report.image
            assert (first.meta.width, first.meta.height) == (640, 400)
            assert (zoomed.meta.width, zoomed.meta.height) == (640, 400)
            assert zoomed.meta.space.scale == 1.0

    def test_settle_tells_where_it_still_changes(self, client):
        window = client.apps.launch(
            argv=["xterm", "-e", "while :; do date +%N; done"], wait_window_s=10
        ).window
        report = client.desktop.act(
            actions=[{"action": "move", "x": 5, "y": 5}], settle={"timeout_ms": 400}
        )
        assert report.settle.timed_out
        assert report.settle.changing
        assert report.image is not None
        client.windows.close(id=window.id)


class TestSpace:
    def test_point_of_a_shrunk_picture_lands_under_it(self, client, heard):
        picture = client.desktop.screenshot(max_long_edge=640, cursor=False)
        client.desktop.act(
            actions=[{"action": "move", "x": 639, "y": 100}],
            space="image",
            frame=picture.meta.frame,
            settle=None,
            observe=None,
        )
        assert heard.wait(bool) == [("motion", *picture.to_screen(639, 100))]

    def test_frame_shown_in_two_sizes_needs_its_space(self, client, heard):
        with terminal(client):
            client.desktop.type(text="x")
            client.desktop.wait()
            small = client.desktop.screenshot(max_long_edge=640)
            large = client.desktop.screenshot()
            assert small.meta.frame == large.meta.frame
            with pytest.raises(Conflict, match="2 sizes"):
                client.desktop.act(
                    actions=[{"action": "move", "x": 1, "y": 1}],
                    space="image",
                    frame=small.meta.frame,
                )
            heard.clear()
            client.desktop.act(
                actions=[{"action": "move", "x": 320, "y": 100}],
                space="image",
                picture=small.meta.space,
                settle=None,
                observe=None,
            )
            assert heard.wait(bool) == [("motion", *small.to_screen(320, 100))]

    def test_unknown_frame_says_what_to_do(self, client):
        with pytest.raises(NotFound, match="frame 999999"):
            client.desktop.act(actions=[], space="image", frame=999_999)

    def test_shares_of_the_screen(self, client, heard):
        client.desktop.act(
            actions=[{"action": "move", "x": 0.5, "y": 1}],
            space="normalised",
            settle=None,
            observe=None,
        )
        assert heard.wait(bool) == [("motion", 640, 799)]

    def test_picture_of_an_older_screen_is_refused_with_the_new_size(self, client):
        picture = client.desktop.screenshot()
        client.desktop.resize(width=1000, height=700)
        move = [{"action": "move", "x": 1, "y": 1}]
        for given in (
            {"generation": picture.meta.generation},
            {"space": "image", "frame": picture.meta.frame},
            {"space": "image", "picture": picture.meta.space},
        ):
            with pytest.raises(Conflict, match="1000x700") as caught:
                client.desktop.act(actions=move, **given)
            assert caught.value.narrow_code == "stale_generation"

    def test_screen_that_is_resized_midway_halts_the_batch(self, daemon, client):
        with daemon.client() as other, ThreadPoolExecutor(1) as pool:
            running = pool.submit(
                client.desktop.act,
                actions=[
                    {"action": "move", "x": 79, "y": 80},
                    {"action": "pause", "duration_ms": 500},
                    {"action": "click", "x": 900, "y": 650},
                ],
                settle=None,
            )
            daemon.wait_until(lambda: other.desktop.cursor().x == 79, "the batch has begun")
            other.desktop.resize(width=1000, height=700)
            report = running.result(30)
        assert statuses(report) == ["done", "done", "failed"]
        assert report.steps[2].error.code == "stale_generation"
        assert report.steps[2].error.data["width"] == 1000
        assert report.meta.space.screen_width == 1000

    @pytest.mark.parametrize(
        "given",
        [
            {"space": "image"},
            {"space": "screen", "frame": 3},
            {"display": {"width": 800, "height": 600}},
            {"dialect": "klingon"},
        ],
    )
    def test_words_that_do_not_fit_are_refused(self, client, given):
        with pytest.raises(BadRequest):
            client.desktop.act(actions=[], **given)


class TestOnce:
    def test_call_that_is_sent_twice_is_done_once(self, daemon, client):
        with terminal(client) as window:
            call = {
                "actions": [
                    {"action": "type", "text": "once"},
                    {"action": "press", "keys": "Return"},
                ],
                "idempotency_key": "turn-1",
            }
            first = client.desktop.act(**call)
            assert client.desktop.act(**call) == first
            client.desktop.type(text="after\n")

            def title() -> str:
                return next(w.title for w in client.windows.list() if w.id == window)

            daemon.wait_until(lambda: "after" in title(), "the terminal has read all")
            assert title().split() == ["once", "after"]
            with pytest.raises(Conflict, match="another call"):
                client.desktop.act(actions=[], idempotency_key="turn-1")

    def test_caller_that_leaves_midway_lets_everything_go(self, daemon, heard, address):
        control = keycode(address, CONTROL_L)
        actions = '[{"action":"key_down","key":"ctrl"},{"action":"pause","duration_ms":60000}]'
        body = f'{{"actions":{actions}}}'
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(os.fspath(daemon.socket))
            head = "POST /v1/desktop/act HTTP/1.1\r\nHost: x\r\n"
            caller.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            heard.wait(lambda events: ("key_down", control) in events)
        heard.wait(lambda events: events[-1] == ("key_up", control))
