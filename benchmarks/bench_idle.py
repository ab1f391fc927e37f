"""Measures what a daemon with a desktop costs while nobody uses it.

Run `.venv/bin/python -m benchmarks.bench_idle`. For 20 s nothing is asked; CPU time is taken from
the scheduler's own account of the daemon and of each child, memory at the end. Shared pages count
in full in RSS; PSS divides them by their users, so that its sum is what the machine gives.
"""

from __future__ import annotations

import time

import psutil

from benchmarks.harness import cpu_ns, running_daemon, table

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


def run() -> None:
    """Measure and print."""
    with running_daemon() as (daemon, client):
        client.close()
        time.sleep(SETTLE_S)
        assert daemon.process is not None
        rows = watch(daemon.process.pid)
    print(f"Nothing asked for {WATCH_S:g} s; a desktop of 1280 x 800, no window, no viewer.\n")
    print(table(["process", "CPU, % of a core", "RSS MB", "PSS MB"], rows))


def _row(name: str, values: list[float]) -> list[str]:
    share, rss_mb, pss_mb = values
    return [name, f"{share:.3f}", f"{rss_mb:.1f}", f"{pss_mb:.1f}"]


if __name__ == "__main__":
    run()
