"""Chords and held keys, seen by real programs; and that nothing ever stays down."""

from __future__ import annotations

import asyncio

import pytest
from Xlib.display import Display

from agentd.base.errors import BadRequest, Conflict
from agentd.desktop.hands.input import Input
from agentd.desktop.hands.keyboard import keys_down
from agentd.desktop.xlink import DisplayAddress
from tests.live.oracle import Oracle
from tests.live.test_pointer import buttons_down, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def down(address: DisplayAddress) -> list[int]:
    display = Display(address.name)
    try:
        return keys_down(display)
    finally:
        display.close()


@pytest.fixture(autouse=True)
def _nothing_stays_down(display: DisplayAddress, hands: Input) -> object:
    yield
    assert down(display) == []
    assert buttons_down(display) == 0


@pytest.mark.not_told_by("xterm", "tk")  # There ctrl+a does not select all.
async def test_select_all_and_overwrite(hands: Input, field: Oracle) -> None:
    await hands.keys.type("some text", owner="test")
    await field.wait_text("some text")
    await hands.keys.press("ctrl+a", owner="test")
    await hands.keys.type("é", owner="test")
    await field.wait_text("é")


@pytest.mark.not_told_by("xterm")  # A terminal does not tell keys.
async def test_chord_arrives_with_its_modifiers_once(hands: Input, field: Oracle) -> None:
    # F12 rather than T: browsers keep ctrl+shift+T to themselves.
    await hands.keys.press("ctrl+shift+F8", owner="test")
    await field.wait(lambda: len(field.of("key", press=False)) >= 3)
    presses = field.of("key", press=True)
    assert len(presses) == 3
    assert sorted(presses[2]["modifiers"]) == ["ctrl", "shift"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("T", "T"),
        ("shift+t", "T"),
        ("shift+T", "T"),
        ("shift+1", "!"),
        ("+", "+"),
        ("plus", "+"),
        ("space", " "),
        ("kp_7", "7"),
        ("é", "é"),
        ("Я", "Я"),
        ("家", "家"),
        ("U20AC", "€"),
    ],
)
async def test_key_makes_its_character(hands: Input, field: Oracle, keys: str, text: str) -> None:
    await hands.keys.press(keys, owner="test", repeat=2)
    await hands.keys.type("|", owner="test")
    await field.wait_text(text * 2 + "|")


async def test_caps_lock_does_not_change_a_pressed_letter(hands: Input, field: Oracle) -> None:
    await hands.keys.press("capslock", owner="test")
    try:
        await hands.keys.press("a", owner="test")
        await field.wait_text("a")
    finally:
        await hands.keys.press("capslock", owner="test")


async def test_held_key_repeats_until_its_time_is_over(hands: Input, field: Oracle) -> None:
    await hands.keys.hold("x", owner="test", duration_ms=900)
    await hands.keys.type("|", owner="test")
    await field.wait(lambda: field.text.endswith("|"))
    assert field.text.count("x") > 3
    assert set(field.text) == {"x", "|"}


async def test_others_act_while_one_holds(hands: Input, display: DisplayAddress) -> None:
    async with asyncio.TaskGroup() as tasks:
        hold = tasks.create_task(hands.keys.hold("ctrl+x", owner="one", duration_ms=60_000))
        await wait_until(lambda: len(down(display)) == 2)
        await asyncio.wait_for(hands.pointer.move(3, 3, owner="two"), 5)
        await asyncio.wait_for(hands.keys.type("é", owner="two"), 5)
        assert len(down(display)) == 2
        hold.cancel()
    assert hold.cancelled()
    await hands.pointer.cursor()
    assert down(display) == []


async def test_release_ends_a_hold(hands: Input, display: DisplayAddress) -> None:
    async def hold() -> None:
        with pytest.raises(Conflict, match="lifted"):
            await hands.keys.hold("ctrl+shift+x", owner="gone", duration_ms=60_000)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold())
        await wait_until(lambda: len(down(display)) == 3)
        assert await hands.release("gone") == 3


async def test_shared_key_goes_up_with_the_last(hands: Input, display: DisplayAddress) -> None:
    await hands.keys.key_down("ctrl", owner="one")
    await hands.keys.key_down("ctrl", owner="two")
    await hands.keys.key_down("ctrl", owner="two")
    await hands.keys.key_up("ctrl", owner="three")
    assert await hands.release("one") == 0
    assert len(down(display)) == 1
    await hands.keys.key_up("ctrl", owner="two")


async def test_killed_owner_leaves_nothing_down(hands: Input, display: DisplayAddress) -> None:
    for key in ("ctrl", "shift", "alt", "super", "a", "T", "家", "F5", "kp_3"):
        await hands.keys.key_down(key, owner="killed")
    await hands.pointer.button_down("left", owner="killed", x=2, y=2)
    await hands.pointer.button_down("middle", owner="killed")
    assert len(down(display)) == 9  # T shares its Shift with shift.
    assert await hands.release("killed") == 11


async def test_tap_of_a_held_key_is_seen_and_leaves_it_held(
    hands: Input, display: DisplayAddress
) -> None:
    await hands.keys.key_down("F6", owner="one")
    held = down(display)
    await hands.keys.press("F6", owner="two")
    await hands.keys.press("F6+F7", owner="two")
    assert down(display) == held
    await hands.release("one")


async def test_release_all(hands: Input, display: DisplayAddress) -> None:
    await hands.keys.key_down("shift", owner="one")
    await hands.pointer.button_down(1, owner="two", x=2, y=2)
    assert await hands.release_all() == 2
    assert await hands.release_all() == 0


@pytest.mark.parametrize("keys", ["", "ctrl+", "+a", "ctlr+s", "\x07"])
async def test_unknown_keys_are_refused(hands: Input, keys: str) -> None:
    with pytest.raises(BadRequest, match="wanted"):
        await hands.keys.press(keys, owner="test")
    with pytest.raises(BadRequest, match="wanted"):
        await hands.pointer.click(2, 2, owner="test", modifiers=[keys])
