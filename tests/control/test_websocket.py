"""JSON-RPC over one WebSocket: many calls, in any order, each with its end."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from agentd.base.command import Scope
from agentd.control import websocket as module
from tests.fakes import LIMIT_S, ControlServer, until

PATTERN = bytes(range(256))


class Client:
    """A client that sends calls and sorts what comes back."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def call(self, call_id: Any, method: str, **params: Any) -> None:
        document = {"jsonrpc": "2.0", "id": call_id, "method": method, "params": params}
        await self.socket.send_str(json.dumps(document))

    async def cancel(self, call_id: Any) -> None:
        document = {"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": call_id}}
        await self.socket.send_str(json.dumps(document))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            document = json.loads(await self.socket.receive_str())
        assert document["jsonrpc"] == "2.0"
        return dict(document)

    async def ask(self, call_id: Any, method: str, **params: Any) -> dict[str, Any]:
        await self.call(call_id, method, **params)
        answer = await self.next()
        assert answer["id"] == call_id
        return answer

    async def blob(self, size: int, channel: int) -> bytes:
        """Put the frames of a blob together."""
        body = b""
        while True:
            async with asyncio.timeout(LIMIT_S):
                frame = await self.socket.receive_bytes()
            number, flags, offset = struct.unpack(">IIQ", frame[:16])
            assert (number, offset) == (channel, len(body))
            body += frame[16:]
            if flags == 1:
                assert len(body) == size
                return body
            assert flags == 0

    async def close_code(self) -> int | None:
        async with asyncio.timeout(LIMIT_S):
            message = await self.socket.receive()
            while message.type is WSMsgType.TEXT:
                message = await self.socket.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)
        return self.socket.close_code


@pytest_asyncio.fixture
async def client(server: ControlServer) -> AsyncIterator[Client]:
    async with server.session.ws_connect("http://localhost/v1/ws", max_msg_size=0) as socket:
        yield Client(socket)


async def test_call_is_answered(client: Client) -> None:
    answer = await client.ask(1, "sample.echo", text="größe")
    assert answer["result"]["text"] == "größe"


@pytest.mark.parametrize("call_id", [0, 1, -7, 1 << 60, "a", ""])
async def test_id_comes_back_as_it_was(client: Client, call_id: int | str) -> None:
    assert "result" in await client.ask(call_id, "sample.echo")


async def test_command_without_result_answers_an_empty_object(client: Client) -> None:
    assert (await client.ask(1, "sample.poke"))["result"] == {}


async def test_caller_is_the_connection_and_each_call_has_a_request_id(client: Client) -> None:
    first = (await client.ask(1, "sample.who"))["result"]
    second = (await client.ask(2, "sample.who"))["result"]
    assert first["id"] == second["id"]
    assert first["request_id"] != second["request_id"]


async def test_answers_come_as_they_are_ready(client: Client, server: ControlServer) -> None:
    await client.call("slow", "sample.wait")
    await client.call("quick", "sample.echo")
    assert (await client.next())["id"] == "quick"
    server.room.go_on.set()
    assert (await client.next())["id"] == "slow"


async def test_many_calls_run_at_once(client: Client, server: ControlServer) -> None:
    for number in range(module.CALLS_LIMIT):
        await client.call(number, "sample.wait")
    await until(lambda: server.room.running == module.CALLS_LIMIT)
    server.room.go_on.set()
    answers = [await client.next() for _ in range(module.CALLS_LIMIT)]
    assert {answer["id"] for answer in answers} == set(range(module.CALLS_LIMIT))


async def test_one_call_too_many_is_busy(client: Client, server: ControlServer) -> None:
    for number in range(module.CALLS_LIMIT):
        await client.call(number, "sample.wait")
    answer = await client.ask("more", "sample.echo")
    assert answer["error"]["code"] == -32029
    assert answer["error"]["data"]["code"] == "busy"
    server.room.go_on.set()


async def test_there_is_room_again_when_calls_are_done(
    client: Client, server: ControlServer
) -> None:
    for number in range(3 * module.CALLS_LIMIT):
        await client.ask(number, "sample.echo")
    assert "result" in await client.ask("more", "sample.echo")


