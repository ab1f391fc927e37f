"""The service under a real systemd: activation, crashes, stops, and who may connect."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.live.machine import Machine, booted_machine, reason_against

DROP_IN = "/run/systemd/system/agentd.service.d/test.conf"
# A daemon that no SIGTERM reaches: a blocked signal stays blocked in the program that follows.
DEAF = (
    "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    "os.execv('/opt/agentd/bin/agentd', ['agentd'])"
)


@pytest.fixture(scope="module")
def installed() -> Iterator[Machine]:
    """A machine with this checkout's service installed."""
    if reason := reason_against():
        pytest.fail(reason)
    with booted_machine() as machine:
        machine.run("/src/systemd/install")
        yield machine


@pytest.fixture
def machine(installed: Machine) -> Iterator[Machine]:
    """The machine with the socket open, the service not yet started, and no memory of before."""
    yield installed
    installed.run(
        "systemctl stop agentd.socket agentd.service; systemctl reset-failed;"
        f"rm -rf {DROP_IN} /run/agentd /var/lib/agentd /etc/agentd; systemctl daemon-reload;"
        "systemctl start agentd.socket"
    )


def override(machine: Machine, *lines: str) -> None:
    """Change the service for one test."""
    machine.path(DROP_IN).parent.mkdir(parents=True, exist_ok=True)
    machine.path(DROP_IN).write_text("\n".join(["[Service]", *lines, ""]))
    machine.run("systemctl daemon-reload")


def crash(machine: Machine) -> None:
    machine.run("systemctl kill --kill-whom=main --signal=KILL agentd.service")


def open_terminal(machine: Machine) -> tuple[int, int, int]:
    """Return the daemon's process, the display's generation and the window of an xterm."""
    with machine.client() as client:
        display = client.desktop.start().display
        window = client.apps.launch(argv=["xterm"], wait_window_s=20).window
        return client.daemon.version().pid, display.generation, window.id


def seen_now(machine: Machine) -> tuple[int, int, list[int]]:
    """Return the daemon's process, the display's generation and all windows."""
    with machine.client() as client:
        # The first answer may come from a daemon that is still taking its desktop over.
        generation = client.desktop.start().display.generation
        windows = [window.id for window in client.windows.list()]
        return client.daemon.version().pid, generation, windows


def test_first_client_starts_the_service_and_sees_the_desktop(machine: Machine) -> None:
    assert machine.property("ActiveState") == "inactive"
    with machine.client() as client:
        client.desktop.start()
        picture = Image.open(io.BytesIO(client.desktop.screenshot().body))
    assert machine.property("ActiveState") == "active"
    assert (picture.format, picture.size) == ("PNG", (1280, 800))
    assert any(low != high for low, high in picture.convert("RGB").getextrema())


def test_programs_run_as_the_unprivileged_user(machine: Machine) -> None:
    open_terminal(machine)
    owners = machine.run("find /proc -maxdepth 1 -user agent -name '[0-9]*' -exec cat {}/comm \\;")
    assert {"Xvfb", "openbox", "dbus-daemon", "xterm"} <= set(owners.split())


def test_agentctl_reaches_the_service(machine: Machine) -> None:
    assert "desktop.xserver" in machine.run("agentctl daemon health")


def test_only_root_and_members_of_the_group_may_connect(machine: Machine) -> None:
    machine.run("useradd --groups agentd member; useradd stranger")
    ask = "runuser -u {} -- agentctl daemon version"
    assert "version" in machine.run(ask.format("member"))
    for name in ("stranger", "agent"):
        said = machine.run(f"{ask.format(name)} && exit 1 || :")
        assert "agentd.sock" in said


def test_windows_survive_a_killed_daemon(machine: Machine) -> None:
    pid, generation, window = open_terminal(machine)
    crash(machine)
    new_pid, new_generation, windows = seen_now(machine)
    assert new_pid != pid
    assert new_generation == generation
    assert window in windows


def test_second_crash_at_once_makes_a_clean_start(machine: Machine) -> None:
    _, generation, window = open_terminal(machine)
    crash(machine)
    seen_now(machine)
    crash(machine)
    _, new_generation, windows = seen_now(machine)
    assert new_generation == generation + 1
    assert window not in windows


