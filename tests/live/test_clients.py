"""Clients that vanish: whatever they held goes up, whatever they began ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from Xlib.display import Display

from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import DaemonProcess, running_daemon

BUTTONS = 0x1F00


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with running_daemon(tmp_path_factory.mktemp("daemon")) as running:
        with running.client() as client:
            client.desktop.start()
            client.apps.launch(argv=["xterm", "-e", "cat"], wait_window_s=10)
        yield running


@pytest.fixture(scope="module")
def display(daemon):
    with daemon.client() as client:
        environment = client.desktop.status().environment
    address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
    with authority_environment(address):
        opened = Display(address.name)
    yield opened
    opened.close()


def is_anything_down(display: Display) -> bool:
    mask = display.screen().root.query_pointer().mask
    return any(display.query_keymap()) or bool(mask & BUTTONS)


def request(command: str, **parameters: object) -> bytes:
    body = json.dumps(parameters).encode()
    head = f"POST /v1/{command} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# What a client has under way when it goes, and whether it is visible as a key or button down.
UNDER_WAY: dict[str, bytes] = {
    "a key held": request("desktop/key_down", key="shift"),
    "two keys held": request("desktop/key_down", key="ctrl") + request("desktop/key_down", key="a"),
    "a chord held for a time": request("desktop/hold", keys="ctrl+alt+x", duration_ms=60_000),
    "a drag on its way": request(
        "desktop/drag",
        path=[{"x": 5, "y": 5}, {"x": 300, "y": 300}],
        modifiers=["shift"],
        duration_ms=60_000,
    ),
    "a slow text": request("desktop/type", text="Hällo, мир! " * 50, delay_ms=100),
}


@pytest.mark.parametrize("work", UNDER_WAY)
def test_keys_and_buttons_go_up_when_the_client_vanishes(daemon, display, work):
    connection = connect(daemon)
    connection.sendall(UNDER_WAY[work])
    if work != "a slow text":
        daemon.wait_until(lambda: is_anything_down(display), "something is down")
    connection.close()
    wait_released(daemon, display)


def test_keys_go_up_when_the_client_is_killed(daemon, display):
    script = (
        "import sys\n"
        "from agentd.client.sync import SyncClient\n"
        "client = SyncClient(sys.argv[1])\n"
        "client.desktop.key_down(key='shift')\n"
        "client.desktop.key_down(key='F5')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", script, os.fspath(daemon.socket)]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert client.stdout.readline() == b"held\n"
        assert is_anything_down(display)
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client.stdin.close()
        client.stdout.close()
    wait_released(daemon, display)


def test_keys_of_another_client_stay_down(daemon, display):
    with daemon.client() as staying:
        staying.desktop.key_down(key="shift")
        leaving = connect(daemon)
        leaving.sendall(request("desktop/key_down", key="ctrl"))
        daemon.wait_until(lambda: keys_down(display) == 2, "two keys are down")
        leaving.close()
        daemon.wait_until(lambda: keys_down(display) == 1, "one key is down")
        staying.desktop.key_up(key="shift")
        assert not is_anything_down(display)


def test_release_all_lifts_what_anybody_holds(daemon, display):
    with daemon.client() as one, daemon.client() as other:
        one.desktop.key_down(key="alt")
        other.desktop.key_down(key="super")
        assert keys_down(display) == 2
        assert one.desktop.release_all().released == 2
        assert not is_anything_down(display)


def test_desktop_works_on_after_all_of_them(daemon):
    with daemon.client() as client:
        assert client.desktop.type(text="still here\n").characters == 11


def keys_down(display: Display) -> int:
    return sum(byte.bit_count() for byte in display.query_keymap())


def connect(daemon: DaemonProcess) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.fspath(daemon.socket))
    return connection


def wait_released(daemon: DaemonProcess, display: Display) -> None:
    released: Callable[[], bool] = lambda: not is_anything_down(display)  # noqa: E731
    daemon.wait_until(released, "everything is up")
