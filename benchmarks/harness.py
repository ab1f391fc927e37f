"""What every benchmark needs: a daemon and displays of its own, a clock, a table.

Everything is started in temporary folders with numbers that the X server picks, and ended by its
own handle. It measures nothing by itself and judges nothing: no time here passes or fails.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from Xlib import X, protocol
from Xlib.display import Display

NOT_INSTALLED = "not installed"

_BYTECODE = Path(tempfile.gettempdir()) / f"agentd-bench-bytecode-{os.getuid()}"
_POLL_S = 0.002
_LIMIT_S = 30.0
STREAK = 5


class RawClient:
    """One kept connection to a control socket, on `http.client`: as little client as can be.

    Args:
        path: of the Unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._connection = _UnixConnection(path)

    def call(self, name: str, **parameters: object) -> tuple[dict[str, Any], bytes]:
        """Run a command; return its metadata, empty where there are none, and its body.

        Raises: RuntimeError with the problem document for an answer that is not 200.
        """
        path = "/v1/" + name.replace(".", "/")
        body = json.dumps(parameters).encode()
        self._connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{name}: {response.status} {content.decode()}")
        return json.loads(response.getheader("Agentd-Meta", "{}")), content

    def result(self, name: str, **parameters: object) -> Any:
        """Run a command and return its JSON result."""
        return json.loads(self.call(name, **parameters)[1])

    def post(
        self, path: str, document: object, headers: dict[str, str] | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Post JSON to a path that is no command; return headers and body of the answer.

        Raises: RuntimeError for an answer that is not 200.
        """
        body = json.dumps(document).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        self._connection.request("POST", path, body, given)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {content.decode()}")
        return dict(response.getheaders()), content

    def status(self, path: str) -> int:
        """Get a path and return the status of the answer."""
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        """Close the connection; keys that it holds are lifted."""
        self._connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.fspath(self._path))


class Daemon:
    """`python -m agentd` over a folder of its own.

    It has its bytecode, as an installed package has, in a folder beside the tree: where
    PYTHONDONTWRITEBYTECODE is set, each start would compile every module again.

    Args:
        folder: empty; the desktop's user must be able to pass through it.
        desktop: further lines of the table `[desktop]`.
    """

    def __init__(self, folder: Path, desktop: str = "") -> None:
        self.folder = folder
        self.socket = folder / "run" / "agentd.sock"
        self._config = folder / "agentd.toml"
        self._log = folder / "agentd.log"
        self._config.write_text(
            f'[daemon]\nruntime_dir = "{folder}/run"\nstate_dir = "{folder}/state"\n'
            f"[desktop]\n{desktop}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start the process and return the moment (perf_counter) before."""
        began = time.perf_counter()
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agentd", "--config", os.fspath(self._config)],
                env=with_bytecode(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return began

    def wait_socket(self) -> RawClient:
        """Wait until the socket answers; return the connection that was answered."""

        def connected() -> RawClient | None:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended before it answered\n{self._said()}")
            client = RawClient(self.socket)
            try:
                client.status("/healthz")
            except OSError:
                client.close()
                return None
            return client

        return wait_until(connected, "the socket answers", self._said)

    def wait_ready(self, client: RawClient) -> None:
        """Wait until every wanted part runs."""
        wait_until(lambda: client.status("/readyz") == 200, "the desktop is ready", self._said)

    def environment(self, client: RawClient) -> dict[str, str]:
        """Return the process's variables with those by which programs reach the desktop."""
        return {**os.environ, **client.result("desktop.status")["environment"]}

    def stop(self) -> None:
        """End it and all that it started. Idempotent."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(_LIMIT_S)

    def _said(self) -> str:
        return self._log.read_text()[-2000:]


def with_bytecode() -> dict[str, str]:
    """Return the process's variables, changed so that Python keeps what it compiles."""
    kept = {**os.environ, "PYTHONPYCACHEPREFIX": os.fspath(_BYTECODE)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


@contextmanager
def running_daemon(desktop: str = "") -> Iterator[tuple[Daemon, RawClient]]:
    """Run a daemon with its desktop ready, and a connection to it."""
    with ExitStack() as stack:
        daemon = Daemon(stack.enter_context(temporary_folder()), desktop)
        stack.callback(daemon.stop)
        daemon.start()
        client = daemon.wait_socket()
        stack.callback(client.close)
        daemon.wait_ready(client)
        yield daemon, client


@contextmanager
def stock_display(width: int, height: int) -> Iterator[dict[str, str]]:
    """Run Xvfb and openbox as distributions ship them; gives the variables to reach them.

    One thing is changed in favour of those who type there: openbox reads no compose file. It
    would read it at every change of the keyboard map, and fall behind by half a minute.
    """
    with ExitStack() as stack:
        home = stack.enter_context(temporary_folder())
        read_fd, write_fd = os.pipe()
        screen = f"{width}x{height}x24"
        argv = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", screen, "-noreset"]
        stack.enter_context(running(argv, pass_fds=(write_fd,)))
        os.close(write_fd)
        with open(read_fd) as answer:
            number = answer.readline().strip()
        environment = {**os.environ, "DISPLAY": f":{number}", "HOME": os.fspath(home)}
        environment.pop("XAUTHORITY", None)
        stack.enter_context(window_manager(environment))
        yield environment


@contextmanager
def window_manager(environment: dict[str, str]) -> Iterator[None]:
    """Run openbox on a display, without its compose file."""
    in_haste = {**environment, "XCOMPOSEFILE": "/dev/null"}
    with running(["openbox", "--sm-disable"], env=in_haste):
        wait_until(lambda: _is_managed(environment), "a window manager runs")
        yield


def _is_managed(environment: dict[str, str]) -> bool:
    return root_property(environment, "_NET_SUPPORTING_WM_CHECK") != 0


@contextmanager
def running(
    argv: Sequence[str], *, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program without words, and kill it at the end: some take long to hear SIGTERM."""
    process = subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(_LIMIT_S)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that every account may pass through, as the desktop's user must."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def connect_x(environment: dict[str, str]) -> Display:
    """Return a connection of python-xlib to the display of an environment."""
    with environment_of(environment):
        # python-xlib keeps extensions' events of all connections in one place, and stumbles where
        # two servers number them in different ways.
        protocol.display.Display.event_classes = protocol.event.event_class.copy()
        display = Display()
        display.display.event_classes = display.display.event_classes
        return display


def root_property(environment: dict[str, str], name: str) -> int:
    """Return the window that a property of the root window names, 0 for none."""
    display = connect_x(environment)
    try:
        atom = display.intern_atom(name)
        found = display.screen().root.get_full_property(atom, X.AnyPropertyType)
        return int(found.value[0]) if found and found.value else 0
    finally:
        display.close()


@contextmanager
def environment_of(variables: dict[str, str]) -> Iterator[None]:
    """Let libraries in this process see DISPLAY and XAUTHORITY of another environment."""
    names = ("DISPLAY", "XAUTHORITY")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ.update({name: variables[name] for name in names if name in variables})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def wait_until(
    condition: Callable[[], Any], what: str, said: Callable[[], str] = lambda: ""
) -> Any:
    """Poll every 2 ms until a condition is true and return its value.

    Raises: RuntimeError after 30 s, with what the program said.
    """
    deadline = time.monotonic() + _LIMIT_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not true after {_LIMIT_S:g} s: {what}\n{said()}")
        time.sleep(_POLL_S)
    return value


@dataclass(slots=True)
class Contender:
    """One way to do the work.

    Args:
        act: what is timed; returns the number of bytes made, or None.
        prepare: done before each `act`, and not timed.
        is_here: whether this machine has what it needs; else its row says so.
    """

    name: str
    act: Callable[[], int | None]
    prepare: Callable[[], object] | None = None
    is_here: bool = True
    samples_ms: list[float] = field(default_factory=list)
    sizes_bytes: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Take one sample."""
        if self.prepare is not None:
            self.prepare()
        began = time.perf_counter()
        size_bytes = self.act()
        self.samples_ms.append(1000 * (time.perf_counter() - began))
        if size_bytes is not None:
            self.sizes_bytes.append(size_bytes)


def measure(contenders: Iterable[Contender], rounds: int) -> None:
    """Run all in streaks, in turn, so that a slow moment of the machine meets all alike.

    Each turn has an order of its own, the same in every run. The first run of a streak is thrown
    away: it pays for connections and imports, and for the caches that the one before has emptied,
    which half of the time of a short call can be.

    Args:
        rounds: how many samples of each are kept; whole streaks.
    """
    present = [contender for contender in contenders if contender.is_here]
    for number in range(max(1, rounds // STREAK)):
        for contender in random.Random(number).sample(present, len(present)):
            contender.run()
            contender.samples_ms.pop()
            for _ in range(STREAK):
                contender.run()


def has_program(name: str) -> bool:
    """Whether a program is installed."""
    return shutil.which(name) is not None


def has_module(name: str) -> bool:
    """Whether a Python package is installed."""
    return importlib.util.find_spec(name) is not None


def agentctl() -> str | None:
    """Return the path of our own command line if it runs."""
    path = Path(sys.executable).parent / "agentctl"
    if not path.exists():
        return None
    done = subprocess.run([path, "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return os.fspath(path) if done.returncode == 0 else None


def cpu_ns(pid: int) -> int:
    """Return the CPU time of all living threads of a process, in nanoseconds (schedstat)."""
    return _schedstat(pid, 0)


def waited_ns(pid: int) -> int:
    """Return how long all living threads of a process have waited for a core (schedstat)."""
    return _schedstat(pid, 1)


def _schedstat(pid: int, column: int) -> int:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            total += int((task / "schedstat").read_text().split()[column])
    return total


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample that a share of all does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def times_table(contenders: Sequence[Contender], ours: str, *, with_bytes: bool = False) -> str:
    """Return a Markdown table: best, median, p95 in ms, and the median as a multiple of ours.

    Args:
        ours: the name of the contender that the others are compared with.
        with_bytes: also the mean size, in kB and as a multiple of ours.
    """
    [yardstick] = [contender for contender in contenders if contender.name == ours]
    unit_ms = median(yardstick.samples_ms)
    head = ["way", "best ms", "median ms", "p95 ms", "ratio", *(["kB", "bytes"] * with_bytes)]
    rows = []
    for contender in contenders:
        if not contender.is_here:
            rows.append([contender.name, NOT_INSTALLED])
            continue
        times = contender.samples_ms
        middle = median(times)
        cells = [figure(t) for t in (min(times), middle, percentile(times, 0.95))]
        row = [contender.name, *cells, f"{figure(middle / unit_ms)}x"]
        if with_bytes and contender.sizes_bytes:
            size_bytes = fmean(contender.sizes_bytes)
            ratio = size_bytes / fmean(yardstick.sizes_bytes)
            row += [f"{size_bytes / 1000:.0f}", f"{ratio:.2f}x"]
        rows.append(row)
    return table(head, rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; short rows are filled up."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for row in rows:
        cells = [*row, *[""] * (len(head) - len(row))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure(value: float) -> str:
    """Write a number with three digits that count."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
