"""Pixel formats: their 16 bytes, what is refused, and the screen's pixels written in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.vnc.pixel_format import NATIVE, PixelFormat
from tests.vnc.encodings.content import FORMATS, in_format, noise

formats = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS.keys())

RGBX = bytes.fromhex("20 18 00 01 00ff 00ff 00ff 10 08 00 000000")


def test_native_is_bgrx() -> None:
    assert PixelFormat.parse(RGBX) == NATIVE
    assert NATIVE.pack() == RGBX
    assert NATIVE.is_native
    assert NATIVE.convert(noise(5, 4)).tobytes() == noise(5, 4).tobytes()


@formats
def test_format_survives_its_bytes(format: PixelFormat) -> None:
    assert PixelFormat.parse(format.pack()) == format


@given(st.binary(min_size=0, max_size=20))
def test_any_bytes_are_a_format_or_refused(block: bytes) -> None:
    try:
        parsed = PixelFormat.parse(block)
    except ValueError:
        return
    assert parsed.convert(noise(3, 2)).shape == (2, 3, parsed.bytes_per_pixel)
    assert parsed.convert_compact(noise(3, 2)).shape == (2, 3, parsed.compact_bytes)
    assert parsed.convert_tight(noise(3, 2)).shape == (2, 3, parsed.tight_bytes)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({0: 24}, "of 24 bits"),
        ({0: 0}, "of 0 bits"),
        ({3: 0}, "colour map"),
        ({5: 0}, "red up to 0"),
        ({5: 0xFE}, "red up to 254"),
        ({10: 30}, "does not fit"),
        ({10: 255}, "does not fit"),
        ({11: 4}, "lies over another"),
    ],
)
def test_what_cannot_be_served_is_refused(changed: dict[int, int], why: str) -> None:
    block = bytearray(RGBX)
    for at, value in changed.items():
        block[at] = value
    with pytest.raises(ValueError, match=why):
        PixelFormat.parse(bytes(block))


@pytest.mark.parametrize("length", [0, 15, 17])
def test_block_has_16_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"of {length} bytes"):
        PixelFormat.parse(bytes(length))


def words(data: np.ndarray, format: PixelFormat) -> np.ndarray:
    order = ">" if format.big_endian else "<"
    return data.view(f"{order}u{format.bytes_per_pixel}")[..., 0].astype(np.int64)


@formats
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 2), (7, 5), (300, 200)])
@pytest.mark.parametrize("inside", [False, True])
def test_colours_are_where_the_format_wants_them(
    format: PixelFormat, size: tuple[int, int], inside: bool
) -> None:
    width, height = size
    pixels = noise(width, height)
    if inside:
        # A part of a screen, whose rows do not touch.
        pixels = noise(width + 5, height + 3)[2 : 2 + height, 4 : 4 + width]
    converted = format.convert(pixels)
    assert converted.flags.c_contiguous
    found = words(converted, format)
    wanted = in_format(pixels, format)
    places = (
        (format.red_shift, format.red_max),
        (format.green_shift, format.green_max),
        (format.blue_shift, format.blue_max),
    )
    for channel, (shift, largest) in enumerate(places):
        np.testing.assert_array_equal(found >> shift & largest, wanted[..., channel])


@formats
def test_white_is_white_and_black_is_black(format: PixelFormat) -> None:
    white = np.full((1, 1, 4), 255, dtype=np.uint8)
    seen = in_format(white, format)[0, 0]
    assert list(seen) == [format.red_max, format.green_max, format.blue_max]
    colours = (
        format.red_max << format.red_shift
        | format.green_max << format.green_shift
        | format.blue_max << format.blue_shift
    )
    assert words(format.convert(white), format)[0, 0] & colours == colours
    assert words(format.convert(white * 0), format)[0, 0] & colours == 0


@formats
@pytest.mark.parametrize("size", [(1, 1), (3, 4), (70, 90)])
def test_compact_pixels_leave_out_the_byte_that_is_not_used(
    format: PixelFormat, size: tuple[int, int]
) -> None:
    pixels = noise(*size)
    compact, converted = format.convert_compact(pixels), format.convert(pixels)
    if format.compact_bytes != 3:
        np.testing.assert_array_equal(compact, converted)
        return
    is_first = np.array_equal(compact, converted[..., :3])
    assert is_first or np.array_equal(compact, converted[..., 1:])
    unused = converted.view(">u4" if format.big_endian else "<u4")[..., 0].astype(np.int64)
    low = max(format.red_shift, format.green_shift, format.blue_shift) < 24 - 7
    assert is_first == (low != format.big_endian) or not unused.any()


@pytest.mark.parametrize(
    ("name", "compact", "tight"),
    [
        ("native", 3, 3),
        ("xrgb", 3, 3),
        ("depth 32", 4, 4),
        ("green first", 3, 3),
        ("ten bits", 4, 4),
        ("few bits in 32", 3, 4),
        ("565", 2, 2),
        ("332", 1, 1),
    ],
)
def test_sizes_of_pixels(name: str, compact: int, tight: int) -> None:
    assert (FORMATS[name].compact_bytes, FORMATS[name].tight_bytes) == (compact, tight)


def test_tight_pixels_are_red_green_blue_whatever_the_format() -> None:
    pixels = noise(9, 8)
    for name in ("native", "rgbx", "xrgb", "xbgr", "native, big endian", "green first"):
        np.testing.assert_array_equal(FORMATS[name].convert_tight(pixels), pixels[..., 2::-1])


def test_pixels_of_the_screen_are_not_written() -> None:
    pixels = noise(64, 64)
    pixels.flags.writeable = False
    before = pixels.copy()
    for each in FORMATS.values():
        each.convert(pixels)
        each.convert_compact(pixels)
        each.convert_tight(pixels)
    np.testing.assert_array_equal(pixels, before)