class TestErrors:
    async def test_own_error_has_its_number_and_problem(self, client: Client) -> None:
        error = (await client.ask(1, "sample.fail"))["error"]
        assert (error["code"], error["message"]) == (-32009, "it is taken")
        assert error["data"]["code"] == "taken"
        assert error["data"]["request_id"]

    async def test_wrong_parameters_are_told(self, client: Client) -> None:
        error = (await client.ask(1, "sample.echo", cuont=1))["error"]
        assert error["code"] == -32602
        assert error["data"]["errors"][0]["nearest"] == "count"

    async def test_unknown_command_is_told(self, client: Client) -> None:
        error = (await client.ask(1, "sample.ehco"))["error"]
        assert (error["code"], error["data"]["code"]) == (-32004, "unknown_command")

    @pytest.mark.parametrize("how", ["bug", "reset", "timeout", "unprintable"])
    async def test_fault_tells_nothing_and_the_connection_lives(
        self, client: Client, how: str
    ) -> None:
        error = (await client.ask(1, "sample.fail", how=how))["error"]
        assert (error["code"], error["data"]["code"]) == (-32603, "fault")
        assert "secret" not in str(error)
        assert "result" in await client.ask(2, "sample.echo")

    async def test_fault_of_one_call_leaves_the_others_alone(
        self, client: Client, server: ControlServer
    ) -> None:
        await client.call("stays", "sample.wait")
        await client.ask("bad", "sample.fail", how="unprintable")
        server.room.go_on.set()
        assert (await client.next())["result"] == "went on"

    async def test_missing_scope_is_denied(self, tcp_server: ControlServer) -> None:
        url = f"http://127.0.0.1:{tcp_server.port}/v1/ws"
        headers = {"Authorization": "Bearer viewer"}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers=headers) as socket,
        ):
            client = Client(socket)
            answer = await client.ask(1, "sample.poke")
            assert answer["error"]["data"]["code"] == "scope_missing"
            assert (await client.ask(2, "sample.who"))["result"]["scopes"] == [Scope.VIEW]


class TestRequests:
    @pytest.mark.parametrize("text", ["{", "nonsense", "", "{'id': 1}", "\x00"])
    async def test_that_are_no_json_are_told(self, client: Client, text: str) -> None:
        await client.socket.send_str(text)
        answer = await client.next()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)
        assert "result" in await client.ask(1, "sample.echo")

    async def test_of_endless_depth_are_told(self, client: Client) -> None:
        text = '{"id": 1, "method": "sample.echo", "params": {"text": '
        await client.socket.send_str(text + "[" * 100_000)
        assert (await client.next())["error"]["code"] == -32700
        assert "result" in await client.ask(1, "sample.echo")

    @pytest.mark.parametrize(
        "document",
        [
            {},
            [],
            [{"id": 1, "method": "sample.echo"}],
            5,
            None,
            {"id": 1},
            {"id": 1, "method": 5},
            {"id": 1, "method": "sample.echo", "params": []},
            {"id": 1, "method": "sample.echo", "params": 5},
            {"id": 1.5, "method": "sample.echo"},
            {"id": [1], "method": "sample.echo"},
            {"id": True, "method": "sample.echo"},
            {"method": "sample.echo"},
            {"id": None, "method": "sample.echo"},
            {"id": 1, "method": "sample.echo", "jsonrpc": 2},
        ],
    )
    async def test_that_are_no_calls_are_told(self, client: Client, document: object) -> None:
        await client.socket.send_str(json.dumps(document))
        answer = await client.next()
        assert (answer["id"], answer["error"]["code"]) == (None, -32600)
        assert "result" in await client.ask(1, "sample.echo")

    async def test_that_are_binary_are_told(self, client: Client) -> None:
        await client.socket.send_bytes(b'{"id": 1, "method": "sample.echo"}')
        assert (await client.next())["error"]["code"] == -32600
        assert "result" in await client.ask(1, "sample.echo")

    async def test_with_an_id_in_use_are_refused(
        self, client: Client, server: ControlServer
    ) -> None:
        await client.call(1, "sample.wait")
        answer = await client.ask(1, "sample.echo")
        assert answer["error"]["code"] == -32600
        server.room.go_on.set()
        assert (await client.next())["result"] == "went on"

    async def test_may_use_an_id_again_when_its_call_is_done(self, client: Client) -> None:
        for _ in range(3):
            assert "result" in await client.ask(1, "sample.echo")

    async def test_over_the_limit_close_the_connection(self, client: Client) -> None:
        # The server may be gone before the last byte is sent.
        with suppress(ConnectionError):
            await client.socket.send_str('{"id": 1, "method": "' + "x" * (1 << 20) + '"}')
        async with asyncio.timeout(LIMIT_S):
            message = await client.socket.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)

    async def test_with_an_endless_method_get_a_short_answer(self, client: Client) -> None:
        await client.call(1, "x" * 500_000)
        assert len(json.dumps(await client.next())) < 2000


