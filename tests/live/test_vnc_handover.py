"""A person at a viewer and an agent at the socket, with one desktop between them."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import aiohttp
import pytest

from agentd.base.errors import Conflict
from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.injected import hearing, keycode

LIMIT_S = 15.0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("handover")) as running:
        with running.client() as client:
            client.desktop.start()
            running.wait_until(lambda: "http" in str(client.vnc.status().addresses), "it listens")
        yield running


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[SyncClient]:
    with daemon.client() as client:
        yield client
        client.vnc.mode(mode="human_first")
        client.vnc.release()
        for grant in client.vnc.grants():
            client.vnc.revoke(id=grant.id)


class Viewer:
    """A viewer that has hands and looks at nothing (RFC 6143)."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._buffer = b""

    async def greet(self) -> None:
        """Come in: version 3.8, no security beside the token's, shared."""
        await self._read(12)
        await self._socket.send_bytes(b"RFB 003.008\n")
        await self._read((await self._read(1))[0])
        await self._socket.send_bytes(b"\x01")
        assert await self._read(4) == bytes(4)
        await self._socket.send_bytes(b"\x01")
        head = await self._read(24)
        await self._read(int.from_bytes(head[20:24]))

    async def pointer(self, x: int, y: int, buttons: int) -> None:
        await self._socket.send_bytes(struct.pack(">BBHH", 5, buttons, x, y))

    async def key(self, keysym: int, *, down: bool) -> None:
        await self._socket.send_bytes(struct.pack(">BBxxI", 4, down, keysym))

    async def is_sent_away(self) -> bool:
        while not (await self._socket.receive()).type.name.startswith("CLOS"):
            pass
        return True

    async def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += await self._socket.receive_bytes()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


@asynccontextmanager
async def viewing(url: str) -> AsyncIterator[Viewer]:
    """Come in by a link."""
    page, fragment = urldefrag(url)
    token = fragment.removeprefix("token=")
    async with (
        asyncio.timeout(LIMIT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{page}ws", protocols=[f"agentd.grant.{token}", "binary"]) as socket,
    ):
        viewer = Viewer(socket)
        await viewer.greet()
        yield viewer


def act(client: SyncClient) -> str:
    """Let the agent move; say who keeps it from it."""
    try:
        client.desktop.move(x=5, y=5)
    except Conflict as exc:
        holder: Any = exc.data["holder"]
        return str(holder["label"]) if exc.narrow_code == "human_in_control" else str(exc)
    return ""


async def wait_holder(daemon: DaemonProcess, client: SyncClient, label: str) -> None:
    def now() -> str:
        holder = client.vnc.status().holder
        return holder.label if holder is not None else ""

    await asyncio.to_thread(daemon.wait_until, lambda: now() == label, f"{label!r} has it")


async def test_click_of_a_person_keeps_the_agent_away_for_some_seconds(daemon, client):
    granted = client.vnc.grant(rights=["pointer"], label="Ada")
    async with viewing(granted.url) as viewer:
        await viewer.pointer(300, 300, 0)
        assert act(client) == ""
        await viewer.pointer(300, 300, 1)
        await viewer.pointer(300, 300, 0)
        await wait_holder(daemon, client, "Ada")
        assert act(client) == "Ada"
        turn = await asyncio.to_thread(client.desktop.wait_turn, timeout_ms=10_000)
        assert turn.free
        assert act(client) == ""


async def test_held_key_keeps_the_agent_away_until_its_viewer_leaves(daemon, client):
    granted = client.vnc.grant(rights=["key"], label="Ada")
    async with viewing(granted.url) as viewer:
        await viewer.key(0x61, down=True)
        await wait_holder(daemon, client, "Ada")
        assert client.vnc.status().holder.until is None
    await wait_holder(daemon, client, "")
    assert act(client) == ""


async def test_who_may_only_look_takes_nothing(daemon, client):
    looking, acting = client.vnc.grant(), client.vnc.grant(rights=["pointer"], label="Ben")
    async with viewing(looking.url) as onlooker, viewing(acting.url) as viewer:
        await onlooker.pointer(10, 10, 1)
        await onlooker.key(0x61, down=True)
        await viewer.pointer(20, 20, 1)
        await wait_holder(daemon, client, "Ben")
        (one,) = [item for item in client.vnc.viewers() if item.grant == looking.id]
        with pytest.raises(Conflict, match="only look on"):
            client.vnc.takeover(viewer=one.id)


async def test_operator_gives_the_desktop_to_one_viewer_until_it_is_revoked(daemon, client):
    granted = client.vnc.grant(rights=["pointer"], label="Ada")
    async with viewing(granted.url) as viewer:
        (one,) = client.vnc.viewers()
        assert client.vnc.takeover(viewer=one.id).holder.label == "Ada"
        assert act(client) == "Ada"
        assert client.vnc.revoke(id=granted.id).viewers == 1
        assert await viewer.is_sent_away()
    assert act(client) == ""


async def test_lost_viewer_comes_back_and_has_the_desktop_still(daemon, client):
    granted = client.vnc.grant(rights=["pointer"], label="Ada", uses=1)
    async with viewing(granted.url):
        (one,) = client.vnc.viewers()
        client.vnc.takeover(viewer=one.id, withhold=True)
    await asyncio.to_thread(daemon.wait_until, lambda: client.vnc.status().viewers == 0, "gone")
    assert client.vnc.status().holder.away
    with pytest.raises(Conflict, match="withholds"):
        client.desktop.screenshot()
    async with viewing(granted.url):
        status = client.vnc.status()
        assert not status.holder.away
        assert status.holder.viewer == client.vnc.viewers()[0].id


async def test_link_with_one_use_lets_in_one(client):
    granted = client.vnc.grant(uses=1)
    async with viewing(granted.url):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with viewing(granted.url):
                pass


def key_went_up(code: int) -> Callable[[list[Any]], bool]:
    return lambda events: ("key_up", code) in events


async def test_what_a_person_types_behind_the_curtain_is_not_recorded(client):
    environment = client.desktop.status().environment
    address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
    granted = client.vnc.grant(rights=["key"], label="Ada")
    begun = client.desktop.record_start(video=False)
    with hearing(address) as heard:
        async with viewing(granted.url) as viewer:
            (one,) = client.vnc.viewers()
            for character, withhold in (("v", False), ("w", True)):
                client.vnc.takeover(viewer=one.id, withhold=withhold)
                for down in (True, False):
                    await viewer.key(ord(character), down=down)
                await asyncio.to_thread(heard.wait, key_went_up(keycode(address, ord(character))))
                client.vnc.release()
    client.desktop.record_stop()
    content = client.desktop.record_get(id=begun.id, part="actions").body.decode()
    lines = [json.loads(line) for line in content.splitlines()]
    typed = [line["action"] for line in lines if line.get("who") == "human"]
    # Both are one text to the recorder: it hides the whole of it rather than a letter too few.
    assert [action["text"] for action in typed] == ["***"]
    assert [line["withheld"] for line in lines if line["line"] == "control"].count(True) == 1
