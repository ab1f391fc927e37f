"""The size of the screen, through RandR: any size up to the one the server was started with.

Functions for an X lane; they make round trips. Nothing here knows what follows from a resize.
Source: randrproto.txt sections 7 and 8 (requests and their order).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from Xlib.display import Display
from Xlib.ext import randr
from Xlib.protocol import rq

from agentd.base.errors import Conflict

_MM_PER_INCH = 25.4
_RATE_HZ = 60
_MODE_PREFIX = "agentd-"
_TIMING_FIELDS = (
    "id",
    "h_sync_start",
    "h_sync_end",
    "h_skew",
    "v_sync_start",
    "v_sync_end",
    "flags",
)


def screen_size(display: Display) -> tuple[int, int]:
    """Return the root window's size in pixels, asked anew."""
    geometry = display.screen().root.get_geometry()
    return geometry.width, geometry.height


def set_screen_size(display: Display, width: int, height: int, dpi: int) -> None:
    """Give the first output a mode of exactly this size, and the screen that size.

    Raises: Conflict when the server refuses, as a display that is not ours may.
    """
    root = display.screen().root
    resources = root.xrandr_get_screen_resources()
    if not resources.outputs or not resources.crtcs:
        raise Conflict("the display has no output that can be resized", code="not_resizable")
    output, crtc = resources.outputs[0], resources.crtcs[0]
    mode = _mode_of_size(display, resources, output, width, height)
    size_mm = [round(side * _MM_PER_INCH / dpi) for side in (width, height)]
    # The screen must hold every active CRTC at every moment: off, resize, on. The grab keeps
    # clients from seeing the moment between.
    display.grab_server()
    try:
        _set_crtc(display, crtc, 0, [])
        root.xrandr_set_screen_size(width, height, *size_mm)
        _set_crtc(display, crtc, mode, [output])
    finally:
        display.ungrab_server()
        display.sync()
    if screen_size(display) != (width, height):
        raise Conflict(f"the display did not take {width}x{height}", code="not_resizable")
    for old in _modes_made_here(resources):
        if old != mode:
            display.xrandr_delete_output_mode(output, old)
            display.xrandr_destroy_mode(old)


def _mode_of_size(
    display: Display, resources: rq.Struct, output: int, width: int, height: int
) -> int:
    """Return a mode of this size, made now unless the output has one."""
    offered = set(display.xrandr_get_output_info(output, resources.config_timestamp).modes)
    for mode in resources.modes:
        if (mode.width, mode.height) == (width, height) and mode.id in offered:
            return int(mode.id)
    name = f"{_MODE_PREFIX}{width}x{height}"
    timing = dict.fromkeys(_TIMING_FIELDS, 0) | {
        "width": width,
        "height": height,
        "h_total": width,
        "v_total": height,
        "dot_clock": width * height * _RATE_HZ,
        "name_length": len(name),
    }
    made = int(display.screen().root.xrandr_create_mode(timing, name).mode)
    display.xrandr_add_output_mode(output, made)
    return made


def _modes_made_here(resources: rq.Struct) -> Iterator[int]:
    """Yield the modes of earlier resizes, known by their name."""
    names, start = resources.mode_names, 0
    for mode in resources.modes:
        name = names[start : start + mode.name_length]
        start += mode.name_length
        if name.startswith(_MODE_PREFIX):
            yield int(mode.id)


def _set_crtc(display: Display, crtc: int, mode: int, outputs: Sequence[int]) -> None:
    display.xrandr_set_crtc_config(crtc, 0, 0, 0, mode, randr.Rotate_0, list(outputs), 0)
