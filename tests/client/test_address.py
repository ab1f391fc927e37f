"""Where the client looks for the daemon, and what it says when nobody is there."""

from __future__ import annotations

import errno
import os

import pytest

from agentd.base.errors import Unavailable
from agentd.client.address import Address, find_address, unreachable


def test_argument_goes_before_the_environment() -> None:
    environment = {"AGENTD_SOCKET": "/env.sock", "AGENTD_URL": "http://env"}
    assert find_address("/given.sock", environment=environment) == Address("/given.sock")
    assert find_address(environment=environment) == Address("/env.sock")
    assert find_address(url="http://given", token="t", environment=environment) == Address(
        "", "http://given", "t"
    )


def test_url_takes_its_token_from_the_environment() -> None:
    environment = {"AGENTD_URL": "http://env/", "AGENTD_TOKEN": "secret"}
    address = find_address(environment=environment)
    assert (address.base, str(address)) == ("http://env", "http://env/")
    assert address.headers == {"Authorization": "Bearer secret"}


def test_user_without_a_service_has_the_socket_in_the_runtime_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    runtime = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    assert find_address(environment=runtime).socket == "/run/user/1000/agentd/agentd.sock"
    assert find_address(environment={}).socket == "/tmp/agentd-1000/agentd/agentd.sock"


def test_server_of_an_mcp_client_finds_the_runtime_folder_without_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    socket = "/run/user/1000/agentd/agentd.sock"
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os.path, "exists", lambda path: path == socket)
    assert find_address(environment={"PATH": "/usr/bin"}).socket == socket


def test_running_service_goes_before_the_runtime_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/run/agentd/agentd.sock")
    runtime = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    assert find_address(environment=runtime).socket == "/run/agentd/agentd.sock"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOENT, "there is no socket at /s"),
        (errno.ECONNREFUSED, "nobody listens on /s"),
        (errno.EACCES, "you may not open the socket /s"),
        (errno.EHOSTUNREACH, "cannot reach agentd at /s: No route"),
    ],
)
def test_each_reason_has_a_sentence_and_a_hint(number: int, told: str) -> None:
    error = unreachable(Address("/s"), OSError(number, os.strerror(number)))
    assert isinstance(error, Unavailable)
    assert told in error.detail
    assert error.hint
    assert error.narrow_code == "daemon_not_running"
