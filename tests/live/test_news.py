"""News of a real X server: where the cursor is and how it looks, the lights, the bell."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from Xlib.display import Display

from agentd.desktop.hands.input import Input
from agentd.desktop.hands.keyboard_news import KeyboardNews, Leds
from agentd.desktop.screen.cursor_news import CursorNews
from agentd.desktop.xlink import DisplayAddress

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPS_LOCK = 0xFFE5
NUM_LOCK = 0xFF7F


class Called:
    """Waits for what is true after a call."""

    def __init__(self) -> None:
        self._called = asyncio.Event()
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        self._called.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._called.clear()
                await self._called.wait()


@pytest.fixture
def program(display: DisplayAddress) -> Iterator[Display]:
    """A connection of a program."""
    program = Display(display.name)
    yield program
    program.close()


def lanes() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("x-")]


async def test_the_cursor_is_followed_wherever_the_hands_move_it(display, hands: Input) -> None:
    called = Called()
    await hands.pointer.move(5, 5, owner="test")
    async with CursorNews(display).follow(called) as news:
        assert (news.cursor.x, news.cursor.y) == (5, 5)
        await hands.pointer.move(400, 300, owner="test")
        await called.until(lambda: (news.cursor.x, news.cursor.y) == (400, 300))
        viewer = hands.remote("viewer")
        await viewer.pointer(41, 31, 0)
        await called.until(lambda: (news.cursor.x, news.cursor.y) == (41, 31))


async def test_a_program_that_moves_the_pointer_is_told(display, hands: Input, program) -> None:
    called = Called()
    await hands.pointer.move(5, 5, owner="test")
    async with CursorNews(display).follow(called) as news:
        program.screen().root.warp_pointer(77, 66)
        program.sync()
        await called.until(lambda: (news.cursor.x, news.cursor.y) == (77, 66))


async def test_a_movement_over_a_window_that_takes_all_is_told(display, hands, program) -> None:
    called = Called()
    screen = program.screen()
    window = screen.root.create_window(
        0, 0, 300, 300, 0, screen.root_depth, override_redirect=True, event_mask=0x1FF
    )
    window.map()
    program.sync()
    await hands.pointer.move(5, 5, owner="test")
    async with CursorNews(display).follow(called) as news:
        for x in (10, 20, 30):
            await hands.pointer.move(x, 9, owner="test")
            await called.until(lambda x=x: news.cursor.x == x)  # type: ignore[misc]
        # The one movement without an event for us; the next one corrects it.
        window.warp_pointer(100, 101)
        program.sync()
        await hands.pointer.move(103, 104, owner="test")
        await called.until(lambda: (news.cursor.x, news.cursor.y) == (103, 104))


async def test_another_shape_is_told_with_its_picture(display, hands: Input, program) -> None:
    called = Called()
    screen = program.screen()
    font = program.open_font("cursor")
    hand = font.create_glyph_cursor(font, 60, 61, (0, 0, 0), (65535, 65535, 65535))
    window = screen.root.create_window(
        100, 100, 50, 50, 0, screen.root_depth, override_redirect=True, cursor=hand
    )
    window.map()
    program.sync()
    await hands.pointer.move(5, 5, owner="test")
    async with CursorNews(display).follow(called) as news:
        before = news.cursor.image
        await hands.pointer.move(120, 120, owner="test")
        await called.until(lambda: news.cursor.image.serial != before.serial)
        assert news.cursor.image.pixels.any()
        await hands.pointer.move(5, 5, owner="test")
        await called.until(lambda: news.cursor.image.serial == before.serial)


async def test_a_quiet_cursor_is_no_news_and_nobody_means_no_thread(display, hands, program):
    called, before = Called(), lanes()
    news = CursorNews(display)
    async with news.follow(called), news.follow(Called()):
        program.screen().root.create_window(0, 0, 9, 9, 0, 24).map()
        program.sync()
        await hands.pointer.move(7, 7, owner="test")
        # The lane knows a moment before anybody is called.
        await called.until(lambda: called.count > 0 and news.cursor.x == 7)
        count = called.count
        await hands.pointer.move(7, 7, owner="test")
        await hands.pointer.move(8, 8, owner="test")
        await called.until(lambda: called.count > count and news.cursor.x == 8)
        assert called.count == count + 1
        (link,) = [news._following._link]
        assert link is not None
    await link.lane.wait_closed()
    assert lanes() == before


async def test_the_locks_are_told_as_they_change(display, hands: Input) -> None:
    called = Called()
    viewer = hands.remote("viewer")
    async with KeyboardNews(display).follow(called) as news:
        assert news.leds == Leds(0)
        for keysym, leds in ((CAPS_LOCK, Leds.CAPS), (NUM_LOCK, Leds.NUM)):
            for wanted in (leds, Leds(0)):
                await viewer.key(keysym, down=True)
                await viewer.key(keysym, down=False)
                await called.until(lambda wanted=wanted: news.leds == wanted)  # type: ignore[misc]


async def test_a_lock_that_is_put_out_for_a_press_is_no_news(display, hands: Input) -> None:
    called, viewer = Called(), hands.remote("viewer")
    await hands.keys.press("Caps_Lock", owner="test")
    try:
        async with KeyboardNews(display).follow(called) as news:
            for _ in range(100):
                await viewer.key(ord("a"), down=True)
                await viewer.key(ord("a"), down=False)
            bells = news.bells
            program = Display(display.name)
            program.bell()
            program.close()
            await called.until(lambda: news.bells > bells)
            assert called.count == 1
            assert news.leds == Leds.CAPS
    finally:
        await hands.keys.press("Caps_Lock", owner="test")


async def test_who_comes_later_knows_the_locks(display, hands: Input) -> None:
    await hands.keys.press("Caps_Lock", owner="test")
    try:
        async with KeyboardNews(display).follow(Called()) as news:
            assert news.leds == Leds.CAPS
    finally:
        await hands.keys.press("Caps_Lock", owner="test")


async def test_each_bell_is_told(display, program) -> None:
    called = Called()
    async with KeyboardNews(display).follow(called) as news:
        before = news.bells
        program.bell()
        program.bell(-100)
        program.sync()
        await called.until(lambda: news.bells == before + 2)
