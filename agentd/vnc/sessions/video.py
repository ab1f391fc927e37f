"""What plays on the desktop, as H.264 for the viewers that take it.

Knows which rectangle is hot, has one stream of it for all viewers, and what each of them has of it.
Without PyAV, or when it fails, all goes the usual way. It does not decide who
gets an update when. Thread: the event loop; x264 runs in the pool.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass

from agentd.base.errors import Unavailable
from agentd.desktop.screen.comparing import Tiles
from agentd.desktop.screen.frame import Frame, Rect
from agentd.vnc.encodings.h264 import H264Stream, Missed, h264_available, h264_status
from agentd.vnc.encodings.profile import EncodedRect
from agentd.vnc.numbers import Encoding
from agentd.vnc.updates.hot import Heat

logger = logging.getLogger(__name__)

# More frames than these, or longer between two of them, say no more of what plays.
_MOST_MISSED = 12
_MOST_STEP_S = 0.1


@dataclass(slots=True)
class Seen:
    """What one viewer has of a stream: up to which picture."""

    stream: H264Stream | None = None
    number: int = 0


class Video:
    """The video of one desktop.

    Args:
        pool: threads for x264.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._heat = Heat()
        # The newest frame that the heat knows of, and when it was noted.
        self._noted = 0
        self._noted_at = 0.0
        self._stream: H264Stream | None = None
        self._is_usable: bool | None = None

    async def prepare(self) -> bool:
        """Load what is needed, and tell whether there is H.264; slow the first time."""
        if self._is_usable is None:
            loop = asyncio.get_running_loop()
            self._is_usable = await loop.run_in_executor(self._pool, h264_available)
        return self._is_usable

    def statistics(self) -> dict[str, str | None]:
        """Return whether H.264 can be made, and what plays."""
        return {"h264": str(h264_status())}

    def note(self, frame: Frame, tiles: Tiles) -> None:
        """Take note of tiles that were changed by more than a move, since the frame noted last.

        A slow viewer misses frames: what has changed in its update is taken to have changed in each
        of them, as video has; else a slow link, which needs H.264 most, would never get it.
        """
        missed = frame.id - self._noted
        if missed <= 0:
            return
        now = time.monotonic()
        steps = min(missed, _MOST_MISSED)
        span_s = min(now - self._noted_at, steps * _MOST_STEP_S)
        for step in range(1, steps + 1):
            self._heat.note(now - span_s + span_s * step / steps, tiles, frame.rect)
        self._noted, self._noted_at = frame.id, now

    @property
    def has_h264(self) -> bool:
        """Whether H.264 can be made; False before `prepare`."""
        return bool(self._is_usable)

    def hot(self, screen: Rect) -> Rect | None:
        """Return the rectangle that plays; None if none does."""
        rect = self._heat.hot(time.monotonic())
        return rect if rect is not None and screen.covers(rect) else None

    async def encode(self, rect: Rect, frame: Frame, seen: Seen) -> EncodedRect | None:
        """Return what brings a viewer's rectangle to a frame; None when the encoder has failed.

        Cancelling: the picture is made all the same, for others.
        """
        if self._stream is None or self._stream.rect != rect:
            self._stream = H264Stream(rect)
        stream = self._stream
        number = seen.number if seen.stream is stream else 0
        loop = asyncio.get_running_loop()
        try:
            missed = await loop.run_in_executor(
                self._pool, _picture, stream, frame, number, time.monotonic()
            )
        except Unavailable as exc:
            logger.warning("h264 given up error=%s", exc)
            self._is_usable = False
            return None
        seen.stream, seen.number = stream, missed.last
        return EncodedRect(rect, Encoding.H264, missed.body, is_exact=False)


def _picture(stream: H264Stream, frame: Frame, number: int, at: float) -> Missed:
    """Make the picture of a frame if nobody has, and return what a viewer lacks. Thread: any."""
    newest = stream.newest
    if newest is None or newest.frame_id < frame.id:
        stream.encode(frame, at=at)
    missed = stream.after(number)
    if missed is None:
        stream.encode(frame, at=at, key=True)
        missed = stream.after(number)
    assert missed is not None, "a key picture serves everybody"
    return missed
