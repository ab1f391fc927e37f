"""A program that shows a photo, or plays it as a film; run as a process of its own.

Shows the photo, says `ready`, and plays so many pictures as each line on its standard input asks
for; then it says `done`.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.typing import NDArray
from Xlib.display import Display
from Xlib.X import ZPixmap

X, Y, WIDTH, HEIGHT = 160, 96, 640, 400
_STRIP = 32
_PERIOD_S = 1 / 30


def photo() -> NDArray[np.uint8]:
    """Return pixels, height x width x 4, BGRX, with soft shapes and grain."""
    grain = np.random.default_rng(7).normal(0, 5, (HEIGHT, WIDTH, 3))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH][:, :, :, None] / np.array([31.0, 47.0, 73.0])
    pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    pixels[:, :, :3] = np.clip(128 + 70 * np.sin(x) * np.cos(y) + grain, 0, 255)
    return pixels


def main() -> None:
    display = Display()
    screen = display.screen()
    place = (X, Y, WIDTH, HEIGHT)
    window = screen.root.create_window(*place, 0, screen.root_depth, override_redirect=True)
    window.map()
    context = window.create_gc()
    picture = photo()

    def show(picture: NDArray[np.uint8]) -> None:
        for top in range(0, HEIGHT, _STRIP):
            strip = picture[top : top + _STRIP]
            size = (WIDTH, len(strip))
            window.put_image(context, 0, top, *size, ZPixmap, 24, 0, strip.tobytes())
        display.sync()

    show(picture)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.monotonic()
        for number in range(int(line)):
            # A film has a time of its own; nobody waits for anything here.
            time.sleep(max(0.0, began + number * _PERIOD_S - time.monotonic()))
            # Not merely moved: that would be sent as a copy.
            show(picture + np.uint8(11 * number % 256))
        print("done", flush=True)


if __name__ == "__main__":
    main()
