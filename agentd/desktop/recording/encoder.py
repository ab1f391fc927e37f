"""Makes a video of pictures: ffmpeg as a child, fed through a pipe by a thread of its own.

The stream into it is `matroska.py`'s, so that each picture has its own millisecond. The file is
whole at any moment: MP4 in fragments, WebM in clusters; when the daemon is killed, the pipe ends
and ffmpeg finishes the file, and when ffmpeg is killed, all but the last second can be played. It
does not decide which pictures. Sources: ffmpeg(1), ffmpeg-formats(1) (mov, matroska), libx264 and
libvpx in ffmpeg-codecs(1).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from agentd.base.errors import Unavailable
from agentd.base.lane import Lane
from agentd.base.process import Child
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.recording.matroska import header, picture_head
from agentd.desktop.screen.capture import Shot
from agentd.desktop.screen.frame import Pixels, Size, fit
from agentd.desktop.screen.overlay import blend_cursor

logger = logging.getLogger(__name__)

VideoFormat = Literal["mp4", "webm"]

# Fifteen pictures a second at most: more of them show nothing more of a screen.
PACE_MS = 67

_FINISH_S = 10.0
# A picture is megabytes: fewer, longer writes.
_PIPE_BYTES = 1024 * 1024
# Whoever looks for a place in the video finds one to begin at.
_KEYFRAME_PERIOD_S = 10
# The desktop goes first.
_NICENESS = 10
_FRAGMENTS = "+empty_moov+default_base_moof+frag_keyframe"


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What video is wanted.

    Args:
        source: the size of the pictures that will come.
        size: the size of the video; both edges even, as half of the colours are left out.
        quality: 1 to 100.
    """

    path: Path
    format: VideoFormat
    source: Size
    size: Size
    quality: int


class EncoderLost(Unavailable):
    """ffmpeg takes no more pictures: it is gone, or about to be."""


