"""Times pictures of a full 1080p desktop: through our socket, and by what agents use today.

Run `.venv/bin/python -m benchmarks.bench_screenshot`. Four tables, by what is drawn before each
shot. *A window*: another picture in a window of 640 x 400. *Everything*: the whole screen, scrolled
by three lines, of which nothing can be kept. *A word*: 60 x 14 pixels. *Nothing*: the daemon may
answer with the picture that it kept. All ways see the same display; the peers have no memory, and
take as long for a word as for a window.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import mss
import mss.tools
from mss.base import MSSBase
from mss.screenshot import ScreenShot
from PIL import Image

from agentd.client.sync import SyncClient
from benchmarks.desk import HEIGHT, WIDTH, covered, furnished
from benchmarks.harness import (
    Contender,
    Daemon,
    RawClient,
    agentctl,
    cpu_ns,
    environment_of,
    has_program,
    measure,
    running_daemon,
    temporary_folder,
    times_table,
    with_bytecode,
)

ROUNDS = 25
PNG, PILLOW = "agentd: png", "mss + Pillow PNG, default, in process"
QUALITY = 80

Redraw = Callable[[], object]

# What is asked of the daemon, by the row's name.
REQUESTS: dict[str, dict[str, object]] = {
    PNG: {},
    "agentd: jpeg, quality 80": {"format": "jpeg", "quality": QUALITY},
    "agentd: webp, quality 80": {"format": "webp", "quality": QUALITY},
    "agentd: raw": {"format": "raw"},
    "agentd: png, region of 640 x 400": {
        "region": {"x": 100, "y": 100, "width": 640, "height": 400}
    },
    "agentd: png, scale 0.5": {"scale": 0.5},
    "agentd: png, max_long_edge 1568": {"max_long_edge": 1568},
    "agentd: jpeg, max_long_edge 1568": {"max_long_edge": 1568, "format": "jpeg"},
}


class Freshness:
    """Sees to it that on a changed screen no picture is of a frame that was sent before."""

    def __init__(self) -> None:
        self._last = 0

    def check(self, frame: int) -> None:
        """Note a frame's number. Raises: RuntimeError when it is not a new one."""
        if frame <= self._last:
            raise RuntimeError(f"frame {frame} was sent before: the screen had not changed")
        self._last = frame


def ours(client: RawClient, redraw: Redraw | None, fresh: Freshness) -> list[Contender]:
    """Through the socket, on a kept connection."""

    def shoot(request: dict[str, object]) -> Callable[[], int]:
        def act() -> int:
            meta, body = client.call("desktop.screenshot", **request)
            if redraw is not None:
                fresh.check(meta["frame"])
            return len(body)

        return act

    return [Contender(name, shoot(request), redraw) for name, request in REQUESTS.items()]


def unchanged(client: RawClient) -> Contender:
    """What an agent that looks again and again is told on a quiet screen."""
    meta, _ = client.call("desktop.screenshot", format="jpeg")
    frame = meta["frame"]

    def ask() -> int:
        meta, body = client.call("desktop.screenshot", if_changed_since=frame)
        assert meta["unchanged"], "the screen is not quiet"
        return len(body)

    return Contender("agentd: if_changed_since", ask)


def our_clients(
    daemon: Daemon, client: SyncClient, redraw: Redraw | None, fresh: Freshness
) -> list[Contender]:
    """The same PNG through the Python client, and through a process of `agentctl`."""
    program = agentctl()

    def shoot_by_client() -> int:
        picture = client.desktop.screenshot()
        if redraw is not None:
            fresh.check(picture.meta.frame)
        return len(picture.body)

    def shoot_by_agentctl() -> int:
        argv = [str(program), "--socket", str(daemon.socket), "desktop", "screenshot"]
        done = subprocess.run(argv, env=with_bytecode(), check=True, stdout=subprocess.PIPE)
        return len(done.stdout)

    name = "agentd: png, agentctl, whole process"
    return [
        Contender("agentd: png, SyncClient", shoot_by_client, redraw),
        Contender(name, shoot_by_agentctl, redraw, is_here=program is not None),
    ]


def with_mss(grabber: MSSBase, redraw: Redraw) -> list[Contender]:
    """In process, the connection open: the quickest that the usual libraries can be."""
    screen = {"left": 0, "top": 0, "width": WIDTH, "height": HEIGHT}

    def image() -> Image.Image:
        shot = grabber.grab(screen)
        return Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX")

    def pillow(format: str, **options: int) -> int:
        body = io.BytesIO()
        image().save(body, format, **options)
        return body.tell()

    def tools() -> int:
        shot: ScreenShot = grabber.grab(screen)
        return len(mss.tools.to_png(shot.rgb, shot.size) or b"")

    return [
        Contender(PILLOW, lambda: pillow("PNG"), redraw),
        Contender("mss + mss.tools.to_png, in process", tools, redraw),
        Contender("mss + Pillow JPEG 80, in process", lambda: pillow("JPEG", quality=80), redraw),
        Contender("mss, pixels, in process", lambda: len(grabber.grab(screen).raw), redraw),
    ]


