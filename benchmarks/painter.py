"""A program that paints on a display as its arguments say: what the benchmarks wait for.

It covers the screen, or what `--at` says, tells that it is `ready` and paints. `reacts MS` waits
for a click and then fills twelve boxes in so many milliseconds; `answers MS` shows nothing for so
long after a click, then a new colour, and tells its number; the others go on by themselves until
they are killed.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence

from Xlib import X
from Xlib.display import Display

BOXES, BOX = 12, 40
GROUND, INK = 0x000000, 0xFFFFFF
# Where the last box of a reaction is, and what it looks like before the next click.
LAST_X, LAST_Y = BOXES * BOX - BOX // 2, BOX // 2

_STRIPS = 12


def shade(number: int) -> int:
    """Return the colour of the answer with a number: another one than those before and after."""
    return number * 0x3B1F57 % 0xFFFFFF


class Painter:
    """The window, and ways to fill a part of it.

    Args:
        place: x, y, width, height on the screen; empty for all of it.
    """

    def __init__(self, place: Sequence[int] = ()) -> None:
        self.display = Display()
        screen = self.display.screen()
        x, y, *size = place or (0, 0, screen.width_in_pixels, screen.height_in_pixels)
        self._size = size
        self.window = screen.root.create_window(
            x,
            y,
            *size,
            0,
            screen.root_depth,
            override_redirect=True,
            background_pixel=GROUND,
            event_mask=X.ButtonPressMask,
        )
        self.window.map()
        self._context = self.window.create_gc()
        self.display.sync()

    def fill(self, colour: int, *place: int) -> None:
        """Fill x, y, width, height, or all."""
        self._context.change(foreground=colour)
        self.window.fill_rectangle(self._context, *(place or (0, 0, *self._size)))
        self.display.sync()

    def animate(self, period_s: float, colours: Iterator[int], *place: int) -> None:
        """Fill a place with one colour after the other, in time."""
        began = time.monotonic()
        for count, colour in enumerate(colours, 1):
            self.fill(colour, *place)
            time.sleep(max(0.0, began + count * period_s - time.monotonic()))

    def react(self, duration_s: float) -> None:
        """After each click paint in steps, the first one at once."""
        while True:
            self._wait_click()
            self.fill(GROUND)
            for number in range(BOXES):
                self.fill(INK, number * BOX, 0, BOX, BOX)
                time.sleep(duration_s / (BOXES - 1) if number < BOXES - 1 else 0)

    def answer(self, delay_s: float) -> None:
        """After each click show nothing for a time, then the next colour, strip by strip."""
        width, height = self._size
        for number in itertools.count(1):
            self._wait_click()
            time.sleep(delay_s)
            for strip in range(_STRIPS):
                top, end = (height * edge // _STRIPS for edge in (strip, strip + 1))
                self.fill(shade(number), 0, top, width, end - top)
            print(number, flush=True)

    def _wait_click(self) -> None:
        while self.display.next_event().type != X.ButtonPress:
            pass


def main() -> None:
    """Paint what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("ms", type=float, nargs="?", default=0.0)
    parser.add_argument("--at", type=int, nargs=4, default=[])
    asked = parser.parse_args()
    painter = Painter(asked.at)
    print("ready", flush=True)
    new = (number * 0x010307 % 0xFFFFFF for number in itertools.count(1))
    match asked.kind:
        case "reacts":
            painter.react(asked.ms / 1000)
        case "answers":
            painter.answer(asked.ms / 1000)
        case "caret":
            painter.animate(0.53, itertools.cycle((INK, GROUND)), 100, 100, 2, 16)
        case "spinner":
            turns = itertools.cycle(range(0x101010, 0xD0D0D0, 0x101010))
            painter.animate(1 / 30, turns, 600, 300, 40, 40)
        case "film":
            painter.animate(1 / 30, new)


if __name__ == "__main__":
    main()
