"""Blending against arithmetic in whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.screen.frame import CursorImage, Frame, Pixels, Rect
from agentd.desktop.screen.overlay import blend_cursor
from tests.desktop.pictures import bgrx_arrays, noise


def cursor_over(pixels: Pixels, cursor: CursorImage, x: int, y: int) -> Pixels:
    """Porter and Duff's over, pixel by pixel, in whole numbers, rounded to the nearest."""
    height, width = pixels.shape[:2]
    blended = pixels.copy()
    for row, column in np.ndindex(cursor.pixels.shape[:2]):
        at_x, at_y = x - cursor.hot_x + column, y - cursor.hot_y + row
        if 0 <= at_x < width and 0 <= at_y < height:
            *colours, alpha = (int(value) for value in cursor.pixels[row, column])
            for channel, colour in enumerate(colours):
                shining = 2 * int(pixels[at_y, at_x, channel]) * (255 - alpha) + 255
                blended[at_y, at_x, channel] = min(255, colour + shining // 510)
    return blended


@given(bgrx_arrays, bgrx_arrays, *(st.integers(-12, 22) for _ in range(4)))
def test_is_over_clipped_at_every_edge(
    pixels: Pixels, shape: Pixels, x: int, y: int, hot_x: int, hot_y: int
) -> None:
    cursor = CursorImage(shape, hot_x, hot_y, serial=1)
    wanted = cursor_over(pixels, cursor, x, y)
    assert np.array_equal(blend_cursor(pixels, cursor, x, y), wanted)


def test_rounds_right_for_every_ground_and_alpha() -> None:
    ground = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 4, axis=2)
    shape = np.zeros((1, 256, 4), np.uint8)
    shape[0, :, 3] = np.arange(256)
    pixels = np.broadcast_to(ground, (256, 256, 4))
    cursor = CursorImage(np.repeat(shape, 256, axis=0), 0, 0, serial=1)
    values, alphas = np.indices((256, 256))
    wanted = (2 * values * (255 - alphas) + 255) // 510
    assert np.array_equal(blend_cursor(pixels, cursor, 0, 0)[:, :, 1], wanted)


def test_frame_is_left_as_it_was() -> None:
    frame = Frame(noise(20, 20), id=1, generation=1, rect=Rect(0, 0, 20, 20))
    before = frame.pixels.copy()
    cursor = CursorImage(noise(9, 9, seed=2), 4, 4, serial=1)
    blended = blend_cursor(frame.pixels, cursor, 10, 10)
    assert np.array_equal(frame.pixels, before)
    assert not np.shares_memory(blended, frame.pixels)


@pytest.mark.parametrize(("x", "y"), [(-5, 5), (5, -5), (24, 5), (5, 24)])
def test_cursor_off_the_picture_costs_no_copy(x: int, y: int) -> None:
    pixels = noise(20, 20)
    assert blend_cursor(pixels, CursorImage(noise(9, 9), 4, 4, serial=1), x, y) is pixels


def test_hidden_cursor_costs_no_copy() -> None:
    pixels = noise(20, 20)
    hidden = CursorImage(np.zeros((9, 9, 4), np.uint8), 4, 4, serial=1)
    assert blend_cursor(pixels, hidden, 10, 10) is pixels
