"""Times the loop of an agent: act, wait for the screen, look; one call of ours beside what is used.

Run `.venv/bin/python -m benchmarks.bench_act`; it takes three minutes, and more the first time,
when it installs two peers from PyPI. All on the daemon's own display, full of programs. After a
click a program shows nothing for a while, then its answer: a picture without it is a wrong one.
*Over* is what a right picture took beyond that while and the quiet window; sleeps have none.
"""

from __future__ import annotations

import io
import itertools
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TextIO, TypeVar

from PIL import Image

from benchmarks import peers
from benchmarks.bench_settle import painting
from benchmarks.desk import HEIGHT, WIDTH, furnished
from benchmarks.harness import (
    NOT_INSTALLED,
    Contender,
    RawClient,
    figure,
    has_program,
    measure,
    percentile,
    running_daemon,
    table,
    temporary_folder,
    times_table,
)
from benchmarks.painter import shade

QUIET_MS = 150
OVER_DELAYS_MS, OVER_ROUNDS = (0, 50, 300), 20
LOOP_DELAYS_MS, LOOP_ROUNDS = (0, 300, 1200), 5
CLICKS, CLICK_ROUNDS, LOOK_ROUNDS = 10, 10, 60
BATCH, LOOK = f"agentd: {CLICKS} clicks in one desktop.act", "agentd: if_changed_since"

# Where the program is that answers, where it is clicked, and a pixel that is painted last.
PLACE = (660, 240, 600, 400)
CLICK = (960, 440)
LAST = (1250, 635)

Loop = Callable[[], bytes]
P = TypeVar("P")


@dataclass
class Outcomes:
    """What a way of looping has shown after one delay."""

    right_ms: list[float] = field(default_factory=list)
    all_ms: list[float] = field(default_factory=list)

    def add(self, spent_ms: float, *, is_right: bool) -> None:
        """Add one sample."""
        self.all_ms.append(spent_ms)
        if is_right:
            self.right_ms.append(spent_ms)

    @property
    def share(self) -> str:
        """How many of all were right."""
        return f"{len(self.right_ms)}/{len(self.all_ms)}"


class Answering:
    """A program on the desk that answers each click after a delay, with a colour of its own."""

    def __init__(self, told: TextIO) -> None:
        self._told = told
        self._numbers = itertools.count(1)

    def sample(self, loop: Loop, outcomes: Outcomes) -> None:
        """Let a loop click and look, and judge its picture when the answer is there for certain."""
        number = next(self._numbers)
        began = time.perf_counter()
        picture = loop()
        spent_ms = 1000 * (time.perf_counter() - began)
        if int(self._told.readline()) != number:
            raise RuntimeError("a click was lost, or there were two")
        colour = Image.open(io.BytesIO(picture)).convert("RGB").getpixel(LAST)
        outcomes.add(spent_ms, is_right=colour == tuple(shade(number).to_bytes(3, "big")))


@contextmanager
def answering(environment: dict[str, str], delay_ms: int) -> Iterator[Answering]:
    """Put the program on the desk."""
    place = map(str, PLACE)
    with painting(environment, "answers", str(delay_ms), "--at", *place) as told:
        yield Answering(told)


def act_loop(client: RawClient, until: str) -> Loop:
    """One call of `desktop.act`."""
    click = {"action": "click", "x": CLICK[0], "y": CLICK[1]}
    settle = {"quiet_ms": QUIET_MS, "until": until}

    def loop() -> bytes:
        report = client.result("desktop.act", actions=[click], settle=settle)
        return b64decode(report["image"])

    return loop


def xdotool_loop(environment: dict[str, str], folder: Path, sleep_s: float) -> Loop:
    """xdotool, a sleep that somebody thought long enough, scrot."""
    picture = folder / "scrot.png"

    def loop() -> bytes:
        argv = ["xdotool", "mousemove", *map(str, CLICK), "click", "1"]
        subprocess.run(argv, env=environment, check=True)
        time.sleep(sleep_s)
        subprocess.run(["scrot", "--overwrite", picture], env=environment, check=True)
        return picture.read_bytes()

    return loop


