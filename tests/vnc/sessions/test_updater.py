"""What a viewer is sent, and when: an updater between a played desktop and a played viewer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from agentd.base.errors import BadRequest
from agentd.desktop.screen.frame import Rect
from agentd.vnc.numbers import Encoding, Led, SizeReason, SizeStatus
from agentd.vnc.pixel_format import NATIVE, PixelFormat
from agentd.vnc.protocol import server_messages
from agentd.vnc.sessions.updater import Updater
from tests.fakes import until
from tests.vnc.sessions.played import Served, cursor, served
from tests.vnc.updates.screens import letters, photo

RAW, COPY, SIZE = Encoding.RAW, Encoding.COPY_RECT, Encoding.EXTENDED_DESKTOP_SIZE
END, FIRST_FENCE = ("end",), ("fence", b"")
SPOT = Rect(40, 40, 8, 8)
SIXTEEN_BITS = PixelFormat(16, 16, False, True, 31, 63, 31, 11, 5, 0)


@pytest_asyncio.fixture
async def one() -> AsyncIterator[Served]:
    async with served() as one:
        yield one


async def begun(one: Served, *encodings: int) -> None:
    """Let the viewer say what it knows, and have its first picture."""
    one.updater.set_encodings((RAW, *encodings))
    one.ask(incremental=False)
    await until(lambda: bool(one.take()) and one.sees_the_screen())
    await one.settle()
    one.take()


class TestAsked:
    async def test_nothing_is_sent_unasked(self, one: Served) -> None:
        one.watch.draw(SPOT, 9)
        await one.settle()
        assert one.stream.written == []

    async def test_each_request_has_one_update(self, one: Served) -> None:
        await begun(one)
        one.watch.draw(SPOT, 1)
        await one.settle()
        assert one.take() == []
        one.ask()
        await one.wait(("update", RAW))
        one.watch.draw(SPOT, 2)
        await one.settle()
        assert one.take() == []

    async def test_request_waits_for_a_change(self, one: Served) -> None:
        await begun(one)
        one.ask()
        await one.settle()
        assert one.take() == []
        one.watch.draw(SPOT, 9)
        await one.wait(("update", RAW))
        assert one.sees_the_screen()

    async def test_all_that_is_asked_for_comes_though_nothing_changed(self, one: Served) -> None:
        await begun(one)
        one.viewer.picture[...] = 50
        one.ask(incremental=False)
        await until(lambda: bool(one.take()) and one.sees_the_screen())

    async def test_what_looks_the_same_by_now_does_not_eat_the_request(self, one: Served) -> None:
        await begun(one)
        one.watch.draw(SPOT, 9)
        one.watch.draw(SPOT, 0)
        one.ask()
        await one.settle()
        assert one.take() == []
        one.watch.draw(SPOT, 3)
        await one.wait(("update", RAW))

    async def test_picture_is_waited_for_while_the_desktop_begins(self, one: Served) -> None:
        one.watch.is_ready = False
        one.ask(incremental=False)
        await one.settle()
        assert one.stream.written == []
        one.watch.is_ready = True
        one.watch.draw(SPOT, 9)
        await until(lambda: bool(one.take()) and one.sees_the_screen())

    async def test_request_that_comes_while_an_update_is_made_has_its_own(
        self, one: Served
    ) -> None:
        with one.encoding():
            one.ask(incremental=False)
            await one.settle()
            one.ask(incremental=False)
        await until(lambda: len(one.stream.written) == 2)


class TestContinuous:
    async def test_goes_on_unasked_until_it_is_stopped(self, one: Served) -> None:
        await begun(one, Encoding.CONTINUOUS_UPDATES)
        one.updater.go_on(continuous=True)
        for value in (1, 2, 3):
            one.watch.draw(SPOT, value)
            await one.wait(("update", RAW))
        one.updater.go_on(continuous=False)
        await one.wait(END)
        one.watch.draw(SPOT, 4)
        await one.settle()
        assert one.take() == []

    async def test_is_told_that_it_may(self, one: Served) -> None:
        one.updater.set_encodings((RAW, Encoding.CONTINUOUS_UPDATES))
        await one.wait(END)

    async def test_another_format_counts_from_behind_the_end_that_was_asked_for(
        self, one: Served
    ) -> None:
        # TigerVNC takes all behind it in the new format, and all before it in the old one.
        await begun(one, Encoding.CONTINUOUS_UPDATES)
        one.updater.go_on(continuous=True)
        one.stream.is_free.clear()
        one.watch.draw(SPOT, 1)
        await until(lambda: one.take() == [("update", RAW)])
        one.updater.go_on(continuous=False)
        one.updater.set_format(SIXTEEN_BITS)
        one.updater.go_on(continuous=True)
        one.watch.draw(SPOT, 2)
        one.stream.is_free.set()
        await until(lambda: len(one.stream.written) >= one._taken + 2)
        end, update = one.stream.written[one._taken : one._taken + 2]
        assert end == server_messages.end_of_continuous_updates()
        assert len(update) == 4 + 12 + 2 * SPOT.area

    async def test_no_update_overtakes_the_end_that_was_asked_for(self, one: Served) -> None:
        await begun(one, Encoding.CONTINUOUS_UPDATES)
        one.updater.go_on(continuous=True)
        one.stream.is_free.clear()
        one.updater.post(server_messages.bell())
        await until(lambda: one.take() == [("bell",)])
        one.updater.go_on(continuous=False)
        one.updater.set_format(SIXTEEN_BITS)
        one.updater.go_on(continuous=True)
        one.watch.draw(SPOT, 2)
        one.stream.is_free.set()
        await until(lambda: len(one.stream.written) >= one._taken + 2)
        assert one.stream.written[one._taken] == server_messages.end_of_continuous_updates()

    async def test_update_has_one_format_though_another_is_set_in_its_midst(
        self, one: Served
    ) -> None:
        one.watch.draw(one.whole, 30)
        with one.encoding():
            one.ask(incremental=False)
            await one.settle()
            one.updater.set_format(SIXTEEN_BITS)
        await until(lambda: bool(one.take()))
        assert one.sees_the_screen()


class TestSlowViewer:
    async def test_newest_frame_comes_when_the_way_is_free_again(self, one: Served) -> None:
        await begun(one)
        one.stream.is_free.clear()
        one.watch.draw(SPOT, 1)
        one.ask()
        await one.wait(("update", RAW))
        for value in range(2, 100):
            one.watch.draw(SPOT, value)
            one.ask()
            await asyncio.sleep(0)
        one.stream.is_free.set()
        await one.wait(("update", RAW))
        assert one.sees_the_screen()
        assert one.viewer.picture[44, 44, 0] == 99

    async def test_who_does_not_answer_fences_is_not_sent_more_than_a_window(
        self, one: Served
    ) -> None:
        await begun(one, Encoding.FENCE, Encoding.CONTINUOUS_UPDATES)
        one.updater.go_on(continuous=True)
        before = len(one.stream.written)
        for value in range(1, 50):
            one.watch.draw(one.whole, value)
            await one.settle()
        assert len(one.stream.written) - before <= 2

    async def test_answer_to_a_fence_lets_the_next_update_go(self, one: Served) -> None:
        await begun(one, Encoding.FENCE)
        for value in range(1, 6):
            one.answer()
            one.ask()
            one.watch.draw(SPOT, value)
            await until(lambda: (one.take(), one.sees_the_screen())[1])
        assert one.updater.pacing.round_trip_s is not None

    async def test_answers_that_nobody_asked_for_do_no_harm(self, one: Served) -> None:
        await begun(one, Encoding.FENCE)
        for payload in (b"", b"12345678", b"\xff" * 64, bytes(8)):
            one.updater.answered(payload)

    async def test_who_takes_fences_no_more_is_served_without(self, one: Served) -> None:
        await begun(one, Encoding.FENCE)
        one.updater.set_encodings((RAW,))
        for value in range(1, 5):
            one.ask()
            one.watch.draw(one.whole, value)
            await until(lambda: (one.take(), one.sees_the_screen())[1])

    async def test_what_is_posted_is_bounded(self, one: Served) -> None:
        one.stream.is_free.clear()
        message = bytes(1 << 20)
        for _ in range(4):
            one.updater.post(message)
        with pytest.raises(BadRequest):
            one.updater.post(b"x")


class TestSize:
    async def test_is_told_alone_and_then_the_picture(self, one: Served) -> None:
        await begun(one, SIZE)
        one.watch.resize(64, 48)
        one.ask()
        await one.wait(("update", SIZE))
        one.watch.draw(SPOT, 9)
        one.ask(incremental=False)
        await until(lambda: bool(one.take()) and one.sees_the_screen())
        assert one.updater.size.width == 64

    async def test_that_changes_while_an_update_is_stuck_is_told_next(self, one: Served) -> None:
        await begun(one, SIZE)
        one.stream.is_free.clear()
        one.watch.draw(SPOT, 9)
        one.ask()
        await one.wait(("update", RAW))
        one.watch.resize(64, 48)
        one.watch.draw(SPOT, 9)
        one.watch.resize(96, 80)
        one.ask()
        one.stream.is_free.set()
        await one.wait(("update", SIZE))
        one.ask()
        await until(lambda: bool(one.take()) and one.sees_the_screen())

    async def test_who_cannot_take_it_is_sent_away(self, one: Served) -> None:
        await begun(one)
        one.watch.resize(64, 48)
        one.ask()
        with pytest.raises(BadRequest):
            await one.updater._update()

    async def test_who_asked_for_it_is_answered(self, one: Served) -> None:
        await begun(one, SIZE)
        one.ask()
        one.updater.tell_size(SizeReason.THIS_CLIENT, SizeStatus.PROHIBITED)
        await one.wait(("update", SIZE))

    async def test_same_size_of_another_server_is_sent_whole(self, one: Served) -> None:
        await begun(one)
        one.viewer.picture[...] = 50
        one.watch.resize(one.whole.width, one.whole.height)
        one.ask()
        await until(lambda: bool(one.take()) and one.sees_the_screen())

    async def test_what_nobody_watched_is_compared(self, one: Served) -> None:
        await begun(one)
        one.watch.draw(SPOT, 9)
        one.watch.take()  # Lost with the server's connection.
        one.watch.attached += 1
        one.ask()
        await one.wait(("update", RAW))
        assert one.sees_the_screen()


class TestRefresh:
    async def test_after_quiet_all_is_exact(self, one: Served) -> None:
        one.watch.show(photo(200, 120))
        one.updater.set_encodings((Encoding.TIGHT, Encoding.JPEG_QUALITY_0 + 5))
        one.updater.go_on(continuous=True)
        await until(lambda: len(one.stream.written) == 1)
        assert not one.updater.is_exact
        began = time.monotonic()
        await until(lambda: one.updater.is_exact)
        assert time.monotonic() - began > 0.05
        count = len(one.stream.written)
        await one.settle()
        assert len(one.stream.written) == count == 2

    async def test_exact_viewer_is_exact_at_once(self, one: Served) -> None:
        one.watch.show(photo(200, 120))
        await begun(one)
        assert one.updater.is_exact


class TestCopies:
    async def test_what_scrolls_is_copied(self, one: Served) -> None:
        text = letters(200, 240)
        one.watch.show(np.ascontiguousarray(text[:120]))
        await begun(one, COPY)
        one.watch.show(np.ascontiguousarray(text[16:136]))
        one.ask()
        await until(lambda: bool(one.take()) and one.sees_the_screen())
        assert COPY in one.heard[-1]


class TestPointer:
    async def test_is_painted_for_who_draws_none_and_leaves_no_stain(self, one: Served) -> None:
        one.watch.cursor = cursor(20, 20)
        one.updater.set_encodings((RAW,))
        one.ask(incremental=False)
        await until(lambda: bool(one.take()))
        assert one.viewer.picture[21, 21, 0] == 255
        one.watch.cursor = cursor(90, 60)
        one.ask()
        await one.wait(("update", RAW, RAW))
        assert one.viewer.picture[21, 21, 0] == 0
        assert one.viewer.picture[61, 91, 0] == 255

    async def test_at_rest_costs_nothing_while_others_draw_elsewhere(self, one: Served) -> None:
        one.watch.cursor = cursor(150, 100)
        one.updater.set_encodings((RAW,))
        one.ask(incremental=False)
        await until(lambda: bool(one.take()))
        one.ask()
        one.watch.draw(SPOT, 9)
        await one.wait(("update", RAW))
        one.ask()
        one.watch.draw(Rect(148, 98, 8, 8), 9)
        await one.wait(("update", RAW, RAW, RAW))
        assert one.viewer.picture[101, 151, 0] == 255
        assert one.viewer.picture[99, 149, 0] == 9

    async def test_copied_stain_is_wiped(self, one: Served) -> None:
        text = letters(200, 240)
        one.watch.cursor = cursor(100, 60)
        one.watch.show(np.ascontiguousarray(text[:120]))
        one.updater.set_encodings((RAW, COPY))
        one.ask(incremental=False)
        await until(lambda: bool(one.take()))
        one.watch.show(np.ascontiguousarray(text[16:136]))
        one.ask()
        await until(lambda: bool(one.take()))
        assert COPY in one.heard[-1]
        one.watch.cursor = None
        differs = (one.viewer.picture != one.watch.frame.pixels)[:, :, :3].any(axis=2)
        places = np.argwhere(differs)
        assert places.min(axis=0).tolist() >= [60, 100]
        assert places.max(axis=0).tolist() <= [63, 103]

    async def test_shape_is_sent_once_and_again_in_another_format(self, one: Served) -> None:
        one.watch.cursor = cursor(5, 5)
        one.updater.moved_by_viewer(5, 5)
        await begun(one, Encoding.CURSOR)
        assert Encoding.CURSOR in one.heard[-1]
        one.ask()
        one.watch.draw(SPOT, 9)
        await one.wait(("update", RAW))
        one.updater.set_format(NATIVE)
        one.ask()
        await one.wait(("update", Encoding.CURSOR))

    async def test_shape_of_another_server_is_sent_though_its_number_is_the_same(
        self, one: Served
    ) -> None:
        one.watch.cursor = cursor(5, 5)
        one.updater.moved_by_viewer(5, 5)
        await begun(one, Encoding.CURSOR)
        one.watch.attached += 1
        one.ask()
        await one.wait(("update", Encoding.CURSOR))

    async def test_stain_that_is_painted_while_encodings_change_is_not_forgotten(
        self, one: Served
    ) -> None:
        one.watch.cursor = cursor(20, 20)
        one.updater.set_encodings((RAW,))
        with one.encoding():
            one.ask(incremental=False)
            await one.settle()
            one.updater.set_encodings((RAW, Encoding.CURSOR))
            one.updater.moved_by_viewer(20, 20)
        await until(lambda: bool(one.take()))
        assert one.viewer.picture[21, 21, 0] == 255
        one.ask()
        await until(lambda: (one.take(), one.sees_the_screen())[1])


class TestNotes:
    async def test_lights_name_and_bell_are_told(self, one: Served) -> None:
        await begun(one, Encoding.LED_STATE, Encoding.DESKTOP_NAME)
        one.watch.leds = Led.CAPS
        one.updater.tell_name("another")
        one.watch.bells = 100
        one.ask()
        await one.wait(
            ("bell",),
            ("bell",),
            ("bell",),
            ("update", Encoding.DESKTOP_NAME, Encoding.LED_STATE),
        )

    async def test_desktop_that_has_gone_leaves_its_last_picture(self, one: Served) -> None:
        await begun(one)
        one.watch.cursor = None
        one.ask(incremental=False)
        await until(lambda: bool(one.take()) and one.sees_the_screen())


async def test_end_leaves_no_timer_behind(one: Served) -> None:
    one.watch.show(photo(200, 120))
    one.updater.set_encodings((Encoding.TIGHT, Encoding.JPEG_QUALITY_0 + 5))
    one.updater.go_on(continuous=True)
    await until(lambda: one.updater._timer is not None)
    task = next(task for task in asyncio.all_tasks() if task.get_name() == "updater")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert one.updater._timer is None
    assert isinstance(one.updater, Updater)