def test_watchdog_restarts_a_daemon_that_stands_still(machine: Machine) -> None:
    override(machine, "WatchdogSec=2")
    pid, generation, window = open_terminal(machine)
    machine.run("systemctl kill --kill-whom=main --signal=STOP agentd.service")
    machine.wait_other_process(pid)
    new_pid, new_generation, windows = seen_now(machine)
    assert new_pid != pid
    assert (new_generation, window in windows) == (generation, True)


def test_stop_leaves_nothing_running(machine: Machine) -> None:
    open_terminal(machine)
    machine.run("systemctl stop agentd.service")
    assert machine.property("Result") == "success"
    assert machine.processes_of_service() == []


def test_stop_after_a_crash_leaves_nothing_running(machine: Machine) -> None:
    with machine.client() as client:
        client.desktop.start()
        # Nobody knows this one after the crash, and it does not hang on the display.
        client.apps.launch(argv=["sleep", "600"])
    crash(machine)
    seen_now(machine)
    assert "sleep" in machine.processes_of_service()
    machine.run("systemctl stop agentd.service")
    assert machine.processes_of_service() == []


def test_stop_ends_a_daemon_that_does_not_listen_to_it(machine: Machine) -> None:
    start = f'ExecStart=/opt/agentd/bin/python -c "{DEAF}"'
    override(machine, "TimeoutStopSec=1", "ExecStart=", start)
    open_terminal(machine)
    machine.run("systemctl stop agentd.service")
    assert machine.property("Result") == "timeout"
    assert machine.processes_of_service() == []


def test_stop_before_the_restart_after_a_crash_leaves_nothing_running(machine: Machine) -> None:
    override(machine, "RestartSec=60")
    open_terminal(machine)
    crash(machine)
    machine.run("systemctl stop agentd.service")
    assert "Triggering OnFailure=" in machine.run(
        "journalctl --unit=agentd --output=cat --no-pager"
    )
    # `stop` does not wait for what it triggered: a start joins it.
    machine.run("systemctl start agentd-sweep.service")
    assert machine.processes_of_service() == []


def test_starts_again_after_a_stop(machine: Machine) -> None:
    pid, _, window = open_terminal(machine)
    machine.run("systemctl stop agentd.service")
    new_pid, _, windows = seen_now(machine)
    assert new_pid != pid
    assert window not in windows


def test_starts_without_a_configuration_file(machine: Machine) -> None:
    machine.run("rm -f /etc/agentd/agentd.toml")
    with machine.client() as client:
        assert client.daemon.health().ready in (True, False)


def test_wrong_configuration_is_told_in_the_journal(machine: Machine) -> None:
    machine.run("mkdir -p /etc/agentd; echo 'desktop.widht = 5' > /etc/agentd/agentd.toml")
    machine.run("systemctl start agentd.service", check=False)
    assert machine.property("ExecMainStatus") == "2"
    assert "desktop.widht" in machine.run("journalctl --unit=agentd --output=cat --no-pager")


def test_credential_opens_the_tcp_listener(machine: Machine) -> None:
    """As docs/operations.md tells it."""
    made = machine.run("agentctl token ci --scopes view").splitlines()
    token = made[made.index("# The token, shown this once:") + 1]
    entry = "\n".join(made[made.index("[[tokens]]") :])
    machine.run("mkdir -p /etc/credstore /etc/agentd")
    machine.path("/etc/credstore/agentd.tokens").write_text(entry)
    machine.path("/etc/agentd/agentd.toml").write_text(
        '[control.tcp]\nlisten = "127.0.0.1:7070"\n'
        'tokens_file = "/run/credentials/agentd.service/agentd.tokens"\n'
    )
    machine.run("systemctl start agentd.service; rm /etc/credstore/agentd.tokens")
    ask = "AGENTD_URL=http://127.0.0.1:7070 AGENTD_TOKEN={} agentctl daemon version"
    assert "version" in machine.run(ask.format(token))
    assert "bearer token" in machine.run(f"{ask.format('wrong')} && exit 1 || :")


def test_installing_again_restarts_a_running_service(machine: Machine) -> None:
    with machine.client() as client:
        pid = client.daemon.version().pid
    machine.run("/src/systemd/install")
    with machine.client() as client:
        assert client.daemon.version().pid != pid


def test_unit_files_have_no_mistakes(machine: Machine) -> None:
    assert machine.run("systemd-analyze verify agentd.service agentd.socket") == ""
