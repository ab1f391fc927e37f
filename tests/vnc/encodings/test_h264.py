"""Open H.264: what a decoder makes of it, what a viewer is sent, and what is kept."""

from __future__ import annotations

import logging
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from agentd.base.errors import Unavailable
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.encodings import h264
from agentd.vnc.encodings.h264 import (
    MAX_KBIT_PER_S,
    MAX_KEPT,
    MAX_KEPT_BYTES,
    H264Stream,
    Missed,
    Picture,
    Pictures,
    ResetFlag,
    Status,
    h264_available,
    h264_status,
)

SCREEN = Rect(0, 0, 640, 400)
RECT = Rect(64, 48, 320, 240)
SPS, PPS, SEI, IDR, SLICE = 7, 8, 6, 5, 1


def landscape(width: int, height: int, *, shift: int = 0) -> Pixels:
    """Return a picture as a camera sees it: soft, with edges and a little noise."""
    chance = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x = x + shift
    hills = 60 * np.sin(x / 37) + 40 * np.cos(y / 23 + x / 91) + 128
    sky = 255 * (y < height / 3) * 0.3
    layers = [hills + sky, hills * 0.8 + 30, 255 - hills, np.zeros_like(hills)]
    noise = chance.normal(0, 2, (height, width, 4))
    return np.clip(np.stack(layers, axis=-1) + noise, 0, 255).astype(np.uint8)


def frame(number: int, *, rect: Rect = SCREEN) -> Frame:
    return Frame(landscape(rect.width, rect.height, shift=3 * number), number, 1, rect)


def units(data: bytes) -> list[tuple[int, bytes]]:
    """Return kind and body of each NAL unit."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    assert parts[0] == b"", "a unit begins with a start code"
    return [(part[0] & 0x1F, part[1:]) for part in parts[1:]]


class Decoder:
    """A viewer's decoder: each picture must come out at once."""

    def __init__(self) -> None:
        self.pictures = 0
        self._context = CodecContext.create("h264", "r")
        assert isinstance(self._context, VideoCodecContext)
        self._context.thread_count = 1

    def decode(self, missed: Missed) -> NDArray[np.uint8]:
        """Return the last picture of a body, height x width x 4, BGRX."""
        size_bytes, flags = struct.unpack(">II", missed.body[:8])
        assert size_bytes == len(missed.body) - 8
        if flags & ResetFlag.CONTEXT:
            self.__init__()  # type: ignore[misc]
        for data in pictures_of(missed.body[8:]):
            (found,) = self._context.decode(av.Packet(data))
            self.pictures += 1
        # The fast way leaves the last columns of widths that are no multiple of 8 unwritten.
        exactly = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
        return found.to_ndarray(format="bgra", interpolation=exactly)


def pictures_of(data: bytes) -> Iterator[bytes]:
    """Cut where noVNC does: after the first slice."""
    picture = b""
    for kind, body in units(data):
        picture += b"\0\0\0\1" + bytes([kind | 0x60]) + body
        if kind in (IDR, SLICE):
            yield picture
            picture = b""
    assert picture == b"", "no unit is left over"


def likeness_db(picture: NDArray[np.uint8], pixels: Pixels) -> float:
    """Return the peak signal-to-noise ratio."""
    differs = picture[..., :3].astype(np.float32) - pixels[..., :3]
    return float(10 * np.log10(255**2 / np.maximum(np.mean(differs**2), 1e-6)))


def inside(rect: Rect, pixels: Pixels) -> Pixels:
    return pixels[rect.y : rect.bottom, rect.x : rect.right]


@pytest.fixture
def stream() -> H264Stream:
    return H264Stream(RECT)


def test_a_viewer_sees_what_the_screen_shows(stream: H264Stream) -> None:
    decoder, number = Decoder(), 0
    for n in range(12):
        shown = frame(n)
        stream.encode(shown, at=n / 30)
        missed = stream.after(number)
        assert missed is not None
        number = missed.last
        assert likeness_db(decoder.decode(missed), inside(RECT, shown.pixels)) > 34
    assert decoder.pictures == 12


def test_each_picture_is_one_slice_and_a_key_brings_its_parameters(stream: H264Stream) -> None:
    kinds = []
    for n in range(4):
        picture = stream.encode(frame(n), at=n / 30, key=n == 2)
        kinds.append([kind for kind, _ in units(picture.data)])
    assert kinds == [[SPS, PPS, SEI, IDR], [SLICE], [SPS, PPS, IDR], [SLICE]]


