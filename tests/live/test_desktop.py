"""The desktop's life: parts that are killed, displays that are taken, daemons that crash."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from Xlib.xauth import FamilyLocal, Xauthority

from agentd.base.errors import AgentdError, BadRequest, Conflict, Unavailable
from agentd.base.process import ProcessId
from tests.live.daemon import DaemonProcess, processes_using, running_daemon


@pytest.fixture
def daemon(tmp_path: Path):
    with running_daemon(tmp_path) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


def part_pids(daemon: DaemonProcess) -> dict[str, int]:
    import msgspec

    text = (daemon.runtime_dir / "desktop-running.json").read_bytes()
    parts = msgspec.json.decode(text)["state"]["parts"]
    return {name.removeprefix("desktop."): identity["pid"] for name, identity in parts.items()}


def kill_and_wait_back(daemon: DaemonProcess, part: str) -> None:
    before = part_pids(daemon)[part]
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        with daemon.client() as client:
            return client.desktop.status().running and part_pids(daemon)[part] != before

    daemon.wait_until(is_back, f"{part} is back")


def test_start_is_ready_for_pictures(daemon):
    with daemon.client() as client:
        status = client.desktop.status()
        picture = client.desktop.screenshot(format="raw")
    assert status.running
    assert {part.name for part in status.parts} == {
        "desktop.xserver",
        "desktop.session_bus",
        "desktop.session",
        "desktop.window_manager",
    }
    assert len(picture.body) == 1280 * 800 * 4
    assert picture.meta.generation == status.display.generation


@pytest.mark.parametrize("part", ["window_manager", "session_bus"])
def test_killed_part_comes_back_alone(daemon, part):
    with daemon.client() as client:
        client.apps.launch(argv=["xterm"], wait_window_s=10)
        windows = {window.id for window in client.windows.list()}
        generation = client.desktop.status().display.generation
    kill_and_wait_back(daemon, part)
    with daemon.client() as client:
        assert {window.id for window in client.windows.list()} == windows
        assert client.desktop.status().display.generation == generation


def test_killed_x_server_comes_back_as_new_generation(daemon):
    with daemon.client() as client:
        client.desktop.resize(width=1001, height=701)
        before = client.desktop.status().display
    kill_and_wait_back(daemon, "xserver")
    with daemon.client() as client:
        after = client.desktop.status().display
        assert after.generation > before.generation
        assert (after.width, after.height) == (1001, 701)
        assert len(client.desktop.screenshot(format="raw").body) == 1001 * 701 * 4


def test_killed_parts_are_told_as_events(daemon):
    with daemon.client() as client:
        last = client.daemon.stats()["events"]["events"]
    kill_and_wait_back(daemon, "xserver")
    with daemon.client() as client:
        seen = []
        with client.events.subscribe(since=last) as events:
            for event in events:
                seen.append((event.type, event.data.get("up")))
                if seen[-1] == ("desktop.display", True):
                    break
    assert ("desktop.display", False) in seen


@pytest.mark.parametrize("part", ["xserver", "session_bus", "session", "window_manager"])
def test_one_part_is_restarted_on_request(daemon, part):
    with daemon.client() as client:
        assert client.desktop.restart(part=part).running
        assert client.desktop.screenshot().meta.width == 1280


def test_unknown_part_names_the_known_ones(daemon):
    with daemon.client() as client, pytest.raises(BadRequest, match="no part 'xorg'") as caught:
        client.desktop.restart(part="xorg")
    assert "window_manager" in caught.value.errors[0].wanted


def test_crashed_daemon_finds_its_desktop_again(daemon):
    with daemon.client() as client:
        client.apps.launch(argv=["xterm"], wait_window_s=10)
        before = client.desktop.status().display
        windows = [window.id for window in client.windows.list()]
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        client.desktop.start()
        after = client.desktop.status().display
        assert after == before
        assert [window.id for window in client.windows.list()] == windows


def test_stop_leaves_nothing_running(tmp_path):
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            client.desktop.start()
            client.apps.launch(argv=["xterm"], wait_window_s=10)
        assert daemon.stop() == 0
        assert processes_using(tmp_path) == []
    assert not daemon.socket.exists()


def test_stopped_desktop_stays_stopped_over_a_restart_of_the_daemon(daemon):
    with daemon.client() as client:
        client.desktop.stop()
    daemon.stop()
    daemon.start()
    with daemon.client() as client:
        assert not client.desktop.status().running
        with pytest.raises(Unavailable, match="not running"):
            client.desktop.screenshot()
        assert client.desktop.start().running


def test_wanted_size_survives_a_restart_of_the_daemon(daemon):
    with daemon.client() as client:
        client.desktop.resize(width=900, height=650)
    daemon.stop()
    daemon.start()
    with daemon.client() as client:
        display = client.desktop.start().display
    assert (display.width, display.height) == (900, 650)


def free_display() -> int:
    return next(n for n in range(60, 200) if not Path(f"/tmp/.X11-unix/X{n}").exists())


def test_stale_lock_of_a_living_stranger_does_not_stop_the_start(tmp_path):
    number = free_display()
    lock = Path(f"/tmp/.X{number}-lock")
    # After a container's restart the pid in the lock belongs to somebody else.
    lock.write_text(f"{os.getpid():10d}\n")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(f"/tmp/.X11-unix/X{number}")
    stale.close()
    with running_daemon(tmp_path, f'[desktop]\ndisplay = ":{number}"\n') as daemon:
        with daemon.client() as client:
            assert client.desktop.start().display.name == f":{number}"


def start_foreign_server(number: int, *options: str) -> subprocess.Popen[bytes]:
    read_fd, write_fd = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", f":{number}", "-displayfd", str(write_fd), "-screen", "0", "800x600x24", *options],
        pass_fds=[write_fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_fd)
    with os.fdopen(read_fd) as ready:
        assert ready.readline().strip() == str(number)
    return server


def test_display_of_a_server_that_refuses_us_is_a_clear_error(tmp_path):
    number = free_display()
    authority = tmp_path / "foreign"
    authority.write_bytes(
        b"\xff\xff\x00\x00\x00\x00\x00\x12MIT-MAGIC-COOKIE-1\x00\x10" + os.urandom(16)
    )
    server = start_foreign_server(number, "-auth", os.fspath(authority))
    try:
        with running_daemon(tmp_path, f'[desktop]\ndisplay = ":{number}"\n') as daemon:

            def says_why() -> bool:
                with daemon.client() as client:
                    errors = [part.error for part in client.desktop.status().parts]
                return any("another's and does not let us in" in error for error in errors)

            daemon.wait_until(says_why, "the status says why the display is not ours")
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()


def test_attached_display_gives_pictures_and_is_left_running(tmp_path):
    number = free_display()
    server = start_foreign_server(number)
    try:
        with running_daemon(tmp_path, f'[desktop]\ndisplay = ":{number}"\n') as daemon:
            with daemon.client() as client:
                status = client.desktop.start()
                picture = client.desktop.screenshot(format="raw", cursor=False)
                client.apps.launch(argv=["xterm"], wait_window_s=10)
                client.desktop.wait()
                other = client.desktop.screenshot(format="raw", cursor=False)
        assert status.display.mode == "attached"
        assert len(picture.body) == 800 * 600 * 4
        assert picture.body != other.body
        assert server.poll() is None
    finally:
        server.kill()
        server.wait()


DOTS = """
import random
from Xlib.display import Display
d = Display()
s = d.screen()
gc = s.root.create_gc()
print("ready", flush=True)
for _ in range(3000):
    gc.change(foreground=random.randrange(1 << 24))
    s.root.fill_rectangle(gc, random.randrange(800), random.randrange(600), 5, 5)
    d.sync()
