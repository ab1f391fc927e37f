"""Scaling against Pillow's own whole picture and against plain means."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agentd.desktop.pictures.scaling import Scaling, scale_pixels
from agentd.desktop.screen.frame import MAX_EDGE, Pixels, Rect, Size
from tests.desktop.pictures import noise, page


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def test_same_size_costs_no_copy() -> None:
    pixels = noise(20, 10)
    assert scale_pixels(pixels, Size(20, 10)) is pixels


def test_whole_factors_take_the_mean_of_each_block() -> None:
    pixels = noise(60, 40)
    blocks = pixels.reshape(20, 2, 20, 3, 4).astype(np.float64)
    scaled = scale_pixels(pixels, Size(20, 20))
    assert np.abs(scaled - blocks.mean(axis=(1, 3))).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("pixels", [page(1400, 1100), noise(1400, 1100)], ids=["page", "noise"])
@pytest.mark.parametrize("size", [Size(1024, 805), Size(333, 262), Size(1399, 2)])
def test_stripes_leave_no_seam_whoever_shrinks_them(
    pixels: Pixels, size: Size, executor: Executor
) -> None:
    scaled = scale_pixels(pixels, size)
    whole = Image.frombuffer("RGBX", (1400, 1100), pixels, "raw", "RGBX", 0, 1).resize(
        (size.width, size.height), Image.Resampling.HAMMING
    )
    assert np.abs(scaled.astype(int) - np.asarray(whole).astype(int)).max() <= 1
    assert np.array_equal(scale_pixels(pixels, size, executor=executor), scaled)


@pytest.mark.parametrize("width", [5, 13, 16, 40, 111])
def test_edge_stays_in_its_place(width: int) -> None:
    pixels = np.zeros((6, 20, 4), np.uint8)
    pixels[:, 10:] = 255
    scaled = scale_pixels(pixels, Size(width, 6))
    assert (scaled[:, : width // 2] < 128).all()
    assert (scaled[:, -(width // 2) :] >= 128).all()


@given(
    st.tuples(*[st.integers(0, 255)] * 4),
    st.builds(Size, st.integers(1, 80), st.integers(1, 80)),
    st.builds(Size, st.integers(1, 80), st.integers(1, 80)),
)
def test_one_colour_stays_that_colour(colour: tuple[int, ...], size: Size, wanted: Size) -> None:
    pixels = np.full((size.height, size.width, 4), colour, np.uint8)
    scaled = scale_pixels(pixels, wanted)
    assert scaled.shape == (wanted.height, wanted.width, 4)
    assert (scaled == np.array(colour, np.uint8)).all()


def test_huge_blocks_keep_their_shade() -> None:
    pixels = np.full((1200, 1600, 4), 200, np.uint8)
    assert np.abs(scale_pixels(pixels, Size(1, 1)).astype(int) - 200).max() <= 1


def test_crop_that_is_not_contiguous() -> None:
    part = noise(90, 80)[3:70, 7:61]
    scaled = scale_pixels(part, Size(30, 31))
    assert np.array_equal(scaled, scale_pixels(part.copy(), Size(30, 31)))


def test_size_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="16384"):
        scale_pixels(noise(4, 4), Size(MAX_EDGE + 1, 4))


sizes = st.builds(Size, st.integers(1, 90), st.integers(1, 90))


@given(sizes, sizes, st.data())
def test_a_part_alone_needs_no_others(source: Size, size: Size, data: st.DataObject) -> None:
    left, top = (data.draw(st.integers(0, edge - 1)) for edge in (size.width, size.height))
    width, height = (
        data.draw(st.integers(1, left_over)) for left_over in (size.width - left, size.height - top)
    )
    scaling, part = Scaling(source, size), Rect(left, top, width, height)
    # So that nothing overshoots: Pillow clips between its passes, in an order that it chooses.
    pixels = noise(source.width, source.height) // 2 + 64
    needed = scaling.source_of(part)
    assert Rect(0, 0, source.width, source.height).covers(needed)
    made = scaling.scale(pixels[needed.y : needed.bottom, needed.x : needed.right], part)
    whole = scaling.scale(pixels, Rect(0, 0, size.width, size.height)).astype(int)
    wanted = whole[top : top + height, left : left + width]
    assert made.shape == (height, width, 4)
    # Both passes round.
    assert np.abs(made.astype(int) - wanted).max() <= 2
