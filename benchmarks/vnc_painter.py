"""A program that shows what people look at through VNC, and tells when it drew each thing.

It prepares, says `ready`, waits for a line, plays for so many seconds, says `quiet`, writes the X
server's pixels into the file that the line names, says `saved` and stays. Each thing that it draws
is told as `NUMBER SECONDS`, of the monotonic clock, taken before the request leaves. Numbers can be
seen as well, by colours and marks that survive a lossy encoding: `shown` reads them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from Xlib import X
from Xlib.display import Display
from Xlib.xobject.drawable import Drawable

from agentd.desktop.screen.frame import Pixels
from benchmarks import bench_encode
from benchmarks.bench_encode import Colour, bgrx, desk, octaves
from benchmarks.rfb_pixels import Words

WIDTH, HEIGHT = 1920, 1080
PAINT = (900, 500, 120, 80)
IMAGE = (460, 190, 1000, 700)
PAGE = (260, 65, 1400, 950)
WINDOW = (60, 60, 800, 600)
# After so many the numbers that can be seen begin anew.
NUMBERS = {"paint": 27, "image": 4, "photo": 4, "video": 20}

_CELL, _BITS = 12, 8
_LEVELS = (20, 130, 240)
_PIXELS_AT_ONCE = 60_000
_RATE = 1 / 30
_LINE, _LINES, _TEXTS = 18, 2, 120
_PAGE_STEP = 24
_FILM = Path(tempfile.gettempdir()) / f"agentd-bench-film-1-{os.getuid()}.npy"


def marks(kind: str) -> list[tuple[int, int]]:
    """Where the marks of a kind begin; all of them have to show a number."""
    x, y, width, height = (0, 0, WIDTH, HEIGHT) if kind == "video" else IMAGE
    right, bottom = x + width - _CELL * _BITS, y + height - _CELL
    return [(x, y), (right, y), (x, bottom), (right, bottom), ((x + right) // 2, (y + bottom) // 2)]


def shown(words: Words, kind: str) -> int | None:
    """Return the number that a picture shows; None while its parts show different ones."""
    if kind == "paint":
        x, y, width, height = PAINT
        corners = words[y : y + height : height - 1, x : x + width : width - 1].flat
        numbers = {_of_colour(int(word)) for word in corners}
    else:
        numbers = {_of_mark(words, *place) for place in marks(kind)}
    return numbers.pop() if len(numbers) == 1 else None


def _of_colour(word: int) -> int:
    levels = [min(2, (word >> shift & 255) // 80) for shift in (16, 8, 0)]
    return levels[0] * 9 + levels[1] * 3 + levels[2]


def _of_mark(words: Words, x: int, y: int) -> int:
    middle = _CELL // 2
    cells = words[y + middle, x + middle : x + _CELL * _BITS : _CELL]
    bits = (cells >> np.uint32(8) & np.uint32(255)) > 127
    return int(sum(1 << number for number in np.flatnonzero(bits)))


def colour(number: int) -> int:
    """The colour that says a number below 27."""
    first, second, third = (_LEVELS[number // step % 3] for step in (9, 3, 1))
    return first << 16 | second << 8 | third


class Painter:
    """A window of our own, above all others, and the ways to draw in it."""

    def __init__(self, place: tuple[int, int, int, int]) -> None:
        self.display = Display()
        screen = self.display.screen()
        self._depth = screen.root_depth
        self.window = screen.root.create_window(
            *place, 0, self._depth, override_redirect=True, background_pixel=0
        )
        self._context = self.window.create_gc()
        self._place = place
        self._random = random.Random(1)

    def show(self) -> None:
        """Map the window."""
        self.window.map()
        self.display.sync()

    def upload(self, pixels: Pixels) -> Drawable:
        """Give the X server a picture."""
        height, width = pixels.shape[:2]
        pixmap = self.window.create_pixmap(width, height, self._depth)
        rows = _PIXELS_AT_ONCE // width
        for top in range(0, height, rows):
            piece = pixels[top : top + rows]
            size = (width, len(piece))
            pixmap.put_image(
                self._context, 0, top, *size, X.ZPixmap, self._depth, 0, piece.tobytes()
            )
        self.display.sync()
        return pixmap

    def paper(self, pixels: Pixels) -> None:
        """Give the window a picture that the X server draws by itself."""
        self.window.change_attributes(background_pixmap=self.upload(pixels))
        self.window.clear_area()
        self.display.sync()

    def paint(self) -> Callable[[int], None]:
        """A small rectangle of a new colour."""
        _, _, width, height = self._place

        def draw(number: int) -> None:
            self._context.change(foreground=colour(number % NUMBERS["paint"]))
            self.window.fill_rectangle(self._context, 0, 0, width, height)

        draw(0)
        return draw

    def pictures(self, pictures: list[Pixels], kind: str) -> Callable[[int], None]:
        """One picture after the other; each has its number in it, so that it appears with it."""
        x, y, width, height = self._place
        maps = [self.upload(pictures[each % len(pictures)]) for each in range(NUMBERS[kind])]
        for number, drawn in enumerate(maps):
            for left, top in marks(kind):
                self._mark(drawn, number, left - x, top - y)

        def draw(number: int) -> None:
            source = maps[number % len(maps)]
            self.window.copy_area(self._context, source, 0, 0, width, height, 0, 0)

        draw(0)
        return draw

    def _mark(self, drawn: Drawable, number: int, x: int, y: int) -> None:
        for value, ink in ((0, 0x101010), (1, 0xF0F0F0)):
            cells = [bit for bit in range(_BITS) if number >> bit & 1 == value]
            self._context.change(foreground=ink)
            boxes = [(x + bit * _CELL, y, _CELL, _CELL) for bit in cells]
            drawn.poly_fill_rectangle(self._context, boxes)

    def scroll(self) -> Callable[[int], None]:
        """A full screen of text that goes up, as terminals do it."""
        _, _, width, height = self._place
        mono = bench_encode.font("Mono", 13)
        inks = [(208, 208, 208)] * 4 + [(138, 226, 52), (114, 159, 207)]
        size = (width, _LINE * _TEXTS)
        lines = self.upload(text(size, (24, 26, 31), mono, inks, _LINE))
        up = _LINES * _LINE

        def draw(number: int) -> None:
            place = (0, up, width, height - up, 0, 0)
            self.window.copy_area(self._context, self.window, *place)
            top = number % (_TEXTS // _LINES) * up
            self.window.copy_area(self._context, lines, 0, top, width, up, 0, height - up)

        for number in range(height // up + 1):
            draw(number)
        return draw

    def page(self) -> Callable[[int], None]:
        """A page that is drawn anew at each step, as browsers do it."""
        _, _, width, height = self._place
        sans = bench_encode.font("", 15)
        inks = [(32, 33, 36)] * 6 + [(26, 13, 171)]
        paper = (width, 3 * height), (255, 255, 255)
        source = self.upload(text(*paper, sans, inks, 23, margin=width // 6))
        last = 2 * height // _PAGE_STEP
        order = [*range(last), *range(last, 0, -1)]

        def draw(number: int) -> None:
            top = order[number % len(order)] * _PAGE_STEP
            self.window.copy_area(self._context, source, 0, top, width, height, 0, 0)

        draw(0)
        return draw

    def drag(self) -> Callable[[int], None]:
        """A window that is moved over the desk."""
        _, _, width, height = self._place
        picture = np.ascontiguousarray(desk()[100 : 100 + height, 600 : 600 + width])
        self.paper(picture)
        ground = Painter((0, 0, WIDTH, HEIGHT))
        ground.paper(desk())
        ground.window.configure(stack_mode=X.Below)
        ground.show()
        self._ground = ground

        def draw(number: int) -> None:
            turn = abs((number * 16) % 2000 - 1000)
            self.window.configure(x=60 + turn, y=60 + turn * 2 // 5)

        return draw

    def play(self, draw: Callable[[int], None], seconds: float, period_s: float) -> None:
        """Draw in time, or with pauses of any length where `period_s` is 0."""
        began = time.monotonic()
        for number in itertools.count(1):
            at = time.monotonic()
            if at - began >= seconds:
                break
            draw(number)
            self.display.flush()
            print(number, f"{at:.6f}", flush=True)
            until = began + number * period_s if period_s else at + self._random.uniform(0.2, 0.3)
            time.sleep(max(0.0, until - time.monotonic()))
        self.display.sync()
        print("quiet", f"{time.monotonic():.6f}", flush=True)

    def save(self, path: str) -> None:
        """Write the whole screen's pixels to a file."""
        root = self.display.screen().root
        size = root.get_geometry()
        image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        words = np.frombuffer(image.data, np.uint32).reshape(size.height, size.width)
        np.save(path, words & np.uint32(0xFFFFFF))
        print("saved 0", flush=True)


