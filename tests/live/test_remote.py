"""What viewers press arrives in real programs as they mean it, and nothing stays down.

The events are those that noVNC, TigerVNC and vncdotool send.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from Xlib.display import Display

from agentd.desktop.hands.input import Input
from agentd.desktop.hands.keyboard import keys_down
from agentd.desktop.hands.remote import RemoteHands
from agentd.desktop.xlink import DisplayAddress
from tests.live.conftest import HEIGHT, WIDTH, load_keyboard_map, open_hands
from tests.live.injected import hearing, keycode
from tests.live.oracle import Oracle, oracle
from tests.live.test_layouts import set_layout
from tests.live.test_pointer import buttons_down

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIFT, CONTROL, ALT, ALT_GR = 0xFFE1, 0xFFE3, 0xFFE9, 0xFE03
CAPS_LOCK, NUM_LOCK = 0xFFE5, 0xFF7F
TAB, ISO_LEFT_TAB, LEFT, HOME, RETURN = 0xFF09, 0xFE20, 0xFF51, 0xFF50, 0xFF0D
KP_7, KP_HOME = 0xFFB7, 0xFF95
EURO, YA, HOUSE = 0x20AC, 0x100042F, 0x1005BB6


@pytest_asyncio.fixture(loop_scope="module")
async def viewer(hands: Input, display: DisplayAddress):
    viewer = hands.remote("viewer")
    yield viewer
    await viewer.release()
    await hands.pointer.cursor()
    assert down(display) == []
    assert buttons_down(display) == 0


def down(address: DisplayAddress) -> list[int]:
    display = Display(address.name)
    try:
        return keys_down(display)
    finally:
        display.close()


async def tap(viewer: RemoteHands, *keysyms: int) -> None:
    """Press keys one after the other, and let go of the last one first."""
    for keysym in keysyms:
        await viewer.key(keysym, down=True)
    for keysym in reversed(keysyms):
        await viewer.key(keysym, down=False)


def without_standing(events: list[Any]) -> list[Any]:
    """Drop the motions that lead to where the motion before them led."""
    kept: list[Any] = []
    place = None
    for event in events:
        if event[0] == "motion":
            if event == place:
                continue
            place = event
        kept.append(event)
    return kept


# A key with its modifiers, as viewers send them, and what must arrive.
CHARACTERS = [
    ("plain", (ord("a"),), "a"),
    ("vncdotool sends no Shift", (ord("A"),), "A"),
    ("noVNC sends Shift and the letter", (SHIFT, ord("A")), "A"),
    ("a sign without its Shift", (ord("!"),), "!"),
    ("Shift+7 of a German keyboard", (SHIFT, ord("/")), "/"),
    ("AltGr+Q of a German keyboard", (ALT_GR, ord("@")), "@"),
    ("a letter of no key", (0xE9,), "é"),
    ("with Shift", (SHIFT, 0xC9), "É"),
    ("Unicode in place of Latin-1", (0x10000E9,), "é"),
    ("older keysym", (EURO,), "€"),
    ("Cyrillic", (YA,), "Я"),
    ("Han", (HOUSE,), "家"),
    ("keypad", (KP_7,), "7"),
    ("a raw line feed", (0x0D,), "\n"),
]


@pytest.mark.parametrize(("keysyms", "text"), [c[1:] for c in CHARACTERS], ids=lambda c: str(c))
async def test_what_a_viewer_means_arrives(viewer, hands, field: Oracle, keysyms, text) -> None:
    for _ in range(2):
        await tap(viewer, *keysyms)
    await hands.keys.type("|", owner="test")
    await field.wait_text(text * 2 + "|")


async def test_locks_of_the_display_change_no_character(viewer, hands, field: Oracle) -> None:
    for lock in (CAPS_LOCK, NUM_LOCK):
        await tap(viewer, lock)
        try:
            for keysyms in ((ord("a"),), (SHIFT, ord("A")), (ord("B"),), (0xE9,), (KP_7,)):
                await tap(viewer, *keysyms)
        finally:
            await tap(viewer, lock)
    await tap(viewer, ord("."))
    await field.wait_text("aABé7" * 2 + ".")


async def test_a_run_of_fast_keys_keeps_its_order(viewer, field: Oracle) -> None:
    text = "The quick brown é fox, 10 € за 家!"
    keysyms = [ord(c) if ord(c) < 256 else 0x1000000 + ord(c) for c in text]
    async with asyncio.TaskGroup() as tasks:
        for keysym in keysyms:
            for is_down in (True, False):
                tasks.create_task(viewer.key(keysym, down=is_down))
    await field.wait_text(text)


@pytest.mark.not_told_by("xterm")  # A terminal does not tell keys.
async def test_shortcuts_keep_their_modifiers(viewer, field: Oracle) -> None:
    await tap(viewer, CONTROL, SHIFT, 0xFFC5)
    await field.wait(lambda: len(field.of("key", press=False)) >= 3)
    assert sorted(field.of("key", press=True)[2]["modifiers"]) == ["ctrl", "shift"]


@pytest.mark.not_told_by("xterm", "tk")  # There Shift+arrows and ctrl+a select nothing.
async def test_shift_selects_and_is_not_lifted(viewer, field: Oracle) -> None:
    for character in "abc":
        await tap(viewer, ord(character))
    await tap(viewer, SHIFT, LEFT)
    await tap(viewer, ord("x"))
    await field.wait_text("abx")
    await tap(viewer, CONTROL, ord("a"))
    await tap(viewer, ord("y"))
    await field.wait_text("y")


async def test_repeats_of_the_viewer_are_presses_and_the_server_adds_none(
    viewer, hands, field: Oracle
) -> None:
    await viewer.key(ord("r"), down=True)
    await hands.pause("test", 0.9)  # Longer than the server would wait.
    for _ in range(4):
        await viewer.key(ord("r"), down=True)
    await viewer.key(ord("r"), down=False)
    await tap(viewer, ord("."))
    await field.wait_text("r" * 5 + ".")


async def test_keys_go_up_whatever_they_are_called_by_then(viewer, hands, display) -> None:
    """Shift may go up first; then some viewers release another keysym than they have pressed."""
    for pressed, released in ((ord("A"), ord("a")), (ord("!"), ord("1")), (ord("a"), ord("A"))):
        await viewer.key(SHIFT, down=True)
        await viewer.key(pressed, down=True)
        await viewer.key(SHIFT, down=False)
        await viewer.key(released, down=False)
        await hands.pointer.cursor()
        assert down(display) == []


async def test_a_key_goes_up_though_the_map_has_changed(display: DisplayAddress) -> None:
    try:
        async with open_hands(display) as hands:
            viewer = hands.remote("viewer")
            await viewer.key(ord("z"), down=True)
            (code,) = down(display)
            set_layout(display, "de")
            assert keycode(display, ord("z")) != code
            await viewer.key(ord("z"), down=False)
            await hands.pointer.cursor()
            assert down(display) == []
    finally:
        load_keyboard_map(display)


async def test_each_viewer_owns_what_it_holds(viewer, hands, display) -> None:
    other = hands.remote("other")
    for one in (viewer, other):
        await one.key(CONTROL, down=True)
        await one.key(ord("x"), down=True)
    await other.pointer(9, 9, 0b101)
    await viewer.release()
    await hands.pointer.cursor()
    assert len(down(display)) == 2
    await other.release()
    await hands.pointer.cursor()
    assert down(display) == []
    assert buttons_down(display) == 0
    await viewer.key(ord("x"), down=True)
    await hands.pointer.cursor()
    assert len(down(display)) == 1


async def test_a_press_that_is_cancelled_is_owned_all_the_same(viewer, hands, display) -> None:
    press = asyncio.create_task(viewer.key(CONTROL, down=True))  # noqa: TID251
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    press.cancel()
    await asyncio.wait([press])
    await viewer.key(ord("c"), down=True)
    await viewer.release()
    await hands.pointer.cursor()
    assert down(display) == []


async def test_what_means_nothing_is_passed_over(viewer, hands, display) -> None:
    with hearing(display) as heard:
        for keysym in (0, ALT_GR, 0xFF7E, 0x20000000, 0xFFFFFFFF):
            await tap(viewer, keysym)
        await viewer.scan_key(0xFFFFFFFF, 0, down=True)
        await tap(viewer, SHIFT)
        shift = keycode(display, SHIFT)
        heard.wait(lambda events: ("key_up", shift) in events)
        assert heard.events == [("key_down", shift), ("key_up", shift)]


@pytest.mark.parametrize(
    ("scancode", "keysym", "code"),
    [
        (0x1E, ord("a"), 38),
        (0x2A, SHIFT, 50),
        (0x9D, 0xFFE4, 105),  # right Control
        (0x38, ALT, 64),
        (0xB8, 0xFFEA, 108),  # right Alt
        (0x47, KP_HOME, 79),
        (0x47, KP_7, 79),
        (0xC7, HOME, 110),
        (0x9C, 0xFF8D, 104),  # keypad Enter
        (0x1E, 0, 38),
        (0x15, ord("z"), 52),  # A German keyboard: its Z is where Y is here.
        (0x3A, CONTROL, 37),  # Caps Lock made to Control by the viewer's user.
        (0x0F, TAB, 23),
    ],
)
async def test_scan_codes_choose_the_key_unless_it_means_another(
    viewer, display, scancode: int, keysym: int, code: int
) -> None:
    with hearing(display) as heard:
        await viewer.scan_key(scancode, keysym, down=True)
        await viewer.scan_key(scancode, keysym, down=False)
        heard.wait(lambda events: ("key_up", code) in events)
        assert heard.events == [("key_down", code), ("key_up", code)]


@pytest.mark.parametrize("keysyms", [(SHIFT, TAB), (SHIFT, ISO_LEFT_TAB)])
async def test_shift_tab_is_shift_and_tab(viewer, display, keysyms) -> None:
    with hearing(display) as heard:
        await tap(viewer, *keysyms)
        heard.wait(lambda events: ("key_up", 50) in events)
        assert [code for kind, code in heard.events if kind == "key_down"] == [50, 23]


async def test_the_pointer_moves_before_its_buttons_change(viewer, display) -> None:
    with hearing(display) as heard:
        await viewer.pointer(20, 30, 0)
        await viewer.pointer(40, 50, 0b1)
        await viewer.pointer(60, 70, 0b101)
        await viewer.pointer(60, 70, 0b100)
        await viewer.pointer(WIDTH + 50, -3, 0)
        heard.wait(lambda events: ("button_up", 3) in events)
        # The server may tell of a motion to where the pointer already is, at any time.
        assert without_standing(heard.events) == [
            ("motion", 20, 30),
            ("motion", 40, 50),
            ("button_down", 1),
            ("motion", 60, 70),
            ("button_down", 3),
            ("button_up", 1),
            ("motion", WIDTH - 1, 0),
            ("button_up", 3),
        ]


@pytest.mark.not_told_by("xterm")
async def test_wheel_and_clicks_reach_the_program(viewer, field: Oracle) -> None:
    at = WIDTH // 2, HEIGHT // 2
    # One after the other: Firefox adds up what comes at once, and here that is nothing.
    for mask, is_down in ((0b1000, False), (0b10000, True)):
        await viewer.pointer(*at, mask)
        await viewer.pointer(*at, 0)
        await field.wait(
            lambda is_down=is_down: any(
                event["dy"] and (event["dy"] > 0) is is_down for event in field.of("scroll")
            )
        )
    await viewer.pointer(*at, 0b1)
    await viewer.pointer(*at, 0)
    await field.wait_event("button", press=True, button=1)


@pytest.mark.parametrize("button", range(1, 10))
async def test_all_nine_buttons(viewer, display, button: int) -> None:
    with hearing(display) as heard:
        await viewer.pointer(5, 5, 1 << (button - 1))
        await viewer.pointer(5, 5, 0)
        heard.wait(lambda events: ("button_up", button) in events)
        assert ("button_down", button) in heard.events


@pytest.mark.parametrize("toolkit", ["gtk3", "qt", "xterm"])
async def test_viewers_on_a_keyboard_of_others(display: DisplayAddress, toolkit: str) -> None:
    """A display with a German layout, and a viewer with an American one."""
    try:
        set_layout(display, "de")
        async with open_hands(display) as hands, oracle(toolkit, display) as field:
            viewer = hands.remote("viewer")
            for keysyms in (
                (ord("z"),),
                (SHIFT, ord("Y")),
                (SHIFT, ord("@")),
                (ord("/"),),
                (SHIFT, ord("?")),
                (ord("["),),
                (0xDF,),
                (SHIFT, ord("&")),
                (HOUSE,),
            ):
                await tap(viewer, *keysyms)
            await field.wait_text("zY@/?[ß&家")
    finally:
        load_keyboard_map(display)
