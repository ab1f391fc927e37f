"""What is found to have moved, and in which order it is copied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.comparing import words
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.updates.scroll import Move, find_moves
from tests.desktop.pictures import noise
from tests.vnc.updates.screens import flat, letters, overlap, photo, put


def moves(before: Pixels, after: Pixels) -> list[Move]:
    return find_moves(words(before), words(after), changed_tiles(before, after))


@pytest.mark.parametrize("lines", [1, 3, -2])
def test_terminal_that_scrolls_by_lines_is_one_move(lines) -> None:
    text = letters(640, 480 + 13 * 20, line=13, is_sharp=True)
    top = 13 * 10
    before, after = text[top : top + 480], text[top + 13 * lines : top + 13 * lines + 480]
    (move,) = moves(np.ascontiguousarray(before), np.ascontiguousarray(after))
    assert (move.dx, move.dy) == (0, -13 * lines)
    assert move.to.height == 480 - 13 * abs(lines)


def test_page_that_scrolls_in_a_window_is_moved_to_the_pixel() -> None:
    page, desk = photo(501, 900, seed=4), photo(800, 600)
    (move,) = moves(put(desk, page[:410], 101, 77), put(desk, page[24:434], 101, 77))
    assert move == Move(Rect(101, 77, 501, 410 - 24), 0, -24)


def test_page_that_scrolls_sideways_is_moved() -> None:
    page, desk = photo(900, 410, seed=4), photo(800, 600)
    (move,) = moves(put(desk, page[:, :500], 101, 77), put(desk, page[:, 40:540], 101, 77))
    assert move == Move(Rect(101, 77, 460, 410), -40, 0)


@pytest.mark.parametrize(("dx", "dy"), [(17, -9), (-40, 33), (1, 1), (100, -100)])
def test_window_that_is_dragged_over_a_photo_is_moved_to_the_pixel(dx, dy) -> None:
    desk, window = photo(900, 700), letters(403, 301)
    before, after = put(desk, window, 201, 203), put(desk, window, 201 + dx, 203 + dy)
    (move,) = moves(before, after)
    assert move == Move(Rect(201 + dx, 203 + dy, 403, 301), dx, dy)


def test_what_does_not_scroll_beside_it_is_left_alone() -> None:
    page, side, desk = photo(320, 900, seed=4), photo(160, 480), flat(640, 480)
    before = put(put(desk, page[:480], 0, 0), side, 320, 0)
    after = put(put(desk, page[32:512], 0, 0), side, 320, 0)
    (move,) = moves(before, after)
    assert move == Move(Rect(0, 0, 320, 448), 0, -32)


def test_columns_that_scroll_apart_are_moves_of_their_own() -> None:
    left, right, desk = photo(320, 900, seed=4), photo(320, 900, seed=5), flat(640, 480)
    before = put(put(desk, left[100:580], 0, 0), right[100:580], 320, 0)
    after = put(put(desk, left[124:604], 0, 0), right[60:540], 320, 0)
    found = moves(before, after)
    assert {(move.dx, move.dy) for move in found} == {(0, -24), (0, 40)}
    assert not overlap(move.to for move in found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (photo(640, 480), photo(640, 480, seed=2)),
        (noise(640, 480), noise(640, 480, seed=2)),
        (flat(640, 480), letters(640, 480)),
        (letters(640, 480), flat(640, 480)),
    ],
)
def test_nothing_has_moved_where_all_is_new(before, after) -> None:
    assert moves(before, after) == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (15, 400), (400, 15), (17, 16), (33, 1000)])
def test_small_and_thin_screens_are_searched_without_harm(width, height) -> None:
    before, after = noise(width, height), noise(width, height, seed=2)
    assert find_moves(words(before), words(after), grid(width, height, value=True)) == []


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_move_spoils_the_source_of_a_later_one(data) -> None:
    width, height = 420, 300
    before = photo(width, height)
    after = photo(width, height, seed=2)
    pieces = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    for at, _ in enumerate(pieces):
        x, y = data.draw(st.integers(0, 200)), data.draw(st.integers(0, 100))
        piece = before[y : y + 170, x : x + 130]
        after = put(after, piece, 140 * at, data.draw(st.integers(0, 130)))
    found = moves(before, after)
    assert not overlap(move.to for move in found)
    for at, move in enumerate(found):
        assert Rect(0, 0, width, height).covers(move.to)
        assert Rect(0, 0, width, height).covers(move.source)
        assert not any(move.to.meets(later.source) for later in found[at + 1 :])
