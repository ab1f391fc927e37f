"""The clipboard against xclip: both directions, large texts, and programs that stop or die."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

from agentd.base.errors import (
    BadRequest,
    Conflict,
    NotFound,
    TimedOut,
    TooLarge,
    Unavailable,
)
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.test_desktop import kill_and_wait_back

WHICH = ("clipboard", "primary")
MIXED = "Grüße, мир, 你好, שלום, 🎉👩‍👩‍👧 e\u0301 \u200b\t\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    folder = tmp_path_factory.mktemp("daemon")
    # 5 MB of text may be 10 MB of JSON.
    with running_daemon(folder, "[control]\nmax_body_bytes = 134217728\n") as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon):
    with daemon.client() as opened:
        yield opened
        for which in WHICH:
            opened.clipboard.clear(selection=which)


@pytest.fixture
def x(client) -> Iterator[Xclip]:
    with ExitStack() as stack:
        yield Xclip(client.desktop.status().environment, stack)


class Xclip:
    """xclip on the daemon's desktop, in the foreground, so that each can be ended by its pid."""

    def __init__(self, environment: dict[str, str], stack: ExitStack) -> None:
        self.environment = {**os.environ, **environment}
        self._stack = stack

    def paste(self, which: str = "clipboard", target: str = "UTF8_STRING") -> bytes:
        """What a program gets."""
        argv = ["xclip", "-o", "-selection", which, "-t", target]
        return subprocess.run(
            argv, env=self.environment, capture_output=True, check=True, timeout=30
        ).stdout

    def targets(self, which: str = "clipboard") -> list[str]:
        return self.paste(which, "TARGETS").decode().split()

    def copy(
        self, client, data: bytes, which: str = "clipboard", *options: str
    ) -> subprocess.Popen[bytes]:
        """Copy, and wait until the daemon has heard of it."""
        since = client.daemon.stats()["events"]["events"]
        argv = ["xclip", "-i", "-quiet", "-selection", which, *options]
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            process = self._stack.enter_context(_running(argv, self.environment, file))
        with client.events.subscribe(types=["clipboard.changed"], since=since) as events:
            for event in events:
                owner = event.data["owner"] or {"pid": 0}
                if event.data["selection"] == which and owner["pid"] == process.pid:
                    return process
        raise AssertionError("the stream ended")

    def start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        return self._stack.enter_context(_running(argv, self.environment))


