"""Times the start: process to socket, to a desktop that can be used, to the first picture.

Run `.venv/bin/python -m benchmarks.bench_start`. Every run has fresh folders. Beside it runs
`by_hand.sh`, which starts Xvfb and openbox and waits for them as scripts do, by polling every
100 ms. The files of both are in the page cache, the daemon's modules compiled. Then: what
importing the daemon costs.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.harness import (
    NOT_INSTALLED,
    Daemon,
    figure,
    has_program,
    percentile,
    table,
    temporary_folder,
    with_bytecode,
)

RUNS = 6
BY_HAND = "Xvfb + openbox by hand"

_SCRIPT = Path(__file__).with_name("by_hand.sh")
_PROGRAMS = ("Xvfb", "openbox", "xdpyinfo", "wmctrl", "scrot")
_FIRST_NUMBER = 140
_BIGGEST = 12

Moments = dict[str, float]


def start_daemon() -> Moments:
    """Start a daemon once; return the milliseconds until each step."""
    with ExitStack() as stack:
        daemon = Daemon(stack.enter_context(temporary_folder()))
        stack.callback(daemon.stop)
        began = daemon.start()
        client = daemon.wait_socket()
        stack.callback(client.close)
        socket_at = time.perf_counter()
        daemon.wait_ready(client)
        ready_at = time.perf_counter()
        client.call("desktop.screenshot")
        moments = {"socket": socket_at, "desktop": ready_at, "picture": time.perf_counter()}
        return {step: 1000 * (at - began) for step, at in moments.items()}


def start_by_hand(number: int) -> Moments:
    """Run the script once; return the milliseconds until each step."""
    with temporary_folder() as folder:
        began = time.perf_counter()
        argv = [str(_SCRIPT), str(number), str(folder)]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        moments = {}
        for line in process.stdout:
            step = {"server": "server", "manager": "desktop", "picture": "picture"}
            moments[step[line.decode().strip()]] = 1000 * (time.perf_counter() - began)
            if len(moments) == len(step):
                break
        process.communicate()
        if "picture" not in moments:
            raise RuntimeError(f"{_SCRIPT.name} ended before its picture, after {moments}")
        return moments


def free_number() -> int:
    """Return a display number that nobody uses."""
    return next(n for n in range(_FIRST_NUMBER, 1000) if not Path(f"/tmp/.X{n}-lock").exists())


def start_table(ours: list[Moments], by_hand: list[Moments]) -> str:
    """Return the Markdown table; the ratio is to ours for the same step."""
    steps = (
        ("socket", "the socket answers"),
        ("desktop", "desktop ready"),
        ("picture", "first PNG"),
    )
    rows = []
    for step, words in steps:
        times = [run[step] for run in ours]
        rows.append([f"agentd: {words}", *_times(times), "1.00x"])
    for step, words in steps[1:]:
        if not by_hand:
            rows.append([f"{BY_HAND}: {words}", NOT_INSTALLED])
            continue
        times = [run[step] for run in by_hand]
        ratio = median(times) / median(run[step] for run in ours)
        rows.append([f"{BY_HAND}: {words}", *_times(times), f"{ratio:.2f}x"])
    return table(
        ["from the process's start until", "best ms", "median ms", "p95 ms", "ratio"], rows
    )


def import_times(runs: int = 3) -> tuple[float, list[tuple[str, float]]]:
    """Return the whole time of importing the daemon, and the share of each package, in ms.

    A package's share is what its own modules took, without what they import; of several runs the
    quickest. Tracing slows imports by about a third.
    """
    best: tuple[float, Counter[str]] | None = None
    for _ in range(runs):
        argv = [sys.executable, "-X", "importtime", "-c", "import agentd.__main__"]
        lines = subprocess.run(
            argv, env=with_bytecode(), stderr=subprocess.PIPE, check=True, text=True
        ).stderr
        shares: Counter[str] = Counter()
        for own_us, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", lines, re.M):
            shares[module.partition(".")[0]] += int(own_us) / 1000
        total = sum(shares.values())
        if best is None or total < best[0]:
            best = total, shares
    assert best is not None
    return best[0], best[1].most_common(_BIGGEST)


def bare_start_ms() -> float:
    """Return what an interpreter takes that does nothing."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], check=True)
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def import_cpu_ms(runs: int = 5) -> float:
    """Return the CPU time of a process that imports the daemon and ends; the least of several."""
    argv = [sys.executable, "-c", "import agentd.__main__"]
    spent = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, env=with_bytecode(), check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1000 * min(spent)


def run() -> None:
    """Measure and print."""
    is_here = all(has_program(name) for name in _PROGRAMS)
    ours, by_hand = [], []
    start_daemon()  # Fills the page cache and the compiled modules.
    for _ in range(RUNS):
        ours.append(start_daemon())
        if is_here:
            by_hand.append(start_by_hand(free_number()))
    total, shares = import_times()
    print(f"{RUNS} starts each, in turn, in fresh folders; ratio to ours for the same step.\n")
    print(start_table(ours, by_hand))
    print(f"\nA process that only imports the daemon takes {import_cpu_ms():.0f} ms of CPU time.")
    print(f"Python itself starts in {bare_start_ms():.0f} ms. Importing the daemon takes")
    print(f"{total:.0f} ms under `-X importtime`; the largest shares, by package:\n")
    print(table(["package", "ms"], [[name, f"{spent:.1f}"] for name, spent in shares]))


def _times(times: list[float]) -> list[str]:
    return [figure(min(times)), figure(median(times)), figure(percentile(times, 0.95))]


if __name__ == "__main__":
    run()
