"""TigerVNC's viewer before our desktop: what it shows, and what a person does there."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.oracle import oracle
from tests.live.vnc_certificate import make_certificate
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import Desk, difference, open_desk, reduced, until, until_same
from tests.live.vnc_plain import looking
from tests.live.vnc_viewers import TigerVnc, second_display, start, tigervnc

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_HAND = "-AutoSelect=0"
SHOWS = {
    "auto": (),
    "tight": (BY_HAND, "-PreferredEncoding=Tight", "-NoJPEG=1"),
    "tight-jpeg-0": (BY_HAND, "-PreferredEncoding=Tight", "-QualityLevel=0"),
    "tight-jpeg-9": (BY_HAND, "-PreferredEncoding=Tight", "-QualityLevel=9"),
    "zrle": (BY_HAND, "-PreferredEncoding=ZRLE", "-NoJPEG=1"),
    "hextile": (BY_HAND, "-PreferredEncoding=Hextile"),
    "raw": (BY_HAND, "-PreferredEncoding=Raw"),
}
# Its levels of colour: 8, 64 and 256 of them.
LEVELS = [(1, 1, 1), (3, 3, 3), (7, 7, 3)]
MIXED = "Grüße, мир, 你好, 🎉 e\u0301\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def display():
    async with second_display() as opened:
        yield opened


async def until_shown(viewer: TigerVnc, desk: Desk, command: str, *numbers: float) -> None:
    """Show something, and wait until the viewer shows exactly that."""
    await until_same(viewer.look, await desk.show(command, *numbers))


# --- What it shows --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", SHOWS)
async def test_tigervnc_shows_the_screen_exactly(desk, display, options):
    password = desk.grant().password
    async with tigervnc(display, desk.address, *SHOWS[options], password=password) as viewer:
        await until_shown(viewer, desk, "text", 1)
        await until_shown(viewer, desk, "photo", 2)
        await until_shown(viewer, desk, "scroll", 12)
        await until_shown(viewer, desk, "cells", 60)
        await until_shown(viewer, desk, "film", 3, 2.0 if options == "auto" else 0.3)
        await until_shown(viewer, desk, "text", 4)


@pytest.mark.parametrize("encoding", ["Tight", "ZRLE", "Hextile", "Raw"])
@pytest.mark.parametrize("level", [0, 1, 2])
async def test_tigervnc_shows_few_colours(desk, display, level, encoding):
    options = (BY_HAND, "-FullColor=0", f"-LowColorLevel={level}")
    options += (f"-PreferredEncoding={encoding}",)
    password = desk.grant().password
    async with tigervnc(display, desk.address, *options, password=password) as viewer:
        for command, number in (("text", 5), ("photo", 6), ("scroll", 3)):
            wanted = reduced(await desk.show(command, number), LEVELS[level])
            await until_same(lambda: reduced(viewer.look(), LEVELS[level]), wanted)


# --- How it comes in ------------------------------------------------------------------------------


async def test_tigervnc_with_a_wrong_password_is_sent_away(desk, display):
    async with tigervnc(display, desk.address, password="wrong123") as viewer:
        assert "This password opens nothing" in await viewer.wait_end()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def encrypted(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("encrypted")
    certificate, key = make_certificate(folder)
    more = f'certificate_file = "{certificate}"\nkey_file = "{key}"\n'
    async with open_desk(folder, more) as opened:
        yield opened, certificate


@pytest.mark.parametrize("kind", ["X509Plain", "X509Vnc"])
async def test_tigervnc_comes_in_by_tls(encrypted, display, kind):
    desk, certificate = encrypted
    grant = desk.grant()
    options = (f"-SecurityTypes={kind}", f"-X509CA={certificate}")
    secret = grant.token if kind == "X509Plain" else grant.password
    address = desk.address
    async with tigervnc(display, address, *options, password=secret, user=grant.id) as viewer:
        await until_shown(viewer, desk, "text", 7)
        await until_shown(viewer, desk, "photo", 8)
        assert f"Choosing security type {kind}" in viewer.said()


async def test_tigervnc_with_a_wrong_user_is_sent_away(encrypted, display):
    desk, certificate = encrypted
    grant = desk.grant()
    options = ("-SecurityTypes=X509Plain", f"-X509CA={certificate}")
    address = desk.address
    async with tigervnc(display, address, *options, password=grant.token, user="g-other") as viewer:
        assert "This password opens nothing" in await viewer.wait_end()


# --- What a person does there ---------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="module")
async def viewer(desk, display):
    password = desk.grant().password
    async with tigervnc(display, desk.address, password=password) as opened:
        await until_shown(opened, desk, "text", 9)
        yield opened


async def test_what_is_typed_and_clicked_in_tigervnc_arrives(desk, viewer):
    await desk.show("hide")
    async with oracle("tk", desk.display) as program:
        viewer.move(340, 300)
        viewer.click()
        pressed = await program.wait_event("button", press=True, button=1)
        assert (pressed["x"], pressed["y"]) == (340, 300)
        for keys in (["Shift_L", "a"], ["b"], ["space"], ["Shift_L", "2"], ["Control_L", "k"]):
            viewer.press(*keys)
        await program.wait_text("Ab @")
        await program.wait_event("key", press=False, keysym="k")
        viewer.click(5)
        await program.wait_event("scroll", dy=1)
        viewer.click(4)
        await program.wait_event("scroll", dy=-1)
        viewer.click(3)
        await program.wait_event("button", press=False, button=3)


async def test_nothing_is_typed_by_a_viewer_that_may_only_look(desk, display):
    password = desk.grant("view").password
    await desk.show("hide")
    async with (
        tigervnc(display, desk.address, password=password) as viewer,
        oracle("tk", desk.display) as program,
        looking(desk) as other,
    ):
        await until_same(viewer.look, desk.screen.look())
        before = desk.screen.pointer()
        viewer.move(300, 300)
        viewer.click()
        viewer.press("a")
        # What comes later by another viewer has come, and nothing else.
        other.tap(ord("z"))
        await program.wait_text("z")
        assert desk.screen.pointer() == before
        assert not program.of("button")


async def test_the_clipboard_goes_both_ways(desk, display, viewer, tmp_path):
    selection = ["xclip", "-quiet", "-selection", "clipboard"]
    text = tmp_path / "text"
    text.write_text(MIXED)
    environment = {"PATH": desk.environment["PATH"], **display.environment()}
    async with AsyncExitStack() as stack:
        viewer.move(300, 300)
        await start(stack, [*selection, "-i", str(text)], environment)
        await until(desk.clipboard, lambda got: got == MIXED, "its clipboard")
        desk.client.clipboard.set(text=MIXED * 50)
        got = b""
        async with asyncio.timeout(10):
            while got.decode() != MIXED * 50:
                paste = await asyncio.create_subprocess_exec(
                    *selection, "-o", env=environment, stdout=asyncio.subprocess.PIPE
                )
                got, _ = await paste.communicate()


async def test_tigervnc_gives_the_desktop_its_size(desk, display):
    password = desk.grant().password
    options = ("-RemoteResize=1", "-DesktopSize=900x700")
    async with tigervnc(display, desk.address, *options, password=password) as viewer:
        try:
            await until_shown_at(desk, viewer, 900, 700)
            viewer.resize_window(1000, 600)
            await until_shown_at(desk, viewer, 1000, 600)
        finally:
            desk.client.desktop.resize(width=WIDTH, height=HEIGHT)


async def until_shown_at(desk: Desk, viewer: TigerVnc, width: int, height: int) -> None:
    """Wait until the desktop has a size, and the viewer shows it."""
    await until(lambda: desk.screen.look().shape, lambda seen: seen == (height, width), "the size")

    def differ() -> str:
        return difference(desk.screen.look(), viewer.look()[:height, :width])

    await until(differ, lambda said: not said, "the picture")


async def test_tigervnc_follows_a_desktop_of_another_size(desk, viewer):
    for width, height in ((800, 600), (WIDTH, HEIGHT)):
        await asyncio.to_thread(desk.client.desktop.resize, width=width, height=height)
        await until_shown_at(desk, viewer, width, height)
