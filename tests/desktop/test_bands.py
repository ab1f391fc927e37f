"""Pictures from kept bands against pictures made anew, over sequences of changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.pictures.bands import Bands, View, make_bands
from agentd.desktop.pictures.png import PngBand, encode_band, encode_png, join_bands
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import CursorImage, Frame, Pixels, Rect, Size
from agentd.desktop.screen.overlay import Cursor
from agentd.desktop.screen.since import Since, since
from tests.desktop.pictures import noise

WIDTH, HEIGHT = 230, 1900  # nine bands at full size
AREA = Rect(0, 0, WIDTH, HEIGHT)
ARROW = CursorImage(noise(9, 11), 2, 3, serial=1)
HIDDEN = CursorImage(np.zeros((9, 11, 4), np.uint8), 2, 3, serial=2)


class Screen:
    """Frames, each painted over the last."""

    def __init__(self) -> None:
        self.frame = Frame(noise(WIDTH, HEIGHT), 1, 1, AREA)
        self.since: Since = since(None, grid(WIDTH, HEIGHT), 1)

    def paint(self, rect: Rect, colour: int) -> None:
        pixels = self.frame.pixels.copy()
        pixels[rect.y : rect.bottom, rect.x : rect.right] = colour
        tiles = changed_tiles(self.frame.pixels, pixels)
        self.frame = Frame(pixels, self.frame.id + 1, 1, AREA)
        self.since = since(self.since, tiles, self.frame.id)

    def view(
        self, cursor: Cursor | None = None, size: Size | None = None, area: Rect = AREA
    ) -> View:
        size = size or Size(area.width, area.height)
        return View(self.frame, self.since, cursor, area, size)


@dataclass
class Encoder:
    """Encodes, and counts."""

    bands: int = 0

    def __call__(self, pixels: Pixels) -> PngBand:
        self.bands += 1
        return encode_band(pixels)


def whole(view: View) -> bytes:
    return encode_png(scale_pixels(view.pixels(view.area), view.size))


def joined(view: View, bands: Bands[PngBand]) -> bytes:
    return join_bands(view.size, bands.encoded)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


rects = st.builds(
    Rect,
    st.integers(0, WIDTH - 1),
    st.integers(0, HEIGHT - 1),
    st.integers(1, 40),
    st.integers(1, 90),
)
cursors = st.none() | st.builds(
    Cursor,
    st.integers(-20, WIDTH + 20),
    st.integers(-20, HEIGHT + 20),
    st.sampled_from([ARROW, HIDDEN]),
)
steps = st.lists(st.tuples(rects, st.integers(0, 255), cursors), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(
    steps,
    st.sampled_from([Size(WIDTH, HEIGHT), Size(188, 1553), Size(115, 950), Size(300, 2478)]),
)
def test_kept_bands_are_the_picture_made_anew(
    steps: list[tuple[Rect, int, Cursor | None]], size: Size
) -> None:
    screen, kept = Screen(), None
    for rect, colour, cursor in steps:
        screen.paint(rect, colour)
        view = screen.view(cursor, size)
        kept = make_bands(view, encode_band, kept)
        assert joined(view, kept) == joined(view, make_bands(view, encode_band))


@settings(deadline=None, max_examples=25)
@given(steps)
def test_full_size_is_the_whole_picture(steps: list[tuple[Rect, int, Cursor | None]]) -> None:
    screen, kept = Screen(), None
    area = Rect(20, 31, 200, 1801)
    for rect, colour, cursor in steps:
        screen.paint(rect, colour)
        view = screen.view(cursor, area=area)
        kept = make_bands(view, encode_band, kept)
        assert joined(view, kept) == whole(view)


def test_only_bands_that_changed_are_encoded(executor: Executor) -> None:
    screen, encode = Screen(), Encoder()
    kept = make_bands(screen.view(), encode, executor=executor)
    total, encode.bands = encode.bands, 0
    screen.paint(Rect(50, 700, 10, 1), 7)
    kept = make_bands(screen.view(), encode, kept, executor=executor)
    assert (total, encode.bands) == (8, 1)
    assert joined(screen.view(), kept) == whole(screen.view())


def test_a_frame_that_shows_the_same_encodes_nothing() -> None:
    screen, encode = Screen(), Encoder()
    kept = make_bands(screen.view(), encode)
    encode.bands = 0
    frame = screen.frame
    screen.frame = Frame(frame.pixels, frame.id + 1, 1, AREA)
    make_bands(screen.view(), encode, kept)
    assert encode.bands == 0


def test_cursor_costs_the_bands_that_it_leaves_and_enters() -> None:
    screen, encode = Screen(), Encoder()
    kept = make_bands(screen.view(Cursor(50, 100, ARROW)), encode)
    encode.bands = 0
    kept = make_bands(screen.view(Cursor(50, 1000, ARROW)), encode, kept)
    assert encode.bands == 2
    encode.bands = 0
    make_bands(screen.view(Cursor(50, 1000, HIDDEN)), encode, kept)
    assert encode.bands == 1


def test_old_bands_serve_any_later_frame() -> None:
    screen, encode = Screen(), Encoder()
    old = make_bands(screen.view(), encode)
    for number in range(20):
        screen.paint(Rect(number, 20, 1, 1), number)
    encode.bands = 0
    bands = make_bands(screen.view(), encode, old)
    assert encode.bands == 1
    assert joined(screen.view(), bands) == whole(screen.view())


def test_without_numbers_only_the_same_frame_is_kept() -> None:
    screen, encode = Screen(), Encoder()
    blind = View(screen.frame, None, None, AREA, Size(WIDTH, HEIGHT))
    kept = make_bands(blind, encode)
    total = encode.bands
    make_bands(blind, encode, kept)
    assert encode.bands == total
    screen.paint(Rect(0, 0, 1, 1), 1)
    make_bands(View(screen.frame, None, None, AREA, Size(WIDTH, HEIGHT)), encode, kept)
    assert encode.bands == 2 * total
