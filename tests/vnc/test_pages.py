"""The viewer page over HTTP: headers, who may ask, the stream and the buttons."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from agentd.vnc import pages as module
from agentd.vnc.pages import Deed, DesktopState, Help, Holder, Pages
from agentd.vnc.viewer_files import VIEWER_FOLDER, ViewerFiles
from tests.vnc.played_desk import PlayedDesk
from tests.vnc.test_viewer_files import make_novnc

TOKEN = "x" * 32
BEARER = {"Authorization": f"Bearer {TOKEN}"}
RFB_JS = "/vnc/novnc/1.7.0/core/rfb.js"


class Browser:
    """Asks a server of its own for paths."""

    def __init__(self, folder: Path) -> None:
        self.desk = PlayedDesk({TOKEN: ("Ada", ("view", "pointer", "key"))})
        self.novnc = folder / "novnc"
        self.pages = Pages(
            ViewerFiles(self.novnc), self.desk, frame_origins=["https://app.example"]
        )
        self.session = aiohttp.ClientSession(
            auto_decompress=False, headers={"Accept-Encoding": "identity"}
        )
        self.root = URL()

    async def ask(
        self, method: str, path: str, **options: Any
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send a request as it is written: nothing in its path is made tidy."""
        url = URL(f"{self.root}{path}", encoded=True)
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as response:
            return response, await response.read()

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
        return await self.ask("GET", path, headers=headers)


