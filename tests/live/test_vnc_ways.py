"""The ways by which viewers come in: sockets, WebSockets, and what they show at each."""

from __future__ import annotations

import aiohttp
import pytest
import pytest_asyncio

from benchmarks.rfb_client import viewing
from benchmarks.rfb_handshake import Refused
from benchmarks.rfb_streams import Closed, WebAddress
from tests.live.vnc_desk import open_desk
from tests.live.vnc_plain import LIST, until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def ways(desk, token: str) -> dict[str, tuple[str, WebAddress]]:
    """Return each way by which a token opens the WebSocket: a URL and what goes with it."""
    url = f"{desk.page.replace('http', 'ws')}/vnc/ws"
    bearer = {"Authorization": f"Bearer {token}"}
    return {
        "subprotocol": (url, WebAddress(protocols=("binary", f"agentd.grant.{token}"))),
        "header": (url, WebAddress(headers=bearer)),
        "query": (f"{url}?token={token}", WebAddress()),
        "query without binary": (f"{url}?token={token}", WebAddress(protocols=())),
        "control socket": (
            "ws://localhost/vnc/ws",
            WebAddress(unix_socket=str(desk.daemon.socket), headers=bearer),
        ),
    }


WAYS = ["subprotocol", "header", "query", "query without binary", "control socket"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_token_opens_the_web_socket(desk, way):
    grant = desk.grant()
    url, web = ways(desk, grant.token)[way]
    async with viewing(url, web=web, encodings=LIST) as viewer:
        await until_seen(viewer, await desk.show("photo", 1))
        assert viewer.name.startswith("agentd on ")
        [found] = [each for each in desk.client.vnc.viewers() if each.grant == grant.id]
        assert found.transport == "websocket"
    assert grant.token not in desk.daemon.log.read_text()


@pytest.mark.parametrize("way", WAYS)
async def test_a_wrong_token_opens_nothing(desk, way):
    url, web = ways(desk, "wrong" * 6)[way]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with viewing(url, web=web):
            pass
    assert refused.value.status == 401


async def test_another_origin_is_refused_though_its_token_is_right(desk):
    url, _ = ways(desk, desk.grant().token)["query"]
    web = WebAddress(headers={"Origin": "https://elsewhere.example"})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with viewing(url, web=web):
            pass
    assert refused.value.status == 403


async def test_a_grant_for_one_viewer_lets_one_in(desk):
    grant = desk.grant(uses=1)
    async with viewing(desk.address, password=grant.password, encodings=LIST) as viewer:
        await viewer.until_painted()
        with pytest.raises((Refused, Closed)):
            async with viewing(desk.address, password=grant.password):
                pass


async def test_whoever_may_open_the_unix_socket_needs_no_password(tmp_path):
    path = tmp_path / "rfb"
    more = f'listen = "unix:{path}"\n'
    async with open_desk(tmp_path, more) as desk:
        assert path.stat().st_mode & 0o777 == 0o600
        async with viewing(f"unix:{path}", encodings=LIST) as viewer:
            await until_seen(viewer, await desk.show("text", 2))
    assert not path.exists()
