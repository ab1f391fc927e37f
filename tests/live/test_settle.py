"""Waiting for a real screen: what is waited for, what is not, and what waiting costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from Xlib.display import Display

from agentd.base.errors import AgentdError, BadRequest, Unavailable
from agentd.desktop.server.randr import set_screen_size
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import running_daemon
from tests.live.painter import HEIGHT, WIDTH

PAINTER = Path(__file__).with_name("painter.py")
BLINKING = """
import tkinter
root = tkinter.Tk()
root.geometry("300x120+200+200")
root.title("blinking")
field = tkinter.Entry(root, insertofftime=500, insertontime=500)
field.pack()
field.focus_force()
root.mainloop()
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with running_daemon(tmp_path_factory.mktemp("daemon")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon):
    with daemon.client() as opened:
        assert opened.desktop.wait(quiet_ms=100).stable
        yield opened


class Painting:
    """A painter that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, command: str) -> None:
        """Give a command and go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def wait_done(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"

    def fill(self, colour: int, *place: int) -> None:
        """Fill a part; it is on the screen when this returns."""
        self.tell(" ".join(str(word) for word in ("fill", colour, *place)))
        self.wait_done()


@contextmanager
def painting(client, kind: str) -> Iterator[Painting]:
    environment = {**os.environ, **client.desktop.status().environment}
    process = subprocess.Popen(
        [sys.executable, PAINTER, kind],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield Painting(process)
    finally:
        process.kill()
        process.communicate()


def copies(client) -> int:
    count: int = client.daemon.stats()["desktop"]["capture"]["copies"]
    return count


def covers(regions, x: int, y: int) -> bool:
    return any(r.x <= x < r.x + r.width and r.y <= y < r.y + r.height for r in regions)


def test_a_quiet_screen_is_answered_soon_after_the_quiet_window(client) -> None:
    report = client.desktop.wait(quiet_ms=150)
    assert (report.stable, report.timed_out, report.outcome) == (True, False, "stable")
    assert 150 <= report.elapsed_ms < 1150


def test_slow_painting_is_waited_for_to_its_end(client) -> None:
    with painting(client, "commands") as painter:
        painter.tell("steps")
        assert client.desktop.wait(until="change").stable
        assert client.desktop.wait(quiet_ms=250).stable
        last = {"x": 11 * 40 + 20, "y": 710, "color": "#ffffff"}
        assert client.desktop.wait(until="pixels", pixels=[last], timeout_ms=0).stable
        painter.wait_done()


def test_a_blinking_caret_is_learnt(client) -> None:
    with painting(client, "caret"):
        report = client.desktop.wait(quiet_ms=700, timeout_ms=10_000)
    assert report.outcome == "stable"
    assert covers(report.periodic, 101, 108)


def test_the_caret_of_a_real_program_is_learnt(client) -> None:
    environment = {**os.environ, **client.desktop.status().environment}
    program = subprocess.Popen(["/usr/bin/python3", "-c", BLINKING], env=environment)
    try:
        assert client.desktop.wait(until="window", title="blinking").window is not None
        report = client.desktop.wait(quiet_ms=700, timeout_ms=10_000)
        assert report.outcome == "stable"
        assert len(report.periodic) == 1
    finally:
        program.kill()
        program.wait()


def test_a_spinner_is_learnt(client) -> None:
    with painting(client, "spinner"):
        report = client.desktop.wait()
        assert report.outcome == "stable"
        assert covers(report.periodic, 620, 320)
        assert not covers(report.periodic, 500, 320)


def test_a_clock_of_seconds_is_learnt(client) -> None:
    with painting(client, "seconds"):
        report = client.desktop.wait(quiet_ms=1300, timeout_ms=20_000)
    assert report.outcome == "stable"
    assert covers(report.periodic, 1210, 10)


def test_a_terminal_that_scrolls_goes_on(client) -> None:
    script = "n=0; while :; do n=$((n+1)); echo line $n of very many; sleep 0.02; done"
    opened = client.apps.launch(argv=["xterm", "-e", "sh", "-c", script], wait_window_s=10)
    try:
        report = client.desktop.wait(quiet_ms=200, timeout_ms=3000)
        assert report.outcome == "still_changing"
    finally:
        client.windows.close(id=opened.window.id)


def test_a_film_goes_on(client) -> None:
    with painting(client, "film"):
        report = client.desktop.wait(timeout_ms=2500)
    assert (report.outcome, report.timed_out, report.periodic) == ("still_changing", True, [])
    assert sum(part.width * part.height for part in report.changing) == WIDTH * HEIGHT


def test_an_ignored_clock_is_not_waited_for(client) -> None:
    with painting(client, "clock"):
        assert client.desktop.wait(timeout_ms=600).outcome == "still_changing"
        clock = {"x": 1200, "y": 4, "width": 60, "height": 16}
        assert client.desktop.wait(ignore=[clock]).outcome == "stable"
        one_row_short = {**clock, "height": 15}
        report = client.desktop.wait(ignore=[one_row_short], timeout_ms=600)
        assert report.outcome == "still_changing"


def test_only_the_region_is_waited_for(client) -> None:
    with painting(client, "clock"):
        region = {"x": 0, "y": 4, "width": 1200, "height": 700}
        assert client.desktop.wait(region=region).outcome == "stable"


def test_a_redraw_of_the_same_pixels_is_no_change(client) -> None:
    with painting(client, "same"):
        client.desktop.wait()
        before = copies(client)
        assert client.desktop.wait(quiet_ms=200).elapsed_ms < 1200
        assert copies(client) > before


def test_a_moving_pointer_is_no_change(client, daemon) -> None:
    with daemon.client() as hand, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.desktop.wait, quiet_ms=300)
        moves = 0
        while not waiting.done():
            moves += 1
            hand.desktop.move(x=7 * moves % 1200, y=300)
        assert moves > 5
        assert waiting.result().stable


def test_a_region_off_the_screen_is_refused(client) -> None:
    region = {"x": 9000, "y": 0, "width": 10, "height": 10}
    with pytest.raises(BadRequest, match="shows nothing of the screen"):
        client.desktop.wait(region=region)


def test_the_first_change_ends_the_wait(client, daemon) -> None:
    with painting(client, "commands") as painter, ThreadPoolExecutor(1) as threads:
        assert client.desktop.wait().stable
        began = copies(client)
        waiting = threads.submit(client.desktop.wait, until="change", timeout_ms=20_000)
        wait_until_followed(daemon)
        painter.fill(0xFF00, 5, 5, 3, 3)
        report = waiting.result()
        assert (report.outcome, report.timed_out) == ("stable", False)
        assert copies(client) == began + 1


def test_a_change_elsewhere_does_not_end_it(client) -> None:
    with painting(client, "clock"):
        region = {"x": 0, "y": 0, "width": 600, "height": 600}
        report = client.desktop.wait(until="change", region=region, timeout_ms=300)
    assert (report.outcome, report.changing) == ("timed_out", [])


def test_pixels_that_become_so_end_the_wait(client) -> None:
    wanted = [
        {"x": 10, "y": 10, "color": "#ff8000"},
        {"x": 1279, "y": 799, "color": "#000080", "tolerance": 3},
    ]
    with painting(client, "commands") as painter, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.desktop.wait, until="pixels", pixels=wanted)
        painter.fill(0xFF8000, 0, 0, 20, 20)
        painter.fill(0x020083, 1270, 790, 10, 10)
        assert waiting.result().stable