@pytest_asyncio.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    browser = Browser(tmp_path)
    make_novnc(browser.novnc)
    runner = web.ServerRunner(web.Server(browser.pages.handle), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    browser.root = URL(f"http://{host}:{port}")
    yield browser
    browser.pages.drain()
    await browser.session.close()
    await runner.cleanup()


class TestFiles:
    @pytest.mark.parametrize("path", ["/vnc/", "/vnc/index.html", "/vnc/?x=1"])
    async def test_the_page_is_kept_by_nobody(self, browser: Browser, path: str) -> None:
        response, body = await browser.get(path)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b'data-novnc="novnc/1.7.0/"' in body

    async def test_the_folder_without_its_slash_leads_to_it(self, browser: Browser) -> None:
        response, _ = await browser.get("/vnc")
        assert response.status == 308
        assert response.headers["Location"] == "vnc/"

    async def test_novnc_is_kept_for_a_year(self, browser: Browser) -> None:
        response, body = await browser.get(RFB_JS)
        assert body == b"export default class RFB {}"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"

    async def test_our_files_are_asked_after_each_time(self, browser: Browser) -> None:
        response, body = await browser.get("/vnc/main.js")
        assert body == (VIEWER_FOLDER / "main.js").read_bytes()
        assert response.headers["Cache-Control"] == "no-cache"
        again, nothing = await browser.get(
            "/vnc/main.js", **{"If-None-Match": f'"else", {response.headers["ETag"]}'}
        )
        assert (again.status, nothing) == (304, b"")

    async def test_head_tells_the_length_and_sends_nothing(self, browser: Browser) -> None:
        response, body = await browser.ask("HEAD", RFB_JS)
        assert (response.status, body) == (200, b"")
        assert response.headers["Content-Length"] == "27"

    async def test_is_compressed_for_who_takes_it(self, browser: Browser) -> None:
        plain, body = await browser.get("/vnc/viewer.css", **{"Accept-Encoding": "identity"})
        small, packed = await browser.get("/vnc/viewer.css", **{"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in plain.headers
        assert small.headers["Content-Encoding"] == "gzip"
        assert small.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(packed) == body

    @pytest.mark.parametrize(
        "path",
        [
            "/vnc/../pages.py",
            "/vnc/%2e%2e/pages.py",
            "/vnc/..%2fpages.py",
            "/vnc/viewer/../../pages.py",
            "/vnc//etc/passwd",
            "/vnc/novnc/1.7.0/core/../secret.js",
            "/vnc/novnc/1.7.0/core/%2e%2e/secret.js",
            "/vnc/novnc/1.7.0/package.json",
            "/vnc/novnc/",
            "/vnc/index.html%00.js",
            "/vnc/ws",
            "/vncx",
            "/",
        ],
    )
    async def test_what_is_not_the_page_is_not_found(self, browser: Browser, path: str) -> None:
        response, body = await browser.get(path)
        assert response.status == 404
        assert json.loads(body)["code"] == "no_such_path"
        assert b"import" not in body

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    async def test_files_are_only_read(self, browser: Browser, method: str) -> None:
        response, body = await browser.ask(method, "/vnc/")
        assert response.status == 400
        assert json.loads(body)["code"] == "method_not_allowed"

    async def test_without_novnc_the_page_says_what_is_missing(self, browser: Browser) -> None:
        browser.novnc.rename(browser.novnc.with_name("away"))
        response, body = await browser.get("/vnc/")
        assert response.status == 503
        assert b"noVNC is missing" in body
        browser.novnc.with_name("away").rename(browser.novnc)
        response, _ = await browser.get("/vnc/")
        assert response.status == 200


class TestHeaders:
    @pytest.mark.parametrize("path", ["/vnc/", "/vnc", RFB_JS, "/vnc/nothing", "/vnc/state"])
    async def test_every_answer_is_guarded(self, browser: Browser, path: str) -> None:
        response, _ = await browser.get(path)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]

    async def test_the_page_runs_our_scripts_alone(self, browser: Browser) -> None:
        response, body = await browser.get("/vnc/")
        rules = dict(
            rule.strip().split(" ", 1)
            for rule in response.headers["Content-Security-Policy"].split(";")
        )
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert rules["frame-ancestors"] == "'self' https://app.example"
        assert b"<style" not in body
        assert b" style=" not in body
        assert b"onclick" not in body
        assert body.count(b"<script") == body.count(b'<script type="module" src="main.js">') == 1

    async def test_the_page_names_no_other_site(self) -> None:
        for path in VIEWER_FOLDER.iterdir():
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "://" not in text, path.name


class TestState:
    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer", "Bearer ", f"Basic {TOKEN}", "Bearer wrong", f"Bearer {'x' * 300}", TOKEN],
    )
    @pytest.mark.parametrize(("method", "path"), [("GET", "state"), ("POST", "control")])
    async def test_needs_the_token_of_a_grant(
        self, browser: Browser, method: str, path: str, authorization: str
    ) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        response, body = await browser.ask(method, f"/vnc/{path}", headers=headers, data=b"{}")
        if method == "GET":
            assert "application/problem+json" in response.headers["Content-Type"]
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="agentd"'
        assert json.loads(body)["type"] == "urn:agentd:error:unauthorized"
        assert browser.desk.done == []

    async def test_is_told_at_once_and_at_each_change(self, browser: Browser) -> None:
        async with Stream(browser) as stream:
            assert await stream.line() == {
                "mode": "human_first",
                "holder": {"kind": "agent", "label": "agent", "is_you": False, "taken": False},
                "you": {"rights": ["view", "pointer", "key"], "label": "Ada"},
                "help": None,
                "desktop": {
                    "running": True,
                    "width": 1024,
                    "height": 640,
                    "name": "Research desktop",
                },
                "exact": True,
                "withheld": False,
            }
            browser.desk.help = Help("a captcha", 5.0)
            browser.desk.tell()
            assert (await stream.line())["help"] == {"reason": "a captcha", "since": 5.0}
            browser.desk.desktop = DesktopState(False, 0, 0, "")
            browser.desk.tell()
            assert (await stream.line())["desktop"]["running"] is False

    async def test_what_has_not_changed_is_not_told_again(self, browser: Browser) -> None:
        async with Stream(browser) as stream:
            await stream.line()
            browser.desk.tell()
            assert await stream.response.content.readline() == b"\n"

    async def test_beats_while_nothing_happens(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.01)
        async with Stream(browser) as stream:
            await stream.line()
            assert await stream.response.content.readline() == b"\n"

    async def test_ends_with_the_grant(self, browser: Browser) -> None:
        async with Stream(browser) as stream:
            await stream.line()
            browser.desk.grants.clear()
            browser.desk.tell()
            assert (await stream.line())["error"]["status"] == 401
            assert await stream.response.content.read() == b""

    async def test_a_grant_that_runs_out_unseen_is_noticed(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.01)
        async with Stream(browser) as stream:
            await stream.line()
            browser.desk.grants.clear()
            assert (await stream.line())["error"]["status"] == 401

    async def test_who_has_gone_is_followed_no_more(self, browser: Browser) -> None:
        async with Stream(browser) as stream:
            await stream.line()
            assert browser.desk.followers == 1
        deadline = time.monotonic() + 10
        while browser.desk.followers:
            assert time.monotonic() < deadline
            browser.desk.tell()
            await asyncio.sleep(0)

    async def test_a_stop_ends_it(self, browser: Browser) -> None:
        async with Stream(browser) as stream:
            await stream.line()
            browser.pages.drain()
            with pytest.raises(aiohttp.ClientError):
                await stream.response.content.read()
        assert browser.desk.followers == 0

    async def test_head_does_not_follow(self, browser: Browser) -> None:
        response, body = await browser.ask("HEAD", "/vnc/state", headers=BEARER)
        assert (response.status, body) == (200, b"")
        assert browser.desk.followers == 0


class TestControl:
    @pytest.mark.parametrize("deed", list(Deed))
    async def test_does_what_the_button_says(self, browser: Browser, deed: Deed) -> None:
        response, body = await browser.ask(
            "POST", "/vnc/control", headers=BEARER, json={"do": deed}
        )
        assert response.status == 200
        assert browser.desk.done == [("Ada", deed)]
        assert json.loads(body)["you"]["label"] == "Ada"

    async def test_answers_the_new_state(self, browser: Browser) -> None:
        _, body = await browser.ask("POST", "/vnc/control", headers=BEARER, json={"do": "takeover"})
        assert json.loads(body)["holder"]["is_you"] is True
        assert browser.desk.holder == Holder("human", "Ada", is_you=True, taken=True)

    async def test_refusals_reach_the_page(self, browser: Browser) -> None:
        browser.desk.refusal = "Grace has taken over"
        response, body = await browser.ask(
            "POST", "/vnc/control", headers=BEARER, json={"do": "takeover"}
        )
        assert response.status == 409
        assert json.loads(body)["detail"] == "Grace has taken over"

    @pytest.mark.parametrize(
        "body",
        [b"", b"{}", b"[]", b'{"do":"fly"}', b'{"do":1}', b'{"do":"release","x":1}', b"\xff"],
    )
    async def test_a_wrong_body_says_what_would_be_right(
        self, browser: Browser, body: bytes
    ) -> None:
        response, answer = await browser.ask("POST", "/vnc/control", headers=BEARER, data=body)
        assert response.status == 400
        assert "takeover" in json.loads(answer)["hint"]
        assert browser.desk.done == []

    async def test_a_long_body_is_refused(self, browser: Browser) -> None:
        response, _ = await browser.ask("POST", "/vnc/control", headers=BEARER, data=b" " * 5000)
        assert response.status == 413

    async def test_is_not_read(self, browser: Browser) -> None:
        response, _ = await browser.ask("GET", "/vnc/control", headers=BEARER)
        assert response.status == 400


class Stream:
    """An open stream of states."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def __aenter__(self) -> Stream:
        self.response = await self._browser.session.get(
            f"{self._browser.root}/vnc/state", headers=BEARER
        )
        assert self.response.status == 200
        assert self.response.headers["Content-Type"] == "application/x-ndjson"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.response.close()

    async def line(self) -> dict[str, Any]:
        """The next line that is no heartbeat."""
        async with asyncio.timeout(10):
            while not (line := await self.response.content.readline()).strip():
                assert line, "the stream has ended"
        return dict(json.loads(line))