def pyautogui_loop(peer: peers.PyAutoGui, folder: Path, sleep_s: float) -> Loop:
    """The same with pyautogui."""
    picture = folder / "pyautogui.png"

    def loop() -> bytes:
        peer.ask(f"click {CLICK[0]} {CLICK[1]}")
        time.sleep(sleep_s)
        peer.ask(f"screenshot {picture}")
        return picture.read_bytes()

    return loop


def cua_loop(server: peers.CuaServer) -> Loop:
    """Click and screenshot as they come: its protocol knows no waiting for the screen."""

    def loop() -> bytes:
        server.call("left_click", x=CLICK[0], y=CLICK[1])
        return server.screenshot()

    return loop


def over(client: RawClient, environment: dict[str, str]) -> str:
    """Time our own loop over the delay and the quiet window."""
    rows = []
    for delay_ms in OVER_DELAYS_MS:
        with answering(environment, delay_ms) as program:
            for until in ("stable", "change"):
                outcomes, loop = Outcomes(), act_loop(client, until)
                program.sample(loop, Outcomes())
                for _ in range(OVER_ROUNDS):
                    program.sample(loop, outcomes)
                late = [spent_ms - delay_ms - QUIET_MS for spent_ms in outcomes.right_ms]
                figures = [min(late), median(late), percentile(late, 0.95)] if late else []
                rows.append(
                    [until, str(delay_ms), *map(figure, figures), *[""] * (3 - len(figures))]
                )
                rows[-1].append(outcomes.share)
    head = ["settle until", "answer after ms", "over: best ms", "median ms", "p95 ms", "right"]
    return table(head, rows)


@dataclass(frozen=True)
class Peers:
    """The peers that run; where one does not, the reason."""

    pyautogui: peers.PyAutoGui | str
    hasty: peers.PyAutoGui | str
    cua: peers.CuaServer | str

    @classmethod
    def started(cls, stack: ExitStack, environment: dict[str, str]) -> Peers:
        """Start what can be installed."""

        def enter(peer: AbstractContextManager[P]) -> P | str:
            try:
                return stack.enter_context(peer)
            except peers.NotInstalled as exc:
                return f"{NOT_INSTALLED}: {exc}"

        return cls(
            enter(peers.pyautogui(environment, 0.1)),
            enter(peers.pyautogui(environment, 0)),
            enter(peers.cua_server(environment)),
        )


def loops(
    client: RawClient, environment: dict[str, str], others: Peers, folder: Path
) -> dict[str, Loop | str]:
    """List the loops; a text where one cannot run."""
    found: dict[str, Loop | str] = {
        f"agentd: act, settle until {until}": act_loop(client, until)
        for until in ("stable", "change")
    }
    for sleep_s in (0.5, 1, 2):
        is_here = has_program("xdotool") and has_program("scrot")
        loop = xdotool_loop(environment, folder, sleep_s)
        found[f"xdotool, sleep {sleep_s:g} s, scrot"] = loop if is_here else NOT_INSTALLED
    for sleep_s in (0.5, 1, 2):
        peer = others.pyautogui
        loop_or_why = peer if isinstance(peer, str) else pyautogui_loop(peer, folder, sleep_s)
        found[f"pyautogui, sleep {sleep_s:g} s, screenshot"] = loop_or_why
    cua = others.cua
    found["cua computer server: click, screenshot"] = cua if isinstance(cua, str) else cua_loop(cua)
    return found


def looping(environment: dict[str, str], ways: dict[str, Loop | str]) -> str:
    """Time the loops until their pictures, and judge these."""
    outcomes = {name: [Outcomes() for _ in LOOP_DELAYS_MS] for name in ways}
    for number, delay_ms in enumerate(LOOP_DELAYS_MS):
        with answering(environment, delay_ms) as program:
            for _ in range(LOOP_ROUNDS):
                for name, loop in ways.items():
                    if not isinstance(loop, str):
                        program.sample(loop, outcomes[name][number])
    rows = []
    for name, loop in ways.items():
        if isinstance(loop, str):
            rows.append([name, loop])
            continue
        cells = [(figure(median(each.all_ms)), each.share) for each in outcomes[name]]
        rows.append([name, *itertools.chain.from_iterable(cells)])
    heads = [(f"after {delay_ms} ms: ms", "right") for delay_ms in LOOP_DELAYS_MS]
    return table(["way", *itertools.chain.from_iterable(heads)], rows)


