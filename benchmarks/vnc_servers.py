"""The VNC servers that are measured side by side, each on a screen of its own of 1920 x 1080.

Knows how each is started and which processes are its cost: the server and the X server. Peers are
started as those who ship them do it; what is measured is the business of who asks.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from benchmarks.harness import (
    cpu_ns,
    has_program,
    running,
    running_daemon,
    stock_display,
    temporary_folder,
    wait_until,
    window_manager,
)
from benchmarks.vnc_painter import HEIGHT, WIDTH

LOOPBACK = "127.0.0.1"

_END_S = 5.0


@dataclass(frozen=True)
class Server:
    """A VNC server that runs.

    Args:
        environment: by which programs reach its screen.
        pids: of the server and its X server.
    """

    name: str
    host: str
    port: int
    environment: dict[str, str]
    pids: tuple[int, ...]
    password: str | None = None
    has_h264: bool = False

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{self.host}:{self.port}"

    def cpu_ns(self) -> int:
        """What its processes have spent."""
        return sum(cpu_ns(pid) for pid in self.pids)


class CannotRun(Exception):
    """A server cannot be had; says why, in a few words."""


Start = Callable[[ExitStack, str], Server]


def _free_port(host: str) -> int:
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


def _wait_listening(host: str, port: int) -> None:
    def listens() -> bool:
        with socket.socket() as trying:
            return trying.connect_ex((host, port)) == 0

    wait_until(listens, f"{host}:{port} listens")


def _need(program: str) -> None:
    if not has_program(program):
        raise CannotRun("not installed")


def _attached(name: str, program: str, arguments: Callable[[str, str, int], list[str]]) -> Start:
    """A server beside a stock Xvfb with openbox."""

    def start(stack: ExitStack, host: str) -> Server:
        _need(program)
        environment = stack.enter_context(stock_display(WIDTH, HEIGHT))
        port = _free_port(host)
        argv = [program, *arguments(environment["DISPLAY"], host, port)]
        server = stack.enter_context(running(argv, env=environment))
        stack.callback(_end, server)
        _wait_listening(host, port)
        pids = (server.pid, _x_server(environment["DISPLAY"]))
        return Server(name, host, port, environment, pids)

    return start


def _end(server: subprocess.Popen[bytes]) -> None:
    """Let a server go by itself: killed, x11vnc leaves its shared memory behind for ever."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(_END_S)


def _x_server(display: str) -> int:
    """Return the process behind a display: the kernel knows who listens."""
    number = display.rpartition(":")[2].partition(".")[0]
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(f"/tmp/.X11-unix/X{number}")
        credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


def _x11vnc(*further: str) -> Callable[[str, str, int], list[str]]:
    def arguments(display: str, host: str, port: int) -> list[str]:
        place = ["-display", display, "-listen", host, "-rfbport", str(port)]
        return [*place, "-nopw", "-forever", "-shared", "-quiet", *further]

    return arguments


def _x0vncserver(display: str, host: str, port: int) -> list[str]:
    place = ["-display", display, "-interface", host, "-rfbport", str(port)]
    return [*place, "-SecurityTypes", "None", "-AlwaysShared"]


def _xvnc(stack: ExitStack, host: str) -> Server:
    """TigerVNC's own X server, with openbox."""
    _need("Xvnc")
    home = stack.enter_context(temporary_folder())
    port = _free_port(host)
    read_fd, write_fd = os.pipe()
    argv = ["Xvnc", "-displayfd", str(write_fd), "-geometry", f"{WIDTH}x{HEIGHT}", "-depth", "24"]
    argv += ["-interface", host, "-rfbport", str(port), "-SecurityTypes", "None"]
    argv += ["-AlwaysShared", "-noreset"]
    server = stack.enter_context(running(argv, pass_fds=(write_fd,)))
    os.close(write_fd)
    with open(read_fd) as answer:
        number = answer.readline().strip()
    environment = {**os.environ, "DISPLAY": f":{number}", "HOME": os.fspath(home)}
    environment.pop("XAUTHORITY", None)
    stack.enter_context(window_manager(environment))
    _wait_listening(host, port)
    return Server("Xvnc", host, port, environment, (server.pid,))


def _agentd(stack: ExitStack, host: str) -> Server:
    """Ours: the daemon as it is, with a grant's password."""
    port = _free_port(host)
    # The shaped link is a network of its own, which nobody else can reach.
    plain = "true" if host != LOOPBACK else "false"
    further = (
        f'width = {WIDTH}\nheight = {HEIGHT}\n[vnc]\nlisten = "{host}:{port}"\nplain = {plain}'
    )
    daemon, client = stack.enter_context(running_daemon(further))
    rights = ["view", "pointer", "key"]
    grant = client.result("vnc.grant", rights=rights, uses=100_000, label="benchmark")
    _wait_listening(host, port)
    assert daemon.process is not None
    password = grant["password"]
    environment = daemon.environment(client)
    pids = (daemon.process.pid, _x_server(environment["DISPLAY"]))
    return Server("agentd", host, port, environment, pids, password, has_h264=True)


_X11VNC_FAST = ["-wait", "5", "-defer", "1", "-nonap", "-nowireframe", "-noscrollcopyrect"]

SERVERS: dict[str, Start] = {
    "agentd": _agentd,
    "Xvnc": _xvnc,
    "x0vncserver": _attached("x0vncserver", "X0tigervnc", _x0vncserver),
    "x11vnc": _attached("x11vnc", "x11vnc", _x11vnc()),
    "x11vnc-w50": _attached("x11vnc-w50", "x11vnc", _x11vnc("-wait", "50")),
    "x11vnc-fast": _attached("x11vnc-fast", "x11vnc", _x11vnc(*_X11VNC_FAST)),
}


@contextmanager
def servers(names: list[str], host: str = LOOPBACK) -> Iterator[tuple[list[Server], list[str]]]:
    """Run servers; gives those that run, and a line for each that does not."""
    with ExitStack() as stack:
        found, why = [], []
        for name in names:
            try:
                with ExitStack() as starting:
                    found.append(SERVERS[name](starting, host))
                    stack.push(starting.pop_all())
            except (CannotRun, RuntimeError) as exc:
                why.append(f"{name}: {str(exc).splitlines()[0]}")
        # A desktop that has just started still works a little.
        time.sleep(1)
        yield found, why
