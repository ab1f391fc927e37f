"""What gestures are made of: buttons, steps of a drag, ticks of a wheel, and their limits.

Pure. Does not move anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.hands.keynames import parse_chord

BUTTONS = {"left": 1, "middle": 2, "wheel": 2, "right": 3, "back": 8, "forward": 9}
MAX_TICKS = 10_000
PIXELS_PER_TICK = 100

# A hand moves the pointer 125 times a second.
_STEP_S = 0.008
# Without a duration: far enough between two points that toolkits see a path, not a jump.
_STEP_PIXELS = 8
_MAX_STEPS = 400

Point = tuple[int, int]


def interpolated(points: Sequence[Point], duration_s: float) -> list[Point]:
    """Return the points to visit after the first one: all that were given, and steps between."""
    lengths = [math.dist(a, b) for a, b in pairwise(points)]
    total = sum(lengths) or 1.0
    wanted = duration_s / _STEP_S if duration_s else total / _STEP_PIXELS
    wanted = min(wanted, max(_MAX_STEPS, duration_s / _STEP_S))
    steps: list[Point] = []
    for ((x0, y0), (x1, y1)), length in zip(pairwise(points), lengths, strict=True):
        count = max(1, round(wanted * length / total))
        steps += [
            (round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count))
            for i in range(1, count + 1)
        ]
    return steps


def button_number(button: int | str) -> int:
    """Return the number of a button, 1 to 9. Raises: BadRequest for an unknown one."""
    if isinstance(button, str):
        number = BUTTONS.get(button.casefold())
        if number is None:
            raise refused("button", repr(button), f"1 to 9, or one of {', '.join(BUTTONS)}")
        return number
    if isinstance(button, bool) or not 1 <= button <= 9:
        raise refused("button", button, f"1 to 9, or one of {', '.join(BUTTONS)}")
    return button


def modifier_keysyms(modifiers: Sequence[str]) -> tuple[int, ...]:
    """Return the keysyms of key names that are to be held. Raises: BadRequest."""
    keysyms = [
        keysym
        for number, name in enumerate(modifiers)
        for keysym in parse_chord(name, path=f"modifiers[{number}]")
    ]
    return tuple(dict.fromkeys(keysyms))


def whole_ticks(
    dx: float, dy: float, unit: str, left: tuple[float, float]
) -> tuple[Point, tuple[float, float]]:
    """Return the whole ticks of a scroll, right and down, and what is left of a tick.

    Args:
        unit: `ticks`, or `pixels` at 100 a tick.
        left: what was left before.

    Raises: BadRequest for an unknown unit or an amount that is out of range.
    """
    if unit not in ("ticks", "pixels"):
        raise refused("unit", unit, "ticks or pixels")
    for path, value in (("dx", dx), ("dy", dy)):
        if not (math.isfinite(value) and abs(value) <= MAX_TICKS):
            raise refused(path, value, f"-{MAX_TICKS} to {MAX_TICKS}")
    scale = 1 if unit == "ticks" else PIXELS_PER_TICK
    # Rounded, or ten times a tenth would be less than one.
    right, down = (round(d / scale + r, 6) for d, r in zip((dx, dy), left, strict=True))
    return (int(right), int(down)), (right - int(right), down - int(down))


def check_milliseconds(path: str, value: float, most: float) -> None:
    """Raise BadRequest unless a duration is a number from 0 to `most`."""
    if not (math.isfinite(value) and 0 <= value <= most):
        raise refused(path, value, f"0 to {most:g} ms")


def refused(path: str, found: object, wanted: str) -> BadRequest:
    """Return the error for a value that is out of range."""
    fault = FieldError(path=path, wanted=wanted, found=str(found))
    return BadRequest(str(fault), errors=[fault])