class Encoder:
    """One video on its way; made by `start`."""

    def __init__(self, child: Child, pipe: int, source: Size) -> None:
        self._child = child
        self._pipe = pipe
        self._source = source
        # The thread that may wait for a slow encoder; nobody else does.
        self._lane = Lane("record")
        self._last_ms = -1
        self.frames = 0

    @classmethod
    async def start(cls, request: VideoRequest, *, path: str, log: Path) -> Encoder:
        """Start ffmpeg.

        Args:
            path: where programs are looked for.
            log: takes ffmpeg's last words.

        Raises: Unavailable when ffmpeg is not installed, or ends at once.
        Cancelling: it is ended again.
        """
        read_fd, write_fd = os.pipe()
        try:
            with suppress(OSError):  # Over the user's limit: a shorter pipe is only slower.
                fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            child = Child.spawn(
                "ffmpeg",
                ffmpeg_argv(request, read_fd),
                env={"PATH": path},
                log=log,
                pass_fds=(read_fd,),
            )
        except BaseException:
            os.close(write_fd)
            raise
        finally:
            os.close(read_fd)
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, _NICENESS)
        encoder = cls(child, write_fd, request.source)
        encoder._lane.open()
        try:
            head = header(*_edges(request.source), usual_ms=PACE_MS)
            await encoder._lane.call(encoder._send, [head])
        except BaseException:
            await encoder.finish(None, 0)
            raise
        return encoder

    async def write(self, shot: Shot, at_ms: int) -> None:
        """Add what the screen showed at a moment; returns when ffmpeg has taken it.

        Raises: EncoderLost when ffmpeg is gone.
        Cancelling: the picture may come into the video or not.
        """
        await self._lane.call(self._write, shot, at_ms)

    async def wait_ended(self) -> str:
        """Wait until ffmpeg is gone and return how it ended, with its last words."""
        return self._child.describe_end(await self._child.wait())

    async def finish(self, shot: Shot | None, end_ms: int) -> str:
        """Hold the last picture to the end, end the file, and wait for ffmpeg.

        Returns: what went wrong, or nothing. Cancelling: ffmpeg is killed.
        """
        try:
            async with asyncio.timeout(_FINISH_S):
                if shot is not None and self._child.is_alive:
                    with suppress(Unavailable):
                        if self.frames == 0:
                            await self.write(shot, 0)
                        # The last picture lasts as long as any.
                        await self.write(shot, end_ms - PACE_MS)
                await self._lane.call(self._close_pipe)
                status = await self._child.wait()
            return self._child.describe_end(status) if status else ""
        except TimeoutError:
            return f"ffmpeg did not end within {_FINISH_S:g} s"
        finally:
            # A thread that still writes is woken by the reader's death.
            self._lane.close(last=self._close_pipe)
            await self._child.stop(grace_s=0)
            await self._lane.wait_closed()

    def _write(self, shot: Shot, at_ms: int) -> None:
        """Thread: the lane's."""
        at_ms = max(at_ms, self._last_ms + 1)
        cursor = shot.cursor
        pixels = blend_cursor(shot.frame.pixels, cursor.image, cursor.x, cursor.y)
        pixels = fitted(pixels, self._source)
        self._send([picture_head(at_ms, pixels.nbytes), pixels.reshape(-1).data])
        self._last_ms = at_ms
        self.frames += 1

    def _send(self, parts: list[bytes | memoryview]) -> None:
        """Thread: the lane's; waits for as long as ffmpeg does not read."""
        try:
            for part in parts:
                left = memoryview(part)
                while left:
                    left = left[os.write(self._pipe, left) :]
        except OSError as exc:
            raise EncoderLost(f"ffmpeg takes no pictures: {exc.strerror}") from exc

    def _close_pipe(self) -> None:
        """Thread: the lane's. Idempotent."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def ffmpeg_argv(request: VideoRequest, descriptor: int) -> list[str]:
    """Return the command line that turns our stream into a file."""
    size = request.size
    shape = f"scale={size.width}:{size.height}:flags=area"
    if (
        0 <= size.width - request.source.width <= 1
        and 0 <= size.height - request.source.height <= 1
    ):
        # An odd edge gets a black line rather than being resampled.
        shape = f"pad={size.width}:{size.height}"
    return [
        "ffmpeg",
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-n"),
        # Ours says all in its header: nothing is to be guessed from the first pictures.
        *("-probesize", "32", "-analyzeduration", "0"),
        *("-f", "matroska", "-i", f"pipe:{descriptor}"),
        *("-fps_mode", "passthrough", "-enc_time_base", "1:1000"),
        *("-vf", shape, "-pix_fmt", "yuv420p"),
        *("-force_key_frames", f"expr:gte(t,n_forced*{_KEYFRAME_PERIOD_S})"),
        *(_h264(request.quality) if request.format == "mp4" else _vp9(request.quality)),
        *("-flush_packets", "1"),
        os.fspath(request.path),
    ]


def video_size(source: Size, *, scale: float, max_long_edge: int | None) -> Size:
    """Return the size of the video of a screen: as a picture's, both edges even."""
    size = fit(source, scale, max_long_edge=max_long_edge)
    if size == source:
        return Size(size.width + size.width % 2, size.height + size.height % 2)
    return Size(max(2, size.width // 2 * 2), max(2, size.height // 2 * 2))


def fitted(pixels: Pixels, size: Size) -> Pixels:
    """Return a picture of another size as one of this size: whole, centred, with black around.

    It is shrunk if it has to be and never enlarged.
    """
    height, width = pixels.shape[:2]
    if (width, height) == _edges(size):
        return pixels
    ratio = min(1.0, size.width / width, size.height / height)
    if ratio < 1.0:
        shrunk = Size(max(1, int(width * ratio)), max(1, int(height * ratio)))
        pixels = scale_pixels(pixels, shrunk)
        height, width = pixels.shape[:2]
    canvas = np.zeros((size.height, size.width, 4), dtype=np.uint8)
    left, top = (size.width - width) // 2, (size.height - height) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def _h264(quality: int) -> list[str]:
    return [
        # Without delay: a picture that waits in the encoder is lost with it.
        *("-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency"),
        *("-crf", str(round(51 - quality * 0.4))),
        # Screens scroll, further than the preset looks: a twelfth of the bytes, and less work.
        *("-x264-params", "me=umh:merange=64"),
        *("-movflags", _FRAGMENTS, "-frag_duration", "1000000"),
        *("-video_track_timescale", "1000"),
    ]


def _vp9(quality: int) -> list[str]:
    return [
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"),
        *("-lag-in-frames", "0", "-tune-content", "screen"),
        *("-b:v", "0", "-crf", str(round(63 - quality * 0.5))),
        *("-cluster_time_limit", "1000"),
    ]


def _edges(size: Size) -> tuple[int, int]:
    return size.width, size.height
