"""The configuration: one file, all of its problems at once, and the environment read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentd.base.config import (
    Config,
    ConfigError,
    Environment,
    check,
    load,
    resolve_paths,
)


def problems(text: str, folder: Path) -> dict[str, str]:
    path = folder / "agentd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return {error.path: str(error) for error in caught.value.errors}


def test_no_file_means_the_defaults() -> None:
    assert load(None) == Config()


def test_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    assert load(path) == Config()


def test_defaults_are_closed_to_the_network() -> None:
    assert Config().control.tcp.listen == ""


def test_all_problems_of_a_file_are_told_together(tmp_path: Path) -> None:
    text = """
        [daemon]
        log_levle = "info"
        [control]
        socket_mode = 660
        max_body_bytes = 1
        [desktop]
        width = "wide"
        [deskotp]
        """
    found = problems(text, tmp_path)
    assert set(found) == {
        "daemon.log_levle",
        "control.socket_mode",
        "control.max_body_bytes",
        "desktop.width",
        "deskotp",
    }
    assert "did you mean 'log_level'?" in found["daemon.log_levle"]
    assert "did you mean 'desktop'?" in found["deskotp"]


def test_text_names_the_file_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "agentd.toml"
    path.write_text("a = 1\nb = 2\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = caught.value.detail.splitlines()
    assert [line.startswith(f"{path}: ") for line in lines] == [True, True]


@pytest.mark.parametrize(
    "content",
    [
        b"[daemon",
        b"a = \n",
        b"\xff\xfe",
        b"a = " + b"[" * 5000 + b"]" * 5000,
        b"a = " + b"1" * 5000,
        b"a = 1\na = 2\n",
    ],
    ids=["header", "value", "encoding", "deep", "digits", "twice"],
)
def test_bad_toml_is_one_problem_of_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [error.path for error in caught.value.errors] == ["(file)"]


def test_huge_hexadecimal_number_is_told(tmp_path: Path) -> None:
    assert set(problems("[desktop]\nwidth = 0x" + "f" * 9000, tmp_path)) == {"desktop.width"}


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_unreadable_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="a readable file"):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[desktop]\nwidth = 3000", "desktop.width"),
        ("[desktop]\nheight = 1000\nmax_height = 999", "desktop.height"),
        ('[control.tcp]\nlisten = "127.0.0.1:80"', "control.tcp.tokens_file"),
        ('[control.tcp]\nlisten = "127.0.0.1:0"\ntokens_file = "t"', "control.tcp.listen"),
        ('[control.tcp]\nlisten = "127.0.0.1:65536"\ntokens_file = "t"', "control.tcp.listen"),
        ('[control.tcp]\nlisten = "0.0.0.0:80"\ntokens_file = "t"', "control.tcp.certificate_file"),
        ('[control.tcp]\nlisten = "[::]:80"\ntokens_file = "t"', "control.tcp.certificate_file"),
        ('[control.tcp]\ncertificate_file = "c"', "control.tcp.key_file"),
        ('[control.tcp]\nkey_file = "k"', "control.tcp.key_file"),
        ('[vnc]\ncertificate_file = "c"', "vnc.key_file"),
        ('[vnc]\nkey_file = "k"', "vnc.key_file"),
        ('[vnc]\nlisten = "127.0.0.1:65536"', "vnc.listen"),
        ('[vnc]\nwebsocket = "127.0.0.1:65536"', "vnc.websocket"),
        ('[vnc]\nlisten = "0.0.0.0:5900"', "vnc.certificate_file"),
        ('[vnc]\nlisten = "[::]:5900"', "vnc.certificate_file"),
        ('[vnc]\nwebsocket = "desk.example:8080"', "vnc.certificate_file"),
        ('[vnc]\nlisten = ":5900"', "vnc.listen"),
        ('[vnc]\nlisten = "5900"', "vnc.listen"),
        ('[vnc]\nlisten = "unix:"', "vnc.listen"),
        ('[vnc]\nwebsocket = "unix:/run/x"', "vnc.websocket"),
        ('[vnc]\nmode = "nobody"', "vnc.mode"),
    ],
)
def test_contradiction_between_keys_is_told(tmp_path: Path, text: str, path: str) -> None:
    assert set(problems(text, tmp_path)) == {path}


def test_contradictions_are_told_together() -> None:
    document = {"desktop": {"width": 9999, "height": 9999}, "control": {"tcp": {"key_file": "k"}}}
    with pytest.raises(ConfigError) as caught:
        check(document)
    assert len(caught.value.errors) == 3


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "localhost:80", "[::1]:80"])
def test_loopback_needs_no_tls(listen: str) -> None:
    check({"control": {"tcp": {"listen": listen, "tokens_file": "t"}}})


@pytest.mark.parametrize("listen", ["80", "::1:80", "host", "host:", "a b:80", "host:123456"])
def test_malformed_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError):
        check({"control": {"tcp": {"listen": listen, "tokens_file": "t"}}})


@pytest.mark.parametrize("mode", ["0999", "66", "rw-rw----", "07777", ""])
def test_malformed_socket_mode_is_refused(mode: str) -> None:
    with pytest.raises(ConfigError):
        check({"control": {"socket_mode": mode}})


class TestEnvironment:
    def test_is_read_from_the_given_variables_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", "/elsewhere")
        assert Environment.read({}).notify_socket == ""

    def test_is_read_from_the_process_without_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", "/here")
        assert Environment.read().notify_socket == "/here"

    def test_root_has_the_system_folders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        found = Environment.read({"HOME": "/root"})
        assert (found.state_home, found.runtime_home) == ("/var/lib/agentd", "/run/agentd")

    def test_user_has_folders_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(os, "getuid", lambda: 1000)
        found = Environment.read({"HOME": "/home/a"})
        assert found.state_home == "/home/a/.local/state/agentd"
        assert found.runtime_home == "/tmp/agentd-1000/agentd"

    def test_user_folders_follow_xdg(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        found = Environment.read({"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r"})
        assert (found.state_home, found.runtime_home) == ("/s/agentd", "/r/agentd")

    def test_systemd_folders_win(self) -> None:
        found = Environment.read({"STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r"})
        assert (found.state_home, found.runtime_home) == ("/s", "/r")

    def test_first_of_several_systemd_folders_is_ours(self) -> None:
        found = Environment.read({"STATE_DIRECTORY": "/s:/t", "RUNTIME_DIRECTORY": "/r:/q"})
        assert (found.state_home, found.runtime_home) == ("/s", "/r")

    def test_passed_sockets_of_another_process_are_not_ours(self) -> None:
        others = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid() + 1)}
        assert Environment.read(others).listen_fds == 0

    def test_passed_sockets_are_counted(self) -> None:
        mine = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        assert Environment.read(mine).listen_fds == 1

    def test_watchdog_is_read_in_seconds(self) -> None:
        assert Environment.read({"WATCHDOG_USEC": "2500000"}).watchdog_s == 2.5

    def test_watchdog_of_another_process_is_not_ours(self) -> None:
        others = {"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid() + 1)}
        assert Environment.read(others).watchdog_s == 0

    @pytest.mark.parametrize("text", ["", "many", "-1", "²"])
    def test_numbers_that_are_none_count_as_not_set(self, text: str) -> None:
        found = Environment.read(
            {"LISTEN_FDS": text, "LISTEN_PID": str(os.getpid()), "WATCHDOG_USEC": text}
        )
        assert (found.listen_fds, found.watchdog_s) == (0, 0)

    def test_journal_is_noticed(self) -> None:
        assert Environment.read({"JOURNAL_STREAM": "8:1"}).in_journal


class TestPaths:
    environment = Environment(state_home="/env/state", runtime_home="/env/run")

    def test_come_from_the_environment(self) -> None:
        paths = resolve_paths(Config(), self.environment)
        assert paths.socket == Path("/env/run/agentd.sock")
        assert paths.state_dir == Path("/env/state")

    def test_configuration_wins(self) -> None:
        daemon = {"state_dir": "/s", "runtime_dir": "/r"}
        paths = resolve_paths(check({"daemon": daemon}), self.environment)
        assert (paths.state_dir, paths.runtime_dir) == (Path("/s"), Path("/r"))
        assert paths.socket == Path("/r/agentd.sock")

    def test_socket_has_a_key_of_its_own(self) -> None:
        paths = resolve_paths(check({"control": {"socket": "/x/y"}}), self.environment)
        assert (paths.socket, paths.runtime_dir) == (Path("/x/y"), Path("/env/run"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'listen = "127.0.0.1:0"',
        'listen = "localhost:5900"\nwebsocket = "[::1]:0"',
        'listen = "unix:/run/agentd/vnc.sock"\nwebsocket = ""',
        "websocket = true",
        'listen = "0.0.0.0:5900"\ncertificate_file = "c"\nkey_file = "k"',
        'listen = "0.0.0.0:5900"\nplain = true',
    ],
)
def test_viewers_may_come_in_by(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agentd.toml"
    path.write_text(f"[vnc]\n{text}")
    load(path)