@contextmanager
def _running(
    argv: list[str], environment: dict[str, str], stdin: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        argv,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def mixed_text(size_bytes: int) -> str:
    """Text of many scripts, different everywhere, so that a lost piece shows."""
    chance = random.Random(size_bytes)
    words: list[str] = []
    left = size_bytes
    while left > 0:
        word = f"{chance.randrange(1 << 30):x}{chance.choice(MIXED.split())} "
        words.append(word)
        left -= len(word.encode())
    return "".join(words)


@pytest.mark.parametrize("which", WHICH)
def test_text_that_is_set_is_what_programs_paste(client, x, which):
    client.clipboard.set(text=MIXED, selection=which)
    for target in ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain"):
        assert x.paste(which, target).decode() == MIXED
    assert client.clipboard.get(selection=which).text == MIXED
    assert client.clipboard.get(selection=which).owner.agentd


@pytest.mark.parametrize("which", WHICH)
def test_text_that_a_program_copies_is_what_get_answers(client, x, which):
    process = x.copy(client, MIXED.encode(), which)
    found = client.clipboard.get(selection=which)
    assert found.text == MIXED
    assert (found.type, found.selection) == ("text", which)
    assert not found.owner.agentd
    assert found.owner.pid == process.pid


def test_owner_is_known_by_the_window_of_its_process(client, x):
    shown = ["sh", "-c", "printf word; exec cat"]
    argv = ["xterm", "-title", "marks a word", "-geometry", "60x12+200+150", "-e", *shown]
    launched = client.apps.launch(argv=argv, wait_window_s=10)
    client.desktop.wait(quiet_ms=100)
    since = client.daemon.stats()["events"]["events"]
    client.desktop.click(x=launched.window.x + 12, y=launched.window.y + 8, count=2)
    with client.events.subscribe(types=["clipboard.changed"], since=since) as events:
        event = next(iter(events))
    found = client.clipboard.get(selection="primary")
    assert found.text == "word"
    owner = found.owner
    assert (owner.class_name, owner.title, owner.pid) == ("XTerm", "marks a word", launched.pid)
    assert event.data["owner"]["title"] == "marks a word"
    client.windows.close(id=launched.window.id)


def test_selections_are_two(client, x):
    client.clipboard.set(text="copied")
    client.clipboard.set(text="marked", selection="primary")
    assert (x.paste("clipboard"), x.paste("primary")) == (b"copied", b"marked")


@pytest.mark.parametrize("size_bytes", [255_999, 256_000, 256_001, 512_000, 1_000_000, 5_000_000])
def test_large_text_is_pasted_exactly(client, x, size_bytes):
    text = "x" * size_bytes if size_bytes < 600_000 else mixed_text(size_bytes)
    client.clipboard.set(text=text)
    found = x.paste()
    assert hashlib.sha256(found).digest() == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize("size_bytes", [1_000_000, 5_000_000])
def test_large_text_is_copied_exactly(client, x, size_bytes):
    text = mixed_text(size_bytes)
    x.copy(client, text.encode())
    assert client.clipboard.get().text == text


def test_several_programs_paste_large_text_at_once(client, x):
    text = mixed_text(3_000_000)
    client.clipboard.set(text=text)
    argv = ["xclip", "-o", "-selection", "clipboard", "-t", "UTF8_STRING"]
    programs = [x.start(argv) for _ in range(5)]
    for program in programs:
        assert program.communicate(timeout=30)[0] == text.encode()


def test_targets_are_those_of_the_content(client, x):
    client.clipboard.set(html="<b>x</b>", text="x")
    assert {"TARGETS", "TIMESTAMP", "MULTIPLE", "UTF8_STRING", "STRING", "text/html"} <= set(
        x.targets()
    )
    client.clipboard.set(files=["/tmp/a b"])
    assert {"text/uri-list", "x-special/gnome-copied-files"} <= set(x.targets())
    assert x.paste(target="text/uri-list") == b"file:///tmp/a%20b\r\n"
    assert x.paste() == b"/tmp/a b"


def test_types_tell_what_can_be_had_and_fetch_nothing(client, x):
    x.copy(client, b"<i>x</i>", "clipboard", "-t", "text/html")
    found = client.clipboard.types()
    assert found.types == ["html"]
    assert "text/html" in found.targets
    assert client.clipboard.get(type="html").html == "<i>x</i>"


def test_program_that_copies_takes_over(client, x):
    before = client.clipboard.set(text="ours").serial
    x.copy(client, b"theirs")
    found = client.clipboard.get()
    assert (found.text, found.serial) == ("theirs", before + 1)
    with pytest.raises(Conflict, match="does not hold our content"):
        client.clipboard.wait_fetched(serial=before)


def test_set_takes_over_from_a_program(client, x):
    process = x.copy(client, b"theirs")
    client.clipboard.set(text="ours")
    assert process.wait(10) == 0
    assert x.paste() == b"ours"


def test_nothing_that_was_copied_is_a_typed_error(client):
    client.clipboard.clear()
    with pytest.raises(NotFound, match="is empty") as caught:
        client.clipboard.get()
    assert caught.value.narrow_code == "selection_empty"


def test_type_that_is_not_offered_is_an_error_that_lists_what_is(client, x):
    client.clipboard.set(html="<b>x</b>", text="x")
    with pytest.raises(NotFound, match=r"holds no png; .* offers text, html") as caught:
        client.clipboard.get(type="png")
    assert caught.value.narrow_code == "type_not_offered"
    assert caught.value.data["types"] == ["text", "html"]
    x.copy(client, b"x")
    with pytest.raises(NotFound, match=r"holds no files; .* offers text"):
        client.clipboard.get(type="files")


def test_clear_empties_what_another_program_has_copied(client, x):
    process = x.copy(client, b"theirs")
    client.clipboard.clear()
    assert process.wait(10) == 0
    with pytest.raises(NotFound):
        client.clipboard.get()


def test_stopped_owner_is_a_timeout_that_names_it(client, x):
    process = x.copy(client, b"x")
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(TimedOut, match=rf"window 0x\w+ \(pid {process.pid}\) was silent for 0\.3"):
        client.clipboard.get(timeout_ms=300)
    assert time.monotonic() - began < 2
    # Its late answer harms nobody.
    process.send_signal(signal.SIGCONT)
    assert client.clipboard.get().text == "x"


def test_owner_that_stops_midway_is_a_timeout(client, x):
    process = x.start(slow_owner(pieces=3, then="stop"))
    wait_line(process, b"owns")
    with pytest.raises(TimedOut, match="was silent"):
        client.clipboard.get(timeout_ms=300)


def test_owner_that_dies_midway_is_an_error_at_once(client, x):
    process = x.start(slow_owner(pieces=3, then="exit"))
    wait_line(process, b"owns")
    with pytest.raises(Unavailable, match="ended before it had given") as caught:
        client.clipboard.get(timeout_ms=20_000)
    assert caught.value.narrow_code == "selection_owner_ended"
    client.clipboard.set(text="next")
    assert x.paste() == b"next"


def test_program_from_before_targets_is_understood(client, x):
    wait_line(x.start([PYTHON, str(HERE / "icccm.py"), "old-owner"]), b"owns")
    assert client.clipboard.get().text == "häuser"
    assert client.clipboard.types().types == ["text"]


def test_owner_that_is_replaced_midway_is_asked_no_more(client, x, daemon):
    stopping = x.start(slow_owner(pieces=3, then="stop"))
    wait_line(stopping, b"owns")
    with ThreadPoolExecutor(1) as pool, daemon.client() as other:
        getting = pool.submit(other.clipboard.get, timeout_ms=20_000)
        # It has sent all that it will.
        wait_line(stopping, b"stops")
        client.clipboard.set(text="next")
        stopping.kill()
        assert getting.result(10).text == "next"


def test_owner_without_end_is_stopped_at_the_limit(client, x):
    process = x.start(slow_owner(pieces=1_000_000, then="exit"))
    wait_line(process, b"owns")
    with pytest.raises(TooLarge, match="at least 1200000 bytes, the limit is 1100000"):
        client.clipboard.get(max_bytes=1_100_000)


def test_content_over_the_limit_is_refused_with_its_size(client, x):
    x.copy(client, b"x" * 2_000_000)
    with pytest.raises(TooLarge, match=r"has at least .* bytes, the limit is 1000"):
        client.clipboard.get(max_bytes=1000)
    assert len(client.clipboard.get().text) == 2_000_000


def test_programs_that_die_midway_cost_nothing(client, x):
    text = mixed_text(3_000_000)
    client.clipboard.set(text=text)
    for _ in range(3):
        dying = x.start(dying_requestor(pieces=2))
        wait_line(dying, b"enough")
        dying.kill()
        assert x.paste() == text.encode()


def test_program_that_stops_midway_delays_nobody(client, x):
    text = mixed_text(3_000_000)
    client.clipboard.set(text=text)
    stopped = x.start(dying_requestor(pieces=2))
    wait_line(stopped, b"enough")
    assert x.paste() == text.encode()


def test_conventions_that_few_programs_use_are_kept(client, x):
    client.clipboard.set(text="häuser")
    done = subprocess.run(
        [PYTHON, str(HERE / "icccm.py"), "conventions"],
        env=x.environment,
        capture_output=True,
        check=True,
        timeout=20,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "obsolete requestor: UTF8_STRING häuser",
        "multiple: UTF8_STRING häuser, refused, STRING häuser",
        "before our time: refused",
        "unknown target: refused",
        "timestamp: INTEGER of our time",
    ]


def test_fetch_is_acknowledged_once_a_program_has_it(client, x):
    serial = client.clipboard.set(text="x").serial
    with pytest.raises(TimedOut, match="no program has fetched"):
        client.clipboard.wait_fetched(serial=serial, timeout_ms=100)
    x.targets()
    with pytest.raises(TimedOut):
        client.clipboard.wait_fetched(serial=serial, timeout_ms=100)
    x.paste()
    (fetch,) = client.clipboard.wait_fetched(serial=serial).fetches
    assert fetch.target == "UTF8_STRING"


def test_fetch_of_large_text_is_acknowledged_when_the_last_piece_was_taken(client, x):
    serial = client.clipboard.set(text="x" * 1_000_000).serial
    stopped = x.start(dying_requestor(pieces=2))
    wait_line(stopped, b"enough")
    with pytest.raises(TimedOut):
        client.clipboard.wait_fetched(serial=serial, timeout_ms=200)
    x.paste()
    assert len(client.clipboard.wait_fetched(serial=serial).fetches) == 1


def test_events_tell_of_changes_and_never_of_content(client, x):
    since = client.daemon.stats()["events"]["events"]
    serial = client.clipboard.set(text="hunter2", html="<b>hunter2</b>").serial
    x.paste()
    process = x.copy(client, b"hunter2")
    seen = []
    with client.events.subscribe(types=["clipboard"], since=since) as events:
        for event in events:
            seen.append(event)
            if event.data["serial"] == serial + 1:
                break
    ours, fetched, theirs = seen
    assert (ours.type, ours.data["serial"], ours.data["types"]) == (
        "clipboard.changed",
        serial,
        ["text", "html"],
    )
    assert ours.data["owner"]["agentd"]
    assert (fetched.type, fetched.data["target"]) == ("clipboard.fetched", "UTF8_STRING")
    assert (theirs.data["types"], theirs.data["owner"]["pid"]) == (None, process.pid)
    assert "hunter2" not in repr(seen)


def test_a_program_is_asked_nothing_before_a_caller_wants_it(client, x):
    # xclip ends after one answer: a question behind its back would use it up.
    process = x.copy(client, b"once", "clipboard", "-loops", "1")
    assert process.poll() is None
    assert x.paste() == b"once"
    assert process.wait(10) == 0


def test_log_holds_nothing_of_what_was_copied(client, x, daemon):
    client.clipboard.set(text="hunter2")
    x.paste()
    x.copy(client, b"hunter2")
    client.clipboard.get()
    with pytest.raises(BadRequest):
        client.clipboard.set(files=["hunter2"])
    with pytest.raises(BadRequest):
        client.clipboard.set(png=b"hunter2")
    assert "hunter2" not in daemon.log.read_text()


@pytest.mark.parametrize(
    ("given_", "path"),
    [({}, "text"), ({"png": b"no png"}, "png"), ({"files": ["relative"]}, "files[0]")],
)
def test_what_makes_no_sense_is_refused_by_name(client, given_, path):
    with pytest.raises(BadRequest) as caught:
        client.clipboard.set(**given_)
    assert caught.value.errors[0].path == path


def test_killed_x_server_is_given_the_content_again(client, x, daemon):
    client.clipboard.set(text=MIXED, html="<b>x</b>")
    serial = client.clipboard.set(text="marked", selection="primary").serial
    kill_and_wait_back(daemon, "xserver")
    found = client.clipboard.get(selection="primary")
    assert (found.text, found.serial) == ("marked", serial)
    x.environment |= client.desktop.status().environment
    assert x.paste("clipboard").decode() == MIXED
    assert x.paste("clipboard", "text/html").endswith(b"<b>x</b>")
    assert x.paste("primary") == b"marked"


def test_content_of_a_program_goes_with_its_x_server(client, x, daemon):
    x.copy(client, b"theirs")
    before = client.clipboard.types().serial
    kill_and_wait_back(daemon, "xserver")
    with pytest.raises(NotFound):
        client.clipboard.get()
    assert client.clipboard.set(text="next").serial > before + 1


def test_lost_link_is_opened_anew_and_the_content_offered_again(client, x, daemon):
    serial = client.clipboard.set(text="ours").serial
    before = client.clipboard.get().owner.window
    restarts = restarts_in(client.desktop.status())
    x.start([PYTHON, str(HERE / "icccm.py"), "kill", str(before)]).wait(10)

    def is_back() -> bool:
        with daemon.client() as other:
            now = other.desktop.status()  # Of one moment: what ran before may still seem to run.
            return now.running and restarts_in(now) > restarts

    daemon.wait_until(is_back, "the session has opened its links anew")
    assert client.clipboard.get().serial == serial
    assert x.paste() == b"ours"


def test_agentctl_prints_what_was_copied_and_takes_a_file(client, x, daemon, tmp_path):
    def agentctl(*words: str) -> bytes:
        call = "import sys; from agentd.client.cli import main; sys.exit(main())"
        argv = [PYTHON, "-c", call, "--socket", str(daemon.socket), "clipboard", *words]
        return subprocess.run(argv, capture_output=True, check=True, timeout=20).stdout

    agentctl("set", MIXED)
    assert x.paste().decode() == MIXED
    assert agentctl("get").decode() == MIXED
    path = tmp_path / "x.png"
    path.write_bytes(PNG)
    agentctl("set", "--png", f"@{path}", "--selection", "primary")
    assert x.paste("primary", "image/png") == PNG
    agentctl("get", "--type", "png", "--selection", "primary", "-o", f"{path}.copy")
    assert Path(f"{path}.copy").read_bytes() == PNG


def restarts_in(status) -> int:
    parts = {part.name: part for part in status.parts}
    return parts["desktop.session"].restarts


def test_get_without_a_desktop_is_a_typed_error(tmp_path):
    with running_daemon(tmp_path, "[desktop]\nautostart = false\n") as stopped:
        with stopped.client() as client, pytest.raises(Unavailable) as caught:
            client.clipboard.get()
    assert caught.value.narrow_code == "desktop_not_running"


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
PYTHON = sys.executable
HERE = Path(__file__).parent / "oracles"


def slow_owner(pieces: int, then: str) -> list[str]:
    return [PYTHON, str(HERE / "icccm.py"), "owner", str(pieces), then]


def dying_requestor(pieces: int) -> list[str]:
    return [PYTHON, str(HERE / "icccm.py"), "requestor", str(pieces)]


def wait_line(process: subprocess.Popen[bytes], wanted: bytes) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == wanted
