"""Shapes of the pointer, byte by byte, as viewers read them."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.desktop.screen.frame import CursorImage, Rect
from agentd.vnc.encodings.cursor import CursorEncoding, choose_cursor, encode_cursor
from agentd.vnc.pixel_format import NATIVE
from tests.vnc.encodings.content import FORMATS

# Blue, green, red, alpha; the colours are multiplied by it.
CLEAR, RED, HALF_WHITE, SHADOW = (0, 0, 0, 0), (0, 0, 255, 255), (128, 128, 128, 128), (0, 0, 0, 60)


def shape(*rows: list[tuple[int, int, int, int]], hot: tuple[int, int] = (0, 0)) -> CursorImage:
    return CursorImage(np.array(rows, dtype=np.uint8), *hot, serial=1)


def test_with_alpha_keeps_colours_multiplied() -> None:
    rect = encode_cursor(shape([RED, HALF_WHITE]), CursorEncoding.WITH_ALPHA, NATIVE)
    assert rect.body == bytes((0, 0, 0, 0, 255, 0, 0, 255, 128, 128, 128, 128))


def test_vmware_takes_straight_colours() -> None:
    image = shape([RED, HALF_WHITE, CLEAR, SHADOW])
    rect = encode_cursor(image, CursorEncoding.VMWARE, NATIVE)
    pixels = (255, 0, 0, 255), (255, 255, 255, 128), (0, 0, 0, 0), (0, 0, 0, 60)
    assert rect.body == b"\1\0" + bytes(number for pixel in pixels for number in pixel)


def test_cursor_has_straight_colours_in_the_viewers_format_and_a_mask() -> None:
    image = shape([RED, CLEAR, SHADOW], [HALF_WHITE, RED, RED])
    rect = encode_cursor(image, CursorEncoding.CURSOR, FORMATS["565, big endian"])
    red, white, none = b"\xf8\0", b"\xff\xff", b"\0\0"
    assert rect.body == red + none + none + white + red + red + bytes((0b10000000, 0b11100000))


def test_x_cursor_is_white_and_black() -> None:
    white, black = (255, 255, 255, 255), (0, 0, 0, 255)
    image = shape([white, black, CLEAR] * 3, [black, white, white] * 3)
    rect = encode_cursor(image, CursorEncoding.X_CURSOR, NATIVE)
    colours = b"\xff\xff\xff\0\0\0"
    bits, mask = b"\x92\0\x6d\x80", b"\xdb\0\xff\x80"
    assert rect.body == colours + bits + mask


@pytest.mark.parametrize("encoding", CursorEncoding)
def test_header_has_hot_spot_and_size(encoding: CursorEncoding) -> None:
    image = shape([RED] * 5, [RED] * 5, hot=(3, 1))
    rect = encode_cursor(image, encoding, NATIVE)
    assert (rect.rect, rect.encoding) == (Rect(3, 1, 5, 2), encoding)


@pytest.mark.parametrize("encoding", CursorEncoding)
def test_shape_without_pixels_becomes_one_that_is_not_seen(encoding: CursorEncoding) -> None:
    image = CursorImage(np.zeros((0, 0, 4), dtype=np.uint8), 0, 0, serial=1)
    rect = encode_cursor(image, encoding, NATIVE)
    assert rect.rect == Rect(0, 0, 1, 1)
    assert rect == encode_cursor(shape([CLEAR]), encoding, NATIVE)


def test_hot_spot_is_never_outside() -> None:
    image = shape([RED, RED], hot=(7, -2))
    rect = encode_cursor(image, CursorEncoding.VMWARE, NATIVE).rect
    assert (rect.x, rect.y) == (1, 0)


def test_more_colour_than_alpha_does_not_wrap_around() -> None:
    image = shape([(200, 10, 255, 100)])
    straight = encode_cursor(image, CursorEncoding.VMWARE, NATIVE)
    assert straight.body[2:] == bytes((255, 26, 255, 100))
    multiplied = encode_cursor(image, CursorEncoding.WITH_ALPHA, NATIVE)
    assert multiplied.body[4:] == bytes((100, 10, 100, 100))


@pytest.mark.parametrize(("hot", "left"), [(0, 0), (140, 12), (299, 44)])
def test_huge_shape_is_cut_around_its_hot_spot(hot: int, left: int) -> None:
    pixels = np.zeros((2, 300, 4), dtype=np.uint8)
    pixels[0, :, 3], pixels[0, :, 2] = 255, np.arange(300) % 251
    image = CursorImage(pixels, hot, 0, serial=1)
    rect = encode_cursor(image, CursorEncoding.VMWARE, NATIVE)
    assert rect.rect == Rect(hot - left, 0, 256, 2)
    assert rect.body[2 : 2 + 256 * 4 : 4] == bytes(x % 251 for x in range(left, left + 256))


@pytest.mark.parametrize(
    ("encodings", "chosen"),
    [
        ([7, -239, 0x574D5664], CursorEncoding.VMWARE),
        ([-240, -239], CursorEncoding.CURSOR),
        ([-240], CursorEncoding.X_CURSOR),
        ([-239, -314, 0x574D5664], CursorEncoding.WITH_ALPHA),
        ([7, 0], None),
    ],
)
def test_viewer_gets_the_kind_that_shows_most(
    encodings: list[int], chosen: CursorEncoding | None
) -> None:
    assert choose_cursor(encodings) is chosen
