"""Measures recording: CPU and bytes of a still screen and of one with a playing terminal.

Run `.venv/bin/python -m benchmarks.bench_record`. Beside ours runs `ffmpeg -f x11grab -framerate
15`, with the same preset and quality, on the same screen and display, one after the other; that the
encoder looks as far as screens scroll is ours alone. CPU is that of all who take part: the daemon,
ffmpeg and the X server, less what daemon and X server take while the same screen is shown and
nobody records.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness import (
    NOT_INSTALLED,
    Daemon,
    RawClient,
    cpu_ns,
    has_program,
    running_daemon,
    table,
)

WATCH_S = 15.0
RATE = 15

# A terminal that prints a line of changing text, 20 times a second.
_PLAYING = (
    "i=0; while :; do i=$((i+1)); "
    "printf '%d %s\\n' $i \"$(head -c 60 /dev/urandom | base64 -w 80)\"; sleep 0.05; done"
)
_H264 = ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-crf", "23"]


@dataclass
class Taken:
    """What one recording took."""

    ours: dict[str, float]
    size_bytes: int
    frames: int
    duration_s: float

    @property
    def together(self) -> float:
        """CPU of all, in % of a core."""
        return sum(self.ours.values())

    @property
    def megabytes_a_minute(self) -> float:
        """Size at this rate."""
        return self.size_bytes / 1e6 / self.duration_s * 60


def shares(processes: dict[str, int], during: Callable[[], None]) -> dict[str, float]:
    """Return the CPU of processes by name, in % of a core, while something runs."""
    before = {name: cpu_ns(pid) for name, pid in processes.items()}
    began = time.perf_counter()
    during()
    watched_ns = (time.perf_counter() - began) * 1e9
    return {
        name: (cpu_ns(pid) - before[name]) / watched_ns * 100 for name, pid in processes.items()
    }


def pids(daemon: Daemon) -> dict[str, int]:
    """Return the daemon, its X server and, if one runs, its ffmpeg."""
    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children(recursive=True)
    named = {child.name(): child.pid for child in children}
    wanted = ("Xvfb", "ffmpeg")
    return {"agentd": daemon.process.pid} | {n: named[n] for n in wanted if n in named}


def record_ours(daemon: Daemon, client: RawClient, kind: str) -> Taken:
    """Record with the daemon."""
    begun = client.result("desktop.record_start", format=kind)
    cpu = shares(pids(daemon), lambda: time.sleep(WATCH_S))
    ended = client.result("desktop.record_stop", id=begun["id"])
    video = daemon.folder / "state" / "recordings" / begun["id"] / f"video.{kind}"
    return Taken(cpu, video.stat().st_size, ended["frames"], ended["duration_ms"] / 1000)


def record_x11grab(daemon: Daemon, environment: dict[str, str], size: str) -> Taken:
    """Record with ffmpeg alone."""
    path = daemon.folder / "x11grab.mp4"
    argv = ["ffmpeg", "-v", "error", "-y", "-f", "x11grab", "-framerate", str(RATE)]
    argv += ["-video_size", size, "-i", environment["DISPLAY"], *_H264, "-pix_fmt", "yuv420p"]
    grabber = subprocess.Popen(
        [*argv, str(path)], env={"PATH": "/usr/bin:/bin", **environment}, stdin=subprocess.PIPE
    )
    try:
        time.sleep(1)
        cpu = shares({**pids(daemon), "ffmpeg": grabber.pid}, lambda: time.sleep(WATCH_S))
    finally:
        grabber.communicate(b"q")
    frames, duration_s = _probe(path)
    return Taken(cpu, path.stat().st_size, frames, duration_s)


def _probe(path: Path) -> tuple[int, float]:
    argv = ["ffprobe", "-v", "error", "-count_packets", "-show_entries"]
    argv += ["stream=nb_read_packets:format=duration", "-of", "json", str(path)]
    found = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return int(found["streams"][0]["nb_read_packets"]), float(found["format"]["duration"])


@contextmanager
def screen(client: RawClient, name: str) -> Iterator[None]:
    """Show something: a terminal that stands still, or one that plays."""
    script = "seq 1 200; exec sleep infinity" if name == "still" else _PLAYING
    argv = ["xterm", "-geometry", "100x40+40+40", "-fa", "DejaVu Sans Mono", "-fs", "10"]
    # A blinking caret would be no still screen.
    argv += ["+bc", "-e", "sh", "-c", script]
    launched = client.result("apps.launch", argv=argv, wait_window_s=20)
    client.call("desktop.wait", quiet_ms=500, timeout_ms=2000)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            psutil.Process(launched["pid"]).kill()


def rows_of(daemon: Daemon, client: RawClient, name: str) -> list[list[str]]:
    """Measure everything on one screen."""
    status = client.result("desktop.status")
    size = f"{status['display']['width']}x{status['display']['height']}"
    with screen(client, name):
        alone = shares(pids(daemon), lambda: time.sleep(WATCH_S))
        taken = {
            "agentd: mp4": record_ours(daemon, client, "mp4"),
            f"ffmpeg -f x11grab -framerate {RATE}": record_x11grab(
                daemon, status["environment"], size
            ),
            "agentd: webm": record_ours(daemon, client, "webm"),
        }
    idle = sum(alone.values())
    ours = max(0.01, taken["agentd: mp4"].together - idle)
    return [
        [
            f"{name}: {way}",
            f"{one.together - idle:.1f}",
            f"{(one.together - idle) / ours:.1f}x",
            *(f"{one.ours.get(part, 0) - alone.get(part, 0):.1f}" for part in _PARTS),
            f"{one.frames / one.duration_s:.1f}",
            f"{one.megabytes_a_minute:.2f}",
        ]
        for way, one in taken.items()
    ]


_PARTS = ("agentd", "ffmpeg", "Xvfb")


def run() -> None:
    """Measure and print."""
    if not has_program("ffmpeg"):
        print(f"ffmpeg {NOT_INSTALLED}")
        return
    with running_daemon() as (daemon, client):
        rows = [row for name in ("still", "playing") for row in rows_of(daemon, client, name)]
    print(f"1280 x 800, {WATCH_S:g} s each; CPU in % of a core, of what recording adds.\n")
    head = ["screen: way", "CPU", "ratio", *_PARTS, "pictures/s", "MB/min"]
    print(table(head, rows))


if __name__ == "__main__":
    run()
