"""Peers that are Python programs: each in an environment of its own, made on first use and kept.

They want other versions of what the daemon uses, so they cannot share its environment. Knows how
to install and to start them; what is measured of them is the business of who asks.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import has_program, running, wait_until

_FOLDER = Path(tempfile.gettempdir()) / f"agentd-bench-peers-{os.getuid()}"
_WORKER = Path(__file__).with_name("pyautogui_worker.py")
_INSTALL_S = 300.0
_NEWER_PYTHONS = ("python3.13", "python3.12")
CUA, PYAUTOGUI = "cua-computer-server", "pyautogui"


class NotInstalled(Exception):
    """A peer cannot be had; says why, in a few words."""


def interpreter(package: str, *further: str) -> Path:
    """Return the Python that has a package from PyPI, installed now if it is the first time.

    It is the newest Python that is found: older ones get older releases of some peers.

    Raises: NotInstalled.
    """
    folder = _FOLDER / package
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        try:
            _run([_newest_python(), "-m", "venv", "--clear", os.fspath(folder)])
            _run([os.fspath(python), "-m", "pip", "install", "--quiet", package, *further])
        except subprocess.SubprocessError as exc:
            said = getattr(exc, "stderr", None) or str(exc)
            raise NotInstalled(said.strip().splitlines()[-1][:100]) from exc
        complete.touch()
    return python


def version_of(package: str) -> str:
    """Return the version of an installed peer."""
    program = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return _run([os.fspath(interpreter(package)), "-c", program, package]).strip()


def _newest_python() -> str:
    for name in _NEWER_PYTHONS:
        path = shutil.which(name)
        # Version managers put a word in the way that only says what is not chosen.
        if path and subprocess.run([path, "-V"], capture_output=True).returncode == 0:
            return path
    return sys.executable


def _run(argv: list[str]) -> str:
    done = subprocess.run(
        argv,
        check=True,
        capture_output=True,
        text=True,
        timeout=_INSTALL_S,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


class PyAutoGui:
    """pyautogui in a process that lives, so that no call pays for a start of Python."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: str) -> None:
        """Have one thing done, and wait until it is."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        if (answer := self._process.stdout.readline()) != "done\n":
            raise RuntimeError(f"pyautogui could not {line}: {answer.strip()}")


@contextmanager
def pyautogui(environment: dict[str, str], pause_s: float) -> Iterator[PyAutoGui]:
    """Run pyautogui on a display.

    Args:
        pause_s: what it sleeps after each call; 0.1 as it comes.

    Raises: NotInstalled.
    """
    python = interpreter(PYAUTOGUI, "pillow")
    if not has_program("gnome-screenshot"):
        raise NotInstalled("it takes pictures only where gnome-screenshot is")
    process = subprocess.Popen(
        [python, _WORKER, str(pause_s)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        peer = PyAutoGui(process)
        peer.ask("nothing")
        yield peer
    finally:
        process.kill()
        process.communicate()


class CuaServer:
    """cua's computer server; a connection each call, as it closes those that were quiet for 5 s."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        """Run a command of its `/cmd`. Raises: RuntimeError when it did not succeed."""
        body = json.dumps({"command": command, "params": parameters})
        self._connection.request("POST", "/cmd", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse().read()
        self._connection.close()
        found: dict[str, Any] = json.loads(answer.removeprefix(b"data: "))
        if not found.get("success"):
            raise RuntimeError(f"cua {command}: {found.get('error')}")
        return found

    def screenshot(self) -> bytes:
        """Return a PNG of the screen."""
        return b64decode(self.call("screenshot")["image_data"])

    def answers(self) -> bool:
        """Whether it has started."""
        try:
            self._connection.request("GET", "/status")
            return self._connection.getresponse().read() != b""
        except OSError:
            return False
        finally:
            self._connection.close()


@contextmanager
def cua_server(environment: dict[str, str]) -> Iterator[CuaServer]:
    """Run cua's computer server on a display. Raises: NotInstalled."""
    # It does not start with the FastAPI of today, which its requirements let in (0.3.46).
    python = interpreter(CUA, "fastapi<0.120")
    # With this it asks its vendor's cloud who may call.
    environment = {name: environment[name] for name in environment.keys() - {"CONTAINER_NAME"}}
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    argv = [os.fspath(python), "-m", "computer_server", "--host", "127.0.0.1", "--port", str(port)]
    with running(argv, env=environment):
        server = CuaServer(port)
        try:
            wait_until(server.answers, "cua's computer server answers")
        except RuntimeError as exc:
            raise NotInstalled("it does not answer; it needs xset and xrandr") from exc
        yield server
