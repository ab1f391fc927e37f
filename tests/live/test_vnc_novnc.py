"""noVNC 1.3, as Debian has it, in a real Chromium: another site's page before our WebSocket."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import web
from PIL import Image

from tests.live.chromium import Page, chromium
from tests.live.oracle import oracle
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import Colours, Desk, difference, open_desk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOVNC = Path("/usr/share/novnc")
CANVAS = "document.querySelector('#noVNC_container canvas')"
CONNECTED = "document.documentElement.classList.contains('noVNC_connected')"
SETTLES_S = 15.0
MIXED = "Grüße, мир, 你好"


class Site:
    """A page that shows our desktop, and where it is."""

    def __init__(self, desk: Desk, origin: str, page: Page) -> None:
        self.desk = desk
        self.origin = origin
        self.page = page

    async def open(self, *, origin: str = "", token: str = "") -> None:
        """Open noVNC with a grant's token in the path, as its users do it."""
        where = urlsplit(self.desk.page)
        path = quote(f"vnc/ws?token={token or self.desk.grant().token}", safe="")
        await self.page.open(
            f"{origin or self.origin}/vnc.html?autoconnect=true&resize=off&reconnect=false"
            f"&host={where.hostname}&port={where.port}&path={path}"
        )

    async def look(self) -> Colours:
        """Return what its canvas shows."""
        encoded = await self.page.evaluate(f"{CANVAS}.toDataURL('image/png').split(',')[1]")
        picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
        pixels = np.asarray(picture).astype(np.uint32)
        return pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]

    async def until_shown(self, command: str, *numbers: float) -> None:
        """Show something, and wait until the page shows exactly that."""
        wanted = await self.desk.show(command, *numbers)
        said = "nothing"
        try:
            async with asyncio.timeout(SETTLES_S):
                while said := difference(wanted, await self.look()):
                    pass
        except TimeoutError:
            raise AssertionError(f"{command}: {said}; console: {self.page.console}") from None


@asynccontextmanager
async def files() -> AsyncIterator[str]:
    """Serve noVNC's files; gives the origin."""
    application = web.Application()
    application.router.add_static("/", NOVNC)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(files())
        folder = tmp_path_factory.mktemp("desk")
        more = f'allow_origins = ["{origin}"]\n'
        desk = await stack.enter_async_context(open_desk(folder, more))
        browser = await stack.enter_async_context(chromium())
        yield Site(desk, origin, await browser.open_page())


@pytest_asyncio.fixture(loop_scope="module")
async def shown(site):
    """The page, connected, with its own mouse over the picture."""
    await site.page.size(WIDTH + 100, HEIGHT + 100)
    await site.open()
    await site.page.until(f"{CONNECTED} && {CANVAS}.width === {WIDTH}")
    await move(site, 500, 400)
    return site


async def move(site, x: int, y: int) -> None:
    """Move the mouse to a point of the desktop."""
    left, top = await site.page.evaluate(
        f"(({{x, y}}) => [x, y])({CANVAS}.getBoundingClientRect())"
    )
    await site.page.mouse("mouseMoved", left + x, top + y)
    await until(site.desk.screen.pointer, lambda at: at == (x, y), "the mouse is there")


async def test_novnc_shows_the_screen_exactly(shown):
    await shown.until_shown("text", 1)
    await shown.until_shown("photo", 2)
    await shown.until_shown("scroll", 12)
    await shown.until_shown("cells", 60)
    await shown.until_shown("film", 3, 2.0)
    await shown.until_shown("text", 4)


async def test_what_is_typed_and_clicked_in_novnc_arrives(shown):
    await shown.desk.show("hide")
    async with oracle("tk", shown.desk.display) as program:
        await move(shown, 340, 300)
        left, top = await shown.page.evaluate(
            f"(({{x, y}}) => [x, y])({CANVAS}.getBoundingClientRect())"
        )
        await shown.page.click_at(left + 340, top + 300)
        pressed = await program.wait_event("button", press=True, button=1)
        assert (pressed["x"], pressed["y"]) == (340, 300)
        for key in "abz":
            await shown.page.press(key)
        await program.wait_text("abz")


async def test_the_clipboard_of_novnc_goes_both_ways(shown):
    client = shown.desk.client
    field = "document.querySelector('#noVNC_clipboard_text')"
    await shown.page.evaluate(
        f"(() => {{ {field}.value = '{MIXED}'; {field}.dispatchEvent(new Event('change')); }})()"
    )
    await until(shown.desk.clipboard, lambda got: got == MIXED, "the clipboard")
    # Somebody has typed here a moment ago.
    await asyncio.to_thread(client.desktop.wait_turn)
    client.clipboard.set(text=MIXED[::-1])
    await shown.page.until(f"{field}.value === '{MIXED[::-1]}'")


async def test_the_desktop_takes_another_size_under_novnc(shown):
    for width, height in ((800, 600), (WIDTH, HEIGHT)):
        await asyncio.to_thread(shown.desk.client.desktop.resize, width=width, height=height)
        await shown.page.until(f"{CANVAS}.width === {width} && {CANVAS}.height === {height}")
    await shown.until_shown("photo", 5)


async def test_a_page_of_another_site_is_refused(site):
    grant = site.desk.grant()
    await site.open(origin=site.origin.replace("127.0.0.1", "localhost"), token=grant.token)
    status = "document.querySelector('#noVNC_status')"
    await site.page.until(f"{status}.innerText.includes('Failed to connect')")
    assert f"grant={grant.id} address=" not in site.desk.daemon.log.read_text()
    await site.open(token=grant.token)
    await site.page.until(CONNECTED)
