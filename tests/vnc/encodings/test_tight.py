"""What Tight chooses for which pixels, and how much it loses where it may."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.encoder import EncodedRect, Profile, make_encoder
from agentd.vnc.encodings.profile import Subsampling
from agentd.vnc.encodings.tight import compact_length
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import NATIVE
from tests.vnc.decoders import Reader, Viewer, compact_number
from tests.vnc.encodings.content import (
    FORMATS,
    desk,
    desk_photo,
    few_colours,
    in_format,
    noise,
    photo,
)

EXACT = Profile(NATIVE, Encoding.TIGHT)
LOSSY = Profile(NATIVE, Encoding.TIGHT, jpeg_quality=6)


def encoded(pixels: Pixels, profile: Profile = EXACT) -> list[EncodedRect]:
    height, width = pixels.shape[:2]
    return make_encoder(profile).encode(pixels, Rect(0, 0, width, height))


def kind(rect: EncodedRect) -> str:
    control = rect.body[0]
    if control >> 4 == 8:
        return "fill"
    if control >> 4 == 9:
        return "jpeg"
    if control >> 6 & 1:
        return "two" if rect.body[2] == 1 else "indexed"
    return "copy"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 4194303])
def test_compact_length_is_read_back(length: int) -> None:
    written = compact_length(length)
    reader = Reader(written)
    assert compact_number(reader) == length
    assert reader.is_empty


def test_one_colour_is_filled_in_4_bytes() -> None:
    (rect,) = encoded(few_colours(300, 200, 1))
    assert (kind(rect), len(rect.body)) == ("fill", 4)


@pytest.mark.parametrize("size", [(8, 16), (120, 80), (800, 400)])
def test_two_colours_take_a_bit_a_pixel(size: tuple[int, int]) -> None:
    rects = encoded(few_colours(*size, 2))
    assert {kind(rect) for rect in rects} == {"two"}
    assert sum(len(rect.body) for rect in rects) < size[0] * size[1] / 8 * 1.1 + 40


def test_small_rectangle_of_few_colours_has_a_palette() -> None:
    (rect,) = encoded(few_colours(120, 80, 16))
    assert kind(rect) == "indexed"
    assert len(rect.body) < 120 * 80


def test_noise_is_written_plainly() -> None:
    assert {kind(rect) for rect in encoded(noise(120, 80))} == {"copy"}


def test_deflated_bodies_begin_a_stream_of_their_own() -> None:
    for rect in encoded(noise(1500, 900)):
        control = rect.body[0]
        assert control & 15 == 1 << (control >> 4 & 3)


def test_bodies_take_turns_with_the_viewers_streams() -> None:
    rects = encoded(noise(1500, 900))
    assert {rect.body[0] >> 4 & 3 for rect in rects} == {0, 1, 2, 3}


def test_rectangles_are_no_wider_than_viewers_take() -> None:
    for pixels in (noise(5000, 40), few_colours(5000, 40, 1), photo(5000, 40)):
        for profile in (EXACT, LOSSY):
            assert max(rect.rect.width for rect in encoded(pixels, profile)) <= 2048


def test_photo_becomes_a_jpeg_where_the_viewer_allows_it() -> None:
    pixels = photo(600, 400)
    assert {kind(rect) for rect in encoded(pixels, LOSSY)} == {"jpeg"}
    assert all(rect.is_exact for rect in encoded(pixels, EXACT))


@pytest.mark.parametrize("size", [(64, 48), (120, 80)])
def test_small_photo_becomes_a_jpeg_too(size: tuple[int, int]) -> None:
    (rect,) = encoded(photo(*size), LOSSY)
    assert kind(rect) == "jpeg"
    assert not rect.is_exact


def test_text_never_becomes_a_jpeg() -> None:
    pixels = desk()
    pixels[desk_photo().y : desk_photo().bottom, desk_photo().x : desk_photo().right] = 255
    for left in range(0, 400, 100):
        for width, height in ((32, 32), (100, 100), (400, 600)):
            rects = make_encoder(LOSSY).encode(pixels, Rect(left, 0, width, height))
            assert all(rect.is_exact for rect in rects)


@pytest.mark.parametrize("colours", [1, 2, 16, 150])
def test_few_colours_never_become_a_jpeg(colours: int) -> None:
    assert all(rect.is_exact for rect in encoded(few_colours(600, 400, colours), LOSSY))


def test_jpeg_of_a_desk_stays_within_its_photo() -> None:
    rects = encoded(desk(), LOSSY)
    lossy = [rect.rect for rect in rects if not rect.is_exact]
    place = desk_photo()
    assert sum(rect.area for rect in lossy) > 0.7 * place.area
    # Judged by tiles of 32: what stands beside the photo may fall into one of its tiles.
    around = Rect(place.x - 32, place.y - 32, place.width + 64, place.height + 64)
    assert all(around.covers(rect) for rect in lossy)


def test_plain_ground_of_a_desk_is_filled() -> None:
    filled = sum(rect.rect.area for rect in encoded(desk()) if kind(rect) == "fill")
    assert filled > 60_000


@pytest.mark.parametrize(("quality", "error"), [(9, 3), (8, 8), (6, 14)])
def test_jpeg_resembles_the_screen(quality: int, error: int) -> None:
    pixels = photo(640, 480)
    viewer = Viewer(640, 480, NATIVE)
    viewer.show(encoded(pixels, Profile(NATIVE, Encoding.TIGHT, jpeg_quality=quality)))
    assert (viewer.times == 1).all()
    difference = np.abs(viewer.values - in_format(pixels, NATIVE))
    assert difference.mean() < error / 3
    assert np.quantile(difference, 0.99) < error


def test_lower_quality_is_shorter() -> None:
    pixels = photo(640, 480)
    sizes = [
        sum(len(rect.body) for rect in encoded(pixels, Profile(NATIVE, 7, jpeg_quality=quality)))
        for quality in range(10)
    ]
    assert sizes == sorted(sizes)


def test_fine_quality_and_subsampling_go_before_the_level() -> None:
    pixels = photo(640, 480)

    def size(**wishes: object) -> int:
        return sum(len(rect.body) for rect in encoded(pixels, Profile(NATIVE, 7, **wishes)))  # type: ignore[arg-type]

    assert size(jpeg_quality=9, fine_quality=15) < size(jpeg_quality=8)
    assert size(jpeg_quality=8, subsampling=Subsampling.FOUR) < size(jpeg_quality=8)
    gray = size(jpeg_quality=8, subsampling=Subsampling.GRAY)
    assert gray < size(jpeg_quality=8, subsampling=Subsampling.FOUR)


def test_jpeg_of_a_viewer_with_16_bits() -> None:
    coarse = FORMATS["565"]
    viewer = Viewer(320, 240, coarse)
    viewer.show(encoded(photo(320, 240), Profile(coarse, Encoding.TIGHT, jpeg_quality=8)))
    difference = np.abs(viewer.values - in_format(photo(320, 240), coarse))
    assert difference.max() < 8
