"""An array is lent again as soon as its last view is gone, never sooner."""

from __future__ import annotations

import numpy as np

from agentd.desktop.screen.buffers import Buffers
from agentd.desktop.screen.frame import Frame, Rect


def test_an_array_comes_back_when_its_last_view_is_gone() -> None:
    buffers = Buffers()
    lent = buffers.lend(8, 4)
    assert lent.shows is None
    lent.pixels[:] = 9
    frame = Frame(lent.pixels, 7, 1, Rect(0, 0, 8, 4))
    lent.note(frame.id)
    part = frame.pixels[1:, 2:]
    del lent, frame
    other = buffers.lend(8, 4)
    assert other.shows is None
    other.pixels[:] = 1
    assert (part == 9).all()
    del part
    again = buffers.lend(8, 4)
    assert again.shows == 7
    assert (again.pixels == 9).all()


def test_what_was_not_noted_is_not_known() -> None:
    buffers = Buffers()
    buffers.lend(8, 4).note(7)
    assert buffers.lend(8, 4).shows == 7  # ... and is dropped, perhaps half written.
    assert buffers.lend(8, 4).shows is None


def test_an_array_of_another_size_is_not_lent() -> None:
    buffers = Buffers()
    buffers.lend(8, 4).note(7)
    lent = buffers.lend(4, 8)
    assert lent.pixels.shape == (8, 4, 4)
    assert lent.shows is None


def test_what_was_lent_outlives_whoever_lent_it() -> None:
    buffers = Buffers()
    pixels = buffers.lend(8, 4).pixels
    pixels[:] = 5
    buffers.forget()
    del buffers
    assert np.array_equal(pixels, np.full((4, 8, 4), 5))
