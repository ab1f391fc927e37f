"""The viewer page in a real browser: what a person sees, and what their hands do.

Behind the page is a real daemon; see `viewer_site.Site`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import platform
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import pytest_asyncio

from agentd.base.errors import Conflict
from tests.live.chromium import Browser, Page, chromium
from tests.live.oracle import Oracle, oracle
from tests.live.viewer_site import HEIGHT, WIDTH, Site, viewer_site

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTROL, SHIFT = 2, 8  # Modifiers of DevTools' key events.
FILM = Path(__file__).parent / "film.py"
COUNT_DECODED = """
window.decoded = 0;
const Decoder = window.VideoDecoder;
window.VideoDecoder = class extends Decoder {
  decode(chunk) { window.decoded += 1; return super.decode(chunk); }
};
"""
SEEN_PHASES = """
window.phases = [];
new MutationObserver(() => phases.push(document.documentElement.dataset.phase))
  .observe(document.documentElement, { attributeFilter: ["data-phase"] });
"""
XCLIP = ("xclip", "-selection", "clipboard", "-target", "UTF8_STRING")
CANVAS = "#screen canvas:not(.still)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with viewer_site() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def token(site: Site) -> AsyncIterator[str]:
    """A grant with every right."""
    yield await site.grant()
    await site.revoke_all()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, site: Site, token: str) -> AsyncIterator[Page]:
    """The page of that grant, connected."""
    page = await browser.open_page()
    await page.open(site.link(token))
    await connected(page)
    yield page
    await page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(site: Site) -> AsyncIterator[Oracle]:
    """A program on the desktop, which has the focus."""
    async with oracle("tk", site.display) as program:
        yield program


@pytest_asyncio.fixture(loop_scope="module")
async def field(program: Oracle) -> Oracle:
    """The program, its field empty."""
    await program.clear()
    return program


async def connected(page: Page) -> None:
    await page.until(f"{PHASE} === 'connected' && document.querySelector('{CANVAS}').width > 0")


PHASE = "document.documentElement.dataset.phase"


async def phase(page: Page, wanted: str) -> None:
    await page.until(f"{PHASE} === {json.dumps(wanted)}")


async def says(page: Page, selector: str, text: str) -> None:
    """Wait until an element shows a text."""
    await page.until(
        f"document.querySelector({json.dumps(selector)}).checkVisibility() && "
        f"document.querySelector({json.dumps(selector)}).textContent.includes({json.dumps(text)})"
    )


async def on_desktop(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a point of the desktop lies in the page."""
    box = await page.evaluate(
        f"((c, r) => [r.x, r.y, r.width / c.width])(document.querySelector('{CANVAS}'),"
        f" document.querySelector('{CANVAS}').getBoundingClientRect())"
    )
    return box[0] + x * box[2], box[1] + y * box[2]


async def is_pointer_near(site: Site, wanted: tuple[int, int], error: int) -> bool:
    with site.open_display() as display:
        found = display.screen().root.query_pointer()
    return max(abs(found.root_x - wanted[0]), abs(found.root_y - wanted[1])) <= error


async def run(site: Site, *argv: str, text: str = "") -> str:
    """Run a program of the desktop and return what it writes."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={"PATH": "/usr/bin:/bin", **site.display.environment()},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE if not text else asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(10):
        output, _ = await process.communicate(text.encode())
    return (output or b"").decode()


async def eventually(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Look again and again at what gives no event here, until it is what is wanted."""
    deadline = time.monotonic() + 10
    while (found := await look()) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def shown(page: Page) -> str:
    """Return the digest of the picture that a page shows: all of it, RGBX."""
    return str(
        await page.evaluate(
            "(async (c) => [...new Uint8Array(await crypto.subtle.digest('SHA-256',"
            " c.getContext('2d').getImageData(0, 0, c.width, c.height).data))]"
            ".map((byte) => byte.toString(16).padStart(2, '0')).join(''))"
            f"(document.querySelector('{CANVAS}'))"
        )
    )


