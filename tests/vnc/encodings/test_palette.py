"""The colours of an area and their places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import words_of
from agentd.vnc.encodings.palette import Palette, palette_of
from tests.vnc.encodings.content import few_colours, noise, screens


def painted(palette: Palette) -> np.ndarray:
    return palette.colours[palette.indices.astype(np.intp)]


@given(screens(), st.integers(2, 256))
def test_palette_paints_the_area(screen: tuple[Pixels, Rect], most: int) -> None:
    words = words_of(*screen)
    palette = palette_of(words, most)
    count = len(np.unique(words))
    if palette is None:
        assert count > 2
        return
    assert len(palette.colours) == count <= most
    np.testing.assert_array_equal(painted(palette), words)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 16, 96])
def test_few_colours_are_found(count: int) -> None:
    words = words_of(few_colours(100, 80, count), Rect(0, 0, 100, 80))
    palette = palette_of(words, 96)
    assert palette is not None
    assert len(palette.colours) == count


@pytest.mark.parametrize("most", [2, 16, 96, 256])
def test_more_colours_than_wanted_are_none(most: int) -> None:
    words = words_of(noise(100, 80), Rect(0, 0, 100, 80))
    assert palette_of(words, most) is None


def test_two_colours_are_yes_and_no() -> None:
    words = np.array([[7, 7, 9], [9, 7, 7]], dtype=np.uint32)
    palette = palette_of(words)
    assert palette is not None
    assert palette.colours.tolist() == [7, 9]
    assert palette.indices.dtype == np.bool_
    assert palette.indices.tolist() == [[False, False, True], [True, False, False]]
