"""A real daemon in a process of its own, with folders of its own, driven through its socket."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.base.errors import AgentdError
from agentd.client.sync import SyncClient

START_S = 20.0


class DaemonProcess:
    """`python -m agentd` over a temporary folder."""

    def __init__(self, folder: Path, config: str = "", *, path: str | None = None) -> None:
        self.folder = folder
        self.runtime_dir = folder / "run"
        self.state_dir = folder / "state"
        self.socket = self.runtime_dir / "agentd.sock"
        self.log = folder / "agentd.log"
        self.config = folder / "agentd.toml"
        # The daemon's table must come first in the file; tests give the other tables.
        head = f'[daemon]\nruntime_dir = "{self.runtime_dir}"\nlog_level = "debug"\n'
        if "state_dir" not in config:
            head += f'state_dir = "{self.state_dir}"\n'
        self.config.write_text(head + config)
        self._path = path
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the socket answers."""
        environment = {**os.environ, "HOME": os.fspath(self.folder)}
        if self._path is not None:
            environment["PATH"] = self._path
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agentd", "--config", os.fspath(self.config)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_until(self._answers, "the daemon answers")

    def client(self) -> SyncClient:
        """A new connection."""
        return SyncClient(os.fspath(self.socket))

    def wait_until(
        self, condition: Callable[[], bool], what: str, limit_s: float = START_S
    ) -> None:
        """Poll, where only another process could tell; fails with the daemon's log."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline or self.has_ended():
                raise AssertionError(f"not true: {what}\n{self.log.read_text()[-4000:]}")
            select.select([], [], [], 0.02)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL: a crash."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                client.daemon.version()
        except AgentdError:
            return False
        return True


@contextmanager
def running_daemon(folder: Path, config: str = "", **options: str) -> Iterator[DaemonProcess]:
    """Start a daemon and stop it, however the block ends."""
    daemon = DaemonProcess(folder, config, **options)
    daemon.start()
    try:
        yield daemon
    finally:
        code = daemon.stop()
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the daemon ended with {code}:\n{daemon.log.read_text()[-4000:]}")


def processes_using(folder: Path) -> list[str]:
    """The command lines of living processes that mention a folder in arguments or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            found.append(f"{entry.name} {name}")
    return found
