"""The bridge between a client on standard input and a control server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentd.client import mcp_bridge as module
from agentd.client.address import Address
from agentd.client.mcp_bridge import Bridge
from agentd.client.mcp_messages import Packaged
from tests.fakes import LIMIT_S, ControlServer, until

PACKAGED = Packaged("1.2.3", ["2025-11-25"], ["2026-07-28"], "", [{"name": "packaged"}])
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


class Peer:
    """A client that started the bridge."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.told: list[dict[str, Any]] = []

    async def write(self, line: bytes) -> None:
        assert b"\n" not in line
        self.told.append(json.loads(line))

    async def said(self) -> AsyncIterator[bytes | None]:
        while (line := await self.lines.get()) != b"":
            yield line

    def say(self, method: str, id: object = None, **params: Any) -> None:
        document = {"jsonrpc": "2.0", "method": method, "params": params}
        self.lines.put_nowait(json.dumps(document | ({} if id is None else {"id": id})).encode())

    async def ask(self, method: str, id: object = 1, **params: Any) -> dict[str, Any]:
        self.say(method, id, **params)
        return await self.answer(id)

    async def answer(self, id: object) -> dict[str, Any]:
        await until(lambda: any(item.get("id") == id for item in self.told))
        [found] = [item for item in self.told if item.get("id") == id]
        self.told.remove(found)
        return found

    async def notified(self, method: str) -> dict[str, Any]:
        await until(lambda: any(item.get("method") == method for item in self.told))
        return next(item for item in self.told if item.get("method") == method)


@asynccontextmanager
async def bridge(address: Address) -> AsyncIterator[Peer]:
    peer = Peer()
    async with asyncio.TaskGroup() as group:
        carrier = Bridge(address, PACKAGED, peer.write)
        group.create_task(carrier.run(peer.said()), name="bridge")
        try:
            yield peer
        finally:
            peer.lines.put_nowait(b"")


@pytest_asyncio.fixture
async def peer(server: ControlServer) -> AsyncIterator[Peer]:
    async with bridge(Address(str(server.socket))) as peer:
        yield peer


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    async with ControlServer(tmp_path, tcp=True) as server:
        yield server


async def call(peer: Peer, name: str, id: object = 1, **arguments: Any) -> dict[str, Any]:
    answer = await peer.ask("tools/call", id, name=name, arguments=arguments)
    return dict(answer["result"])


