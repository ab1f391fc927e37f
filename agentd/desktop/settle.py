"""Waiting until the screen is quiet: woken by damage, judged by pixels, never by a fixed sleep.

While nothing is drawn nothing is copied or compared. It does not act and takes no picture.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from agentd.desktop.capture import Capture
from agentd.desktop.damage import changes
from agentd.desktop.frame import Rect

# At most this often a screen that is drawn all the time is looked at.
_PACE_S = 0.02


@dataclass(frozen=True, slots=True)
class Settled:
    """How the waiting ended: `changing` is where the screen last changed if it was not quiet."""

    stable: bool
    timed_out: bool
    elapsed_s: float
    changing: tuple[Rect, ...]


async def wait_quiet(
    capture: Capture,
    *,
    quiet_s: float,
    timeout_s: float,
    region: Rect | None = None,
    ignore: Sequence[Rect] = (),
) -> Settled:
    """Wait until the screen has not changed for `quiet_s`, at most `timeout_s`.

    Args:
        region: look here only, in screen pixels.
        ignore: parts that may change, as a clock.

    Cancelling is safe.
    """
    started = time.monotonic()
    changed_at = started
    changing: tuple[Rect, ...] = ()
    news = capture.news
    frame = (await capture.shot()).frame
    while True:
        now = time.monotonic()
        quiet_left_s, time_left_s = changed_at + quiet_s - now, started + timeout_s - now
        if quiet_left_s <= 0:
            return Settled(True, False, now - started, ())
        if time_left_s <= 0:
            return Settled(False, True, now - started, changing)
        if not await _wait_for(news, min(quiet_left_s, time_left_s)):
            continue
        news = capture.news
        latest = (await capture.shot()).frame
        if latest.generation != frame.generation:
            found = [latest.rect]
        else:
            found = changes(frame.pixels, latest.pixels, region=region, ignore=ignore)
        if found:
            changed_at, changing = time.monotonic(), tuple(found)
        frame = latest
        await asyncio.sleep(_PACE_S)


async def _wait_for(news: asyncio.Event, timeout_s: float) -> bool:
    """Wait for news; False when there was none in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await news.wait()
    except TimeoutError:
        return False
    return True