def test_no_key_picture_comes_unasked(stream: H264Stream) -> None:
    # A cut to something else, again and again, for longer than x264 would wait by itself.
    scenes = [landscape(SCREEN.width, SCREEN.height, shift=100 * n) for n in range(2)]
    for n in range(260):
        shown = Frame(scenes[n // 10 % 2], n, 1, SCREEN)
        kinds = {kind for kind, _ in units(stream.encode(shown, at=n / 30).data)}
        assert (IDR in kinds) == (n == 0)


def test_it_is_constrained_baseline_and_names_its_colours(stream: H264Stream) -> None:
    stream.encode(frame(0), at=0)
    missed = stream.after(0)
    assert missed is not None
    context = CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    (found,) = context.decode(av.Packet(missed.body[8:]))
    assert context.profile == "Constrained Baseline"
    # Limited range; primaries of BT.709, sRGB's curve, the matrix of BT.601.
    named = found.color_range, found.color_primaries, found.color_trc, found.colorspace
    assert named == (1, 1, 13, 6)


def test_saturated_colours_come_back_as_they_were() -> None:
    rect = Rect(0, 0, 192, 128)
    pixels = np.zeros((rect.height, rect.width, 4), np.uint8)
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255), (0, 0, 0), (0, 128, 255)]
    for n, colour in enumerate(colours):
        pixels[:, n * 32 : (n + 1) * 32, :3] = colour
    stream = H264Stream(rect)
    stream.encode(Frame(pixels, 1, 1, rect), at=0)
    missed = stream.after(0)
    assert missed is not None
    found = Decoder().decode(missed)
    for n, colour in enumerate(colours):
        middle = found[64, n * 32 + 16, :3].astype(int)
        assert np.abs(middle - colour).max() <= 6, colour


@pytest.mark.parametrize("size", [(161, 121), (160, 121), (161, 120), (1366, 768)])
def test_a_picture_is_never_smaller_than_its_rectangle(size: tuple[int, int]) -> None:
    rect = Rect(0, 0, *size)
    stream = H264Stream(rect)
    shown = frame(1, rect=rect)
    stream.encode(shown, at=0)
    missed = stream.after(0)
    assert missed is not None
    found = Decoder().decode(missed)
    assert found.shape[:2] == (rect.height + rect.height % 2, rect.width + rect.width % 2)
    assert likeness_db(found[: rect.height, : rect.width], shown.pixels) > 34


def test_a_frame_is_encoded_once_for_all(stream: H264Stream) -> None:
    shown = frame(5)
    first = stream.encode(shown, at=0)
    assert stream.encode(shown, at=0.01) is first
    assert stream.encode(shown, at=0.02, key=True) is first
    second = stream.encode(frame(6), at=0.03)
    again = stream.encode(frame(6), at=0.04, key=True)
    assert (second.is_key, again.is_key, again.number) == (False, True, second.number + 1)


def test_threads_that_ask_for_the_same_frame_get_the_same_picture(stream: H264Stream) -> None:
    shown = frame(5)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: stream.encode(shown, at=n), range(4)))
    assert {picture.number for picture in made} == {1}


def test_a_picture_in_which_nothing_moves_is_small(stream: H264Stream) -> None:
    still = frame(1)
    first = stream.encode(still, at=0)
    for n in range(5):
        shown = Frame(still.pixels, n + 2, 1, SCREEN)
        newest = stream.encode(shown, at=n / 30)
    assert len(newest.data) < len(first.data) / 3


def test_a_storm_of_noise_stays_under_the_limit() -> None:
    stream = H264Stream(SCREEN)
    chance = np.random.default_rng(1)
    size_bytes = 0
    for n in range(120):
        noise = chance.integers(0, 256, (400, 640, 4), np.uint8)
        picture = stream.encode(Frame(noise, n, 1, SCREEN), at=n / 30)
        size_bytes += len(picture.data) if n >= 60 else 0
    # Pure noise cannot be made as little as it should: the coarsest picture is what it is.
    assert size_bytes / 2 < 1.5 * MAX_KBIT_PER_S * 1000 / 8


def test_a_clock_that_stands_still_stops_nothing(stream: H264Stream) -> None:
    assert [stream.encode(frame(n), at=1.0).number for n in range(3)] == [1, 2, 3]


