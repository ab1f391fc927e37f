"""Every encoder that loses nothing: what a viewer decodes is what the screen shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.encoder import Profile, make_encoder
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import NATIVE, PixelFormat
from tests.vnc.decoders import Viewer
from tests.vnc.encodings.content import (
    FORMATS,
    SIZES,
    desk,
    few_colours,
    in_format,
    noise,
    photo,
    screens,
)

EXACT = [
    Encoding.RAW,
    Encoding.RRE,
    Encoding.HEXTILE,
    Encoding.ZLIB,
    Encoding.TIGHT,
    Encoding.ZRLE,
]
encodings = pytest.mark.parametrize("encoding", EXACT)


def check(viewer: Viewer, profile: Profile, pixels: Pixels, *parts: Rect) -> None:
    """Encode parts with one encoder, decode them with one viewer, compare."""
    encoder = make_encoder(profile)
    for part in parts:
        viewer.times[...] = 0
        rects = encoder.encode(pixels, part)
        assert all(rect.is_exact for rect in rects)
        viewer.show(rects)
        inside = np.zeros(viewer.times.shape, dtype=np.int64)
        rows, columns = slice(part.y, part.bottom), slice(part.x, part.right)
        inside[rows, columns] = 1
        np.testing.assert_array_equal(viewer.times, inside, "each pixel once")
        wanted = in_format(pixels[rows, columns], profile.format)
        np.testing.assert_array_equal(viewer.values[rows, columns], wanted)


def whole(pixels: Pixels) -> Rect:
    return Rect(0, 0, pixels.shape[1], pixels.shape[0])


def viewer_of(pixels: Pixels, format: PixelFormat) -> Viewer:
    return Viewer(pixels.shape[1], pixels.shape[0], format)


@encodings
@given(screens(), st.sampled_from(list(FORMATS.values())))
@settings(max_examples=60, deadline=None)
def test_viewer_sees_the_very_pixels(
    encoding: Encoding, screen: tuple[Pixels, Rect], format: PixelFormat
) -> None:
    pixels, part = screen
    check(viewer_of(pixels, format), Profile(format, encoding), pixels, part)


@encodings
@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS.keys())
def test_each_pixel_format_is_written(encoding: Encoding, format: PixelFormat) -> None:
    pixels = desk(200, 180)
    check(viewer_of(pixels, format), Profile(format, encoding), pixels, whole(pixels))


@encodings
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colours", [1, 2, 3, 16, 17, 200])
def test_each_size_and_number_of_colours(
    encoding: Encoding, size: tuple[int, int], colours: int
) -> None:
    pixels = few_colours(*size, colours)
    check(viewer_of(pixels, NATIVE), Profile(NATIVE, encoding), pixels, whole(pixels))


@encodings
@pytest.mark.parametrize("level", [0, 9])
def test_one_encoder_serves_one_rectangle_after_the_other(encoding: Encoding, level: int) -> None:
    pixels = desk()
    parts = [Rect(0, 0, 800, 100), Rect(20, 30, 9, 15), Rect(400, 0, 400, 600), Rect(0, 0, 1, 1)]
    profile = Profile(NATIVE, encoding, compress_level=level)
    check(viewer_of(pixels, NATIVE), profile, pixels, *parts)


@encodings
@pytest.mark.parametrize("content", [noise, photo])
def test_large_screens_of_what_cannot_be_compressed(encoding: Encoding, content: object) -> None:
    assert callable(content)
    pixels = content(2100, 300)
    check(viewer_of(pixels, NATIVE), Profile(NATIVE, encoding), pixels, whole(pixels))


@encodings
def test_nothing_is_made_of_an_empty_rectangle(encoding: Encoding) -> None:
    assert make_encoder(Profile(NATIVE, encoding)).encode(noise(8, 8), Rect(3, 3, 0, 5)) == []


@encodings
def test_stateless_encoders_say_the_same_of_the_same_pixels(encoding: Encoding) -> None:
    pixels = desk()
    encoder = make_encoder(Profile(NATIVE, encoding))
    first, second = (encoder.encode(pixels, Rect(10, 10, 300, 300)) for _ in range(2))
    assert (first == second) == encoder.is_stateless


@pytest.mark.parametrize("encoding", [e for e in EXACT if e not in (Encoding.ZLIB, Encoding.ZRLE)])
def test_rectangles_of_a_stateless_encoder_come_in_any_order(encoding: Encoding) -> None:
    pixels = desk(320, 240)
    encoder = make_encoder(Profile(NATIVE, encoding))
    assert encoder.is_stateless
    rects = encoder.encode(pixels, whole(pixels))
    viewer = viewer_of(pixels, NATIVE)
    viewer.show(reversed(rects))
    np.testing.assert_array_equal(viewer.values, in_format(pixels, NATIVE))