def text(
    size: tuple[int, int],
    ground: Colour,
    face: bench_encode.Font,
    inks: list[Colour],
    line_px: int,
    *,
    margin: int = 6,
) -> Pixels:
    """Lines of words."""
    image = Image.new("RGB", size, ground)
    box = (margin, 0, size[0] - margin, size[1] + line_px)
    random_words = np.random.default_rng(3)
    bench_encode.draw_text(ImageDraw.Draw(image), random_words, box, face, inks, line_px)
    return bgrx(np.asarray(image))


def film() -> Pixels:
    """Return the scenes of a film without an end: the camera goes round over a photograph, under
    moving light.
    """
    if not _FILM.exists():
        count = NUMBERS["video"]
        whole = octaves(WIDTH + 40, HEIGHT + 40, seed=11).astype(np.int16)
        across = np.linspace(0, 9, WIDTH)[None, :, None]
        scenes = []
        for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
            x, y = (round(20 + 10 * value) for value in (np.cos(turn), np.sin(turn)))
            light = (8 * np.sin(across + turn)).astype(np.int16)
            scene = whole[y : y + HEIGHT, x : x + WIDTH] + light
            scenes.append(bgrx(np.clip(scene, 0, 255).astype(np.uint8)))
        unfinished = _FILM.with_suffix(f".{os.getpid()}.npy")
        np.save(unfinished, np.stack(scenes))
        unfinished.replace(_FILM)
    scenes_kept: Pixels = np.load(_FILM, mmap_mode="r")
    return scenes_kept


