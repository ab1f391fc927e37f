"""What is learnt as repeating itself, and what never is.

A screen of 8 x 5 tiles is painted at given moments and looked at as the daemon does: at once, and
then every 20 ms at most. `Watch.settled(quiet_s)` tells when a waiter would have found it quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Pixels, Rect
from agentd.desktop.screen.periodic import MEMORY, Periodic

WIDTH, HEIGHT = 256, 160
PACE_S = 0.02

Paint = Callable[[Pixels], None]


def fill(rect: Rect, colour: int) -> Paint:
    def paint(pixels: Pixels) -> None:
        pixels[rect.y : rect.bottom, rect.x : rect.right] = colour

    return paint


def noise(rect: Rect, seed: int) -> Paint:
    """Something that was never shown before, in every tile of the rectangle."""

    def paint(pixels: Pixels) -> None:
        size = (rect.height, rect.width, 4)
        values = np.random.default_rng(seed).integers(0, 255, size, dtype=np.uint8)
        pixels[rect.y : rect.bottom, rect.x : rect.right] = values

    return paint


class Watch:
    """Looks at a screen while it is painted, as `Changes` does."""

    def __init__(self, paints: Iterable[tuple[float, Paint]]) -> None:
        self.looks: list[tuple[float, Tiles, Tiles]] = []
        periodic, screen = Periodic(), np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
        seen, look_at = screen.copy(), None
        for at, paint in sorted(paints, key=lambda pair: pair[0]):
            if look_at is not None and at > look_at:
                seen = self._look(periodic, seen, screen, look_at)
                look_at = max(at, look_at + PACE_S)
            elif look_at is None:
                look_at = at
            paint(screen)
        if look_at is not None:
            self._look(periodic, seen, screen, look_at)

    def _look(self, periodic: Periodic, before: Pixels, screen: Pixels, at: float) -> Pixels:
        after = screen.copy()
        tiles = changed_tiles(before, after)
        if tiles.any():
            self.looks.append((at, tiles, periodic.news(before, after, tiles, at)))
        return after

    def settled(self, quiet_s: float) -> float | None:
        """When nothing new had come for so long; None if that never was."""
        last = 0.0
        for at, _, news in self.looks:
            if at - last >= quiet_s:
                return last + quiet_s
            if news.any():
                last = at
        return None

    def ever_ignored(self) -> bool:
        return any((tiles & ~news).any() for _, tiles, news in self.looks)

    def periodic(self) -> Tiles:
        found = grid(WIDTH, HEIGHT)
        for _, tiles, news in self.looks:
            found |= tiles & ~news
        return found


def every(period_s: float, paints: Iterable[Paint], start: float = 0.1):
    return [(start + number * period_s, paint) for number, paint in enumerate(paints)]


def caret(seconds: float, *, period_s: float = 0.53, x: int = 40, y: int = 40):
    rect = Rect(x, y, 1, 14)
    return every(period_s, [fill(rect, 255 * (n % 2 == 0)) for n in range(int(seconds / period_s))])


class TestContentsThatComeBack:
    def test_a_blinking_caret(self) -> None:
        watch = Watch(caret(10))
        assert watch.settled(0.7) < 2.5
        assert np.argwhere(watch.periodic()).tolist() == [[1, 1]]

    @pytest.mark.parametrize("rate", [10, 30, 60])
    @pytest.mark.parametrize("pictures", [8, 12, 30])
    def test_a_spinner(self, rate, pictures) -> None:
        rect = Rect(90, 50, 40, 40)
        paints = [noise(rect, n % pictures) for n in range(20 * rate)]
        watch = Watch(every(1 / rate, paints))
        loop_s = pictures / rate
        assert watch.settled(0.15) < max(1.0, 3 * loop_s) + 1.0

    def test_an_animation_of_the_whole_screen(self) -> None:
        whole = Rect(0, 0, WIDTH, HEIGHT)
        watch = Watch(every(0.1, [noise(whole, n % 25) for n in range(120)]))
        assert watch.settled(0.5) == pytest.approx(0.1 + 2.6 + 0.5, abs=0.3)

    def test_an_animation_of_more_pictures_than_are_remembered_is_not_recognised(self) -> None:
        rect = Rect(0, 0, 64, 64)
        watch = Watch(every(0.05, [noise(rect, n % (MEMORY + 1)) for n in range(4 * MEMORY)]))
        assert not watch.ever_ignored()

    def test_a_short_flicker_is_waited_for(self) -> None:
        """A window that opens, or a button that flashes, shows the same things in turn."""
        rect = Rect(0, 0, 100, 100)
        watch = Watch(every(0.05, [fill(rect, 90 * (n % 2)) for n in range(16)]))
        assert not watch.ever_ignored()

    def test_something_new_in_an_animation_is_news(self) -> None:
        new = [(5.0, fill(Rect(42, 40, 3, 14), 128))]
        watch = Watch(caret(8) + new)
        [at] = [at for at, _, news in watch.looks if news.any() and 4 < at < 5.2]
        assert at == pytest.approx(5.0, abs=0.03)

    def test_a_toggle_after_a_rest_is_news(self) -> None:
        """A check box that was switched to and fro is none that switches itself."""
        box = Rect(10, 10, 12, 12)
        toggles = every(0.4, [fill(box, 200 * (n % 2)) for n in range(1, 7)])
        watch = Watch([*toggles, (6.0, fill(box, 200))])
        assert watch.looks[-1][2].any()


class TestClocks:
    def test_a_clock_of_seconds(self) -> None:
        digit = Rect(200, 10, 8, 12)
        watch = Watch(every(1.0, [noise(digit, n) for n in range(12)]))
        assert watch.settled(1.5) == pytest.approx(0.1 + 3 + 1.5, abs=0.1)

    def test_a_clock_that_stands_on_four_tiles(self) -> None:
        digits = Rect(220, 28, 16, 12)
        watch = Watch(every(1.0, [noise(digits, n) for n in range(12)]))
        assert watch.settled(1.5) is not None

    def test_a_tick_at_another_time_is_news(self) -> None:
        digit = Rect(200, 10, 8, 12)
        ticks = every(1.0, [noise(digit, n) for n in range(8)])
        watch = Watch([*ticks, (7.5, noise(digit, 99))])
        assert watch.looks[-1][2].any()
        assert not watch.looks[-2][2].any()

    def test_uneven_changes_are_no_clock(self) -> None:
        digit = Rect(200, 10, 8, 12)
        moments = [0.1, 0.9, 2.1, 2.8, 4.2, 4.9, 6.3, 7.0]
        assert not Watch([(at, noise(digit, n)) for n, at in enumerate(moments)]).ever_ignored()

    def test_what_changes_evenly_all_over_the_screen_is_no_clock(self) -> None:
        lines = [noise(Rect(0, 10, 250, 12), n) for n in range(12)]
        assert not Watch(every(1.0, lines)).ever_ignored()


class TestProgress:
    """What goes on must be waited for, however evenly it does."""

    def test_a_terminal_that_scrolls(self) -> None:
        def scroll(number: int) -> Paint:
            def paint(pixels: Pixels) -> None:
                pixels[:-13] = pixels[13:].copy()
                pixels[-13:] = 0
                # A time, and words of which there are few: most tiles show what they once did.
                noise(Rect(0, HEIGHT - 13, 60, 12), number)(pixels)
                noise(Rect(60, HEIGHT - 13, 100, 12), number % 3)(pixels)

            return paint

        for rate in (2, 20, 200):
            watch = Watch(every(1 / rate, [scroll(n) for n in range(max(12, 4 * rate))]))
            assert watch.settled(1.01 / rate + 0.1) is None, rate

    @pytest.mark.parametrize("step", [1, 3, 10, 40])
    @pytest.mark.parametrize("period_s", [0.05, 0.5, 1.0])
    def test_a_bar_that_advances(self, step, period_s) -> None:
        bars = [fill(Rect(5 + step * n, 70, step, 8), 255) for n in range(min(20, 250 // step))]
        assert not Watch(every(period_s, bars)).ever_ignored()

    def test_a_bar_with_a_soft_edge(self) -> None:
        def bar(number: int) -> Paint:
            def paint(pixels: Pixels) -> None:
                pixels[70:78, : 10 + 2 * number] = 255
                pixels[70:78, 10 + 2 * number] = 128

            return paint

        assert not Watch(every(1.0, [bar(n) for n in range(20)])).ever_ignored()

    def test_typing_beside_a_blinking_caret(self) -> None:
        letters = every(0.18, [noise(Rect(20 + 9 * n, 40, 8, 13), n) for n in range(20)], 0.2)
        watch = Watch(caret(6, y=100) + letters)
        assert watch.settled(0.3) == pytest.approx(letters[-1][0] + 0.3, abs=0.6)

    def test_typing_and_erasing(self) -> None:
        def shown(count: int) -> Paint:
            def paint(pixels: Pixels) -> None:
                pixels[40:53, 40:60] = 0
                for n in range(count):
                    noise(Rect(40 + 2 * n, 40, 2, 13), n)(pixels)

            return paint

        counts = [*range(1, 11), *range(9, -1, -1)]
        assert not Watch(every(0.15, [shown(count) for count in counts])).ever_ignored()

    def test_a_page_that_loads_and_then_is_quiet(self) -> None:
        parts = [noise(Rect(0, 20 * n, WIDTH, 20), n) for n in range(8)]
        load = every(0.12, parts)
        watch = Watch([*load, (5.0, fill(Rect(0, 0, 9, 9), 7))])
        assert watch.settled(0.15) == pytest.approx(load[-1][0] + 0.15, abs=0.03)

    def test_a_film(self) -> None:
        whole = Rect(0, 0, WIDTH, HEIGHT)
        assert not Watch(every(1 / 30, [noise(whole, n) for n in range(150)])).ever_ignored()

    @settings(max_examples=60, deadline=None)
    @given(
        rect=st.builds(
            Rect, st.integers(0, 60), st.integers(0, 20), st.integers(97, 190), st.integers(65, 140)
        ),
        gaps=st.lists(st.sampled_from([0.02, 0.1, 0.5, 0.53, 1.0, 2.0]), min_size=5, max_size=40),
    )
    def test_what_is_large_and_never_recurs_is_never_learnt(self, rect, gaps) -> None:
        moments = np.cumsum(gaps)
        paints = [(float(at), noise(rect, n)) for n, at in enumerate(moments)]
        assert not Watch(paints).ever_ignored()


def test_another_size_forgets_everything() -> None:
    periodic = Periodic()
    small, large = (np.zeros((size, size, 4), dtype=np.uint8) for size in (64, 96))
    assert periodic.news(small, large, grid(96, 96, value=True), 1.0).all()
    changed = large.copy()
    changed[5, 5] = 9
    assert periodic.news(large, changed, changed_tiles(large, changed), 2.0).sum() == 1