class TestCarrying:
    async def test_messages_go_both_ways(self, peer: Peer) -> None:
        found = await peer.ask("initialize", protocolVersion="2025-06-18")
        assert found["result"]["protocolVersion"] == "2025-06-18"
        assert found["result"]["capabilities"]["tools"]["listChanged"] is True
        peer.say("notifications/initialized")
        assert (await call(peer, "sample_echo", text="a"))["structuredContent"]["text"] == "a"

    async def test_stateless_requests_carry_their_headers(self, peer: Peer) -> None:
        found = await peer.ask("tools/call", name="sample_echo", arguments={}, _meta=META)
        assert found["result"]["resultType"] == "complete"

    async def test_batch_is_carried_whole(self, peer: Peer) -> None:
        batch = [{"jsonrpc": "2.0", "id": number, "method": "ping"} for number in (1, 2)]
        told: list[Any] = []
        peer.told = told
        peer.lines.put_nowait(json.dumps(batch).encode())
        await until(lambda: bool(told))
        assert [item["id"] for item in told[0]] == [1, 2]

    async def test_all_calls_are_of_one_caller(self, peer: Peer) -> None:
        found = [await call(peer, "sample_who", number) for number in (1, 2)]
        found.append((await peer.ask("tools/call", 3, name="sample_who", _meta=META))["result"])
        assert len({item["structuredContent"]["id"] for item in found}) == 1

    async def test_calls_run_beside_each_other(self, peer: Peer, server: ControlServer) -> None:
        peer.say("tools/call", "slow", name="sample_wait")
        await server.room.begun.wait()
        assert not (await call(peer, "sample_echo"))["isError"]
        server.room.go_on.set()
        assert (await peer.answer("slow"))["result"]["content"][0]["text"] == '"went on"'

    async def test_progress_is_carried(
        self, peer: Peer, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agentd.control.mcp._PROGRESS_S", 0.001)
        peer.say("tools/call", 1, name="sample_wait", _meta={"progressToken": "p"})
        told = await peer.notified("notifications/progress")
        assert told["params"]["progressToken"] == "p"
        server.room.go_on.set()
        assert not (await peer.answer(1))["result"]["isError"]

    @pytest.mark.parametrize("meta", [{}, META])
    async def test_cancelling_ends_the_command(
        self, peer: Peer, server: ControlServer, meta: dict[str, Any]
    ) -> None:
        peer.say("tools/call", 1, name="sample_wait", _meta=meta)
        await server.room.begun.wait()
        peer.say("notifications/cancelled", requestId=1)
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()
        assert (await peer.ask("ping", 2))["result"] is not None
        assert peer.told == []

    async def test_what_is_no_message_is_answered(self, peer: Peer) -> None:
        peer.lines.put_nowait(b"{")
        assert (await peer.answer(None))["error"]["code"] == -32700
        peer.lines.put_nowait(None)
        assert "too long" in (await peer.answer(None))["error"]["message"]

    async def test_too_many_calls_are_refused(
        self, peer: Peer, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_CALLS_LIMIT", 1)
        peer.say("tools/call", 1, name="sample_wait")
        await server.room.begun.wait()
        assert "1 calls are under way" in (await call(peer, "sample_echo", 2))["content"][0]["text"]
        server.room.go_on.set()


class TestEnd:
    async def test_client_that_is_done_is_gone_at_the_daemon(self, server: ControlServer) -> None:
        async with bridge(Address(str(server.socket))) as peer:
            who = (await call(peer, "sample_who"))["structuredContent"]["id"]
        assert who in server.told

    async def test_what_still_runs_is_cancelled(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_LAST_S", 0.01)
        async with bridge(Address(str(server.socket))) as peer:
            peer.say("tools/call", 1, name="sample_wait")
            await server.room.begun.wait()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()


class TestAway:
    async def test_client_is_served_without_a_daemon(self, tmp_path: Path) -> None:
        async with bridge(Address(str(tmp_path / "none"))) as peer:
            assert "protocolVersion" in (await peer.ask("initialize"))["result"]
            assert (await peer.ask("tools/list"))["result"]["tools"] == [{"name": "packaged"}]
            found = await call(peer, "sample_echo")
            assert "agentd is not running: there is no socket" in found["content"][0]["text"]
            assert "start it with `agentd`" in found["content"][0]["text"]

    async def test_batch_is_answered_as_one(self, tmp_path: Path) -> None:
        async with bridge(Address(str(tmp_path / "none"))) as peer:
            peer.lines.put_nowait(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]')
            assert "agentd is not running" in (await peer.answer(None))["error"]["message"]

    @pytest.mark.parametrize("length", ["", "Content-Length: 10000\r\n"])
    async def test_answer_that_does_not_come_is_told(self, tmp_path: Path, length: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{length}\r\n"
        event = 'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'

        async def begin_to_answer(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write((head + event).encode())
            writer.close()

        path = tmp_path / "half.sock"
        async with await asyncio.start_unix_server(begin_to_answer, path):
            async with bridge(Address(str(path))) as peer:
                found = await call(peer, "sample_echo")
        assert "the daemon went away during tools/call" in found["content"][0]["text"]
        assert peer.told[0]["method"] == "notifications/progress"

    async def test_daemon_that_comes_is_found_and_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SOONEST_S", 0.01)
        async with bridge(Address(str(tmp_path / "control.sock"))) as peer:
            await peer.ask("initialize")
            peer.say("notifications/initialized")
            assert (await call(peer, "sample_echo"))["isError"]
            async with ControlServer(tmp_path):
                await peer.notified("notifications/tools/list_changed")
                assert not (await call(peer, "sample_echo"))["isError"]

    async def test_daemon_that_was_restarted_knows_the_client(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SOONEST_S", 0.01)
        async with bridge(Address(str(tmp_path / "control.sock"))) as peer:
            async with ControlServer(tmp_path):
                await peer.ask("initialize")
                assert not (await call(peer, "sample_echo"))["isError"]
            assert (await call(peer, "sample_echo"))["isError"]
            async with ControlServer(tmp_path):
                assert not (await call(peer, "sample_echo"))["isError"]

    async def test_refusal_of_the_daemon_is_told(self, server: ControlServer) -> None:
        address = Address("", f"http://127.0.0.1:{server.port}", "wrong")
        async with bridge(address) as peer:
            found = await call(peer, "sample_echo")
            assert "a valid bearer token is needed" in found["content"][0]["text"]
            assert "bearer token" in (await peer.ask("tools/list"))["error"]["message"]

    async def test_token_opens_the_tcp_listener(self, server: ControlServer) -> None:
        address = Address("", f"http://127.0.0.1:{server.port}", "viewer")
        async with bridge(address) as peer:
            assert not (await call(peer, "sample_echo"))["isError"]


class TestProcess:
    """`agentctl mcp` as a client starts it, without a daemon."""

    @pytest.fixture
    def process(self, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
        words = ["--socket", str(tmp_path / "none"), "mcp"]
        argv = [sys.executable, "-m", "agentd.client.cli", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            yield process
            process.kill()

    def test_it_ends_with_its_input(self, process: subprocess.Popen[bytes]) -> None:
        told, complaints = process.communicate(PING, timeout=LIMIT_S)
        assert json.loads(told) == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert (process.returncode, complaints) == (0, b"")

    def test_it_ends_in_silence_when_nobody_reads(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(PING)
        process.stdin.flush()
        assert process.wait(LIMIT_S) == 0
        assert process.stderr.read() == b""
        process.stdin.close()
