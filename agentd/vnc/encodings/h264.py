"""Open H.264: a rectangle that plays video, as pictures that build one on another.

One stream serves all viewers of its rectangle: each picture is encoded once, and the latest are
kept, so that a viewer that was busy gets those that it missed. It does not choose the rectangle
(`updates/hot.py`) nor the moment (`pacing.py`), and sends nothing. PyAV with x264 in it is
optional and loaded when it is first asked for.

Source: rfbproto "Open H.264 Encoding"; ITU-T H.264 7.3, 7.4 and annex E. What viewers ask for
beyond that: noVNC takes the first slice for the whole picture, so there is one; the SPS names the
colours, by the matrix of BT.601, which TigerVNC takes without reading it; viewers of TigerVNC up
to 1.14 write past their buffer unless the rectangle is as wide as the screen
(github.com/TigerVNC/tigervnc/pull/1785).
"""

from __future__ import annotations

import enum
import functools
import logging
import struct
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from agentd.base.errors import Unavailable
from agentd.desktop.screen.frame import Frame, Pixels, Rect

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

logger = logging.getLogger(__name__)

# A viewer that missed more begins anew with a key picture.
MAX_KEPT = 60
MAX_KEPT_BYTES = 2 << 20

# Constant quality, unless it would take more than this: photographs full of motion. Twice as many
# pictures a second may take twice as much.
QUALITY_CRF = 24
MAX_KBIT_PER_S = 4400

_TICKS_PER_S = 1000
# What the limit is reckoned for: x264 learns how long a picture was shown only by the next one.
_PICTURES_PER_S = 30

# One thread: more of them cut a picture into slices. A key picture comes when it is asked for.
_X264_PARAMETERS = ":".join(
    (
        "threads=1",
        "keyint=infinite",
        "scenecut=0",
        f"vbv-maxrate={MAX_KBIT_PER_S}",
        # A key picture may take as much as half a second of pictures.
        f"vbv-bufsize={MAX_KBIT_PER_S // 2}",
        "range=tv",
        "colorprim=bt709",
        "transfer=iec61966-2-1",
        "colormatrix=smpte170m",
    )
)


class ResetFlag(enum.IntFlag):
    """The flags of a rectangle's body."""

    CONTEXT = 1
    ALL_CONTEXTS = 2


class Status(enum.StrEnum):
    """Whether H.264 can be made here."""

    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a stream.

    Args:
        number: ascending by one from 1.
        frame_id: of the frame that it shows.
        is_key: it builds on no other, and brings what a decoder must know first.
        data: NAL units with their start codes (annex B).
    """

    number: int
    frame_id: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """What a viewer lacks: `body` goes behind the rectangle's header, `last` is its number then."""

    body: bytes
    last: int


def h264_available() -> bool:
    """Tell whether H.264 can be made here; tried once, and said in the log if not.

    Thread: not the event loop's, the first time: it loads 50 MB of libraries.
    """
    return _why_not() is None


def h264_status() -> Status:
    """Tell what is known of it, without trying."""
    if not _why_not.cache_info().currsize:
        return Status.UNKNOWN
    return Status.YES if h264_available() else Status.NO


class H264Stream:
    """The pictures of one rectangle.

    Args:
        rect: in root pixels; it stays as it is for the stream's life.
    """

    def __init__(self, rect: Rect) -> None:
        assert rect.area > 0, "video has pixels"
        self.rect = rect
        self._pictures = Pictures()
        self._encoder: _Encoder | None = None
        self._began_at = 0.0
        # An encoder takes one picture at a time; whoever waits here waits for milliseconds.
        self._lock = threading.Lock()

    @property
    def newest(self) -> Picture | None:
        """The picture that was made last."""
        return self._pictures.newest

    def encode(self, frame: Frame, *, at: float, key: bool = False) -> Picture:
        """Make a picture of a frame, or return the one that was made of it.

        Args:
            frame: one that holds the rectangle.
            at: when, in seconds of a monotonic clock.
            key: make one that a viewer can begin with. The first is one anyway.

        Raises: Unavailable when the encoder fails; the stream is of no use then.
        Thread: any but the event loop's; calls wait for each other.
        """
        with self._lock:
            newest = self._pictures.newest
            if newest is not None and newest.frame_id == frame.id and (newest.is_key or not key):
                return newest
            if self._encoder is None:
                self._encoder = _Encoder(self.rect.width, self.rect.height)
                self._began_at = at
            x, y = self.rect.x - frame.rect.x, self.rect.y - frame.rect.y
            pixels = frame.pixels[y : y + self.rect.height, x : x + self.rect.width]
            assert pixels.shape[:2] == (self.rect.height, self.rect.width), "the frame holds it"
            data = self._encoder.encode(pixels, at_s=at - self._began_at, key=key)
            picture = Picture(
                number=1 if newest is None else newest.number + 1,
                frame_id=frame.id,
                is_key=key or newest is None,
                data=data,
            )
            self._pictures.add(picture)
            return picture

    def after(self, number: int) -> Missed | None:
        """Return what a viewer lacks; None: a key picture must be made for it.

        Args:
            number: of the last picture that it was sent, 0 if none.

        Thread: any.
        """
        return self._pictures.after(number)


