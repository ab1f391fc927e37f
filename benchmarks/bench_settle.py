"""Times waiting for the screen: how soon it is answered, how rightly, and what it costs.

Run `.venv/bin/python -m benchmarks.bench_settle`; it takes a minute and a half. *Reaction*: a
program paints in twelve steps after a click; a picture taken before the last step is wrong. The
peers are what agents do today: xdotool, and a sleep that somebody thought long enough. *Comparing*
is done in process. *Cost* is the CPU time of the daemon's threads while one or more wait.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TextIO

import numpy as np

from agentd.desktop.screen.damage import changed_tiles
from agentd.desktop.screen.frame import Rect
from benchmarks.desk import HEIGHT, WIDTH
from benchmarks.harness import (
    NOT_INSTALLED,
    Daemon,
    RawClient,
    cpu_ns,
    figure,
    has_program,
    percentile,
    running_daemon,
    table,
)
from benchmarks.painter import INK, LAST_X, LAST_Y

PAINTER = Path(__file__).with_name("painter.py")
REACTIONS_MS = (0, 300, 1500)
ROUNDS = 5
QUIET_MS = 150
WAIT_MS = 3000
WAITERS = 10

Way = Callable[[], None]


@contextmanager
def painting(environment: dict[str, str], *arguments: str) -> Iterator[TextIO]:
    """Run a painter; gives what it tells after it is ready."""
    argv = [sys.executable, os.fspath(PAINTER), *arguments]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process.stdout
    finally:
        process.kill()
        process.communicate()


def ways(client: RawClient, environment: dict[str, str]) -> dict[str, Way | None]:
    """List ways to click and then wait; None where a program is missing."""

    def ours() -> None:
        client.call("desktop.click", x=700, y=500)
        client.call("desktop.wait", quiet_ms=QUIET_MS)

    def xdotool() -> None:
        words = "xdotool mousemove 700 500 click 1"
        subprocess.run(words.split(), env=environment, check=True)

    def sleeping(seconds: float) -> Way:
        def act() -> None:
            xdotool()
            time.sleep(seconds)

        return act

    peers = {f"xdotool, sleep {seconds:g} s": sleeping(seconds) for seconds in (0.5, 1, 2)}
    is_here = has_program("xdotool")
    return {
        f"agentd: click, wait {QUIET_MS} ms": ours,
        **{name: act if is_here else None for name, act in peers.items()},
    }


def reactions(client: RawClient, environment: dict[str, str]) -> str:
    """Time the ways after reactions of several lengths."""
    rows = []
    last = {"x": LAST_X, "y": LAST_Y, "color": f"#{INK:06x}"}
    for reaction_ms in REACTIONS_MS:
        with painting(environment, "reacts", str(reaction_ms)):
            for name, act in ways(client, environment).items():
                if act is None:
                    rows.append([name, str(reaction_ms), NOT_INSTALLED])
                    continue
                times, right = [], 0
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    act()
                    times.append(1000 * (time.perf_counter() - began))
                    right += _holds(client, last)
                    _let_end(client)
                figures = [figure(value) for value in (min(times), median(times), max(times))]
                rows.append([name, str(reaction_ms), *figures, f"{right}/{ROUNDS}"])
    head = ["way", "reaction ms", "best ms", "median ms", "worst ms", "complete"]
    return table(head, rows)


def quiet(client: RawClient, rounds: int = 20) -> str:
    """How much later than the quiet window a quiet screen is answered, in ms."""
    late = []
    for _ in range(rounds):
        began = time.perf_counter()
        client.call("desktop.wait", quiet_ms=QUIET_MS)
        late.append(1000 * (time.perf_counter() - began) - QUIET_MS)
    return ", ".join(figure(value) for value in (min(late), median(late), percentile(late, 0.95)))


def comparing() -> str:
    """Time the comparison of two frames of 1080p."""
    size = (HEIGHT, WIDTH, 4)
    before = np.random.default_rng(1).integers(0, 255, size, dtype=np.uint8)
    one = before.copy()
    one[500, 900] ^= 1
    damage = Rect(890, 490, 40, 40)
    cases = {
        "equal": (before.copy(), None),
        "one tile differs": (one, None),
        "every tile differs": (before ^ 1, None),
        "one tile differs, damage of 40 x 40": (one, damage),
    }
    rows = []
    for name, (after, within) in cases.items():
        times = []
        for _ in range(25):
            began = time.perf_counter()
            changed_tiles(before, after, within=within)
            times.append(1000 * (time.perf_counter() - began))
        rows.append([name, *(figure(value) for value in (min(times), median(times)))])
    return table(["two frames", "best ms", "median ms"], rows)


def cost(daemon: Daemon, client: RawClient, environment: dict[str, str]) -> str:
    """Measure what a waiting daemon spends while different things are painted."""
    rows = [_cost(daemon, client, "quiet screen", 1)]
    for kind in ("caret", "spinner", "film"):
        with painting(environment, kind):
            rows += [_cost(daemon, client, kind, waiters) for waiters in (1, WAITERS)]
    return table(["painted", "waiters", "CPU, % of a core", "copies/s", "answers"], rows)


def _cost(daemon: Daemon, client: RawClient, name: str, waiters: int) -> list[str]:
    assert daemon.process is not None
    pid = daemon.process.pid
    copies = _copies(client)
    began, cpu_before = time.perf_counter(), cpu_ns(pid)
    with ThreadPoolExecutor(waiters) as threads:
        waiting = [threads.submit(_wait, daemon) for _ in range(waiters)]
        outcomes = {each.result() for each in waiting}
    spent_s = time.perf_counter() - began
    share = (cpu_ns(pid) - cpu_before) / 1e7 / spent_s
    rate = (_copies(client) - copies) / spent_s
    return [name, str(waiters), figure(share), figure(rate), ", ".join(sorted(outcomes))]


def _wait(daemon: Daemon) -> str:
    """Wait longer than there is time, so that all measure alike."""
    client = RawClient(daemon.socket)
    found = client.result("desktop.wait", quiet_ms=2 * WAIT_MS, timeout_ms=WAIT_MS)
    client.close()
    return str(found["outcome"])


def _copies(client: RawClient) -> int:
    return int(client.result("daemon.stats")["desktop"]["capture"]["copies"])


def _holds(client: RawClient, pixel: dict[str, object]) -> bool:
    found = client.result("desktop.wait", until="pixels", pixels=[pixel], timeout_ms=0)
    return bool(found["stable"])


def _let_end(client: RawClient) -> None:
    """Let a reaction end that nobody waited for."""
    client.call("desktop.wait", quiet_ms=400)


def run() -> None:
    """Measure and print."""
    with running_daemon(f"width = {WIDTH}\nheight = {HEIGHT}") as (daemon, client):
        environment = {**os.environ, **daemon.environment(client)}
        late = quiet(client)
        reacted = reactions(client, environment)
        spent = cost(daemon, client, environment)
    print(f"A quiet screen is answered later than its window of {QUIET_MS} ms by (best, median,")
    print(f"p95 ms, client and socket included): {late}.\n")
    print(f"After a click, {ROUNDS} samples; complete: how often the last step had been painted.\n")
    print(reacted)
    print("\nComparing two frames of 1080p:\n")
    print(comparing())
    print(
        f"\nThe daemon while somebody waits for a quiet window that does not fit, {WAIT_MS} ms:\n"
    )
    print(spent)


if __name__ == "__main__":
    run()
