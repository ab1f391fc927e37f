"""Viewers in a browser: who is let to the WebSocket, and what goes over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from yarl import URL

from agentd.base.store import Store
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant, Grants, Issued, Right, StoredGrants
from agentd.vnc.pages import Pages
from agentd.vnc.protocol.security import Security
from agentd.vnc.sessions.streams import ByteStream
from agentd.vnc.viewer_files import ViewerFiles
from agentd.vnc.web import TOKEN_PROTOCOL, WebFace
from tests.fakes import LIMIT_S, until
from tests.vnc.played_desk import PlayedDesk

PARTNER = "https://app.example"


class PlayedReception:
    """Greets with a banner, and sends back what it hears until it hears nothing."""

    def __init__(self) -> None:
        self.received: list[Grant | None] = []
        self.streams: list[ByteStream] = []
        self.reason: str | None = None
        self.flood = 0

    async def receive(
        self, stream: ByteStream, security: Security, grant: Grant | None = None
    ) -> str | None:
        assert security == Security.trusted()
        self.received.append(grant)
        self.streams.append(stream)
        try:
            await stream.write([b"RFB ", b"003.008\n"])
            while data := await stream.read():
                if data == b"flood":
                    while True:
                        await stream.write([bytes(1 << 20)])
                        self.flood += 1
                if data == b"end":
                    return self.reason
                await stream.write([data, b"!"])
        except OSError:
            return None
        return self.reason


class Site:
    """A server with the face, and a browser before it."""

    def __init__(self, folder: Path) -> None:
        self.grants = Grants(Store(folder / "grants.json", StoredGrants))
        self.issued: Issued = self.issue()
        self.reception = PlayedReception()
        reception: Any = self.reception
        self.face = WebFace(
            Pages(ViewerFiles(folder / "novnc"), PlayedDesk()),
            Door(self.grants),
            reception,
            origins=[PARTNER],
        )
        self.session = aiohttp.ClientSession()
        self.root = URL()

    def issue(self, *, uses: int | None = None) -> Issued:
        return self.grants.issue(rights=[Right.VIEW], ttl_s=None, uses=uses, label="Ada")

    @property
    def protocol(self) -> str:
        return TOKEN_PROTOCOL + self.issued.token

    def connect(self, query: str = "", **options: Any) -> Any:
        return self.session.ws_connect(f"{self.root}/vnc/ws{query}", **options)

    async def refusal(self, query: str = "", **options: Any) -> int:
        """Return the status of what is answered instead of an upgrade."""
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.connect(query, **options)
        assert self.reception.received == []
        return int(caught.value.status)


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr("agentd.vnc.access.backoff.Backoff.failed", lambda *_: 0.0)
    site = Site(tmp_path)
    server = web.Server(site.face.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    host, port = runner.addresses[0][:2]
    site.root = URL(f"http://{host}:{port}")
    yield site
    site.face.drain()
    await site.session.close()
    await runner.cleanup()


class TestToken:
    async def test_comes_as_a_subprotocol_and_is_not_said_back(self, site: Site) -> None:
        async with site.connect(protocols=["binary", site.protocol]) as socket:
            assert await socket.receive_bytes() == b"RFB 003.008\n"
            assert socket.protocol == "binary"
        assert site.reception.received == [site.issued.grant]

    async def test_comes_as_a_bearer_token(self, site: Site) -> None:
        headers = {"Authorization": f"Bearer {site.issued.token}"}
        async with site.connect(headers=headers) as socket:
            assert await socket.receive_bytes() == b"RFB 003.008\n"
            assert socket.protocol is None

    async def test_comes_in_the_query(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            assert await socket.receive_bytes() == b"RFB 003.008\n"

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"protocols": ["binary"]},
            {"protocols": ["binary", TOKEN_PROTOCOL + "x" * 32]},
            {"protocols": [TOKEN_PROTOCOL]},
            {"headers": {"Authorization": "Bearer wrong"}},
            {"headers": {"Authorization": "Basic eDp5"}},
            {"query": "?token=wrong"},
        ],
    )
    async def test_wrong_one_is_refused_before_the_upgrade(
        self, site: Site, options: dict[str, Any]
    ) -> None:
        assert await site.refusal(**options) == 401

    async def test_is_in_no_log(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        # aiohttp logs an offer of which nothing is chosen.
        async with site.connect(protocols=[site.protocol]) as socket:
            await socket.receive_bytes()
        async with site.connect(protocols=["base64", site.protocol]) as socket:
            await socket.receive_bytes()
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
        async with site.session.get(f"{site.root}/vnc/ws?token={site.issued.token}") as response:
            assert response.status == 400
            assert site.issued.token not in await response.text()
        assert site.issued.token not in caplog.text

    async def test_who_did_not_get_in_may_come_again_without_another_use(self, site: Site) -> None:
        issued = site.issue(uses=1)
        for _ in range(2):
            grant = await site.face._door.admit(issued.token, "127.0.0.1")
            site.face._door.turned_back(grant)


class TestOrigin:
    async def test_our_own_page_may(self, site: Site) -> None:
        origin = str(site.root).rstrip("/")
        async with site.connect(f"?token={site.issued.token}", origin=origin) as socket:
            await socket.receive_bytes()

    async def test_page_that_is_named_in_the_configuration_may(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}", origin=PARTNER) as socket:
            await socket.receive_bytes()

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "", PARTNER + ".evil"],
    )
    async def test_page_of_another_site_is_refused_with_a_right_token(
        self, site: Site, origin: str
    ) -> None:
        headers = {"Origin": origin}
        assert await site.refusal(f"?token={site.issued.token}", headers=headers) == 403


class TestBytes:
    async def test_go_both_ways_whatever_the_messages(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
            await socket.send_bytes(b"")
            await socket.send_bytes(b"abc")
            assert await socket.receive_bytes() == b"abc!"

    async def test_text_ends_it(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
            await socket.send_str("hello")
            assert (await socket.receive()).type is WSMsgType.CLOSE

    async def test_who_does_not_read_is_not_written_for(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
            await socket.send_bytes(b"flood")
            await until(lambda: site.reception.flood > 0)
            before = -1
            while before != site.reception.flood:
                before = site.reception.flood
                await asyncio.wait([asyncio.current_task()], timeout=0.1)  # type: ignore[list-item]
            assert site.reception.flood < 64
            # It leaves all the same: nothing waits for what it has not read.
            site.face.drain()
            await until(lambda: not site.face._tasks)


class TestEnd:
    async def test_who_was_sent_away_is_told_why(self, site: Site) -> None:
        site.reception.reason = "revoked " + "ü" * 100
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
            await socket.send_bytes(b"end")
            message = await socket.receive()
        assert message.data == 1008
        assert message.extra == "revoked " + "ü" * 57

    async def test_a_stop_sends_everybody_away(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
            site.face.drain()
            async with asyncio.timeout(LIMIT_S):
                assert (await socket.receive()).data == 1001
        await until(lambda: not site.face._tasks)

    async def test_who_leaves_is_forgotten(self, site: Site) -> None:
        async with site.connect(f"?token={site.issued.token}") as socket:
            await socket.receive_bytes()
        await until(lambda: not site.face._tasks)


async def test_all_else_is_the_pages(site: Site) -> None:
    async with site.session.get(f"{site.root}/vnc/state") as response:
        assert response.status == 401
