"""What viewers may do and do: their keys and pointers, and how they see the pointer."""

from __future__ import annotations

import pytest
import pytest_asyncio

from agentd.base.errors import NotFound
from benchmarks import rfb_numbers as n
from benchmarks.rfb_client import viewing
from benchmarks.rfb_handshake import Refused
from tests.live.oracle import oracle
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import open_desk, until
from tests.live.vnc_plain import LIST, MORE, looking, until_seen, until_sent_away

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIFT, LETTER_A, CAPS_LOCK = 0xFFE1, 0x61, 0xFFE5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


async def until_held(desk, *keycodes: int) -> None:
    """Wait until exactly these keys are down on the desktop."""

    def down() -> set[int]:
        bits = desk.screen.display.query_keymap()
        return {code for code in range(8, 256) if bits[code // 8] >> code % 8 & 1}

    await until(down, lambda seen: seen == set(keycodes), f"keys down: {keycodes}")


@pytest.mark.parametrize("version", [b"RFB 003.003\n", b"RFB 003.007\n"])
async def test_old_viewers_are_served(desk, version):
    async with looking(desk, (n.HEXTILE, n.CURSOR), version=version) as viewer:
        viewer.pointer(WIDTH // 2, HEIGHT // 2)
        await until_seen(viewer, await desk.show("text", 23))


async def test_a_wrong_password_is_refused_with_a_reason(desk):
    with pytest.raises(Refused, match="password"):
        async with viewing(desk.address, password="wrong123"):
            pass


async def test_a_view_grant_moves_types_and_resizes_nothing(desk):
    password = desk.grant("view").password
    desk.client.desktop.move(x=100, y=100)
    async with viewing(desk.address, password=password, encodings=MORE) as viewer:
        await viewer.until_painted()
        viewer.pointer(300, 300, 1)
        viewer.key(LETTER_A, down=True)
        viewer.cut_text(b"not for the desktop")
        viewer.set_desktop_size(640, 480)
        # What it asked for comes first, so that the refusal is the end of it.
        await viewer.until(lambda: (1, 1) in [told[:2] for told in viewer.told.resizes])
        assert desk.screen.pointer() == (100, 100)
        await until_held(desk)
        assert viewer.picture.width == WIDTH


async def test_a_revoked_grant_ends_its_viewers(desk):
    grant = desk.grant()
    async with viewing(desk.address, password=grant.password, encodings=LIST) as viewer:
        await viewer.until_painted()
        desk.client.vnc.revoke(grant.id)
        await until_sent_away(viewer)
    with pytest.raises(NotFound):
        desk.client.vnc.revoke(grant.id)


async def test_a_kicked_viewer_is_sent_away(desk):
    async with looking(desk) as viewer:
        await viewer.until_painted()
        desk.client.vnc.kick(desk.client.vnc.viewers()[0].id)
        await until_sent_away(viewer)


async def test_keys_and_buttons_go_up_when_the_viewer_is_cut_off(desk):
    keycodes = [desk.screen.display.keysym_to_keycode(k) for k in (SHIFT, LETTER_A)]
    async with looking(desk) as viewer:
        viewer.key(SHIFT, down=True)
        viewer.key(LETTER_A, down=True)
        viewer.pointer(200, 200, 1)
        await until_held(desk, *keycodes)
        await until(lambda: buttons(desk), lambda held: held, "a button is down")
    await until_held(desk)
    await until(lambda: buttons(desk), lambda held: not held, "no button is down")


def buttons(desk) -> int:
    return desk.screen.root.query_pointer().mask & 0x1F00


async def test_what_a_viewer_types_and_clicks_arrives(desk):
    await desk.show("hide")
    async with oracle("tk", desk.display) as program, looking(desk, MORE) as viewer:
        for letter in "Ab é Ж €!":
            code = ord(letter)
            viewer.tap(code if code < 256 else {"Ж": 0x6F6, "€": 0x20AC}[letter])
        await program.wait_text("Ab é Ж €!")
        viewer.pointer(340, 300)
        viewer.pointer(340, 300, 1)
        viewer.pointer(340, 300, 0)
        pressed = await program.wait_event("button", press=True, button=1)
        await program.wait_event("button", press=False, button=1)
        assert (pressed["x"], pressed["y"]) == (340, 300)
        viewer.pointer(340, 300, 1 << 4)
        viewer.pointer(340, 300, 0)
        await program.wait_event("scroll", dy=1)


async def test_the_pointer_is_painted_where_the_agent_moves_it(desk):
    async with looking(desk, (n.TIGHT, n.CURSOR)) as viewer:
        still = await desk.show("photo", 35)
        for x, y in ((50, 60), (WIDTH - 3, HEIGHT - 3), (400, 300)):
            desk.client.desktop.move(x=x, y=y)
            await until_seen(viewer, desk.look_with_pointer())
        # Its own mouse: it draws the pointer itself.
        viewer.pointer(500, 320)
        await until_seen(viewer, still)
        assert viewer.told.cursor is not None


async def test_a_viewer_without_pointers_has_it_painted(desk):
    async with looking(desk, (n.ZRLE,)) as viewer:
        await desk.show("text", 36)
        viewer.pointer(77, 66)
        await until(desk.screen.pointer, lambda at: at == (77, 66), "the pointer is moved")
        await until_seen(viewer, desk.look_with_pointer())


async def test_a_viewer_is_told_where_the_agent_moves_the_pointer(desk):
    async with looking(desk) as viewer:
        still = await desk.show("text", 37)
        desk.client.desktop.move(x=123, y=234)
        await viewer.until(lambda: viewer.told.pointer == (123, 234))
        await until_seen(viewer, still)


async def test_the_bell_rings(desk):
    async with looking(desk, MORE) as viewer:
        # It is heard from when the keyboard is followed, of which the lights are the sign.
        await viewer.until(lambda: viewer.told.leds is not None)
        await desk.show("bell")
        await viewer.until(lambda: viewer.told.bells == 1)


async def test_the_lights_of_the_keyboard_are_told(desk):
    async with looking(desk, MORE) as viewer:
        await viewer.until(lambda: viewer.told.leds is not None)
        before = viewer.told.leds
        viewer.tap(CAPS_LOCK)
        await viewer.until(lambda: viewer.told.leds == before ^ 4)
        viewer.tap(CAPS_LOCK)
        await viewer.until(lambda: viewer.told.leds == before)