def clicking(client: RawClient, environment: dict[str, str], others: Peers) -> list[Contender]:
    """List ways to click ten times, on the strip above the windows."""
    points = [(100 + 150 * number, 6) for number in range(CLICKS)]
    actions = [{"action": "click", "x": x, "y": y} for x, y in points]

    def batch() -> None:
        client.call("desktop.act", actions=actions, settle=None, observe=None)

    def singly() -> None:
        for x, y in points:
            client.call("desktop.click", x=x, y=y)

    def xdotool(*arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=environment, check=True)

    def one_process(*options: str) -> Callable[[], None]:
        words = [("mousemove", str(x), str(y), "click", *options, "1") for x, y in points]
        return lambda: xdotool(*itertools.chain.from_iterable(words))

    def ten_processes() -> None:
        for x, y in points:
            xdotool("mousemove", str(x), str(y), "click", "1")

    found = [
        Contender(BATCH, batch),
        Contender(f"agentd: {CLICKS} calls of desktop.click", singly),
    ]
    is_here = has_program("xdotool")
    found += [
        Contender("xdotool: one process", one_process(), is_here=is_here),
        Contender("xdotool: one process, --delay 0", one_process("--delay", "0"), is_here=is_here),
        Contender("xdotool: ten processes", ten_processes, is_here=is_here),
    ]
    for name, peer in (
        ("pyautogui: as it comes, 0.1 s after each call", others.pyautogui),
        ("pyautogui: PAUSE = 0", others.hasty),
        ("cua computer server: left_click", others.cua),
    ):
        found.append(_clicks_of(name, peer, points))
    return found


def _clicks_of(
    name: str, peer: peers.PyAutoGui | peers.CuaServer | str, points: Sequence[tuple[int, int]]
) -> Contender:
    def act() -> None:
        for x, y in points:
            if isinstance(peer, peers.PyAutoGui):
                peer.ask(f"click {x} {y}")
            elif isinstance(peer, peers.CuaServer):
                peer.call("left_click", x=x, y=y)

    return Contender(name, act, is_here=not isinstance(peer, str))


def looking(client: RawClient) -> list[Contender]:
    """List ways to be told that nothing has changed."""
    frame = client.call("desktop.screenshot")[0]["frame"]

    def unchanged() -> int:
        meta, body = client.call("desktop.screenshot", if_changed_since=frame)
        if not meta["unchanged"]:
            raise RuntimeError("the quiet desk has changed")
        return len(body)

    def act() -> None:
        report = client.result(
            "desktop.act",
            actions=[{"action": "cursor"}],
            settle=None,
            observe={"show": "if_changed"},
        )
        if report["image"] is not None:
            raise RuntimeError("the quiet desk has changed")

    def whole() -> int:
        return len(client.call("desktop.screenshot")[1])

    return [
        Contender(LOOK, unchanged),
        Contender("agentd: desktop.act, observe show if_changed", act),
        Contender("agentd: the picture again", whole),
    ]


def run() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        daemon, client = stack.enter_context(running_daemon(f"width = {WIDTH}\nheight = {HEIGHT}"))
        environment = daemon.environment(client)
        folder = stack.enter_context(temporary_folder())
        stack.enter_context(furnished(client, environment))
        others = Peers.started(stack, environment)
        late = over(client, environment)
        looped = looping(environment, loops(client, environment, others, folder))
        clicks = clicking(client, environment, others)
        measure(clicks, CLICK_ROUNDS)
        looks = looking(client)
        measure(looks, LOOK_ROUNDS)
    print(f"`desktop.act` of a click over the answer and the quiet window of {QUIET_MS} ms,")
    print(f"{OVER_ROUNDS} samples, picture of 1080p included:\n\n{late}\n")
    print("Click, wait, picture as it is done today: medians until the picture of 1080p, and how")
    print(f"often it shows the answer, {LOOP_ROUNDS} samples:\n\n{looped}\n")
    print(f"{CLICKS} clicks, {CLICK_ROUNDS} samples:\n\n{times_table(clicks, BATCH)}\n")
    print(f"A screen that has not changed, {LOOK_ROUNDS} samples:\n\n{times_table(looks, LOOK)}")


if __name__ == "__main__":
    run()
