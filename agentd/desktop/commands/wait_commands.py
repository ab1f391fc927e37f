"""The command that waits for the screen.

Speaks JSON types on one side and the room's types on the other, and refuses what does not fit
together; how it is waited is in `settle.py`, `points.py` and `windows.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.base.command import Scope, command
from agentd.base.errors import BadRequest, FieldError, TimedOut
from agentd.desktop.commands.window_commands import window_like
from agentd.desktop.desktop import Desktop
from agentd.desktop.parameters import Region, WaitMs, X, Y
from agentd.desktop.screen.frame import Rect
from agentd.desktop.screen.points import Point, wait_points
from agentd.desktop.screen.settle import Outcome, Settled, SettleRequest, Until, settle
from agentd.desktop.windows.ewmh import Window
from agentd.desktop.windows.windows import Windows

Awaited = Literal["stable", "change", "window", "pixels"]

# Which parameters belong to which `until`, besides timeout_ms.
_FITTING: dict[str, tuple[str, ...]] = {
    "stable": ("quiet_ms", "region", "ignore"),
    "change": ("quiet_ms", "region", "ignore"),
    "window": ("title", "class_name"),
    "pixels": ("pixels",),
}
_NEEDED: dict[str, tuple[str, ...]] = {"window": ("title", "class_name"), "pixels": ("pixels",)}
_QUIET_MS = 150


class PixelColor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pixel of the screen and the colour that it is to have."""

    x: X
    y: Y
    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", description="#rrggbb")]
    tolerance: Annotated[
        int, Meta(ge=0, le=255, description="Red, green and blue may be off by this much")
    ] = 0


class WaitReport(msgspec.Struct, frozen=True):
    """How the waiting ended.

    `outcome` is stable: it is as was asked; timed_out: the time was up and what was asked for had
    not come; still_changing: the time was up and the screen went on changing. `changing` is where
    it changed last, if it is not stable; `periodic` is what keeps changing by itself, as a caret or
    a clock, and was not waited for; `window` is the one that was waited for.
    """

    stable: bool
    timed_out: bool
    elapsed_ms: int
    changing: list[Region]
    outcome: Literal["stable", "timed_out", "still_changing"]
    periodic: list[Region] = []
    window: Window | None = None


class WaitCommands:
    """`desktop.wait`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @command("desktop.wait", scope=Scope.VIEW, read_only=True, deadline_s=610)
    async def wait(
        self,
        *,
        until: Annotated[
            Awaited,
            Meta(
                description="stable: no pixel changes; change: a pixel changes; window: a window "
                "is open; pixels: these have these colours",
                examples=["change"],
            ),
        ] = "stable",
        quiet_ms: Annotated[
            int,
            Meta(
                ge=20,
                le=60_000,
                description="stable: this long unchanged, ms, 150 by default. change: the same "
                "after the change, by default not at all",
                examples=[150],
            ),
        ]
        | None = None,
        timeout_ms: WaitMs = 5000,
        region: Annotated[
            Region | None,
            Meta(
                description="stable, change: look at this part of the screen only",
                examples=[{"x": 0, "y": 0, "width": 640, "height": 400}],
            ),
        ] = None,
        ignore: Annotated[
            list[Region],
            Meta(
                max_length=64,
                description="stable, change: parts that may change",
                examples=[[{"x": 1200, "y": 0, "width": 80, "height": 24}]],
            ),
        ] = [],
        title: Annotated[
            str,
            Meta(description="window: part of its title, in any case", examples=["Save as"]),
        ]
        | None = None,
        class_name: Annotated[
            str, Meta(description="window: its class, in any case", examples=["XTerm"])
        ]
        | None = None,
        pixels: Annotated[
            list[PixelColor],
            Meta(
                max_length=64,
                description="pixels: all of these at once",
                examples=[[{"x": 20, "y": 10, "color": "#ff0000", "tolerance": 8}]],
            ),
        ] = [],
    ) -> WaitReport:
        """Wait until the screen is quiet, changes, or shows what is wanted.

        By default until no pixel has changed for 150 ms. What keeps changing by itself, as a
        blinking caret, a spinner or a clock, is learnt within seconds and told as `periodic`
        instead of being waited for. A screen that does not become as wanted is no error:
        `outcome` and `changing` say so.
        """
        given = {
            "quiet_ms": quiet_ms,
            "region": region,
            "ignore": ignore,
            "title": title,
            "class_name": class_name,
            "pixels": pixels,
        }
        _check_fitting(until, given)
        live = self._desktop.live()
        timeout_s = timeout_ms / 1000
        if until == "window":
            return await _wait_window(live.windows, title, class_name, timeout_s)
        async with live.changes.follow() as follower:
            if until == "pixels":
                self._desktop.curtain.check()
                wanted = [_point(pixel) for pixel in pixels]
                settled = await wait_points(follower, wanted, timeout_s)
                # Whether they are as wanted tells of the screen as a picture does.
                self._desktop.curtain.check()
                return wait_report(settled)
            default_ms = _QUIET_MS if until == "stable" else 0
            request = SettleRequest(
                quiet_s=(default_ms if quiet_ms is None else quiet_ms) / 1000,
                timeout_s=timeout_s,
                region=region.rect() if region is not None else None,
                ignore=[part.rect() for part in ignore],
                until=Until(until),
            )
            return wait_report(await settle(follower, request))


def _check_fitting(until: Awaited, given: Mapping[str, object]) -> None:
    """Refuse what does not belong to this kind of waiting. Raises: BadRequest."""
    fitting, needed = _FITTING[until], _NEEDED.get(until, ())
    errors = [
        FieldError(name, f"nothing with until={until}", "a value")
        for name, value in given.items()
        if name not in fitting and value not in (None, [])
    ]
    if errors:
        raise BadRequest(
            f"until={until} takes {' and '.join(fitting)} besides timeout_ms, "
            f"not {', '.join(error.path for error in errors)}",
            errors=errors,
        )
    if needed and not any(given[name] for name in needed):
        raise BadRequest(
            f"until={until} needs {' or '.join(needed)}",
            errors=[FieldError(needed[0], "something to wait for", "nothing")],
        )


async def _wait_window(
    windows: Windows, title: str | None, class_name: str | None, timeout_s: float
) -> WaitReport:
    fits = window_like(title=title, class_name=class_name)
    started = time.monotonic()
    # Looked at once in any case: the time may be 0.
    found = next((window for window in await windows.list() if fits(window)), None)
    if found is None:
        try:
            found = await windows.wait(fits, timeout_s)
        except TimedOut:
            return wait_report(Settled(Outcome.TIMED_OUT, time.monotonic() - started))
    return wait_report(Settled(Outcome.STABLE, time.monotonic() - started), found)


def wait_report(settled: Settled, window: Window | None = None) -> WaitReport:
    """Return how a wait ended, in the words of the wire."""
    return WaitReport(
        stable=settled.outcome is Outcome.STABLE,
        timed_out=settled.outcome is not Outcome.STABLE,
        elapsed_ms=round(settled.elapsed_s * 1000),
        changing=[_region(part) for part in settled.changing],
        outcome=settled.outcome.value,
        periodic=[_region(part) for part in settled.periodic],
        window=window,
    )


def _point(pixel: PixelColor) -> Point:
    red, green, blue = bytes.fromhex(pixel.color[1:])
    return Point(pixel.x, pixel.y, red, green, blue, pixel.tolerance)


def _region(rect: Rect) -> Region:
    return Region(rect.x, rect.y, rect.width, rect.height)
