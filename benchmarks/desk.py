"""A desktop to take pictures of: terminals full of text, and viewers that can be told to redraw.

The terminals are real ones with text of this machine, so sizes differ a little from one machine
to the next. One viewer is a window of photo-like pixels, the other covers the screen with a desktop
that scrolls; what they show next is on the screen when `redraw` or `write` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
from Xlib import X
from Xlib.display import Display

from agentd.desktop.screen.frame import Pixels
from benchmarks.bench_encode import bgrx, desk, octaves
from benchmarks.harness import RawClient, connect_x

WIDTH, HEIGHT = 1920, 1080
VIEWER_WIDTH, VIEWER_HEIGHT = 640, 400

_PIXELS_AT_ONCE = 60_000

# Where a terminal stands, its colours, what it shows.
_TERMINALS = (
    ("118x32+10+30", "#1e1f29", "#e6e6e6", "ls -la --color=always /usr/bin | head -400"),
    ("112x33+960+30", "#fdf6e3", "#002b36", "head -300 /usr/lib/python3.11/argparse.py"),
    ("100x28+10+600", "#ffffff", "#000000", "head -900 /usr/lib/python3.11/asyncio/base_events.py"),
    ("70x26+700+620", "#300a24", "#eeeeec", "od -A x -t x1z /bin/true | head -200"),
)


class Viewer:
    """A window that shows one of two pictures in turn, each time with a mark of another colour.

    The mark matters: with two pictures alone, an even number of redraws between two shots would
    bring back the screen of the first, and the daemon would rightly send the picture it kept.

    Args:
        place: its left upper corner.
        pictures: of one size.
    """

    def __init__(self, display: Display, place: tuple[int, int], pictures: list[Pixels]) -> None:
        self._display = display
        screen = display.screen()
        height, width = pictures[0].shape[:2]
        self._window = screen.root.create_window(
            *place, width, height, 0, screen.root_depth, override_redirect=True
        )
        self._pictures = [self._upload(pixels) for pixels in pictures]
        self._mark = self._window.create_gc()
        self._redraws = count(1)
        self._window.map()
        self.redraw()

    def redraw(self) -> None:
        """Show a picture that was never shown before; returns when it has been drawn."""
        self._pictures.reverse()
        self._window.change_attributes(background_pixmap=self._pictures[0])
        self._window.clear_area()
        self._draw_mark(8, 8)

    def write(self) -> None:
        """Change what a word on a line takes; returns when it has been drawn."""
        self._draw_mark(60, 14)

    def _draw_mark(self, width: int, height: int) -> None:
        self._mark.change(foreground=next(self._redraws))
        self._window.fill_rectangle(self._mark, 0, 0, width, height)
        self._display.sync()

    def _upload(self, pixels: Pixels) -> object:
        """Give the server a picture in pieces that fit into requests."""
        height, width = pixels.shape[:2]
        depth = self._display.screen().root_depth
        pixmap = self._window.create_pixmap(width, height, depth)
        context = pixmap.create_gc()
        rows = _PIXELS_AT_ONCE // width
        for top in range(0, height, rows):
            piece = pixels[top : top + rows]
            pixmap.put_image(
                context, 0, top, width, len(piece), X.ZPixmap, depth, 0, piece.tobytes()
            )
        return pixmap


@contextmanager
def covered(environment: dict[str, str]) -> Iterator[Viewer]:
    """Cover the screen with a desktop that scrolls by a few lines at each redraw."""
    display = connect_x(environment)
    screen = desk()
    try:
        yield Viewer(display, (0, 0), [screen, np.roll(screen, 3, axis=0)])
    finally:
        display.close()


@contextmanager
def furnished(client: RawClient, environment: dict[str, str]) -> Iterator[Viewer]:
    """Open the terminals and the viewer on a daemon's desktop, and wait until it is quiet."""
    for place, ground, ink, command in _TERMINALS:
        font = ["-fa", "DejaVu Sans Mono", "-fs", "9"]
        script = f"{command}; exec sleep infinity"
        argv = ["xterm", *font, "-bg", ground, "-fg", ink, "-geometry", place, "-e", "sh", "-c"]
        client.call("apps.launch", argv=[*argv, script], wait_window_s=20)
    display = connect_x(environment)
    try:
        place = WIDTH - VIEWER_WIDTH - 20, HEIGHT - VIEWER_HEIGHT - 40
        photos = [bgrx(octaves(VIEWER_WIDTH, VIEWER_HEIGHT, seed=seed)) for seed in (3, 4)]
        viewer = Viewer(display, place, photos)
        client.call("desktop.wait", quiet_ms=500, timeout_ms=10_000)
        yield viewer
    finally:
        display.close()