def test_pixels_that_do_not_become_so_time_out(client) -> None:
    wanted = [{"x": 10, "y": 10, "color": "#123456"}]
    report = client.desktop.wait(until="pixels", pixels=wanted, timeout_ms=100)
    assert (report.stable, report.outcome) == (False, "timed_out")


def test_a_window_that_opens_ends_the_wait(client, daemon) -> None:
    with daemon.client() as other, ThreadPoolExecutor(1) as threads:
        wanted = {"until": "window", "title": "ELEVEN", "class_name": "xterm"}
        waiting = threads.submit(client.desktop.wait, **wanted)
        other.apps.launch(argv=["xterm", "-T", "window eleven"])
        report = waiting.result()
    assert report.stable
    assert report.window.title == "window eleven"
    again = client.desktop.wait(until="window", title="eleven", timeout_ms=0)
    assert again.window.id == report.window.id
    client.windows.close(id=report.window.id)


def test_a_window_that_does_not_open_times_out(client) -> None:
    report = client.desktop.wait(until="window", title="never", timeout_ms=50)
    assert (report.outcome, report.window) == ("timed_out", None)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"title": "x"}, "title"),
        ({"until": "window", "title": "x", "quiet_ms": 100}, "quiet_ms"),
        ({"until": "window"}, "title"),
        ({"until": "pixels"}, "pixels"),
        ({"until": "change", "pixels": [{"x": 0, "y": 0, "color": "#000000"}]}, "pixels"),
        ({"until": "pixels", "ignore": [{"x": 0, "y": 0, "width": 1, "height": 1}]}, "ignore"),
    ],
)
def test_what_does_not_fit_is_refused(client, parameters, named) -> None:
    with pytest.raises(BadRequest) as caught:
        client.desktop.wait(**parameters)
    assert named in {error.path for error in caught.value.errors}


