"""Times texts typed into an xterm, and looks whether they arrived as sent.

Run `.venv/bin/python -m benchmarks.bench_typing`. Ours types on the daemon's desktop; xdotool and
pynput on a stock Xvfb with openbox, as agents have them. Two times are taken: until the caller has
its answer, and until a program in the terminal has read the last byte. A text that is not complete
after a second of silence has not arrived, and only texts that arrived as sent count for that time.
pynput sends characters as synthetic events, which xterm ignores unless it is told not to: it has a
row with such a terminal, and one with xterm as it comes. *New characters*: the letters and symbols
come back from text to text, the Han was not typed before on that display, so that keys must be
bound; *again*: the same text once more.
"""

from __future__ import annotations

import random
import socket
import string
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.harness import (
    NOT_INSTALLED,
    RawClient,
    environment_of,
    figure,
    has_module,
    has_program,
    root_property,
    running,
    running_daemon,
    stock_display,
    table,
    temporary_folder,
    wait_until,
)

RUNS = 5
ASCII, NEW, AGAIN = "1000 ASCII", "200 Unicode, new characters", "200 Unicode, again"

_SILENCE_S = 1.0
_PAUSE_S = 0.3
_SCRIPTS = (
    "àÁâÃäåæçÈéêëñÒóôÕöøÙúûüýÿ",
    "абвгдежзийклмнопрстуфхцчшщыьэюяАБВГДЕЖЗ",
    "αβγδεζηθλμξπρσφψωΓΔΘΛΞΠ",
)
_SYMBOLS = "€→≠≤∞∑√½«»…—₽°±×÷🎉🚀😀🌍✅"
_HAN = range(0x4E00, 0x9000)
_RECEIVER = Path(__file__).with_name("receiver.py")

_SYNTHETIC = ("-xrm", "XTerm*allowSendEvents: true")

Type = Callable[[str], None]


def ascii_text(seed: int) -> str:
    """1000 printable characters, a sixth of them spaces."""
    letters = string.ascii_letters * 3 + string.digits + string.punctuation + " " * 40
    return "".join(random.Random(seed).choices(letters, k=1000))


def unicode_text(seed: int) -> str:
    """200 characters: words of Latin, Cyrillic and Greek, symbols, emoji, and Han of its own."""
    chance = random.Random(seed)
    words = []
    while len(" ".join(words)) < 199:
        kind = chance.choice([*_SCRIPTS, _SYMBOLS, "han", string.ascii_letters])
        if kind == "han":
            words.append("".join(chr(code) for code in chance.sample(_HAN, 3)))
        else:
            words.append("".join(chance.choices(kind, k=1 if kind is _SYMBOLS else 6)))
    return " ".join(words)[:199] + "."


