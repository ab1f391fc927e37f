"""The background of the screen: a quiet vertical gradient instead of the X stipple.

Set as the root window's background, and named by the properties that pseudo-transparent programs
look for. `paint_wallpaper` wants a connection of its own, to be closed right after: what it leaves
in the server stays there until the next painting. Functions for an X lane. It loads no pictures.
Source: X11 protocol (CreatePixmap, SetCloseDownMode), Esetroot(1) for the _XROOTPMAP_ID property.
"""

from __future__ import annotations

import numpy as np
from Xlib import X, Xatom
from Xlib.display import Display

from agentd.desktop.server.randr import screen_size

_PROPERTIES = ("_XROOTPMAP_ID", "ESETROOT_PMAP_ID")


def gradient(colours: str, width: int, height: int) -> np.ndarray:
    """Return height x width x 4 BGRX pixels, row-major.

    Args:
        colours: `#rrggbb` or `#rrggbb-#rrggbb`, top and bottom.
    """
    top, _, bottom = colours.partition("-")
    ends = np.array([_bgrx(top), _bgrx(bottom or top)], dtype=np.float32)
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    column = np.rint(ends[0] + (ends[1] - ends[0]) * share).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(column[:, None, :], (height, width, 4)))


def paint_wallpaper(display: Display, colours: str) -> None:
    """Make the gradient the root's background at its present size. Thread: a lane's."""
    screen = display.screen()
    root = screen.root
    width, height = screen_size(display)
    # A strip as wide as one tile is enough: the server repeats a background pixmap sideways.
    strip = min(width, 64)
    pixmap = root.create_pixmap(strip, height, screen.root_depth)
    context = pixmap.create_gc()
    rows = max(1, 200_000 // (strip * 4))
    pixels = gradient(colours, strip, height)
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        pixmap.put_image(
            context, 0, top, strip, len(part), X.ZPixmap, screen.root_depth, 0, part.tobytes()
        )
    root.change_attributes(background_pixmap=pixmap)
    root.clear_area()
    _publish(display, pixmap.id)
    # The pixmap must outlive this connection: other programs use it through the properties.
    display.set_close_down_mode(X.RetainPermanent)
    display.sync()


def _publish(display: Display, pixmap: int) -> None:
    """Name the pixmap in the properties and free the one that they named before."""
    root = display.screen().root
    atoms = [display.intern_atom(name) for name in _PROPERTIES]
    old = root.get_full_property(atoms[0], Xatom.PIXMAP)
    for atom in atoms:
        root.change_property(atom, Xatom.PIXMAP, 32, [pixmap])
    if old is not None and old.value and old.value[0]:
        # Its painter has left; killing a retained client frees what it left behind.
        display.create_resource_object("pixmap", old.value[0]).kill_client()


def _bgrx(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return blue, green, red, 255