class Pictures:
    """The latest pictures of a stream, and what each viewer lacks of them."""

    def __init__(self) -> None:
        # Replaced whole, so that who reads it while a picture is added sees one or the other.
        self._kept: tuple[Picture, ...] = ()

    @property
    def newest(self) -> Picture | None:
        """The one that was added last."""
        return self._kept[-1] if self._kept else None

    def add(self, picture: Picture) -> None:
        """Keep a picture; older ones go where there is no room."""
        kept = deque((*self._kept, picture))
        size_bytes = sum(len(each.data) for each in kept)
        while len(kept) > MAX_KEPT or (size_bytes > MAX_KEPT_BYTES and len(kept) > 1):
            size_bytes -= len(kept.popleft().data)
        self._kept = tuple(kept)

    def after(self, number: int) -> Missed | None:
        """Return what a viewer lacks that has all up to a number; None if that is not kept."""
        kept = self._kept
        if not kept:
            return None
        missed = [picture for picture in kept if picture.number > number]
        last = kept[-1].number
        keys = [place for place, picture in enumerate(missed) if picture.is_key]
        if number and last - number == len(missed) and (not keys or keys[-1] == 0):
            return Missed(_body(missed, ResetFlag(0)), last)
        if not keys:
            return None
        # What lies before the last key picture would be decoded for nothing.
        return Missed(_body(missed[keys[-1] :], ResetFlag.CONTEXT), last)


def _body(pictures: Sequence[Picture], flags: ResetFlag) -> bytes:
    """Pack a rectangle's body; with no pictures it leaves the viewer as it is."""
    data = b"".join(picture.data for picture in pictures)
    return struct.pack(">II", len(data), flags) + data


class _Encoder:
    """x264 for pictures of one size, as PyAV offers it.

    Raises: Unavailable when it cannot be had, or fails.
    """

    def __init__(self, width: int, height: int) -> None:
        self._name = f"H.264 of {width}x{height}"
        # Colour exists for pairs of pixels alone; the SPS tells what was added, and it is cut off.
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._last_tick = -1
        try:
            import av
            from av.video import reformatter
        except ImportError as exc:
            raise Unavailable(f"loading PyAV for {self._name}: {exc}") from exc
        self._av = av
        try:
            self._codec = _open(width + width % 2, height + height % 2)
        except (av.FFmpegError, ValueError) as exc:
            raise Unavailable(f"opening x264 for {self._name}: {exc}") from exc
        self._reformatter = reformatter.VideoReformatter()
        # The fastest: each pair of pixels gives one colour, on every other row.
        self._how = reformatter.Interpolation.POINT
        self._colours = reformatter.Colorspace.ITU601

    def encode(self, pixels: Pixels, *, at_s: float, key: bool) -> bytes:
        """Return the NAL units of a picture of height x width x 4, BGRX; rows may lie apart."""
        if self._padding != ((0, 0), (0, 0), (0, 0)):
            pixels = np.pad(pixels, self._padding, mode="edge")
        frames = self._av.video.frame
        try:
            picture = self._reformatter.reformat(
                # X takes the place of alpha, which nobody reads.
                frames.VideoFrame.from_numpy_buffer(pixels, format="bgra"),
                format="nv12",
                dst_colorspace=self._colours,
                interpolation=self._how,
                threads=1,
            )
            self._last_tick = max(self._last_tick + 1, int(at_s * _TICKS_PER_S))
            picture.pts = self._last_tick
            picture.pict_type = frames.PictureType.I if key else frames.PictureType.NONE
            data = b"".join(bytes(packet) for packet in self._codec.encode(picture))
        except (self._av.FFmpegError, ValueError) as exc:
            raise Unavailable(f"encoding {self._name}: {exc}") from exc
        if not data:
            # It does not look ahead: a picture that does not come at once never would.
            raise Unavailable(f"encoding {self._name}: nothing came out")
        return data


def _open(width: int, height: int) -> VideoCodecContext:
    from av.codec import CodecContext
    from av.video.codeccontext import VideoCodecContext

    codec = CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext), "x264 makes video"
    codec.width, codec.height, codec.pix_fmt = width, height, "nv12"
    codec.time_base = Fraction(1, _TICKS_PER_S)
    codec.framerate = Fraction(_PICTURES_PER_S)
    codec.thread_count = 1
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        # With this preset it is the constrained baseline profile.
        "profile": "baseline",
        "crf": str(QUALITY_CRF),
        "forced-idr": "1",
        "x264-params": _X264_PARAMETERS,
    }
    codec.open()
    return codec


@functools.cache
def _why_not() -> str | None:
    """Make one little picture; return what went wrong."""
    try:
        _Encoder(64, 64).encode(np.zeros((64, 64, 4), np.uint8), at_s=0, key=True)
    except Unavailable as exc:
        logger.info("no H.264 for viewers, JPEG instead: %s", exc.detail)
        return exc.detail
    return None
