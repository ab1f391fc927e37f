"""Many clients at once for a long time on one daemon: no error, no growth, no hang.

Run `.venv/bin/python -m benchmarks.soak --minutes 10 --clients 24`. Every client makes calls of
all kinds in an order of its own, with pauses, and comes back as a new one after a while. Programs
draw meanwhile. Memory, descriptors and threads of the daemon are sampled; what rises after the
warm-up is growth. A refusal with `busy` is tried again as it says, and counted. The exit code is 1
after an error, growth or a hang; times are told and judged by nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import TextIO

import psutil
import uvloop

from agentd.base.errors import AgentdError, Busy
from agentd.client.client import Client
from benchmarks.__main__ import machine
from benchmarks.bench_settle import painting
from benchmarks.harness import Daemon, RawClient, figure, percentile, running_daemon, table
from benchmarks.soak_calls import ANSWERING, FILM, HEIGHT, KINDS, WIDTH, User, Wrong
from benchmarks.trend import Trend, trend

SAMPLE_S = 10.0
# A client comes back after about so many calls; a call that takes longer hangs.
CALLS_A_LIFE, HANG_S = 150, 60.0
MAX_RETRIES = 20
# The first part of the run fills caches and pools and is not judged.
WARM_UP_SHARE = 0.25
# A rise of less than this over the run is none, however sure.
ALLOWED = {"RSS, MB": 3.0, "PSS, MB": 3.0, "descriptors": 1.0, "threads": 0.5, "X server, MB": 3.0}
ERRORS_KEPT = 20

_READING = "cat > /dev/null"
_SCROLLING = "i=0; while :; do i=$((i + 1)); echo $i $i $i; sleep 0.2; done"
_TERMINALS = (("62x16+24+24", _READING), ("62x16+24+400", _READING), ("95x34+640+24", _SCROLLING))


@dataclass
class Record:
    """What happened."""

    times_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    sampled_s: list[float] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note_error(self, kind: str, error: BaseException) -> None:
        """Note what went wrong; of many errors the first are kept in words."""
        self.errors.append(f"{kind}: {type(error).__name__}: {error}")


class Soak:
    """A crowd of clients on one daemon.

    Args:
        pause_s: the mean pause of a client between two calls.
    """

    def __init__(self, daemon: Daemon, *, clients: int, pause_s: float) -> None:
        self._daemon = daemon
        self._clients = clients
        self._pause_s = pause_s
        self.record = Record()

    async def run(self, duration_s: float) -> None:
        """Let the crowd in for a time, and sample what the daemon needs."""
        deadline = time.monotonic() + duration_s
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample(deadline), name="sample")
            for number in range(self._clients):
                group.create_task(self._visit(number, deadline), name=f"client-{number}")

    async def each_kind_once(self) -> None:
        """Make every kind of call: what is opened for good by the first of its kind is open."""
        async with Client(self._daemon.socket) as client:
            await client.clipboard.set(text="soak begins")
            user = User(client, Random(0))
            for name in KINDS:
                await self._call(user, name)

    def take_sample(self) -> dict[str, float]:
        """Return what the daemon needs now."""
        assert self._daemon.process is not None
        process = psutil.Process(self._daemon.process.pid)
        memory = process.memory_full_info()
        servers = [child for child in process.children(recursive=True) if child.name() == "Xvfb"]
        return {
            "RSS, MB": memory.rss / 1e6,
            "PSS, MB": memory.pss / 1e6,
            "descriptors": process.num_fds(),
            "threads": process.num_threads(),
            "X server, MB": sum(server.memory_info().rss for server in servers) / 1e6,
        }

    async def _visit(self, number: int, deadline: float) -> None:
        """Be one client after the other."""
        random = Random(number)
        names, shares = list(KINDS), [share for _, share in KINDS.values()]
        while time.monotonic() < deadline:
            async with Client(self._daemon.socket) as client:
                user = User(client, random)
                for _ in range(random.randrange(1, 2 * CALLS_A_LIFE)):
                    if time.monotonic() >= deadline:
                        break
                    await self._call(user, random.choices(names, shares)[0])
                    await asyncio.sleep(random.uniform(0, 2 * self._pause_s))

    async def _call(self, user: User, name: str) -> None:
        """Make one call, again where the daemon says so, and note how it went."""
        kind, _ = KINDS[name]
        try:
            for _ in range(MAX_RETRIES):
                began = time.perf_counter()
                try:
                    async with asyncio.timeout(HANG_S):
                        await kind(user)
                except Busy as exc:
                    self.record.busy[name] += 1
                    await asyncio.sleep(exc.retry_after_s or 0)
                    continue
                self.record.times_ms[name].append(1000 * (time.perf_counter() - began))
                return
            raise Wrong(f"busy {MAX_RETRIES} times")
        except TimeoutError as exc:
            self.record.note_error(name, Wrong(f"no answer after {HANG_S:g} s ({exc})"))
        except (AgentdError, Wrong, OSError) as exc:
            self.record.note_error(name, exc)

    async def _sample(self, deadline: float) -> None:
        """Sample in time, off the event loop, until the end."""
        began = time.monotonic()
        while (now := time.monotonic()) < deadline:
            try:
                sample = await asyncio.to_thread(self.take_sample)
            except psutil.Error as exc:
                self.record.note_error("the daemon", exc)
                return
            self.record.sampled_s.append(now - began)
            for name, value in sample.items():
                self.record.samples[name].append(value)
            await asyncio.sleep(SAMPLE_S)


@contextmanager
def desk(client: RawClient, environment: dict[str, str]) -> Iterator[None]:
    """Open terminals, and windows that draw."""
    for place, script in _TERMINALS:
        argv = ["xterm", "-geometry", place, "-e", "sh", "-c", script]
        client.call("apps.launch", argv=argv, wait_window_s=20)
    with ExitStack() as stack:
        for kind, area in (("answers", ANSWERING), ("film", FILM)):
            place = map(str, (area.x, area.y, area.width, area.height))
            told = stack.enter_context(painting(environment, kind, "--at", *place))
            # It would stop painting at a full pipe.
            threading.Thread(target=_drain, args=(told,), name="drain", daemon=True).start()
        yield


def _drain(told: TextIO) -> None:
    for _ in told:
        pass


def times_table(record: Record) -> str:
    """Return the times by kind of call."""
    rows = []
    for name in KINDS:
        times = record.times_ms[name]
        if not times:
            rows.append([name, "0"])
            continue
        shown = [percentile(times, share) for share in (0.5, 0.95, 0.99)]
        figures = [figure(value) for value in (*shown, max(times))]
        rows.append([name, str(len(times)), str(record.busy[name]), *figures])
    return table(["call", "times", "busy", "p50 ms", "p95 ms", "p99 ms", "worst ms"], rows)


def trends(record: Record) -> dict[str, Trend]:
    """Return how each measure went after the warm-up; empty for too short a run."""
    first = int(len(record.sampled_s) * WARM_UP_SHARE)
    times_s = record.sampled_s[first:]
    if len(times_s) < 5:
        return {}
    return {name: trend(times_s, record.samples[name][first:]) for name in ALLOWED}


def growth_table(
    found: dict[str, Trend], record: Record, before: dict[str, float], after: dict[str, float]
) -> str:
    """Return the samples and their trends."""
    rows = []
    for name in ALLOWED:
        way = found.get(name)
        values = [
            before[name],
            median(record.samples[name]),
            max(record.samples[name]),
            after[name],
        ]
        slope = [f"{way.per_minute:+.3f}", f"{way.total:+.1f}"] if way else []
        rows.append([name, *(f"{value:.1f}" for value in values), *slope])
    head = ["daemon", "before", "median", "highest", "after", "slope a minute", "rise in all"]
    return table(head, rows)


def faults(
    found: dict[str, Trend], record: Record, before: dict[str, float], after: dict[str, float]
) -> list[str]:
    """Say what is wrong."""
    wrong = [
        f"{name} grew by {way.per_minute:.3f} a minute, {way.total:.1f} in all"
        for name, way in found.items()
        if way.is_sure and way.total > ALLOWED[name]
    ]
    for name in ("descriptors", "threads"):
        # The pool that serves resolvers and files opens its threads one by one.
        if after[name] > before[name] + (0 if name == "descriptors" else 6):
            wrong.append(f"{after[name] - before[name]:g} {name} are left of clients that are gone")
    if record.errors:
        wrong.append(f"{len(record.errors)} errors")
    return wrong


async def soak(daemon: Daemon, arguments: argparse.Namespace) -> tuple[Record, list[str]]:
    """Run it, print the tables and return what is wrong."""
    crowd = Soak(daemon, clients=arguments.clients, pause_s=arguments.pause_ms / 1000)
    await crowd.each_kind_once()
    before = crowd.take_sample()
    duration_s = 60 * arguments.minutes
    try:
        async with asyncio.timeout(duration_s + 2 * HANG_S):
            await crowd.run(duration_s)
    except TimeoutError as exc:
        crowd.record.note_error("the run", Wrong(f"it did not end ({exc})"))
    after = crowd.take_sample()
    found = trends(crowd.record)
    calls = sum(map(len, crowd.record.times_ms.values()))
    busy = sum(crowd.record.busy.values())
    print(
        f"{calls} calls, {calls / duration_s:.0f} a second; {len(crowd.record.errors)} errors, "
        f"{busy} times busy.\n\n{times_table(crowd.record)}\n"
    )
    print(growth_table(found, crowd.record, before, after))
    return crowd.record, faults(found, crowd.record, before, after)


def main() -> int:
    """Soak and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--pause-ms", type=float, default=250.0, help="mean, between two calls")
    arguments = parser.parse_args()
    print(f"# agentd, soaked\n\n{machine()}\n", flush=True)
    with ExitStack() as stack:
        screen = f"width = {WIDTH}\nheight = {HEIGHT}"
        daemon, client = stack.enter_context(running_daemon(screen))
        stack.enter_context(desk(client, daemon.environment(client)))
        record, wrong = uvloop.run(soak(daemon, arguments))
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{arguments.clients} clients for {arguments.minutes:g} minutes, mean pause ", end="")
    print(f"{arguments.pause_ms:g} ms; load average after: {load}")
    for line in record.errors[:ERRORS_KEPT]:
        print(f"ERROR {line}")
    for line in wrong:
        print(f"WRONG: {line}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
