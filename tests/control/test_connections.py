"""Connections: named, limited, and told of once when they have ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from agentd.base.config import ControlConfig
from agentd.base.errors import Denied
from agentd.control import auth, listeners
from agentd.control import connections as module
from tests.fakes import LIMIT_S, ControlServer, Wire, until

ECHO = "GET /v1/sample/who HTTP/1.1\nHost: x\n\n"


async def open_many(server: ControlServer, count: int) -> list[Wire]:
    return [await server.connect() for _ in range(count)]


async def test_each_connection_has_its_own_id(server: ControlServer) -> None:
    ids = []
    for wire in await open_many(server, 5):
        await wire.send(ECHO)
        ids.append((await wire.answer()).document["id"])
        wire.close()
    assert len(set(ids)) == 5


class TestEnd:
    async def test_is_told_once_for_each(self, server: ControlServer) -> None:
        ids = []
        for wire in await open_many(server, 5):
            for _ in range(3):
                await wire.send(ECHO)
                ids.append((await wire.answer()).document["id"])
            wire.close()
        await until(lambda: len(server.left) >= 5)
        assert sorted(server.left) == sorted(set(ids))

    async def test_is_told_of_one_that_never_asked(self, server: ControlServer) -> None:
        (await server.connect()).close()
        await until(lambda: len(server.left) == 1)

    async def test_is_told_once_when_a_command_is_cancelled_by_it(
        self, server: ControlServer
    ) -> None:
        async with await server.connect() as wire:
            await wire.send("POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
            await server.room.begun.wait()
        await until(lambda: bool(server.left))
        await server.get("/healthz")
        assert (len(server.left), server.running_then) == (1, [0])

    async def test_is_told_of_one_whose_request_was_nonsense(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("nonsense\n\n")
            assert await wire.is_closed()
        await until(lambda: len(server.left) == 1)

    async def test_is_told_of_all_when_we_stop(self, tmp_path: Path) -> None:
        async with ControlServer(tmp_path) as server:
            wires = await open_many(server, 3)
            for wire in wires:
                await wire.send(ECHO)
                await wire.answer()
        await until(lambda: len(server.left) == 3)
        for wire in wires:
            wire.close()


class TestLimit:
    async def test_one_connection_too_many_is_closed(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CONNECTION_LIMIT", 3)
        wires = await open_many(server, 3)
        for wire in wires:
            await wire.send(ECHO)
            assert (await wire.answer()).status == 200
        async with await server.connect() as refused:
            assert await refused.is_closed()
        for wire in wires:
            await wire.send(ECHO)
            assert (await wire.answer()).status == 200
            wire.close()

    async def test_there_is_room_again_when_one_leaves(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CONNECTION_LIMIT", 1)
        for number in range(3):
            async with await server.connect() as wire:
                await wire.send(ECHO)
                assert (await wire.answer()).status == 200
            await until(lambda n=number: len(server.left) == n + 1)

    async def test_refused_ones_are_not_told_of(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CONNECTION_LIMIT", 0)
        async with await server.connect() as refused:
            assert await refused.is_closed()
        monkeypatch.setattr(module, "CONNECTION_LIMIT", 10)
        (await server.connect()).close()
        await until(lambda: bool(server.left))
        assert len(server.left) == 1


class TestFirstRequest:
    async def test_that_does_not_come_closes_the_connection(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FIRST_REQUEST_S", 0.02)
        async with await server.connect() as wire:
            assert await wire.is_closed()

    async def test_that_drips_in_closes_the_connection(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FIRST_REQUEST_S", 0.05)
        async with await server.connect() as wire:
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n")
            closed = asyncio.create_task(wire.is_closed())  # noqa: TID251
            number = 0
            while not closed.done():
                number += 1
                wire.writer.write(b"A: %d\r\n" % number)
                await asyncio.wait([closed], timeout=0.005)
            assert number > 1
            assert await closed

    async def test_that_came_keeps_the_connection_open(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FIRST_REQUEST_S", 0.02)
        async with await server.connect() as quick, await server.connect() as mute:
            await quick.send(ECHO)
            await quick.answer()
            assert await mute.is_closed()
            await quick.send(ECHO)
            assert (await quick.answer()).status == 200

    async def test_that_came_in_time_may_take_its_time(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "FIRST_REQUEST_S", 0.02)
        async with await server.connect() as slow, await server.connect() as mute:
            await slow.send("POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
            assert await mute.is_closed()
            server.room.go_on.set()
            assert (await slow.answer()).body == b'"went on"'


@pytest.mark.skipif(os.geteuid() != 0, reason="the configured user must be another one")
async def test_user_that_is_not_allowed_gets_403_on_each_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identify(self: auth.PeerPolicy, peer: auth.Peer) -> auth.Identity:
        raise Denied(f"user {peer.uid} may not use this socket")

    monkeypatch.setattr(auth.PeerPolicy, "identify", identify)
    async with ControlServer(tmp_path, config=ControlConfig()) as server:
        for path in ("/v1/sample/who", "/metrics", "/v1/ws", "/nowhere"):
            answer = await server.get(path)
            assert (answer.status, answer.code) == (403, "denied")


async def test_stop_does_not_wait_for_who_follows_events(tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S / 4):
        async with ControlServer(tmp_path) as server:
            wire = await server.connect()
            await wire.send("GET /v1/events HTTP/1.1\nHost: x\n\n")
            await wire.head()
    wire.close()


async def test_stop_ends_what_does_not_end_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "_DRAIN_S", 0.02)
    async with ControlServer(tmp_path) as server:
        wire = await server.connect()
        await wire.send("POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
        await server.room.begun.wait()
        await server.listeners.drain()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()
        assert await wire.is_closed()
    wire.close()


async def test_stop_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S / 4):
        async with ControlServer(tmp_path) as server:
            wires = await open_many(server, 5)
            for wire in wires[:3]:
                await wire.send(ECHO)
                await wire.answer()
    for wire in wires:
        wire.close()
