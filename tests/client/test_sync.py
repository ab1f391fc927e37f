"""The synchronous client against the real faces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentd.base.errors import BadRequest, Conflict, TimedOut, Unauthorized, Unavailable
from agentd.client.blob import Blob
from agentd.client.sync import SyncClient
from tests.client.conftest import ThreadedServer


def test_call_returns_json_blob_or_null(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        assert client.call("sample.echo", count=2)["count"] == 2
        blob = client.call("sample.picture", size=70_000)
        assert client.call("sample.maybe") is None
    assert isinstance(blob, Blob)
    assert (len(blob.body), blob.meta["word"]) == (70_000, "größe")


def test_typed_methods_return_structs(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        assert client.daemon.version().version == "1.2.3"


def test_all_calls_use_one_connection_errors_included(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        first = client.call("sample.who")["id"]
        with pytest.raises(Conflict):
            client.call("sample.fail")
        with pytest.raises(TimedOut):
            client.call("sample.wait", deadline_s=0.05)
        assert client.call("sample.who")["id"] == first


def test_connection_closed_by_the_daemon_is_made_anew(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        client.call("sample.echo")
        threaded.close_connections()
        assert client.call("sample.echo")["count"] == 1


def test_stream_gives_items_and_its_error(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        assert [item["seq"] for item in client.stream("sample.count", to=2)] == [1, 2]
        seen = []
        with pytest.raises(Conflict), client.stream("sample.count", then="conflict") as items:
            seen += [item["seq"] for item in items]
        with pytest.raises(BadRequest), client.stream("sample.count", to=-1):
            pass


def test_leaving_a_stream_ends_the_command(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        with client.stream("sample.count", to=1, then="wait") as items:
            assert next(items) == {"seq": 1}
        threaded.wait_for(lambda: threaded.server.room.ended.is_set())


def test_streaming_command_cannot_be_called(threaded: ThreadedServer) -> None:
    with SyncClient(threaded.socket) as client:
        with pytest.raises(BadRequest, match="answers a stream"):
            client.call("sample.count", then="wait")
        assert client.call("sample.echo")["count"] == 1


def test_token_opens_the_tcp_listener(threaded: ThreadedServer) -> None:
    url = f"http://127.0.0.1:{threaded.server.port}"
    with SyncClient(url=url, token="viewer") as client:
        assert client.call("sample.who")["principal"] == "token:viewer"
    with SyncClient(url=url) as client, pytest.raises(Unauthorized):
        client.call("sample.who")


def test_missing_socket_says_that_the_daemon_does_not_run(tmp_path: Path) -> None:
    with SyncClient(tmp_path / "no.sock") as client, pytest.raises(Unavailable) as caught:
        client.daemon.health()
    assert caught.value.narrow_code == "daemon_not_running"


def test_synchronous_client_imports_no_event_loop() -> None:
    program = "import agentd.client.sync, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"aiohttp", "asyncio", "numpy"} & set(done.stdout.split())