class TestCancel:
    async def test_ends_the_call(self, client: Client, server: ControlServer) -> None:
        await client.call(1, "sample.wait")
        await server.room.begun.wait()
        await client.cancel(1)
        answer = await client.next()
        assert (answer["id"], answer["error"]["code"]) == (1, -32800)
        assert server.room.ended.is_set()

    async def test_right_behind_its_call_ends_it_too(self, client: Client) -> None:
        for _ in range(20):
            await client.call(1, "sample.wait")
            await client.cancel(1)
            assert (await client.next())["error"]["code"] == -32800
        assert "result" in await client.ask(1, "sample.echo")

    async def test_in_one_packet_with_its_call_ends_it_too(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send(
                "GET /v1/ws HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n"
                "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n"
            )
            assert (await wire.head())[0] == 101
            call = b'{"id": 1, "method": "sample.wait"}'
            cancel = b'{"method": "$/cancel", "params": {"id": 1}}'
            echo = b'{"id": 1, "method": "sample.echo"}'
            await wire.send(frame(call) + frame(cancel) + frame(echo))
            found = [await read_frame(wire.reader) for _ in range(2)]
        assert any(b"-32800" in text for text in found)

    async def test_leaves_the_others_alone(self, client: Client, server: ControlServer) -> None:
        await client.call(1, "sample.wait")
        await client.call(2, "sample.wait")
        await until(lambda: server.room.running == 2)
        await client.cancel(1)
        assert (await client.next())["id"] == 1
        assert server.room.running == 1

    async def test_ends_a_stream(self, client: Client, server: ControlServer) -> None:
        await client.call(1, "sample.count", to=1, then="wait")
        assert (await client.next())["method"] == "$/item"
        await client.cancel(1)
        assert (await client.next())["error"]["code"] == -32800
        assert server.room.ended.is_set()

    @pytest.mark.parametrize("call_id", [7, "x", None, [], {}, [1], True, 1.5])
    async def test_of_what_does_not_run_is_nothing(self, client: Client, call_id: Any) -> None:
        await client.cancel(call_id)
        assert "result" in await client.ask(2, "sample.echo")

    async def test_without_an_id_is_nothing(self, client: Client) -> None:
        await client.socket.send_str('{"method": "$/cancel"}')
        assert "result" in await client.ask(1, "sample.echo")

    async def test_makes_room(self, client: Client, server: ControlServer) -> None:
        for number in range(module.CALLS_LIMIT):
            await client.call(number, "sample.wait")
        await client.cancel(5)
        assert (await client.next())["id"] == 5
        assert "result" in await client.ask("more", "sample.echo")


class TestStream:
    async def test_items_come_before_the_answer(self, client: Client) -> None:
        await client.call("s", "sample.count", to=3)
        for number in (1, 2, 3):
            item = await client.next()
            assert item == {
                "jsonrpc": "2.0",
                "method": "$/item",
                "params": {"id": "s", "item": {"seq": number}},
            }
        assert await client.next() == {"jsonrpc": "2.0", "id": "s", "result": {}}

    async def test_calls_go_on_beside_it(self, client: Client) -> None:
        await client.call("s", "sample.count", to=1, then="wait")
        await client.next()
        assert "result" in await client.ask("c", "sample.echo")

    @pytest.mark.parametrize(
        ("then", "code"),
        [("conflict", "taken"), ("bug", "fault"), ("reset", "fault"), ("unprintable", "fault")],
    )
    async def test_error_in_the_midst_is_its_answer(
        self, client: Client, then: str, code: str
    ) -> None:
        await client.call("s", "sample.count", to=1, then=then)
        assert (await client.next())["method"] == "$/item"
        assert (await client.next())["error"]["data"]["code"] == code
        assert "result" in await client.ask("c", "sample.echo")

    async def test_events_are_one(self, client: Client, server: ControlServer) -> None:
        server.bus.publish("a")
        await client.call("s", "events.subscribe", since=0)
        assert (await client.next())["params"]["item"]["type"] == "a"


class TestBlob:
    @pytest.mark.parametrize("size", [0, 10, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
    async def test_frames_follow_the_answer(self, client: Client, size: int) -> None:
        result = (await client.ask(1, "sample.picture", size=size))["result"]
        assert result["size"] == size
        assert result["media_type"] == "image/sample"
        assert result["meta"] == {"size": size, "word": "größe"}
        body = await client.blob(size, result["channel"])
        assert body == (PATTERN * (size // 256 + 1))[:size]

    async def test_frames_of_two_are_not_mixed(self, client: Client) -> None:
        await client.call(1, "sample.picture", size=3_000_000)
        await client.call(2, "sample.picture", size=2_000_000)
        channels = []
        for _ in range(2):
            result = (await client.next())["result"]
            await client.blob(result["size"], result["channel"])
            channels.append(result["channel"])
        assert len(set(channels)) == 2


class TestEnd:
    async def test_closing_cancels_every_call(self, client: Client, server: ControlServer) -> None:
        for number in range(10):
            await client.call(number, "sample.wait")
        await client.call("s", "sample.count", then="wait")
        await until(lambda: server.room.running == 11)
        await client.socket.close()
        await until(lambda: server.room.running == 0)

    async def test_broken_connection_cancels_every_call_before_it_is_told(
        self, client: Client, server: ControlServer
    ) -> None:
        for number in range(10):
            await client.call(number, "sample.wait")
        await until(lambda: server.room.running == 10)
        transport = client.socket.get_extra_info("socket")
        assert transport is not None
        assert client.socket._conn is not None
        client.socket._conn.transport.abort()
        await until(lambda: bool(server.left))
        assert server.running_then == [0]

    async def test_draining_closes_with_going_away(
        self, client: Client, server: ControlServer
    ) -> None:
        server.face.drain()
        assert await client.close_code() == 1001

    async def test_draining_cancels_every_call(self, client: Client, server: ControlServer) -> None:
        await client.call(1, "sample.wait")
        await server.room.begun.wait()
        server.face.drain()
        await client.close_code()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()

    async def test_request_that_is_no_websocket_is_told(self, server: ControlServer) -> None:
        answer = await server.get("/v1/ws")
        assert (answer.status, answer.code) == (400, "not_a_websocket")

    async def test_page_of_another_origin_is_refused(self, server: ControlServer) -> None:
        headers = {"Origin": "http://evil.example"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await server.session.ws_connect("http://localhost/v1/ws", headers=headers)
        assert caught.value.status == 403


async def test_lines_of_calls_have_their_own_request_ids(client: Client, lines: list[str]) -> None:
    for number in range(2):
        await client.ask(number, "sample.fail")
    ids = {line.partition("request_id=")[2] for line in lines if "about to fail" in line}
    assert len(ids - {""}) == 2


def frame(payload: bytes) -> bytes:
    """A text frame as a client sends it (RFC 6455 section 5.2), masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size)
    return b"\x81" + length + b"\0\0\0\0" + payload


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT_S):
        _, size = await reader.readexactly(2)
        if size == 126:
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        return await reader.readexactly(size)
