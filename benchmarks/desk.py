"""A desktop to take pictures of: terminals full of text, and a viewer that can be told to redraw.

The terminals are real ones with text of this machine, so sizes differ a little from one machine
to the next. The viewer is a window of photo-like pixels; its next picture is on the screen when
`Viewer.redraw` returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from Xlib import X
from Xlib.display import Display

from benchmarks.bench_encode import bgrx, octaves
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
    """

    def __init__(self, display: Display, x: int, y: int) -> None:
        self._display = display
        screen = display.screen()
        self._window = screen.root.create_window(
            x, y, VIEWER_WIDTH, VIEWER_HEIGHT, 0, screen.root_depth, override_redirect=True
        )
        self._pictures = [self._upload(seed) for seed in (3, 4)]
        self._mark = self._window.create_gc()
        self._redraws = count(1)
        self._window.map()
        self.redraw()

    def redraw(self) -> None:
        """Show a picture that was never shown before; returns when it has been drawn."""
        self._pictures.reverse()
        self._window.change_attributes(background_pixmap=self._pictures[0])
        self._window.clear_area()
        self._mark.change(foreground=next(self._redraws))
        self._window.fill_rectangle(self._mark, 0, 0, 8, 8)
        self._display.sync()

    def _upload(self, seed: int) -> object:
        """Give the server a picture in pieces that fit into requests."""
        depth = self._display.screen().root_depth
        pixmap = self._window.create_pixmap(VIEWER_WIDTH, VIEWER_HEIGHT, depth)
        context = pixmap.create_gc()
        pixels = bgrx(octaves(VIEWER_WIDTH, VIEWER_HEIGHT, seed=seed))
        rows = _PIXELS_AT_ONCE // VIEWER_WIDTH
        for top in range(0, VIEWER_HEIGHT, rows):
            piece = pixels[top : top + rows]
            pixmap.put_image(
                context, 0, top, VIEWER_WIDTH, len(piece), X.ZPixmap, depth, 0, piece.tobytes()
            )
        return pixmap


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
        viewer = Viewer(display, WIDTH - VIEWER_WIDTH - 20, HEIGHT - VIEWER_HEIGHT - 40)
        client.call("desktop.wait", quiet_ms=500, timeout_ms=10_000)
        yield viewer
    finally:
        display.close()
