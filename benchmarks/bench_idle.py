"""Measures what a daemon with a desktop costs while nobody uses it.

Run `.venv/bin/python -m benchmarks.bench_idle`. For 20 s nothing is asked; CPU time is taken from
the scheduler's own account of the daemon and of each child, memory at the end. Shared pages count
in full in RSS; PSS divides them by their users, so that its sum is what the machine gives.
*Wake-ups* are the voluntary context switches of all threads of the daemon: how often one of them
had slept. They are counted on a quiet screen and beside a film that nobody looks at.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from benchmarks.bench_settle import painting
from benchmarks.harness import RawClient, cpu_ns, figure, running_daemon, table

WATCH_S = 20.0
SETTLE_S = 3.0


def watch(pid: int) -> list[list[str]]:
    """Watch a process and its descendants; return a row for each, and their sum."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    before = [cpu_ns(process.pid) for process in processes]
    began = time.perf_counter()
    time.sleep(WATCH_S)
    watched_s = time.perf_counter() - began
    rows, sums = [], [0.0, 0.0, 0.0]
    for process, cpu_before in zip(processes, before, strict=True):
        memory = process.memory_full_info()
        share = (cpu_ns(process.pid) - cpu_before) / 1e9 / watched_s * 100
        values = [share, memory.rss / 1e6, memory.pss / 1e6]
        sums = [total + value for total, value in zip(sums, values, strict=True)]
        name = "agentd" if process.pid == pid else process.name()
        rows.append(_row(name, values))
    return [*rows, _row("together", sums)]


def wakeups(pid: int) -> int:
    """Return how often the living threads of a process have given up the processor to wait."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def stirred(client: RawClient, pid: int, name: str) -> list[str]:
    """Count wake-ups of a daemon that nobody asks anything, after somebody has looked."""
    client.call("desktop.wait", quiet_ms=20, timeout_ms=100)
    client.call("desktop.screenshot")
    copies = _copies(client)
    time.sleep(SETTLE_S)
    began, woken, spent_ns = time.perf_counter(), wakeups(pid), cpu_ns(pid)
    time.sleep(WATCH_S)
    watched_s = time.perf_counter() - began
    woken, spent_ns = wakeups(pid) - woken, cpu_ns(pid) - spent_ns
    share = spent_ns / 1e7 / watched_s
    return [name, f"{share:.3f}", figure(woken / watched_s), str(_copies(client) - copies)]


def _copies(client: RawClient) -> int:
    return int(client.result("daemon.stats")["desktop"]["capture"]["copies"])


def run() -> None:
    """Measure and print."""
    with running_daemon() as (daemon, client):
        assert daemon.process is not None
        pid = daemon.process.pid
        time.sleep(SETTLE_S)
        rows = watch(pid)
        awake = [stirred(client, pid, "quiet screen")]
        with painting(daemon.environment(client), "film"):
            awake.append(stirred(client, pid, "film of 30 pictures a second"))
    print(f"Nothing asked for {WATCH_S:g} s; a desktop of 1280 x 800, no window, no viewer.\n")
    print(table(["process", "CPU, % of a core", "RSS MB", "PSS MB"], rows))
    print(f"\nThe daemon alone, for {WATCH_S:g} s after a wait and a picture, nobody following:\n")
    print(table(["screen", "CPU, % of a core", "wake-ups/s", "copies"], awake))


def _row(name: str, values: list[float]) -> list[str]:
    share, rss_mb, pss_mb = values
    return [name, f"{share:.3f}", f"{rss_mb:.1f}", f"{pss_mb:.1f}"]


if __name__ == "__main__":
    run()
