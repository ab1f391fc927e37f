"""Times copying and pasting: through the socket, and with xclip, the whole process.

Run `.venv/bin/python -m benchmarks.bench_clipboard`. A round is one copy of a text that was never
there before, and pastes until it comes back. An xclip that copies returns a moment before it owns
the clipboard, and stays in the background until somebody else copies; who pastes at once may have
to paste again, which is in the time.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from itertools import count

from benchmarks.harness import (
    Contender,
    RawClient,
    has_program,
    measure,
    running_daemon,
    times_table,
)

SHORT = "Grüße, мир, 你好 🎉"
LARGE_BYTES = 4 * 1024 * 1024
ROUNDS, LARGE_ROUNDS = 40, 10

_COPY = ("xclip", "-i", "-selection", "clipboard")
_PASTE = ("xclip", "-o", "-selection", "clipboard", "-t", "UTF8_STRING")


def large_text() -> str:
    """4 MiB of words in several scripts."""
    chance = random.Random(4)
    words = [*SHORT.split(), "plain", "ASCII", "words"]
    text = " ".join(chance.choices(words, k=LARGE_BYTES // 6)).encode()
    return text[:LARGE_BYTES].decode(errors="ignore")


def xclip_copy(environment: dict[str, str], text: str) -> None:
    """Copy with xclip; it returns when it owns the selection, and serves on in the background."""
    subprocess.run(
        _COPY,
        input=text.encode(),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def xclip_paste(environment: dict[str, str]) -> str:
    """Paste with xclip."""
    return subprocess.run(
        _PASTE, env=environment, stdout=subprocess.PIPE, check=True
    ).stdout.decode()


def contenders(client: RawClient, environment: dict[str, str], text: str) -> list[Contender]:
    """Return the ways from a copy to a paste of one text."""
    is_here = has_program("xclip")

    numbers = count()

    def socket_copy(fresh: str) -> None:
        client.call("clipboard.set", text=fresh)

    def socket_paste() -> str:
        return str(client.result("clipboard.get")["text"])

    def program_copy(fresh: str) -> None:
        xclip_copy(environment, fresh)

    def program_paste() -> str:
        return xclip_paste(environment)

    def way(name: str, copy: Callable[[str], None], paste: Callable[[], str]) -> Contender:
        def act() -> None:
            fresh = f"{next(numbers)} {text}"
            copy(fresh)
            while paste() != fresh:
                if copy is socket_copy:
                    raise RuntimeError(f"{name}: what was pasted is not what was copied")

        return Contender(name, act, is_here=is_here or "xclip" not in name)

    return [
        way("agentd: set and get", socket_copy, socket_paste),
        way("agentd: set, then xclip pastes", socket_copy, program_paste),
        way("xclip copies, then agentd: get", program_copy, socket_paste),
        way("xclip: copy and paste", program_copy, program_paste),
    ]


def run() -> None:
    """Measure and print."""
    with running_daemon() as (daemon, client):
        environment = daemon.environment(client)
        for title, text, rounds in (
            (f"{len(SHORT)} characters", SHORT, ROUNDS),
            ("4 MiB of text", large_text(), LARGE_ROUNDS),
        ):
            ways = contenders(client, environment, text)
            measure(ways, rounds)
            print(f"\n{title}, {rounds} samples; ratio to set and get through the socket.\n")
            print(times_table(ways, ways[0].name))


if __name__ == "__main__":
    run()