"""


def test_attached_display_keeps_nothing_that_was_drawn_over(tmp_path):
    number = free_display()
    server = start_foreign_server(number)
    try:
        with running_daemon(tmp_path, f'[desktop]\ndisplay = ":{number}"\n') as daemon:
            with daemon.client() as client:
                environment = {**os.environ, **client.desktop.start().environment}
                argv = [sys.executable, "-c", DOTS]
                with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE) as painter:
                    assert painter.stdout.readline() == b"ready\n"
                    while painter.poll() is None:
                        client.desktop.screenshot(cursor=False)
                png = client.desktop.screenshot(cursor=False)
                raw = client.desktop.screenshot(format="raw", cursor=False)
        wanted = np.frombuffer(raw.body, np.uint8).reshape(600, 800, 4)[..., 2::-1]
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png.body))), wanted)
    finally:
        server.kill()
        server.wait()


def test_attached_display_that_is_drawn_all_the_time_does_not_hang(tmp_path):
    number = free_display()
    server = start_foreign_server(number)
    try:
        with running_daemon(tmp_path, f'[desktop]\ndisplay = ":{number}"\n') as daemon:
            with daemon.client() as client:
                client.desktop.start()
                script = "while :; do date +%N; done"
                client.apps.launch(argv=["xterm", "-e", script], wait_window_s=10)
                frames = set()

                def are_many() -> bool:
                    frames.add(client.desktop.screenshot(format="raw").meta.frame)
                    return len(frames) > 5

                daemon.wait_until(are_many, "the pictures follow the drawing")
                assert client.desktop.wait(timeout_ms=300).timed_out
    finally:
        server.kill()
        server.wait()


def test_missing_x_server_names_its_package(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    user = "root" if os.geteuid() == 0 else ""
    config = f'[desktop]\nuser = "{user}"\n'
    with running_daemon(tmp_path, config, path=os.fspath(empty)) as daemon:

        def says_package() -> bool:
            with daemon.client() as client:
                health = client.daemon.health()
            return any("apt-get install xvfb" in service.error for service in health.services)

        daemon.wait_until(says_package, "health names the package of Xvfb")


def test_unwritable_state_folder_refuses_what_must_be_remembered(tmp_path):
    (tmp_path / "file").write_text("")
    state = tmp_path / "file" / "state"
    with running_daemon(tmp_path, f'state_dir = "{state}"\n') as daemon:
        with daemon.client() as client:
            with pytest.raises(AgentdError) as caught:
                client.desktop.stop()
            daemon.wait_until(lambda: client.desktop.status().running, "the desktop runs on")
    assert caught.value.narrow_code == "state_not_writable"
    assert os.fspath(state) in caught.value.detail


def test_second_daemon_on_the_socket_says_so(daemon, tmp_path):
    second = subprocess.run(
        [os.sys.executable, "-m", "agentd", "--config", os.fspath(daemon.config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 69
    assert "another agentd listens on" in second.stderr
    with daemon.client() as client:
        assert client.desktop.status().running


@pytest.mark.parametrize("size", [(64, 64), (1023, 767), (1024, 767), (2560, 1600)])
def test_resize_to_any_size_up_to_the_maximum(daemon, size):
    width, height = size
    with daemon.client() as client:
        before = client.desktop.status().display.generation
        display = client.desktop.resize(width=width, height=height)
        picture = client.desktop.screenshot(format="raw")
    assert (display.width, display.height, display.generation) == (width, height, before + 1)
    assert picture.meta.generation == display.generation
    assert len(picture.body) == width * height * 4


def test_point_of_an_older_generation_is_refused_with_the_new_size(daemon):
    with daemon.client() as client:
        before = client.desktop.screenshot().meta.generation
        assert client.desktop.click(x=5, y=5, generation=before).x == 5
        client.desktop.resize(width=900, height=700)
        actions = [
            lambda: client.desktop.move(x=5, y=5, generation=before),
            lambda: client.desktop.click(x=5, y=5, generation=before),
            lambda: client.desktop.scroll(dy=1, generation=before),
            lambda: client.desktop.drag(path=[{"x": 1, "y": 1}] * 2, generation=before),
        ]
        for act in actions:
            with pytest.raises(Conflict, match="900x700") as caught:
                act()
            assert caught.value.narrow_code == "stale_generation"
            wanted = {"generation": before + 1, "width": 900, "height": 700}
            assert caught.value.data == wanted


def test_resize_over_the_maximum_names_the_limit(daemon):
    with daemon.client() as client, pytest.raises(BadRequest) as caught:
        client.desktop.resize(width=2561, height=800)
    assert caught.value.errors[0].wanted == "at most desktop.max_width (2560)"


def test_resize_by_somebody_else_is_a_new_generation(daemon):
    from Xlib.display import Display

    from agentd.desktop.server.randr import set_screen_size
    from agentd.desktop.xlink import DisplayAddress, authority_environment

    with daemon.client() as client:
        status = client.desktop.status()
        address = DisplayAddress(status.display.name, Path(status.environment["XAUTHORITY"]))
        with authority_environment(address):
            display = Display(address.name)
        set_screen_size(display, 1100, 720, 96)
        display.close()

        def is_noticed() -> bool:
            return client.desktop.status().display.width == 1100

        daemon.wait_until(is_noticed, "the foreign resize is noticed")
        assert client.desktop.status().display.generation == status.display.generation + 1
        assert len(client.desktop.screenshot(format="raw").body) == 1100 * 720 * 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_programs_run_as_the_unprivileged_user_with_a_clean_environment(daemon, tmp_path):
    with daemon.client() as client:
        user = client.desktop.status().user
        pid = client.apps.launch(argv=["xterm"], wait_window_s=10).pid
    assert user == "agent"
    status = Path(f"/proc/{pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(os.stat("/home/agent").st_uid)}
    names = {
        item.partition(b"=")[0].decode()
        for item in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if item
    }
    assert {"DISPLAY", "XAUTHORITY", "HOME", "DBUS_SESSION_BUS_ADDRESS"} <= names
    assert not names & {"AGENTD_SOCKET", "NOTIFY_SOCKET", "LISTEN_FDS", "CREDENTIALS_DIRECTORY"}


def test_only_the_user_and_the_daemon_can_read_the_cookie(daemon):
    with daemon.client() as client:
        folder = Path(client.desktop.status().environment["XAUTHORITY"]).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "Xauthority").stat().st_mode & 0o777 == 0o600
    assert (folder / "Xauthority").stat().st_uid == folder.stat().st_uid


def test_clients_that_look_for_their_display_number_find_the_cookie(daemon):
    """python3-xlib, and so pyautogui, takes no entry that is good for any number."""
    with daemon.client() as client:
        environment = client.desktop.status().environment
    entries = [entry[:3] for entry in Xauthority(environment["XAUTHORITY"]).entries]
    number = environment["DISPLAY"].removeprefix(":").encode()
    assert (FamilyLocal, socket.gethostname().encode(), number) in entries


def test_missing_program_and_folder_are_named(daemon):
    with daemon.client() as client:
        with pytest.raises(Unavailable, match="no-such-program is not installed"):
            client.apps.launch(argv=["no-such-program"])
        with pytest.raises(Unavailable, match="/no/such/folder does not exist"):
            client.apps.launch(argv=["xterm"], cwd="/no/such/folder")


def test_program_that_ends_without_a_window_says_its_last_words(daemon):
    with daemon.client() as client, pytest.raises(Unavailable, match=r"status 3.*no such luck"):
        client.apps.launch(argv=["sh", "-c", "echo no such luck >&2; exit 3"], wait_window_s=10)


def test_processes_are_reaped(daemon):
    with daemon.client() as client:
        pids = [client.apps.launch(argv=["true"]).pid for _ in range(20)]
    identities = [ProcessId(pid, 0) for pid in pids]
    daemon.wait_until(
        lambda: not any(Path(f"/proc/{item.pid}").exists() for item in identities),
        "no zombie is left",
    )
