"""What counts as video: large, often, well filled; and how long it stays so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.comparing import TILE, Tiles
from agentd.desktop.screen.damage import grid
from agentd.desktop.screen.frame import Rect
from agentd.vnc.updates.hot import KEPT_S, LEAVE_AFTER_S, SHRINK_AFTER_S, Heat

SCREEN = Rect(0, 0, 1920, 1080)
WINDOW = Rect(320, 192, 640, 384)
NOW = 50.0


def tiles_of(*rects: Rect, screen: Rect = SCREEN) -> Tiles:
    """Return the tiles that these rectangles touch."""
    tiles = grid(screen.width, screen.height)
    for rect in rects:
        rows = slice(rect.y // TILE, -(-rect.bottom // TILE))
        tiles[rows, rect.x // TILE : -(-rect.right // TILE)] = True
    return tiles


def play(
    heat: Heat,
    changed: Callable[[int], Tiles] | Tiles,
    *,
    began_at: float = NOW,
    seconds: float = 1.0,
    per_s: float = 30,
    screen: Rect = SCREEN,
) -> float:
    """Note changes at a rate; return the time of the last."""
    at = began_at
    for number in range(round(seconds * per_s)):
        at = began_at + number / per_s
        heat.note(at, changed(number) if callable(changed) else changed, screen)
    return at


@pytest.mark.parametrize("per_s", [15, 24, 25, 30, 60])
def test_a_window_that_plays_is_hot_within_half_a_second(per_s: float) -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW), seconds=0.5, per_s=per_s)
    assert heat.hot(at) == WINDOW


def test_it_is_not_hot_at_once() -> None:
    heat = Heat()
    assert heat.hot(play(heat, tiles_of(WINDOW), seconds=0.2)) is None


def test_nothing_is_hot_before_anything_changed() -> None:
    assert Heat().hot(NOW) is None


@pytest.mark.parametrize(
    "rect",
    [Rect(320, 320, 32, 32), Rect(320, 320, 128, 96), Rect(0, 1048, 1920, 32)],
    ids=["spinner", "meter", "ticker"],
)
def test_what_is_small_is_not_hot_however_often_it_changes(rect: Rect) -> None:
    heat = Heat()
    assert heat.hot(play(heat, tiles_of(rect), seconds=3, per_s=60)) is None


@pytest.mark.parametrize("per_s", [1, 5, 9])
def test_what_changes_seldom_is_not_hot_however_large(per_s: float) -> None:
    heat = Heat()
    assert heat.hot(play(heat, tiles_of(SCREEN), seconds=5, per_s=per_s)) is None


def test_a_page_that_is_painted_in_many_steps_at_once_is_not_hot() -> None:
    heat = Heat()
    at = play(heat, tiles_of(SCREEN), seconds=0.1, per_s=400)
    assert heat.hot(at) is None
    heat.note(at + 2, tiles_of(SCREEN), SCREEN)
    assert heat.hot(at + 2) is None


def test_a_window_that_opens_with_a_flourish_while_something_blinks_is_not_hot() -> None:
    heat = Heat()
    at = play(heat, tiles_of(Rect(1800, 900, 32, 32)), seconds=2, per_s=10)
    at = play(heat, tiles_of(WINDOW), began_at=at, seconds=0.25, per_s=60)
    assert heat.hot(at) is None


def test_typing_over_the_screen_is_not_hot() -> None:
    heat = Heat()

    def letter(number: int) -> Tiles:
        return tiles_of(Rect(10 * number % 1900, 32 * (number // 190), 10, 16))

    assert heat.hot(play(heat, letter, seconds=10, per_s=30)) is None


def test_text_that_scrolls_is_not_hot_as_the_new_line_alone_is_noted() -> None:
    heat = Heat()
    line = tiles_of(Rect(0, 1032, 1920, 16))
    assert heat.hot(play(heat, line, seconds=3, per_s=60)) is None


def test_it_leaves_half_a_second_after_it_calms_down() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    assert heat.hot(at + LEAVE_AFTER_S - 0.01) == WINDOW
    assert heat.hot(at + LEAVE_AFTER_S + 0.01) is None


def test_a_blinking_caret_does_not_keep_it_hot() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    caret = tiles_of(Rect(400, 300, 10, 16))
    at = play(heat, caret, began_at=at + 0.2, seconds=2, per_s=2)
    assert heat.hot(at) is None


def test_it_stays_through_a_short_pause() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    at = play(heat, tiles_of(WINDOW), began_at=at + 0.45, seconds=0.5)
    assert heat.hot(at) == WINDOW


def test_a_spinner_far_away_does_not_widen_it() -> None:
    heat = Heat()
    spinner = Rect(1800, 900, 32, 32)
    assert heat.hot(play(heat, tiles_of(WINDOW, spinner))) == WINDOW


def test_a_scene_in_which_little_moves_keeps_its_rectangle() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    face = Rect(480, 256, 192, 160)
    at = play(heat, tiles_of(face), began_at=at, seconds=SHRINK_AFTER_S - 0.2)
    assert heat.hot(at) == WINDOW
    at = play(heat, tiles_of(WINDOW), began_at=at, seconds=1)
    at = play(heat, tiles_of(face), began_at=at, seconds=SHRINK_AFTER_S + 1)
    assert heat.hot(at) == face


def test_a_video_that_is_made_larger_is_followed() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    larger = Rect(320, 192, 960, 544)
    at = play(heat, tiles_of(larger), began_at=at, seconds=KEPT_S + 0.5)
    assert heat.hot(at) == larger


def test_a_window_that_is_dragged_about_changes_it_no_more_than_once_a_second() -> None:
    heat = Heat()
    seen: list[Rect | None] = []

    def drag(number: int) -> Tiles:
        seen.append(heat.hot(NOW + number / 30))
        return tiles_of(WINDOW.moved(4 * number, 2 * number))

    play(heat, drag, seconds=5)
    assert len(set(seen) - {None}) <= 5


def test_most_of_the_screen_is_taken_whole() -> None:
    heat = Heat()
    most = Rect(0, 96, 1920, 864)
    assert heat.hot(play(heat, tiles_of(most))) == SCREEN


def test_rain_that_falls_everywhere_is_hot() -> None:
    chance = np.random.default_rng(1)
    heat = Heat()

    def drops(number: int) -> Tiles:
        tiles: Tiles = chance.random(tiles_of().shape) < 0.7
        return tiles

    assert heat.hot(play(heat, drops)) == SCREEN


def test_of_two_videos_far_apart_one_is_taken_and_kept() -> None:
    heat = Heat()
    videos = Rect(0, 0, 320, 192), Rect(1600, 864, 320, 192)
    at = play(heat, tiles_of(*videos))
    first = heat.hot(at)
    assert first in videos
    at = play(heat, tiles_of(*videos), began_at=at, seconds=5)
    assert heat.hot(at) == first


def test_another_screen_size_begins_anew() -> None:
    heat = Heat()
    at = play(heat, tiles_of(WINDOW))
    small = Rect(0, 0, 800, 600)
    heat.note(at + 0.03, tiles_of(screen=small), small)
    assert heat.hot(at + 0.03) is None


def test_edges_are_even_on_a_screen_of_odd_size() -> None:
    screen = Rect(0, 0, 1365, 767)
    heat = Heat()
    at = play(heat, tiles_of(screen, screen=screen), screen=screen)
    assert heat.hot(at) == Rect(0, 0, 1364, 766)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.integers(161, 1300))
def test_what_is_hot_lies_on_the_screen_at_tiles(seed: int, density: float, width: int) -> None:
    screen = Rect(0, 0, width, 700)
    chance = np.random.default_rng(seed)
    heat, at = Heat(), NOW
    for _ in range(40):
        at += float(chance.exponential(0.03))
        heat.note(at, chance.random(grid(width, 700).shape) < density, screen)
        rect = heat.hot(at)
        assert rect is None or (
            screen.covers(rect)
            and rect.width % 2 == rect.height % 2 == rect.x % TILE == rect.y % TILE == 0
            and rect.width >= 160
            and rect.height >= 120
        )
