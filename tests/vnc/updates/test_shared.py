"""One encoding for all who want the same, whoever of them stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from agentd.base.errors import Unavailable
from agentd.desktop.screen.comparing import TILE
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.encodings.profile import EncodedRect, Profile
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import NATIVE
from agentd.vnc.updates.shared import SharedUpdates, Update
from tests.vnc.updates.screens import flat, frame, letters, photo

RAW = Profile(NATIVE, Encoding.RAW)
COPYING = Profile(NATIVE, Encoding.RAW, copies=True)


@dataclass
class Pen:
    """An encoder that says where it was called, and waits to be let go if it is held."""

    is_stateless: bool = True
    rects: list[Rect] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    error: Exception | None = None
    has_begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        self.rects.append(rect)
        self.threads.add(threading.current_thread().name)
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        if self.error is not None:
            raise self.error
        body = pixels[rect.y : rect.bottom, rect.x : rect.right].tobytes()
        return [EncodedRect(rect, Encoding.RAW, body)]


@pytest.fixture
async def updates() -> AsyncIterator[SharedUpdates]:
    with ThreadPoolExecutor(2, thread_name_prefix="pool") as pool:
        shared = SharedUpdates(pool)
        yield shared
        await shared.close()


def shown(before: Frame, update: Update) -> Pixels:
    """What a viewer shows after an update, by the bytes that it gets."""
    pixels = before.pixels.copy()
    for copy in update.copies:
        to = copy.to
        taken = pixels[copy.y : copy.y + to.height, copy.x : copy.x + to.width].copy()
        pixels[to.y : to.bottom, to.x : to.right] = taken
    for made in update.rects:
        rect = made.rect
        body = np.frombuffer(made.body, np.uint8).reshape(rect.height, rect.width, 4)
        pixels[rect.y : rect.bottom, rect.x : rect.right] = body
    return pixels


def everywhere(at: Frame) -> np.ndarray:
    return grid(at.rect.width, at.rect.height, value=True)


async def begun(pen: Pen) -> None:
    assert await asyncio.to_thread(pen.has_begun.wait, 10)


async def test_viewers_that_ask_at_the_same_time_share_one_encoding(updates) -> None:
    before, after = frame(photo(640, 480)), frame(photo(640, 480, seed=2))
    pens = [Pen() for _ in range(5)]
    made = await asyncio.gather(
        *(updates.between(RAW, pen, before, after, everywhere(after)) for pen in pens)
    )
    assert all(update is made[0] for update in made)
    assert [bool(pen.rects) for pen in pens] == [True, False, False, False, False]
    assert_array_equal(shown(before, made[0]), after.pixels)


async def test_viewer_that_is_a_little_behind_gets_what_was_made(updates) -> None:
    before, after = frame(letters(640, 480)), frame(letters(640, 480, seed=9))
    first = await updates.between(RAW, Pen(), before, after, everywhere(after))
    late = Pen()
    assert await updates.between(RAW, late, before, after, everywhere(after)) is first
    assert late.rects == []


async def test_what_was_made_does_not_pile_up(updates) -> None:
    before, after = frame(photo(640, 480)), frame(photo(640, 480, seed=2))
    await updates.between(RAW, Pen(), before, after, everywhere(after))
    for seed in range(4):
        await updates.whole(RAW, Pen(), frame(photo(640, 480, seed=seed)), everywhere(after))
    again = Pen()
    await updates.between(RAW, again, before, after, everywhere(after))
    assert again.rects != []


async def test_other_profile_frames_or_tiles_are_made_anew(updates) -> None:
    before, after, later = (frame(photo(64, 64, seed=seed)) for seed in range(3))
    some = grid(64, 64)
    some[0, 0] = True
    asked = [
        (RAW, before, after, everywhere(after)),
        (COPYING, before, after, everywhere(after)),
        (RAW, before, later, everywhere(after)),
        (RAW, after, later, everywhere(after)),
        (RAW, before, after, some),
    ]
    for profile, old, new, tiles in asked:
        pen = Pen()
        await updates.between(profile, pen, old, new, tiles)
        assert pen.rects != []


async def test_stateful_encoders_are_never_shared(updates) -> None:
    before, after = frame(photo(640, 480)), frame(photo(640, 480, seed=2))
    pens = [Pen(is_stateless=False) for _ in range(2)]
    made = await asyncio.gather(
        *(updates.between(RAW, pen, before, after, everywhere(after)) for pen in pens)
    )
    for pen, update in zip(pens, made, strict=True):
        # One stream: one thread, and no stripes.
        assert pen.rects == [Rect(0, 0, 640, 480)]
        assert len(pen.threads) == 1
        assert_array_equal(shown(before, update), after.pixels)


async def test_small_change_is_made_on_the_event_loop(updates) -> None:
    before = frame(letters(640, 480))
    pixels = before.pixels.copy()
    pixels[100:113, 50:56] = 1
    after, pen = frame(pixels), Pen()
    tiles = changed_tiles(before.pixels, pixels)
    update = await updates.between(RAW, pen, before, after, tiles)
    assert [made.rect for made in update.rects] == [Rect(50, 100, 6, 13)]
    assert pen.threads == {threading.current_thread().name}


async def test_large_change_is_made_by_threads_of_the_pool(updates) -> None:
    before, after, pen = frame(flat(1280, 720)), frame(photo(1280, 720)), Pen()
    update = await updates.between(RAW, pen, before, after, everywhere(after))
    assert len(update.rects) >= 2
    assert all(name.startswith("pool") for name in pen.threads)
    assert all(rect.y % 16 == 0 for rect in pen.rects)
    assert_array_equal(shown(before, update), after.pixels)
    assert update.encode_s > 0
    assert update.size_bytes == 1280 * 720 * 4


async def test_scrolled_page_is_copied_for_viewers_that_can(updates) -> None:
    page = photo(640, 600)
    before, after = frame(page[:480]), frame(page[24:504])
    copied = await updates.between(COPYING, Pen(), before, after, everywhere(after))
    pixels = await updates.between(RAW, Pen(), before, after, everywhere(after))
    assert len(copied.copies) == 1
    assert copied.size_bytes < pixels.size_bytes / 10
    assert pixels.copies == ()
    for update in (copied, pixels):
        assert_array_equal(shown(before, update), after.pixels)


async def test_whole_sends_the_wanted_tiles_and_no_pixel_else(updates) -> None:
    now = frame(letters(100, 70))
    tiles = grid(100, 70)
    tiles[0, 0] = tiles[0, 2] = tiles[2, 3] = True
    update = await updates.whole(RAW, Pen(), now, tiles)
    assert update.copies == ()
    assert {made.rect for made in update.rects} == {
        Rect(0, 0, TILE, TILE),
        Rect(64, 0, TILE, TILE),
        Rect(96, 64, 4, 6),
    }


async def test_first_asker_that_goes_takes_nothing_from_the_others(updates) -> None:
    before, after, pen = frame(photo(640, 480)), frame(photo(640, 480, seed=2)), Pen()
    pen.may_go_on.clear()
    tiles = everywhere(after)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(updates.between(RAW, pen, before, after, tiles))
        await begun(pen)
        second = group.create_task(updates.between(RAW, Pen(), before, after, tiles))
        first.cancel()
        await asyncio.wait([first])
        pen.may_go_on.set()
    assert first.cancelled()
    assert_array_equal(shown(before, second.result()), after.pixels)


async def test_error_reaches_all_who_wait_and_nobody_later(updates) -> None:
    before, after = frame(photo(640, 480)), frame(photo(640, 480, seed=2))
    broken = Pen(error=ValueError("broken"))
    asked = (updates.between(RAW, broken, before, after, everywhere(after)) for _ in range(2))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["broken", "broken"]
    update = await updates.between(RAW, Pen(), before, after, everywhere(after))
    assert_array_equal(shown(before, update), after.pixels)


async def test_whoever_waits_is_told_that_the_desktop_ends(updates) -> None:
    before, after, pen = frame(photo(640, 480)), frame(photo(640, 480, seed=2)), Pen()
    pen.may_go_on.clear()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(
            _outcome(updates.between(RAW, pen, before, after, everywhere(after)))
        )
        await begun(pen)
        await updates.close()
        pen.may_go_on.set()
    assert isinstance(waiting.result(), Unavailable)
    await updates.close()


async def _outcome(asked) -> object:
    (outcome,) = await asyncio.gather(asked, return_exceptions=True)
    return outcome