class Receiver:
    """Collects what arrives in a terminal; a thread notes when each byte came."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._news = threading.Condition()
        self._received = b""  # Protected by _news.
        self._last_at = 0.0  # Protected by _news.
        threading.Thread(target=self._listen, daemon=True).start()

    def clear(self) -> None:
        """Forget what has arrived, once no more comes: what is late belongs to the text before."""
        with self._news:
            while self._news.wait(_PAUSE_S):
                pass
            self._received = b""

    def wait(self, text: str) -> tuple[str, float]:
        """Wait for a text, or a second of silence; return what came and when its last byte did."""
        wanted_bytes = len(text.encode())
        with self._news:
            while len(self._received) < wanted_bytes and self._news.wait(_SILENCE_S):
                pass
            return self._received.decode(errors="replace"), self._last_at

    def _listen(self) -> None:
        with suppress(OSError):
            while piece := self._wire.recv(65536):
                with self._news:
                    self._received += piece
                    self._last_at = time.perf_counter()
                    self._news.notify()


@contextmanager
def terminal(
    environment: dict[str, str],
    start: Callable[[list[str]], object] | None = None,
    *,
    options: Sequence[str] = (),
) -> Iterator[Receiver]:
    """Open an xterm with the receiver in it and wait until it has the focus.

    Args:
        start: starts a program on the display; by default a child of ours.
        options: of xterm, besides the usual.
    """
    with ExitStack() as stack:
        path = stack.enter_context(temporary_folder()) / "wire"
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(path))
        path.chmod(0o777)
        server.listen(1)
        before = root_property(environment, "_NET_ACTIVE_WINDOW")
        reader = ["/usr/bin/python3", str(_RECEIVER), str(path)]
        argv = ["xterm", *options, "-u8", "-fa", "DejaVu Sans Mono", "-fs", "9", "-e", *reader]
        if start is None:
            stack.enter_context(running(argv, env=environment))
        else:
            start(argv)
        wire = stack.enter_context(server.accept()[0])
        wire.recv(1)
        wait_until(
            lambda: root_property(environment, "_NET_ACTIVE_WINDOW") not in (0, before),
            "the terminal has the focus",
        )
        yield Receiver(wire)


@dataclass(slots=True)
class Typist:
    """One way to type, and how it went, by the kind of text."""

    name: str
    type: Type
    runs: int = RUNS
    is_here: bool = True
    terminal_options: Sequence[str] = ()
    answered_ms: dict[str, list[float]] = field(default_factory=dict)
    arrived_ms: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def run(self, receiver: Receiver) -> None:
        """Type every kind of text `runs` times."""
        for number in range(self.runs):
            self._once(receiver, ASCII, ascii_text(number))
            text = unicode_text(number)
            self._once(receiver, NEW, text)
            self._once(receiver, AGAIN, text)

    def _once(self, receiver: Receiver, kind: str, text: str) -> None:
        receiver.clear()
        began = time.perf_counter()
        self.type(text)
        answered = time.perf_counter()
        found, last_at = receiver.wait(text)
        self.answered_ms.setdefault(kind, []).append(1000 * (answered - began))
        arrived_ms = self.arrived_ms.setdefault(kind, [])
        if found == text:
            arrived_ms.append(1000 * (last_at - began))
        else:
            self.wrong[kind] = difference(text, found)


def difference(wanted: str, found: str) -> str:
    """Say how a text differs from what was sent."""
    pairs = list(zip(wanted, found, strict=False))
    wrong = sum(a != b for a, b in pairs)
    first = next(((a, b) for a, b in pairs if a != b), ("", ""))
    lost = f"{len(found)} of {len(wanted)} characters" if len(found) != len(wanted) else ""
    changed = f"{wrong} wrong, first {first[0]} became {first[1]}" if wrong else ""
    return "; ".join(part for part in (lost, changed) if part)


def xdotool(environment: dict[str, str], delay_ms: int, runs: int) -> Typist:
    """`xdotool type`, the whole process."""
    in_utf8 = {**environment, "LC_ALL": "C.UTF-8"}

    def type_text(text: str) -> None:
        argv = ["xdotool", "type", "--delay", str(delay_ms), "--", text]
        subprocess.run(argv, env=in_utf8, check=True)

    return Typist(f"xdotool, {delay_ms} ms a key", type_text, runs, has_program("xdotool"))


def pynput(environment: dict[str, str], name: str, options: Sequence[str] = ()) -> Typist:
    """pynput in process, its connection open; `options` are the terminal's."""
    if not has_module("pynput"):
        return Typist(name, _nothing, is_here=False)
    with environment_of(environment):
        from pynput.keyboard import Controller

        keyboard = Controller()
    return Typist(name, keyboard.type, 3, terminal_options=options)


def run_ours(client: RawClient, environment: dict[str, str]) -> list[Typist]:
    """Type through the socket."""
    typist = Typist("agentd", lambda text: client.call("desktop.type", text=text) and None)
    start = {"start": lambda argv: client.call("apps.launch", argv=argv)}
    with terminal(environment, **start) as receiver:
        typist.run(receiver)
    return [typist]


def run_peers() -> list[Typist]:
    """Type as others do, each on a display of its own: they leave its keyboard changed."""
    makers = (
        lambda environment: xdotool(environment, 0, 3),
        lambda environment: xdotool(environment, 12, 1),
        lambda environment: pynput(environment, "pynput, xterm takes synthetic keys", _SYNTHETIC),
        lambda environment: pynput(environment, "pynput, xterm as it comes"),
    )
    return [_run_peer(make) for make in makers]


def _run_peer(make: Callable[[dict[str, str]], Typist]) -> Typist:
    with stock_display(1280, 800) as environment:
        peer = make(environment)
        if peer.is_here:
            with terminal(environment, options=peer.terminal_options) as receiver:
                peer.run(receiver)
        peer.type = _nothing  # pynput's connection must go before its display does.
        return peer


def _nothing(text: str) -> None:
    """Stand where a way to type was."""


def typing_table(typists: Sequence[Typist], kind: str) -> str:
    """Return the Markdown table of one kind of text; the ratio is of arrival."""
    ours = median(typists[0].arrived_ms[kind])
    rows = []
    for typist in typists:
        if not typist.is_here:
            rows.append([typist.name, NOT_INSTALLED])
            continue
        answered, arrived = typist.answered_ms[kind], typist.arrived_ms[kind]
        times = ["never", "", "", ""]
        if arrived:
            middle = median(arrived)
            times = [figure(t) for t in (min(arrived), middle, max(arrived))]
            times.append(f"{figure(middle / ours)}x")
        exact = f"{len(arrived)}/{len(answered)}"
        wrong = typist.wrong.get(kind, "")
        rows.append([typist.name, figure(median(answered)), *times, exact, wrong])
    head = [
        "way",
        "answer ms",
        "arrived: best",
        "median",
        "worst",
        "ratio",
        "exact",
        "what went wrong",
    ]
    return table(head, rows)


def run() -> None:
    """Measure and print."""
    with running_daemon() as (daemon, client):
        typists = run_ours(client, daemon.environment(client))
    typists += run_peers()
    print("Into xterm; ratio of the time until the text has arrived. Runs: see `exact`.")
    for kind in (ASCII, NEW, AGAIN):
        print(f"\n{kind}:\n\n{typing_table(typists, kind)}")


if __name__ == "__main__":
    run()
