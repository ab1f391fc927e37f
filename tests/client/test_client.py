"""The asynchronous client against the real faces."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from agentd.base.errors import (
    BadRequest,
    Conflict,
    Fault,
    NotFound,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from agentd.client.address import Address
from agentd.client.blob import Blob
from agentd.client.client import Client
from agentd.client.transport import AsyncTransport
from tests.fakes import ControlServer, until


async def test_call_returns_json(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        answer = await client.call("sample.echo", text="größe", point={"x": 3})
    assert answer["text"] == "größe"
    assert answer["point"] == {"x": 3, "y": 0}


async def test_typed_methods_return_structs(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        assert (await client.daemon.version()).version == "1.2.3"


async def test_blob_arrives_as_bytes_with_its_metadata(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        blob = await client.call("sample.picture", size=300_000)
    assert isinstance(blob, Blob)
    assert blob.body == bytes(range(256)) * 1171 + bytes(range(224))
    assert blob.media_type == "image/sample"
    assert blob.meta == {"size": 300_000, "word": "größe"}


async def test_null_stays_null(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        assert await client.call("sample.maybe") is None


async def test_error_is_the_class_that_was_raised(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(Conflict) as caught:
            await client.call("sample.fail")
    assert caught.value.narrow_code == "taken"
    assert caught.value.hint == "wait"
    assert caught.value.retry_after_s == 2.4
    assert caught.value.__notes__[0].startswith("request id ")


async def test_wrong_call_carries_its_faults(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(BadRequest) as caught:
            await client.call("sample.echo", cuont=1)
    assert caught.value.errors[0].nearest == "count"


async def test_unknown_command(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(NotFound, match=r"sample\.echo"):
            await client.call("sample.ecko")
        with pytest.raises(NotFound):
            await client.call("../../etc")


async def test_deadline_is_kept_by_the_daemon(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(TimedOut):
            await client.call("sample.wait", deadline_s=0.05)


async def test_cancelling_cancels_the_command(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(client.call("sample.wait"))
            await server.room.begun.wait()
            task.cancel()
        await asyncio.wait_for(server.room.ended.wait(), 5)


async def test_long_call_holds_no_other_up(server: ControlServer) -> None:
    async with Client(server.socket) as client, asyncio.TaskGroup() as group:
        waiting = group.create_task(client.call("sample.wait"))
        await server.room.begun.wait()
        assert (await client.call("sample.echo"))["count"] == 1
        server.room.go_on.set()
        assert await waiting == "went on"


async def test_ordered_commands_share_one_connection(server: ControlServer) -> None:
    transport = AsyncTransport(
        Address(str(server.socket)), ordered=frozenset({"sample.who", "sample.poke"})
    )
    await transport.open()
    try:
        calls = (transport.value("sample.who", {}, 5) for _ in range(20))
        callers = await asyncio.gather(*calls)
        await transport.value("sample.poke", {}, 5)
        callers.append(await transport.value("sample.who", {}, 5))
    finally:
        await transport.close()
    assert len({caller["id"] for caller in callers}) == 1


async def test_closing_ends_the_connections(server: ControlServer) -> None:
    client = Client(server.socket)
    async with client:
        await client.call("sample.echo")
    await until(lambda: len(server.left) == 1)
    with pytest.raises(Conflict, match="not open"):
        await client.call("sample.echo")
    await client.close()


async def test_stream_gives_items_to_its_end(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        assert [item["seq"] async for item in client.stream("sample.count", to=3)] == [1, 2, 3]


async def test_leaving_a_stream_ends_the_command(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        async with client.stream("sample.count", to=1, then="wait") as items:
            async for item in items:
                assert item == {"seq": 1}
                break
        await asyncio.wait_for(server.room.ended.wait(), 5)


async def test_stream_that_fails_raises_behind_its_items(server: ControlServer) -> None:
    seen = []
    async with (
        Client(server.socket) as client,
        client.stream("sample.count", to=2, then="conflict") as items,
    ):
        seen += [await anext(items), await anext(items)]
        with pytest.raises(Conflict):
            await anext(items)
    assert seen == [{"seq": 1}, {"seq": 2}]


async def test_stream_that_is_refused_raises_on_entering(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(BadRequest):
            await client.stream("sample.count", to=-1).__aenter__()


async def test_stream_is_typed_by_its_method(server: ControlServer) -> None:
    async with Client(server.socket) as client, client.events.subscribe() as events:
        server.bus.publish("sample.happened", word="yes")
        event = await anext(events)
    assert (event.type, event.data) == ("sample.happened", {"word": "yes"})


async def test_streaming_command_cannot_be_called(server: ControlServer) -> None:
    async with Client(server.socket) as client:
        with pytest.raises(BadRequest, match="answers a stream"):
            await client.call("sample.count", then="wait")


async def test_token_opens_the_tcp_listener(server: ControlServer) -> None:
    url = f"http://127.0.0.1:{server.port}"
    async with Client(url=url, token="viewer") as client:
        assert (await client.call("sample.who"))["principal"] == "token:viewer"
    async with Client(url=url, token="wrong") as client:
        with pytest.raises(Unauthorized):
            await client.call("sample.who")


async def test_missing_socket_says_that_the_daemon_does_not_run(tmp_path: Path) -> None:
    async with Client(tmp_path / "no.sock") as client:
        with pytest.raises(Unavailable, match="there is no socket at") as caught:
            await client.daemon.health()
    assert caught.value.narrow_code == "daemon_not_running"
    assert "agentd" in caught.value.hint


async def test_dead_socket_says_that_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with Client(path) as client:
        with pytest.raises(Unavailable, match="nobody listens on"):
            await client.daemon.health()


async def test_other_server_is_not_taken_for_the_daemon(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
        writer.write(b"\r\n[]")
        await reader.read()
        writer.close()

    path = os.fspath(tmp_path / "other.sock")
    async with await asyncio.start_unix_server(serve, path), Client(path) as client:
        with pytest.raises(Fault, match="not as this client knows it"):
            await client.daemon.version()


async def test_lost_connection_does_not_look_like_a_result(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    path = os.fspath(tmp_path / "dying.sock")
    async with await asyncio.start_unix_server(serve, path), Client(path) as client:
        with pytest.raises(Unavailable) as caught:
            await client.daemon.version()
    assert caught.value.narrow_code == "connection_lost"
