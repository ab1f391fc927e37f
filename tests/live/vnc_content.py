"""A program that shows on a display what people look at through VNC; run as a process of its own.

It covers the screen with one window, says `ready`, and carries out the lines on its standard input,
each answered by `done` once the X server has drawn it: `text SEED`, `photo SEED`,
`film SEED SECONDS`, `scroll STEPS`, `cells COUNT`,
`hide`, `bell`.
"""

from __future__ import annotations

import random
import string
import sys
import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from Xlib import X
from Xlib.display import Display

WIDTH, HEIGHT = 1024, 768

# A request of the X server holds so many bytes without extensions.
_REQUEST_BYTES = 250_000
_FRAMES = 6
_RATE_S = 1 / 30
_LINE = 16

Pixels = NDArray[np.uint8]


def text(seed: int) -> Pixels:
    """A page of smooth letters in a few colours, under a bar."""
    words = random.Random(seed)
    page = Image.new("RGB", (WIDTH, HEIGHT), words.choice(("white", "#1e1f29", "#fdf6e3")))
    draw = ImageDraw.Draw(page)
    for top in range(30, HEIGHT, _LINE):
        line = "".join(
            words.choices(string.ascii_letters + "      .,;(){}", k=words.randint(5, 150))
        )
        draw.text((12, top), line, fill=words.choice(("#777777", "#b58900", "#268bd2", "#dc322f")))
    draw.rectangle((0, 0, WIDTH, 24), fill="#34495e")
    return np.asarray(page)


def photo(seed: int) -> Pixels:
    """Soft shapes of every size with grain, as a camera sees them."""
    noise = np.random.default_rng(seed)
    whole = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for step in (256, 64, 16, 4):
        small = noise.integers(0, 256, (HEIGHT // step, WIDTH // step, 3), np.uint8)
        wide = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        whole += np.asarray(wide, np.float32) * (step / 340)
    grain = noise.integers(-4, 5, whole.shape)
    return np.clip(whole + grain, 0, 255).astype(np.uint8)


def film(seed: int) -> list[Pixels]:
    """A camera that turns, under a light that goes down."""
    first = photo(seed)
    levels = np.arange(256, dtype=np.uint16)
    return [
        (levels * (40 - number) // 40).astype(np.uint8)[
            np.roll(first, (7 * number, 23 * number), (0, 1))
        ]
        for number in range(_FRAMES)
    ]


class Content:
    """The window, and what is shown in it."""

    def __init__(self) -> None:
        self._display = Display()
        screen = self._display.screen()
        self._depth = screen.root_depth
        self._window = screen.root.create_window(
            0, 0, WIDTH, HEIGHT, 0, self._depth, override_redirect=True, background_pixel=0
        )
        self._window.map()
        self._context = self._window.create_gc(graphics_exposures=False)
        self._films: dict[int, list[object]] = {}
        self._display.sync()

    def carry_out(self, command: str, *numbers: float) -> None:
        """Do what a line asks; it is on the screen when this returns."""
        if command != "hide":
            self._window.map()
        match command:
            case "text" | "photo":
                make = text if command == "text" else photo
                self._put(self._upload(make(int(numbers[0]))))
            case "film":
                self._play(int(numbers[0]), numbers[1])
            case "scroll":
                self._scroll(int(numbers[0]))
            case "cells":
                self._cells(int(numbers[0]))
            case "hide":
                self._window.unmap()
            case "bell":
                self._display.bell(100)
            case _:
                raise ValueError(command)
        self._display.sync()

    def _upload(self, colours: Pixels) -> object:
        pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        pixels[..., :3] = colours[..., ::-1]
        pixmap = self._window.create_pixmap(WIDTH, HEIGHT, self._depth)
        rows = _REQUEST_BYTES // (4 * WIDTH)
        for top in range(0, HEIGHT, rows):
            part = pixels[top : top + rows]
            size = (WIDTH, len(part))
            pixmap.put_image(
                self._context, 0, top, *size, X.ZPixmap, self._depth, 0, part.tobytes()
            )
        return pixmap

    def _put(self, pixmap: object) -> None:
        self._window.copy_area(self._context, pixmap, 0, 0, WIDTH, HEIGHT, 0, 0)

    def _play(self, seed: int, seconds: float) -> None:
        """Show one picture after the other, in the time that a film has of its own."""
        if seed not in self._films:
            self._films[seed] = [self._upload(picture) for picture in film(seed)]
        began = time.monotonic()
        for number in range(max(1, round(seconds / _RATE_S))):
            self._put(self._films[seed][number % _FRAMES])
            self._display.sync()
            time.sleep(max(0.0, began + (number + 1) * _RATE_S - time.monotonic()))

    def _scroll(self, steps: int) -> None:
        """Move all up line by line, as terminals do it."""
        for step in range(steps):
            below = HEIGHT - _LINE
            self._window.copy_area(self._context, self._window, 0, _LINE, WIDTH, below, 0, 0)
            self._context.change(foreground=step * 0x030507 % 0xFFFFFF)
            self._window.fill_rectangle(self._context, 0, below, WIDTH, _LINE)
            self._context.change(foreground=0xFFFFFF)
            box = (step * 37 % WIDTH, below + 4, 60, 7)
            self._window.fill_rectangle(self._context, *box)
            self._display.sync()

    def _cells(self, count: int) -> None:
        """Change small places all over."""
        places = random.Random(count)
        for _ in range(count):
            self._context.change(foreground=places.randrange(1 << 24))
            x, y = places.randrange(WIDTH - 9), places.randrange(HEIGHT - 9)
            self._window.fill_rectangle(self._context, x, y, 9, 9)
            self._display.sync()


def main() -> None:
    content = Content()
    print("ready", flush=True)
    for line in sys.stdin:
        command, *numbers = line.split()
        content.carry_out(command, *map(float, numbers))
        print("done", flush=True)


if __name__ == "__main__":
    main()
