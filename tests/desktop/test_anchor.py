"""Hash and look of a part of the screen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.recording.anchor import AREA_EDGE, anchor_of, area_around, digest, look
from agentd.desktop.screen.frame import Frame, Rect

SCREEN = Rect(0, 0, 1280, 800)


def frame(pixels: np.ndarray, x: int = 0, y: int = 0) -> Frame:
    height, width = pixels.shape[:2]
    return Frame(pixels, 1, 1, Rect(x, y, width, height))


def plain(height: int, width: int, shade: int = 0) -> np.ndarray:
    return np.full((height, width, 4), shade, dtype=np.uint8)


@given(st.integers(0, 1279), st.integers(0, 799))
def test_area_lies_on_the_screen_and_holds_its_point(x: int, y: int) -> None:
    area = area_around(x, y, SCREEN)
    assert SCREEN.covers(area)
    assert (area.width, area.height) == (AREA_EDGE, AREA_EDGE)
    assert area.covers(Rect(x, y, 1, 1))


def test_area_of_a_small_screen_is_all_of_it() -> None:
    assert area_around(5, 5, Rect(0, 0, 64, 64)) == Rect(0, 0, 64, 64)


def test_hash_does_not_look_at_the_byte_that_means_nothing() -> None:
    one, other = plain(8, 8, 50), plain(8, 8, 50)
    other[:, :, 3] = 255
    assert digest(one) == digest(other)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_hash_sees_the_least_change(channel: int) -> None:
    changed = plain(96, 96)
    changed[95, 95, channel] = 1
    assert digest(changed) != digest(plain(96, 96))


def test_look_of_one_shade_is_that_shade() -> None:
    assert look(plain(96, 96, 0xAB)) == "ab" * 64


def test_look_goes_row_by_row() -> None:
    pixels = plain(80, 80)
    pixels[:10, 10:20, :3] = 0x40
    pixels[70:, :10, :3] = 0x80
    fields = bytes.fromhex(look(pixels))
    assert fields[1] == 0x40
    assert fields[56] == 0x80
    assert sum(fields) == 0xC0


@given(st.integers(1, 300), st.integers(1, 300))
def test_look_has_a_field_for_each_eighth_of_an_edge(height: int, width: int) -> None:
    fields = bytes.fromhex(look(plain(height, width, 7)))
    assert len(fields) == min(8, height) * min(8, width)
    assert set(fields) == {7}


def test_large_part_is_sampled_evenly() -> None:
    pixels = plain(800, 1280)
    pixels[:, 640:, :3] = 200
    fields = bytes.fromhex(look(pixels))
    assert (fields[:3], fields[5:8]) == (bytes(3), bytes([200] * 3))


def test_anchor_tells_the_part_that_was_really_seen() -> None:
    anchor = anchor_of(frame(plain(100, 100)), Rect(90, 90, 50, 50))
    assert (anchor.x, anchor.y, anchor.width, anchor.height) == (90, 90, 10, 10)


def test_part_off_the_frame_has_no_anchor() -> None:
    with pytest.raises(ValueError, match="no pixel in common"):
        anchor_of(frame(plain(100, 100)), Rect(200, 0, 10, 10))
