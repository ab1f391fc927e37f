"""A program that paints on a display as its first argument says; run as a process of its own.

It covers the screen with one window, says `ready`, and paints. Lines on its standard input are
answered when they have been carried out.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from Xlib.display import Display

WIDTH, HEIGHT = 1280, 800


class Painter:
    """The window, and ways to fill a part of it."""

    def __init__(self) -> None:
        self.display = Display()
        screen = self.display.screen()
        self.window = screen.root.create_window(
            0, 0, WIDTH, HEIGHT, 0, screen.root_depth, override_redirect=True, background_pixel=0
        )
        self.window.map()
        self.context = self.window.create_gc()
        self.display.sync()

    def fill(self, colour: int, x: int = 0, y: int = 0, width: int = WIDTH, height: int = HEIGHT):
        self.context.change(foreground=colour)
        self.window.fill_rectangle(self.context, x, y, width, height)
        self.display.sync()


def animate(painter: Painter, period_s: float, numbers: Iterator[int], *place: int) -> None:
    """Fill a place with one colour after the other, in time."""
    began = time.monotonic()
    for count, number in enumerate(numbers):
        painter.fill(number * 0x010307 % 0xFFFFFF, *place)
        # An animation has a time of its own; nobody waits for anything here.
        time.sleep(max(0.0, began + (count + 1) * period_s - time.monotonic()))


def main() -> None:
    kind, *_ = sys.argv[1:]
    painter = Painter()
    print("ready", flush=True)
    new = itertools.count(1)
    match kind:
        case "spinner":
            animate(painter, 1 / 30, itertools.cycle(range(1, 13)), 600, 300, 40, 40)
        case "caret":
            animate(painter, 0.53, itertools.cycle((0xFFFF, 0)), 100, 100, 2, 16)
        case "clock":
            animate(painter, 0.1, new, 1200, 4, 60, 16)
        case "seconds":
            animate(painter, 1.0, new, 1200, 4, 8, 12)
        case "film":
            animate(painter, 1 / 30, new)
        case "same":
            animate(painter, 0.005, itertools.repeat(0), 0, 0, 300, 300)
        case "flashes":
            animate(painter, 0.0, new)
        case "commands":
            for line in sys.stdin:
                name, *numbers = line.split()
                if name == "steps":
                    for step in range(12):
                        painter.fill(0xFFFFFF, 40 * step, 700, 40, 20)
                        time.sleep(0.1)
                else:
                    painter.fill(*(int(number, 0) for number in numbers))
                print("done", flush=True)


if __name__ == "__main__":
    main()
