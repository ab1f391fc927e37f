"""agentctl as a user meets it: words in, text and exit codes out."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentd.base.errors import FACES, Conflict
from agentd.client import cli
from agentd.client.terminal import Terminal
from tests.client.conftest import ThreadedServer


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Ctl = Callable[..., Outcome]


@pytest.fixture
def ctl(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Ctl:
    """Run agentctl in this process, with no daemon unless a test names one."""
    monkeypatch.setenv("AGENTD_SOCKET", str(tmp_path / "no.sock"))

    def run(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["agentctl", *words])
        code = cli.main()
        sys.stdout.flush()
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.fixture
def live(ctl: Ctl, threaded: ThreadedServer, monkeypatch: pytest.MonkeyPatch) -> Ctl:
    """Run agentctl against the sample daemon, whose commands it has to look up."""
    monkeypatch.setenv("AGENTD_SOCKET", threaded.socket)
    return ctl


def test_help_lists_commands_options_and_exit_codes(ctl: Ctl) -> None:
    done = ctl("--help")
    assert done.code == 0
    for word in ("desktop", "windows", "completion", "--json", "--socket"):
        assert word in done.out
    for numbers in FACES.values():
        assert f"  {numbers.exit_code} " in done.out


def test_no_words_print_the_help_and_fail(ctl: Ctl) -> None:
    done = ctl()
    assert (done.code, done.out.splitlines()[0][:6]) == (2, "Usage:")


def test_option_for_several_values_is_repeated(ctl: Ctl) -> None:
    assert "--rights view --rights pointer" in " ".join(ctl("vnc", "grant", "--help").out.split())
    done = ctl("vnc", "grant", "--rights", "pointer", "key")
    assert done.code == 2
    assert "--rights A --rights B" in done.err


def test_help_of_a_command_tells_every_parameter(ctl: Ctl) -> None:
    done = ctl("desktop", "click", "--help")
    assert done.code == 0
    assert "agentctl desktop click [X] [Y] [options]" in done.out
    assert "integer 1..10; default 1; for example 2" in done.out
    assert "agentctl desktop click 640 400" in done.out


def test_help_fits_a_hundred_columns(ctl: Ctl) -> None:
    for words in (["--help"], ["desktop", "--help"], ["desktop", "screenshot", "--help"]):
        assert max(map(len, ctl(*words).out.splitlines())) <= 100


def test_daemon_that_does_not_run_is_69_and_says_so(ctl: Ctl) -> None:
    done = ctl("desktop", "cursor")
    assert done.code == 69
    assert done.err.startswith("error: agentd is not running: there is no socket at ")
    assert "\nhint: " in done.err
    assert done.out == ""


def test_error_as_json_is_one_problem_document(ctl: Ctl) -> None:
    done = ctl("desktop", "cursor", "--json")
    assert (done.code, done.err) == (69, "")
    assert (done.document["code"], done.document["status"]) == ("daemon_not_running", 503)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["desktop", "clik"], "did you mean 'desktop click'?"),
        (["desktp", "click"], "did you mean 'desktop'?"),
        (["helth"], "did you mean 'health'?"),
        (["desktop", "click", "--buton", "left"], "did you mean --button?"),
        (["desktop", "click", "a", "b"], "x: wanted an integer, got 'a'"),
        (["desktop", "move", "5"], "desktop.move needs y"),
        (["desktop", "type", "hello", "world"], "quotes"),
        (["desktop", "click", "--count"], "--count needs a value"),
        (["desktop", "click", "--count", "1", "--count", "2"], "given twice"),
        (["desktop", "click", "1", "--x", "2"], "given twice"),
        (["desktop", "cursor", "--timeout", "soon"], "--timeout: wanted seconds"),
        (["desktop", "cursor", "-o", "file"], "there is no option -o"),
        (["apps", "launch", "xterm", "-e", "top"], "there is no option -e"),
    ],
)
def test_wrong_words_are_2_and_name_the_nearest(ctl: Ctl, words: list[str], told: str) -> None:
    done = ctl(*words)
    assert done.code == 2
    assert told in done.err


def test_commands_of_a_newer_daemon_are_looked_up(live: Ctl) -> None:
    done = live("sample", "echo", "--count", "3", "--flag", "--point", "1,2", "--tags", "a")
    assert done.code == 0
    assert "count    3\n" in done.out
    done = live("sample", "echo", "--ratio=0.5", "--no-flag", "--json")
    assert (done.document["ratio"], done.document["flag"]) == (0.5, False)


def test_socket_option_is_understood_anywhere(ctl: Ctl, threaded: ThreadedServer) -> None:
    assert ctl("sample", "echo", "--socket", threaded.socket).code == 0
    assert ctl("--socket", threaded.socket, "sample", "echo").code == 0


def test_words_behind_two_dashes_are_taken_as_they_are(live: Ctl) -> None:
    done = live("sample", "draw", "--json", "--note", "7", "--", "1,2", "x=3")
    assert done.document["points"] == [{"x": 1, "y": 2}, {"x": 3, "y": 0}]
    assert done.document["note"] == 7


def test_maps_are_names_and_values(live: Ctl) -> None:
    done = live("sample", "draw", "1", "--names", "a=b", "--names", "c=d=e", "--json")
    assert done.document["names"] == {"a": "b", "c": "d=e"}


def test_error_of_the_daemon_gives_its_exit_code(live: Ctl) -> None:
    done = live("sample", "fail")
    assert done.code == FACES[Conflict].exit_code
    assert done.err == "error: it is taken\nhint: wait\nhint: try again in 2.4 s\n"


def test_timeout_is_7(live: Ctl) -> None:
    assert live("sample", "wait", "--timeout", "0.05").code == 7


def test_fault_names_the_request(live: Ctl) -> None:
    done = live("sample", "fail", "--how", "bug")
    assert done.code == 70
    assert "the log of the daemon tells more of request" in done.err


def test_nothing_to_say_says_nothing(live: Ctl) -> None:
    assert live("sample", "poke") == Outcome(0, "", "")


def test_bytes_go_to_a_file(live: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    done = live("sample", "picture", "--size", "300", "-o", str(path))
    assert done == Outcome(0, "", f"{path}: image/sample, 300 bytes\n")
    assert len(path.read_bytes()) == 300


def test_bytes_are_described_as_json(live: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    done = live("sample", "picture", "-o", str(path), "--json")
    assert done.document["size_bytes"] == path.stat().st_size
    done = live("sample", "picture", "--size", "3", "--json")
    assert base64.b64decode(done.document["data"]) == bytes(range(3))


def test_file_that_cannot_be_written_is_said(live: Ctl, tmp_path: Path) -> None:
    done = live("sample", "picture", "-o", str(tmp_path / "no" / "picture"))
    assert done.code == 2
    assert "No such file" in done.err


def test_terminal_is_spared_bytes(live: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return os.open(os.devnull, os.O_RDONLY)

    monkeypatch.setattr(sys, "stdout", Tty())
    done = live("sample", "picture")
    assert done.code == 2
    assert "-o FILE" in done.err


def test_stream_is_a_json_line_each(live: Ctl) -> None:
    assert live("sample", "count", "--to", "2", "--json").out == '{"seq":1}\n{"seq":2}\n'


def test_health_is_a_table_and_an_exit_code(live: Ctl) -> None:
    done = live("health")
    assert done.code == 0
    assert done.out.startswith("agentd 1.2.3 is ok, up ")
    assert "\033" not in done.out


def test_version_tells_both_ends(live: Ctl, ctl: Ctl, tmp_path: Path) -> None:
    assert "agentd   1.2.3 (pid " in live("version").out
    assert "not running" in ctl("version", "--socket", str(tmp_path / "no.sock")).out


def test_token_lines_are_a_token_file(ctl: Ctl) -> None:
    done = ctl("token", "ci", "--scopes", "view,input")
    secret = done.out.splitlines()[1]
    (entry,) = tomllib.loads("[[tokens]]" + done.out.partition("[[tokens]]")[2])["tokens"]
    assert entry == {
        "name": "ci",
        "scopes": ["view", "input"],
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
    }


def test_token_wants_known_scopes(ctl: Ctl) -> None:
    assert "no scope 'all'" in ctl("token", "ci", "--scopes", "all").err


def test_reader_that_leaves_ends_it_quietly(threaded: ThreadedServer) -> None:
    program = "import sys; from agentd.client.cli import main; sys.exit(main())"
    words = ["--socket", threaded.socket, "sample", "count", "--to", "9999"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 130
        assert process.stderr.read() == b""


def test_interrupt_ends_it_quietly(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(words: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    assert ctl("events") == Outcome(130, "", "")


def test_plain_call_imports_little() -> None:
    program = (
        "import sys; from agentd.client.cli import main; sys.argv[1:] = ['desktop', 'cursor'];"
        "main(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    unwanted = {"aiohttp", "asyncio", "numpy", "agentd.client.help", "agentd.base.schema"}
    assert not unwanted & set(done.stdout.split())


def test_health_page_is_coloured_on_a_terminal() -> None:
    assert Terminal(80, has_colour=True).paint("ok", "green") == "\033[32mok\033[0m"
    assert Terminal(80).paint("ok", "green") == "ok"
