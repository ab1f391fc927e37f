"""Times one click and one move: through our socket, by xdotool, by pynput, by python-xlib alone.

Run `.venv/bin/python -m benchmarks.bench_input`. All on the daemon's own display. Every action
goes to another place than the one before, so that the pointer really moves; an action is over when
the caller is told so: xdotool at its end, the others after a round trip to the X server.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count, cycle

from Xlib import X
from Xlib.ext import xtest

from agentd.client.sync import SyncClient
from benchmarks.harness import (
    Contender,
    Daemon,
    RawClient,
    agentctl,
    connect_x,
    cpu_ns,
    environment_of,
    has_module,
    has_program,
    measure,
    running_daemon,
    times_table,
    with_bytecode,
)

ROUNDS = 60
CLICK, MOVE = "agentd: click", "agentd: move"

Act = Callable[[], None]
Point = tuple[int, int]


class Places:
    """Gives each contender two points of its own, so that no click is taken for a double one."""

    def __init__(self) -> None:
        self._rows = count(40, 40)

    def pair(self) -> Callable[[], Point]:
        """Return a function that gives one point and the other by turns."""
        y = next(self._rows)
        points = cycle([(100, y), (300, y)])
        return lambda: next(points)


def ours(client: RawClient, places: Places) -> list[Contender]:
    """Through the socket, on a kept connection; the first is what any call costs."""
    click, move = places.pair(), places.pair()

    def click_there() -> None:
        x, y = click()
        client.call("desktop.click", x=x, y=y)

    def move_there() -> None:
        x, y = move()
        client.call("desktop.move", x=x, y=y)

    def ask_health() -> None:
        client.status("/healthz")

    return [
        Contender(CLICK, click_there),
        Contender(MOVE, move_there),
        Contender("agentd: GET /healthz, what socket and HTTP cost", ask_health),
    ]


def our_clients(daemon: Daemon, client: SyncClient, places: Places) -> list[Contender]:
    """The same click through the Python client, and through a process of `agentctl`."""
    click, whole = places.pair(), places.pair()
    program = agentctl()

    def click_by_client() -> None:
        x, y = click()
        client.desktop.click(x, y)

    def click_by_agentctl() -> None:
        x, y = whole()
        argv = [str(program), "--socket", str(daemon.socket), "desktop", "click", str(x), str(y)]
        subprocess.run(argv, env=with_bytecode(), check=True, stdout=subprocess.DEVNULL)

    return [
        Contender("agentd: click, SyncClient", click_by_client),
        Contender(
            "agentd: click, agentctl, whole process",
            click_by_agentctl,
            is_here=program is not None,
        ),
    ]


def xdotool(environment: dict[str, str], places: Places) -> list[Contender]:
    """A process for each action, as agents run it."""
    is_here = has_program("xdotool")

    def run(command: str) -> Contender:
        place = places.pair()

        def act() -> None:
            x, y = place()
            argv = ["xdotool", *command.replace("X Y", f"{x} {y}").split()]
            subprocess.run(argv, env=environment, check=True)

        return Contender(f"xdotool {command}", act, is_here=is_here)

    return [run("mousemove X Y click 1"), run("click 1"), run("mousemove X Y")]


def pynput(environment: dict[str, str], places: Places) -> list[Contender]:
    """In process, its connection open."""
    names = ("pynput: click, in process", "pynput: move, in process")
    if not has_module("pynput"):
        return [Contender(name, lambda: None, is_here=False) for name in names]
    with environment_of(environment):
        from pynput.mouse import Button, Controller

        mouse = Controller()
    click, move = places.pair(), places.pair()

    def click_there() -> None:
        mouse.position = click()
        mouse.click(Button.left)

    def move_there() -> None:
        mouse.position = move()

    return [Contender(names[0], click_there), Contender(names[1], move_there)]


def floor(environment: dict[str, str], places: Places) -> list[Contender]:
    """python-xlib and nothing else: three requests of XTEST and a round trip."""
    display = connect_x(environment)
    click, move = places.pair(), places.pair()

    def move_to(point: Point) -> None:
        xtest.fake_input(display, X.MotionNotify, x=point[0], y=point[1])

    def click_there() -> None:
        move_to(click())
        xtest.fake_input(display, X.ButtonPress, 1)
        xtest.fake_input(display, X.ButtonRelease, 1)
        display.sync()

    def move_there() -> None:
        move_to(move())
        display.sync()

    return [
        Contender("python-xlib: click, in process (floor)", click_there),
        Contender("python-xlib: move, in process (floor)", move_there),
    ]


def cpu_per_click_ms(daemon: Daemon, client: RawClient, clicks: int = 300) -> float:
    """Return the daemon's CPU time for a click, which other programs cannot stretch much."""
    assert daemon.process is not None
    began = cpu_ns(daemon.process.pid)
    for number in range(clicks):
        client.call("desktop.click", x=100 + 200 * (number % 2), y=20)
    return (cpu_ns(daemon.process.pid) - began) / clicks / 1e6


def run() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        daemon, client = stack.enter_context(running_daemon())
        environment = daemon.environment(client)
        places = Places()
        contenders = [
            *ours(client, places),
            *our_clients(daemon, stack.enter_context(SyncClient(daemon.socket)), places),
            *xdotool(environment, places),
            *pynput(environment, places),
            *floor(environment, places),
        ]
        measure(contenders, ROUNDS)
        cpu_ms = cpu_per_click_ms(daemon, client)
        times = times_table(contenders, CLICK)
        contenders.clear()  # pynput's connection must go before its display does.
    print(
        f"One action, {ROUNDS} samples, in streaks of 5; ratio to one click through the socket.\n"
    )
    print(times)
    print(f"\nThe daemon's CPU time for one click: {cpu_ms:.2f} ms.")


if __name__ == "__main__":
    run()