def test_an_encoder_that_cannot_be_opened_is_unavailable() -> None:
    rect = Rect(0, 0, 20_000, 2)
    pixels = np.zeros((2, 20_000, 4), np.uint8)
    with pytest.raises(Unavailable, match="20000x2"):
        H264Stream(rect).encode(Frame(pixels, 1, 1, rect), at=0)


def test_without_pyav_there_is_none_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    h264._why_not.cache_clear()
    try:
        assert h264_status() is Status.UNKNOWN
        with caplog.at_level(logging.INFO, logger=h264.__name__):
            assert not h264_available()
            assert not h264_available()
        assert [record.getMessage()[:27] for record in caplog.records] == [
            "no H.264 for viewers, JPEG "
        ]
        assert h264_status() is Status.NO
    finally:
        h264._why_not.cache_clear()


def test_with_pyav_it_can_be_made() -> None:
    assert h264_available()
    assert h264_status() is Status.YES


def picture(number: int, *, key: bool = False, size_bytes: int = 10) -> Picture:
    return Picture(number, number, key, bytes([number % 256]) * size_bytes)


def kept(*pictures: Picture) -> Pictures:
    found = Pictures()
    for each in pictures:
        found.add(each)
    return found


def parts(missed: Missed | None) -> tuple[int, list[int], int] | None:
    """Return flags, the numbers of the pictures, and the viewer's number then."""
    if missed is None:
        return None
    size_bytes, flags = struct.unpack(">II", missed.body[:8])
    assert size_bytes == len(missed.body) - 8
    return flags, list(dict.fromkeys(missed.body[8:])), missed.last


def test_a_viewer_that_kept_up_gets_the_next_picture() -> None:
    pictures = kept(picture(1, key=True), picture(2), picture(3))
    assert parts(pictures.after(2)) == (0, [3], 3)


def test_a_viewer_that_was_busy_gets_what_it_missed() -> None:
    pictures = kept(picture(1, key=True), picture(2), picture(3), picture(4))
    assert parts(pictures.after(1)) == (0, [2, 3, 4], 4)


def test_a_viewer_that_has_all_gets_nothing() -> None:
    assert parts(kept(picture(1, key=True), picture(2)).after(2)) == (0, [], 2)


def test_a_new_viewer_begins_with_the_last_key_picture() -> None:
    pictures = kept(picture(1, key=True), picture(2), picture(3, key=True), picture(4))
    assert parts(pictures.after(0)) == (ResetFlag.CONTEXT, [3, 4], 4)


def test_a_key_picture_that_follows_needs_no_reset() -> None:
    pictures = kept(picture(1, key=True), picture(2), picture(3, key=True), picture(4))
    assert parts(pictures.after(2)) == (0, [3, 4], 4)


def test_what_lies_before_a_key_picture_is_not_sent() -> None:
    pictures = kept(picture(1, key=True), picture(2), picture(3), picture(4, key=True))
    assert parts(pictures.after(1)) == (ResetFlag.CONTEXT, [4], 4)


def test_a_viewer_that_missed_too_much_needs_a_key_picture() -> None:
    pictures = kept(picture(1, key=True), *(picture(n) for n in range(2, MAX_KEPT + 3)))
    assert pictures.after(1) is None
    assert pictures.after(0) is None
    assert parts(pictures.after(2)) is not None
    pictures.add(picture(MAX_KEPT + 3, key=True))
    assert parts(pictures.after(1)) == (ResetFlag.CONTEXT, [MAX_KEPT + 3], MAX_KEPT + 3)


def test_pictures_that_take_much_room_are_kept_less_long() -> None:
    half = MAX_KEPT_BYTES // 2
    pictures = kept(*(picture(n, key=n == 1, size_bytes=half) for n in range(1, 5)))
    assert pictures.after(1) is None
    assert parts(pictures.after(2)) == (0, [3, 4], 4)


def test_one_picture_is_kept_however_large() -> None:
    pictures = kept(picture(1, key=True), picture(2, key=True, size_bytes=2 * MAX_KEPT_BYTES))
    assert parts(pictures.after(0)) == (ResetFlag.CONTEXT, [2], 2)


def test_before_the_first_picture_nothing_can_be_sent() -> None:
    assert kept().after(0) is None
