"""A plan brings a viewer to the very pixels, by as little as can be found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.updates.plan import Copy, Plan, plan
from tests.desktop.pictures import noise
from tests.vnc.updates.screens import flat, followed, frame, letters, overlap, photo, put, sent


def planned(before: Pixels, after: Pixels, *, copies: bool = True) -> Plan:
    """A plan that was checked: it leads to `after`, and sends no pixel twice."""
    made = plan(frame(before), frame(after), changed_tiles(before, after), copies=copies)
    assert_array_equal(followed(before, after, made), after)
    assert not overlap(made.rects)
    assert not overlap(copy.to for copy in made.copies)
    assert copies or made.copies == ()
    return made


def test_glyph_becomes_a_rectangle_of_its_size() -> None:
    before = letters(640, 480)
    after = before.copy()
    after[250:263, 317:323] = (1, 2, 3, 0)
    assert planned(before, after) == Plan((), (Rect(317, 250, 6, 13),))


def test_same_picture_needs_nothing() -> None:
    same = letters(640, 480)
    everywhere = grid(640, 480, value=True)
    assert plan(frame(same), frame(same), everywhere, copies=True) == Plan((), ())
    assert plan(frame(same), frame(same.copy()), everywhere, copies=True) == Plan((), ())
    assert plan(frame(same), frame(same), grid(640, 480), copies=True) == Plan((), ())


def test_tiles_that_look_the_same_by_now_are_not_sent() -> None:
    before = letters(640, 480)
    after = before.copy()
    after[100, 100, 0] ^= 255
    made = plan(frame(before), frame(after), grid(640, 480, value=True), copies=True)
    assert made == Plan((), (Rect(100, 100, 1, 1),))


def test_one_pixel_is_a_screen() -> None:
    assert planned(flat(1, 1), flat(1, 1, value=71)) == Plan((), (Rect(0, 0, 1, 1),))


def test_another_photo_is_one_rectangle() -> None:
    made = planned(photo(640, 480), photo(640, 480, seed=2))
    assert made == Plan((), (Rect(0, 0, 640, 480),))


def test_frames_of_different_sizes_are_refused() -> None:
    with pytest.raises(AssertionError):
        plan(frame(flat(64, 64)), frame(flat(64, 65)), grid(64, 64, value=True), copies=True)


def test_tiles_of_another_screen_are_refused() -> None:
    with pytest.raises(AssertionError):
        plan(frame(flat(64, 64)), frame(flat(64, 64)), grid(64, 65, value=True), copies=True)


def test_scrolled_terminal_sends_its_new_line_alone() -> None:
    text = letters(640, 520, line=13, is_sharp=True)
    made = planned(text[:480], text[13:493])
    (copy,) = made.copies
    assert (copy.x - copy.to.x, copy.y - copy.to.y, copy.to.height) == (0, 13, 467)
    assert sent(made) <= 640 * 13


def test_scrolled_page_mends_the_clock_that_stood_still() -> None:
    page = letters(640, 700)
    before, after = page[:480].copy(), page[48:528].copy()
    before[200:240, 300:360], after[200:240, 300:360] = noise(60, 40), noise(60, 40, seed=2)
    made = planned(before, after)
    assert len(made.copies) == 1
    # The new strip, the clock, and where the copy has put the old clock.
    assert sent(made) <= 640 * 48 + 2 * 96 * 128


def test_scrolled_page_leaves_its_scroll_bar_out() -> None:
    page = photo(600, 700, seed=4)
    bar = flat(40, 480)
    before, after = put(put(flat(640, 480), page, 0, 0), bar, 600, 0), flat(640, 480)
    after = put(put(after, page[24:], 0, 0), bar, 600, 0)
    before[100:200, 605:635], after[110:210, 605:635] = 9, 9
    made = planned(before, after)
    assert sent(made) <= 600 * 24 + 40 * 110


def test_dragged_window_sends_what_it_has_uncovered() -> None:
    desk, window = photo(900, 700), letters(403, 301)
    made = planned(put(desk, window, 201, 203), put(desk, window, 218, 194))
    assert made.copies == (Copy(201, 203, Rect(218, 194, 403, 301)),)
    uncovered = 17 * 301 + 9 * 403
    assert sent(made) <= 1.3 * uncovered


def test_viewer_that_cannot_copy_is_sent_pixels() -> None:
    page = photo(640, 700)
    made = planned(page[:480], page[24:504], copies=False)
    assert sent(made) == 640 * 480


def test_change_in_many_places_is_sent_as_few_rectangles() -> None:
    before = flat(1280, 960)
    after = before.copy()
    after[::64, ::64] = 9
    assert len(planned(before, after).rects) <= 32


@pytest.mark.parametrize("kind", [photo, letters, noise])
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shift_of_any_window_ends_at_the_very_pixels(kind, data) -> None:
    width, height = data.draw(st.sampled_from([(420, 300), (421, 333), (64, 512), (515, 40)]))
    before = kind(width, height)
    content = kind(width, height)
    after = before.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        window = Rect(
            data.draw(st.integers(0, width - 1)),
            data.draw(st.integers(0, height - 1)),
            data.draw(st.integers(1, width)),
            data.draw(st.integers(1, height)),
        )
        dx, dy = data.draw(st.integers(-150, 150)), data.draw(st.integers(-150, 150))
        piece = content[window.y : window.bottom, window.x : window.right]
        after = put(after, piece, window.x + dx, window.y + dy)
    if data.draw(st.booleans()):
        after = put(after, noise(20, 20, seed=9), data.draw(st.integers(0, 400)), 50)
    planned(before, np.ascontiguousarray(after))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120), st.integers(0, 3), st.data())
def test_any_picture_of_few_colours_ends_at_the_very_pixels(width, height, shift, data) -> None:
    # Few colours: a glance and an anchor are easily deceived.
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    before = (generator.random((height, width, 1)) < 0.5).astype(np.uint8).repeat(4, axis=2)
    after = np.roll(before, shift * 13, axis=data.draw(st.integers(0, 1)))
    after[generator.random((height, width)) < 0.01] ^= 1
    planned(before, after)