async def is_exact(page: Page, site: Site, *, cursor: bool = False) -> bool:
    """Whether a page shows each pixel of the screen; without its pointer."""
    picture = await site.agent.desktop.screenshot(format="raw", cursor=cursor)
    pixels = np.frombuffer(picture.body, np.uint8).reshape(-1, 4)[:, [2, 1, 0, 3]].copy()
    pixels[:, 3] = 255
    return hashlib.sha256(pixels.tobytes()).hexdigest() == await shown(page)


@asynccontextmanager
async def running(site: Site, *argv: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program on the desktop for the time of the block."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={"PATH": "/usr/bin:/bin", **site.display.environment()},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    """Return the next line that a program says."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def own_pointer(page: Page) -> None:
    """Have the mouse over the picture: its pointer is the page's own then, not painted."""
    await page.mouse("mouseMoved", *await on_desktop(page, 11, 11))


class TestConnecting:
    async def test_shows_the_desktop(self, page: Page, site: Site) -> None:
        await run(site, "xsetroot", "-solid", "#3465a4")
        await page.until(
            f"((c) => c.getContext('2d').getImageData(3, 3, 1, 1).data.join())"
            f"(document.querySelector('{CANVAS}')) === '52,101,164,255'"
        )
        assert await page.evaluate("document.title") == f"agentd on {platform.node()}"
        assert not await page.is_shown("#status")

    async def test_the_token_leaves_the_address_and_outlives_a_reload(self, page: Page) -> None:
        assert await page.evaluate("location.hash") == ""
        await page.evaluate("window.isBefore = true")
        await page.send("Page.reload")
        await page.until("!window.isBefore")
        await connected(page)

    async def test_nothing_is_refused_by_its_own_policy(self, page: Page) -> None:
        for opener in ("clipboard", "view", "info"):
            await page.click(f"[popovertarget={opener}]")
            await page.until(f"document.getElementById('{opener}').matches(':popover-open')")
        await page.press("Escape")
        assert page.console == []

    async def test_every_button_has_a_name(self, page: Page) -> None:
        nameless = await page.evaluate(
            "[...document.querySelectorAll('button, input, textarea')].filter((e) =>"
            " !(e.innerText || e.textContent || e.title || e.ariaLabel || e.labels?.length))"
            ".map((e) => e.outerHTML)"
        )
        assert nameless == []

    async def test_a_link_on_loopback_says_how_others_reach_it(self, site: Site) -> None:
        granted = await site.agent.vnc.grant()
        port = urlsplit(granted.url).port
        assert f"ssh -N -L {port}:127.0.0.1:{port} " in granted.hint
        await site.agent.vnc.revoke(id=granted.id)

    async def test_a_wrong_token_is_told(self, browser: Browser, site: Site) -> None:
        page = await browser.open_page()
        await page.open(site.link("wrong"))
        await says(page, "#status", "This link is not valid")
        await page.close()

    async def test_without_a_token_it_asks_for_one(
        self, browser: Browser, site: Site, token: str
    ) -> None:
        page = await browser.open_page()
        await page.open(f"{site.url}/vnc/")
        await says(page, "#status", "Open with a link")
        await page.click("#token")
        await page.insert(token)
        await page.press("Enter")
        await connected(page)
        await page.close()


class TestLosing:
    async def test_a_lost_connection_comes_back(self, page: Page, site: Site, token: str) -> None:
        site.link_to_daemon.refuses_pictures = True
        try:
            site.link_to_daemon.cut(token)
            await says(page, "#status", "Next try in")
            # The last picture stays behind the words.
            assert await page.is_shown("#screen .still")
        finally:
            site.link_to_daemon.refuses_pictures = False
        await page.click("#retry")
        await connected(page)
        assert not await page.is_shown("#screen .still")

    async def test_a_revoked_grant_ends_it(self, page: Page, site: Site, token: str) -> None:
        await site.revoke(token)
        await says(page, "#status", "Your access has ended")
        assert not await page.is_shown("#screen canvas")
        assert not await page.is_shown("#take")
        assert await page.evaluate("Object.values(sessionStorage).join()") == ""


class TestHands:
    async def test_keys_arrive(self, page: Page, field: Oracle) -> None:
        await page.press("a")
        await page.press("B", code="KeyB", modifiers=SHIFT)
        await page.press("7", code="Digit7")
        await field.wait_text("aB7")

    @pytest.mark.parametrize(("size", "error"), [("actual", 0), ("fit", 1)])
    async def test_the_pointer_goes_where_it_is_put(
        self, page: Page, site: Site, size: str, error: int
    ) -> None:
        await page.click("[popovertarget=view]")
        await page.click(f"input[value={size}]")
        await page.press("Escape")
        for x, y in ((5, 7), (WIDTH - 9, HEIGHT - 5), (300, 200)):
            await page.mouse("mouseMoved", *await on_desktop(page, x + 0.5, y + 0.5))
            await eventually(lambda at=(x, y): is_pointer_near(site, at, error), True)

    async def test_clicks_arrive(self, page: Page, field: Oracle) -> None:
        for button, number in (("left", 1), ("middle", 2), ("right", 3)):
            await page.click_at(*await on_desktop(page, WIDTH / 2, HEIGHT / 2), button=button)
            await field.wait_event("button", press=True, button=number)
            await field.wait_event("button", press=False, button=number)
            await page.press("Escape")

    async def test_a_phone_types(self, page: Page, field: Oracle) -> None:
        await page.size(390, 844, touch=True)
        await page.tap_at(*await page.middle_of("#keyboard"))
        await page.until("document.activeElement.id === 'typing'")
        await page.insert("grüße")
        await field.wait_text("grüße")
        # What a keyboard completes: the end of the word is taken back and written anew.
        await page.evaluate(
            "((t) => { t.value = t.value.slice(0, -2) + 'n 1'; "
            "t.dispatchEvent(new InputEvent('input')); })(document.getElementById('typing'))"
        )
        await field.wait_text("grün 1")

    async def test_a_modifier_of_the_strip_holds_for_one_key(
        self, page: Page, field: Oracle
    ) -> None:
        await page.click("#keyboard")
        await page.click("[data-modifier=Shift]")
        assert await page.evaluate(
            "document.querySelector('[data-modifier=Shift]').ariaPressed === 'true'"
        )
        await page.click("[data-key=Tab]")
        await page.until("document.querySelector('[data-modifier=Shift]').ariaPressed === 'false'")
        await field.wait_event("key", press=True, keysym="Shift_L")

    async def test_who_may_only_view_types_nothing(
        self, browser: Browser, site: Site, page: Page, field: Oracle
    ) -> None:
        watcher = await browser.open_page()
        await watcher.open(site.link(await site.grant("view", label="Grace")))
        await connected(watcher)
        await says(watcher, "#view-only", "View only")
        for hidden in ("#take", "#keyboard", "#clipboard-open", "#private", "#size-match"):
            assert not await watcher.is_shown(hidden), hidden
        await watcher.click(CANVAS)
        await watcher.press("x")
        await page.press("y")
        await field.wait_text("y")
        await watcher.close()


class TestClipboard:
    async def test_goes_both_ways_by_itself(self, page: Page, site: Site) -> None:
        await page.permit("clipboardReadWrite", "clipboardSanitizedWrite")
        await page.evaluate("navigator.clipboard.writeText('from here: ключ')")
        await page.evaluate("dispatchEvent(new Event('focus'))")
        await eventually(lambda: run(site, *XCLIP, "-o"), "from here: ключ")
        await run(site, *XCLIP, text="from there: 鍵")
        await page.until(
            "(async () => await navigator.clipboard.readText() === 'from there: 鍵')()",
        )

    async def test_what_was_copied_before_comes_along(
        self, browser: Browser, site: Site, token: str
    ) -> None:
        page = await browser.open_page()
        await page.open(f"{site.url}/vnc/")
        await page.permit("clipboardReadWrite", "clipboardSanitizedWrite")
        await page.evaluate("navigator.clipboard.writeText('before: ключ')")
        await page.open(site.link(token))
        await eventually(lambda: run(site, *XCLIP, "-o"), "before: ключ")
        await page.close()

    async def test_goes_through_the_panel_where_the_browser_does_not_permit(
        self, page: Page, site: Site
    ) -> None:
        await page.click("#clipboard-open")
        await page.click("#clipboard-text")
        await page.insert("by hand: Größe")
        await page.click("#clipboard-send")
        await says(page, "#note", "Sent")
        await eventually(lambda: run(site, *XCLIP, "-o"), "by hand: Größe")


class TestView:
    async def test_fits_or_shows_each_pixel(self, page: Page) -> None:
        width = f"document.querySelector('{CANVAS}').getBoundingClientRect().width"
        await page.size(800, 500)
        await page.until(f"{width} < 760")
        await page.click("[popovertarget=view]")
        await page.click("input[value=actual]")
        await page.until(f"{width} === {WIDTH}")

    async def test_resizes_the_desktop_to_the_window(self, page: Page, site: Site) -> None:
        await page.click("[popovertarget=view]")
        await page.click("input[value=match]")
        await page.until(f"document.querySelector('{CANVAS}').width === innerWidth")
        with site.open_display() as display:
            size = display.screen().root.get_geometry()
        room = await page.evaluate(
            "(({ clientWidth: w, clientHeight: h }) => [w, h])(document.querySelector('main'))"
        )
        assert [size.width, size.height] == room

    async def test_a_bell_is_seen(self, page: Page, site: Site) -> None:
        await page.evaluate(
            "document.getElementById('flash')"
            ".addEventListener('animationstart', () => { window.wasSeen = true; })"
        )

        async def rings() -> bool:
            # A bell that rings before anybody listens to the keyboard is heard by nobody.
            with site.open_display() as display:
                display.bell()
            return bool(await page.evaluate("window.wasSeen"))

        await eventually(rings, True)


class TestControl:
    async def test_is_taken_and_handed_back(self, page: Page) -> None:
        await says(page, "#holder", "Agent in control")
        await page.click("#take")
        await says(page, "#holder", "You are in control")
        await says(page, "#take", "Hand back")
        await page.click("#take")
        await says(page, "#holder", "Agent in control")

    async def test_is_not_offered_while_another_has_it(
        self, browser: Browser, site: Site, page: Page
    ) -> None:
        other = await browser.open_page()
        await other.open(site.link(await site.grant(label="Grace")))
        await connected(other)
        await other.click("#private")
        await says(page, "#holder", "Grace in control")
        await says(page, "#withheld", "The agent gets no screenshots now")
        for refused in ("#take", "#private", "#withheld-end"):
            assert not await page.is_shown(refused), refused
        assert await page.text("#name") == f"agentd on {platform.node()}"
        await other.click("#take")
        await says(page, "#holder", "Agent in control")
        assert await page.is_shown("#take")
        await other.close()

    async def test_help_is_asked_and_given(self, page: Page, site: Site) -> None:
        await site.agent.desktop.request_help(reason="Please solve the captcha <b>now</b>")
        await says(page, "#help", "Please solve the captcha <b>now</b>")
        assert (await page.evaluate("document.title")).startswith("(!)")
        await page.click("#help-done")
        await page.until("document.getElementById('help').hidden")

    async def test_pictures_are_withheld_from_the_agent(self, page: Page, site: Site) -> None:
        await page.click("#private")
        await says(page, "#withheld", "The agent gets no screenshots now")
        with pytest.raises(Conflict, match="withholds"):
            await site.agent.desktop.screenshot()
        await page.click("#withheld-end")
        await page.until("document.getElementById('withheld').hidden")
        await page.click("#take")

    async def test_the_agent_waits_while_the_page_acts(self, page: Page, site: Site) -> None:
        at = await on_desktop(page, 900, 600)
        await page.mouse("mouseMoved", *at)
        await page.mouse("mousePressed", *at, button="left", clickCount=1)
        await says(page, "#holder", "You are in control")
        with pytest.raises(Conflict) as refused:
            await site.agent.desktop.move(x=5, y=5)
        assert refused.value.narrow_code == "human_in_control"
        await page.mouse("mouseReleased", *at, button="left", clickCount=1)
        assert (await site.agent.desktop.wait_turn(timeout_ms=10_000)).free
        await site.agent.desktop.move(x=5, y=5)
        await says(page, "#holder", "Agent in control")


class TestPicture:
    async def test_the_pointer_that_the_agent_moves_is_seen(self, page: Page, site: Site) -> None:
        await own_pointer(page)
        await eventually(lambda: is_exact(page, site), True)
        await site.agent.desktop.move(x=500, y=310)
        await eventually(lambda: is_exact(page, site, cursor=True), True)
        assert not await is_exact(page, site)

    async def test_text_is_exact(self, page: Page, site: Site) -> None:
        await own_pointer(page)
        script = "ls -la /usr/bin | head -60; echo end; exec cat"
        async with running(site, "xterm", "-geometry", "110x40", "-e", "sh", "-c", script):
            await site.agent.windows.wait(class_name="XTerm")
            await eventually(lambda: is_exact(page, site), True)

    @pytest.mark.parametrize("has_video", [True, False], ids=["h264", "jpeg"])
    async def test_photo_and_film_are_exact_at_rest(
        self, browser: Browser, site: Site, token: str, has_video: bool
    ) -> None:
        page = await browser.open_page()
        await page.prepare(COUNT_DECODED if has_video else "delete window.VideoDecoder")
        await page.open(site.link(token))
        await connected(page)
        await own_pointer(page)
        async with running(site, sys.executable, str(FILM)) as film:
            assert await line(film) == "ready"
            await eventually(lambda: is_exact(page, site), True)
            assert film.stdin is not None
            film.stdin.write(b"60\n")
            assert await line(film) == "done"
            await eventually(lambda: is_exact(page, site), True)
        if has_video:
            assert await page.evaluate("window.decoded") > 5
        await page.click("[popovertarget=info]")
        await says(page, "#info-exact", "exact")
        await page.close()

    async def test_two_pages_show_the_same(
        self, browser: Browser, site: Site, page: Page, field: Oracle
    ) -> None:
        watcher = await browser.open_page()
        await watcher.open(site.link(await site.grant("view", label="Grace")))
        await connected(watcher)
        assert len(await site.agent.vnc.viewers()) == 2
        await page.click_at(*await on_desktop(page, WIDTH / 2, HEIGHT / 2))
        for key in "seen":
            await page.press(key)
        await field.wait_text("seen")
        await eventually(lambda: is_exact(page, site), True)
        await own_pointer(watcher)
        # Another person moved the pointer: who looks on has it in the picture.
        await eventually(lambda: is_exact(watcher, site, cursor=True), True)
        await watcher.close()


class TestCrashes:
    """Last: what ran on the desktop is gone with it."""

    async def test_a_stopped_desktop_is_told_and_comes_back(self, page: Page, site: Site) -> None:
        try:
            await site.agent.desktop.stop()
            await says(page, "#status", "The desktop is not running")
        finally:
            await site.agent.desktop.start()
            await site.look_up_display()
        await connected(page)

    async def test_a_killed_x_server_is_told_and_comes_back(self, page: Page, site: Site) -> None:
        await page.evaluate(SEEN_PHASES)
        site.kill_display()
        await page.until("phases.length > 1 && phases.at(-1) === 'connected'")
        assert await page.evaluate("phases[0]") == "stopped"
        await site.look_up_display()
        await run(site, "xsetroot", "-solid", "#4e9a06")
        await own_pointer(page)
        await eventually(lambda: is_exact(page, site), True)

    async def test_a_killed_daemon_is_found_again(self, page: Page, site: Site) -> None:
        site.daemon.kill()
        await says(page, "#status", "Reconnecting")
        await asyncio.to_thread(site.daemon.start)
        await site.agent.desktop.start()
        await site.look_up_display()
        await connected(page)
        await own_pointer(page)
        await eventually(lambda: is_exact(page, site), True)