def test_a_resize_in_the_midst_is_a_change(client, daemon) -> None:
    with daemon.client() as other, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.desktop.wait, quiet_ms=500)
        wait_until_followed(daemon)
        other.desktop.resize(width=1100, height=700)
        assert waiting.result().stable
        assert client.desktop.screenshot().meta.width == 1100
        client.desktop.resize(width=WIDTH, height=HEIGHT)


def test_a_resize_by_somebody_else_is_survived(client) -> None:
    status = client.desktop.status()
    address = DisplayAddress(status.display.name, Path(status.environment["XAUTHORITY"]))
    with authority_environment(address):
        display = Display(address.name)
    with painting(client, "film"), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.desktop.wait, timeout_ms=1500)
        for size in ((800, 600), (1000, 700), (WIDTH, HEIGHT)):
            set_screen_size(display, *size, 96)
        assert waiting.result().outcome == "still_changing"
    display.close()
    assert client.desktop.wait().stable
    assert client.desktop.screenshot().meta.width == WIDTH


def test_a_killed_x_server_ends_the_wait_with_an_error(client, daemon) -> None:
    with painting(client, "film"), ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.desktop.wait, quiet_ms=5000, timeout_ms=20_000)
        wait_until_followed(daemon)
        os.kill(x_server_pid(daemon), signal.SIGKILL)
        with pytest.raises(Unavailable) as caught:
            waiting.result()
    assert caught.value.narrow_code == "display_lost"
    daemon.wait_until(lambda: is_back(daemon), "the desktop is back")
    with daemon.client() as fresh:
        assert fresh.desktop.wait().stable


def test_twenty_waiters_share_the_copies(client, daemon) -> None:
    with painting(client, "clock"), ThreadPoolExecutor(20) as threads:
        began, started = copies(client), time.monotonic()
        clients = [daemon.client() for _ in range(20)]
        waiting = [threads.submit(one.desktop.wait, timeout_ms=1000) for one in clients]
        outcomes = {one.result().outcome for one in waiting}
        took_s = time.monotonic() - started
        made = copies(client) - began
        for one in clients:
            one.close()
    assert outcomes == {"still_changing"}
    # The clock paints ten times a second; all look at the same pictures of it.
    assert made < 10 * took_s + 25


def test_without_a_waiter_nothing_is_copied_while_a_program_draws(client) -> None:
    with painting(client, "film"):
        client.desktop.wait(timeout_ms=100)
        before = copies(client)
        assert client.desktop.wait(until="window", title="never", timeout_ms=500).timed_out
        # The last look of the wait before may have been under way.
        assert copies(client) <= before + 1


def test_with_a_waiter_and_a_quiet_screen_nothing_is_copied(client) -> None:
    client.desktop.wait()
    before = copies(client)
    assert client.desktop.wait(quiet_ms=500).stable
    assert copies(client) == before


def wait_until_followed(daemon) -> None:
    """Wait until a wait is under way."""

    def is_followed() -> bool:
        with daemon.client() as client:
            return client.daemon.stats()["desktop"]["changes"]["followers"] > 0

    daemon.wait_until(is_followed, "a wait is under way")


def x_server_pid(daemon) -> int:
    state = json.loads((daemon.runtime_dir / "desktop-running.json").read_bytes())
    return int(state["state"]["parts"]["desktop.xserver"]["pid"])


def is_back(daemon) -> bool:
    try:
        with daemon.client() as client:
            return bool(client.desktop.status().running)
    except AgentdError:
        return False
