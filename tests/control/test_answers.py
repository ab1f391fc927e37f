"""What blobs and streams look like on the wire."""

from __future__ import annotations

import array
import asyncio
import base64
import json
from typing import Any

import pytest

from agentd.base.command import Blob
from agentd.control import answers as module
from tests.fakes import LIMIT_S, ControlServer, Wire, until

PATTERN = bytes(range(256))


async def open_stream(server: ControlServer, query: str, *, accept: str = "") -> Wire:
    """Ask for `sample.count` and read up to the sign that the stream is open."""
    wire = await server.connect()
    await wire.send(f"GET /v1/sample/count?{query} HTTP/1.1\nHost: x\nAccept: {accept}\n\n")
    status, headers = await wire.head()
    assert status == 200
    is_sse = headers["Content-Type"] == "text/event-stream"
    assert is_sse == ("text/event-stream" in accept)
    assert await wire.chunk() == (b": ok\n\n" if is_sse else b"\n")
    return wire


async def rest(wire: Wire) -> bytes:
    """Everything up to the regular end of a stream."""
    parts = []
    while part := await wire.chunk():
        parts.append(part)
    return b"".join(parts)


class TestBlob:
    async def test_is_its_bytes(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/picture?size=300")
        assert answer.headers["Content-Type"] == "image/sample"
        assert answer.body == (PATTERN * 2)[:300]

    async def test_has_its_metadata_in_a_header_of_ascii(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/picture")
        assert json.loads(answer.headers["Agentd-Meta"]) == {"size": 10, "word": "größe"}
        assert answer.headers["Agentd-Meta"].isascii()

    async def test_has_its_request_id(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/picture", headers={"X-Request-Id": "r1"})
        assert answer.headers["X-Request-Id"] == "r1"

    async def test_is_not_kept_by_caches(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/picture")
        assert answer.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 5_000_000])
    async def test_of_any_size_is_whole(self, server: ControlServer, size: int) -> None:
        answer = await server.get(f"/v1/sample/picture?size={size}")
        assert answer.body == (PATTERN * (size // 256 + 1))[:size]

    @pytest.mark.parametrize("accept", ["application/json", "application/json; q=1"])
    async def test_is_json_where_that_alone_is_accepted(
        self, server: ControlServer, accept: str
    ) -> None:
        answer = await server.get("/v1/sample/picture", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.document["media_type"] == "image/sample"
        assert answer.document["meta"]["size"] == 10
        assert base64.b64decode(answer.document["data"]) == PATTERN[:10]

    @pytest.mark.parametrize("accept", ["*/*", "image/*", "image/sample, application/json", ""])
    async def test_is_bytes_otherwise(self, server: ControlServer, accept: str) -> None:
        answer = await server.get("/v1/sample/picture", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "image/sample"

    async def test_head_tells_the_size_and_sends_nothing(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("HEAD /v1/sample/picture?size=300 HTTP/1.1\nHost: x\n\n")
            answer = await wire.answer(head_only=True)
            assert answer.headers["Content-Length"] == "300"
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n\n")
            assert (await wire.answer()).document == {"alive": True}

    async def test_of_larger_items_than_bytes_is_whole(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        numbers = array.array("I", range(100))
        _answer_with(server, monkeypatch, Blob(memoryview(numbers), "image/sample"))
        assert (await server.get("/v1/sample/picture")).body == numbers.tobytes()

    async def test_reader_that_goes_in_the_midst_does_no_harm(
        self, server: ControlServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /v1/sample/picture?size=16000000 HTTP/1.1\nHost: x\n\n")
            await wire.head()
        await until(lambda: len(server.left) == 1)
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []


class TestStream:
    async def test_is_a_json_line_each(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=3") as wire:
            assert await rest(wire) == b'{"seq":1}\n{"seq":2}\n{"seq":3}\n'

    async def test_is_an_event_each_where_that_is_accepted(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=2", accept="text/event-stream") as wire:
            assert await rest(wire) == b'id: 1\ndata: {"seq":1}\n\nid: 2\ndata: {"seq":2}\n\n'

    async def test_may_be_empty(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=0") as wire:
            assert await rest(wire) == b""

    async def test_connection_serves_on_behind_it(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=1") as wire:
            await rest(wire)
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n\n")
            assert (await wire.answer()).document == {"alive": True}

    async def test_items_come_when_they_are_there(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=1&then=wait") as wire:
            assert await wire.chunk() == b'{"seq":1}\n'
            assert server.room.running == 1

    @pytest.mark.parametrize(
        ("then", "code"),
        [("conflict", "taken"), ("bug", "fault"), ("reset", "fault"), ("unprintable", "fault")],
    )
    async def test_error_in_the_midst_is_its_last_line(
        self, server: ControlServer, then: str, code: str
    ) -> None:
        async with await open_stream(server, f"to=1&then={then}") as wire:
            lines = (await rest(wire)).splitlines()
        assert lines[0] == b'{"seq":1}'
        problem = json.loads(lines[1])["error"]
        assert problem["code"] == code
        assert problem["request_id"]
        assert "secret" not in str(problem)

    async def test_error_in_the_midst_is_an_error_event(self, server: ControlServer) -> None:
        query = "to=1&then=conflict"
        async with await open_stream(server, query, accept="text/event-stream") as wire:
            text = (await rest(wire)).decode()
        head, _, document = text.partition("event: error\ndata: ")
        assert head == 'id: 1\ndata: {"seq":1}\n\n'
        assert json.loads(document)["code"] == "taken"

    async def test_wrong_parameters_are_told_before_it_opens(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/count?to=-1")
        assert (answer.status, answer.code) == (400, "invalid")

    async def test_reader_that_goes_ends_the_command(self, server: ControlServer) -> None:
        async with await open_stream(server, "to=1&then=wait") as wire:
            await wire.chunk()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()

    async def test_reader_that_does_not_read_holds_the_command_back(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # More than the buffers of both sockets hold.
        monkeypatch.setattr(module.msgspec.json, "encode", lambda item: b"x" * 65536)
        async with await open_stream(server, "to=10000"):
            await until(lambda: server.room.running == 1)
            before = server.room.running
            await asyncio.sleep(0)
            assert before == server.room.running == 1
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()

    async def test_silence_is_broken_by_a_heartbeat(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.005)
        async with await open_stream(server, "to=0&then=wait") as wire:
            assert [await wire.chunk() for _ in range(3)] == [b"\n"] * 3

    async def test_heartbeat_is_a_comment_among_events(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.005)
        query = "to=0&then=wait"
        async with await open_stream(server, query, accept="text/event-stream") as wire:
            assert await wire.chunk() == b": \n\n"

    async def test_head_runs_nothing_and_ends(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("HEAD /v1/sample/count?then=wait HTTP/1.1\nHost: x\n\n")
            assert (await wire.answer(head_only=True)).status == 200
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n\n")
            assert (await wire.answer()).document == {"alive": True}
        assert not server.room.begun.is_set()

    async def test_lines_of_the_command_have_its_request_id(
        self, server: ControlServer, lines: list[str]
    ) -> None:
        path = "/v1/sample/count?to=1&then=conflict"
        await server.get(path, headers={"X-Request-Id": "r42"})
        (said,) = [line for line in lines if "about to fail" in line]
        assert said.endswith("request_id=r42")


def _answer_with(server: ControlServer, monkeypatch: pytest.MonkeyPatch, blob: Blob) -> None:
    kept = server.dispatcher.run

    async def run(call: Any) -> Any:
        command, _ = await kept(call)
        return command, blob

    monkeypatch.setattr(server.dispatcher, "run", run)