def programs(environment: dict[str, str], folder: Path, redraw: Redraw) -> list[Contender]:
    """A process for each picture, into a file that is then read, as agents run them."""
    commands = {
        "scrot": "scrot --overwrite FILE",
        "import": "import -silent -window root FILE",
        "ffmpeg": f"ffmpeg -loglevel error -f x11grab -video_size {WIDTH}x{HEIGHT} "
        "-i DISPLAY -frames:v 1 -y FILE",
    }

    def shoot(name: str, command: str) -> Callable[[], int]:
        file = folder / f"{name}.png"
        words = command.replace("FILE", str(file)).replace("DISPLAY", environment["DISPLAY"])

        def act() -> int:
            subprocess.run(words.split(), env=environment, check=True, stdin=subprocess.DEVNULL)
            return len(file.read_bytes())

        return act

    return [
        Contender(f"{name}, whole process", shoot(name, command), redraw, has_program(name))
        for name, command in commands.items()
    ]


def cpu_ms(daemon: Daemon, contender: Contender, shots: int = 20) -> float:
    """Return the CPU time that the daemon spends on a shot, on all cores together."""
    assert daemon.process is not None
    began = cpu_ns(daemon.process.pid)
    for _ in range(shots):
        contender.run()
    return (cpu_ns(daemon.process.pid) - began) / shots / 1e6


def run() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        size = f"width = {WIDTH}\nheight = {HEIGHT}"
        daemon, client = stack.enter_context(running_daemon(size))
        environment = daemon.environment(client)
        viewer = stack.enter_context(furnished(client, environment))
        folder = stack.enter_context(temporary_folder())
        fresh = Freshness()
        with environment_of(environment):
            grabber = stack.enter_context(mss.MSS(display=environment["DISPLAY"]))
        by_client = stack.enter_context(SyncClient(daemon.socket))
        window = [
            *ours(client, viewer.redraw, fresh),
            *our_clients(daemon, by_client, viewer.redraw, fresh),
            *with_mss(grabber, viewer.redraw),
            *programs(environment, folder, viewer.redraw),
        ]
        measure(window, ROUNDS)
        spent = [(row.name, cpu_ms(daemon, row)) for row in ours(client, viewer.redraw, fresh)]
        # One after the other: where the last picture was of another kind, less of it is kept.
        word = ours(client, viewer.write, fresh)
        measure_each(word, ROUNDS)
        nothing = [
            *ours(client, None, fresh),
            *our_clients(daemon, by_client, None, fresh)[:1],
            unchanged(client),
        ]
        measure_each(nothing, ROUNDS)
        with covered(environment) as screen:
            everything = [
                *ours(client, screen.redraw, fresh),
                *with_mss(grabber, screen.redraw),
            ]
            measure(everything, ROUNDS)
    print(f"A window changed: {ROUNDS} samples, in streaks of 5; ratios to our PNG.\n")
    print(times_table(window, PNG, with_bytes=True))
    print(f"\nmss + Pillow's default takes {_speedup(window):.1f} times as long as our PNG.")
    print("The daemon's CPU time for each, all threads, capture included:")
    print(
        "; ".join(f"{name.removeprefix('agentd: ')} {spent_ms:.1f} ms" for name, spent_ms in spent)
    )
    print("\nEverything changed.\n")
    print(times_table(everything, PNG, with_bytes=True))
    print(f"\nmss + Pillow's default takes {_speedup(everything):.1f} times as long as our PNG.")
    print("\nA word changed, ours alone.\n")
    print(times_table(word, PNG, with_bytes=True))
    print(
        "\nNothing changed, ours alone: the kept picture is sent where it is of the same request.\n"
    )
    print(times_table(nothing, PNG, with_bytes=True))


def measure_each(contenders: list[Contender], rounds: int) -> None:
    """Measure one after the other: in turn they would drive each other's pictures out."""
    for contender in contenders:
        measure([contender], rounds)


def _speedup(contenders: list[Contender]) -> float:
    times = {row.name: median(row.samples_ms) for row in contenders if row.samples_ms}
    return times[PILLOW] / times[PNG]


if __name__ == "__main__":
    run()