def prepared(kind: str) -> tuple[Painter, Callable[[int], None], float]:
    """Return a painter, what it draws, and how often (0: now and then)."""
    whole = (0, 0, WIDTH, HEIGHT)
    places = {"paint": PAINT, "image": IMAGE, "photo": IMAGE, "page": PAGE, "drag": WINDOW}
    painter = Painter(places.get(kind, whole))
    if kind in ("page", "drag", "scroll"):
        painter.show()
        return painter, getattr(painter, kind)(), _RATE
    if kind == "paint":
        painter.show()
        return painter, painter.paint(), 0.0
    _, _, width, height = places.get(kind, whole)
    if kind == "image":
        screen = desk()
        pictures = [
            np.ascontiguousarray(each[:height, :width]) for each in (screen[40:], screen[90:, 700:])
        ]
    elif kind == "photo":
        pictures = [bgrx(octaves(width, height, seed=seed)) for seed in (3, 4)]
    else:
        pictures = list(film())
    painter.show()
    return painter, painter.pictures(pictures, kind), _RATE if kind == "video" else 0.0


def main() -> None:
    """Show what is asked for."""
    parser = argparse.ArgumentParser()
    kinds = ("paint", "image", "photo", "scroll", "page", "video", "drag")
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("seconds", type=float)
    asked = parser.parse_args()
    painter, draw, period_s = prepared(asked.kind)
    painter.display.sync()
    print("ready", flush=True)
    for line in sys.stdin:
        painter.play(draw, asked.seconds, period_s)
        painter.save(line.strip())


if __name__ == "__main__":
    main()
