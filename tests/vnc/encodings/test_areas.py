"""A screen cut into areas: whole, without overlap, and each of the kind that it shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.areas import Area, Kind, areas_of, words_of
from tests.vnc.encodings.content import desk, few_colours, noise, photo


def covered(areas: list[Area], pixels: Pixels, rect: Rect) -> None:
    """Check that each pixel of the rectangle is in one area, and none outside; solids are solid."""
    times = np.zeros(pixels.shape[:2], dtype=np.int64)
    for area in areas:
        times[area.rect.y : area.rect.bottom, area.rect.x : area.rect.right] += 1
        if area.kind is Kind.SOLID:
            assert len(np.unique(words_of(pixels, area.rect))) == 1
    assert (times[rect.y : rect.bottom, rect.x : rect.right] == 1).all()
    assert times.sum() == rect.area


@given(
    st.lists(
        st.tuples(
            st.integers(0, 700), st.integers(0, 500), st.integers(1, 700), st.integers(1, 500)
        ),
        max_size=6,
    ),
    st.integers(0, 100),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_mixture_is_covered_once(
    boxes: list[tuple[int, int, int, int]], seed: int, photos: bool
) -> None:
    pixels = few_colours(750, 530, 1, seed=seed)
    for number, (x, y, width, height) in enumerate(boxes):
        part = pixels[y : y + height, x : x + width]
        content = (noise, photo)[number % 2](750, 530) if number % 3 else pixels + 40
        part[...] = content[: part.shape[0], : part.shape[1]]
    rect = Rect(seed % 40, seed % 31, 700, 490)
    covered(areas_of(pixels, rect, photos=photos), pixels, rect)


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (1100, 33), (33, 1100)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    for pixels in (noise(*size), few_colours(*size, 1), photo(*size)):
        whole = Rect(0, 0, *size)
        covered(areas_of(pixels, whole, photos=True), pixels, whole)


def test_noise_in_the_byte_that_means_nothing_is_not_seen() -> None:
    pixels = few_colours(640, 480, 1)
    assert pixels[..., 3].std() > 50
    assert areas_of(pixels, Rect(0, 0, 640, 480), photos=True) == [
        Area(Rect(0, 0, 640, 480), Kind.SOLID)
    ]


def test_pixel_on_a_plain_ground_is_not_painted_over() -> None:
    pixels = few_colours(640, 480, 1)
    pixels[101, 203, :3] ^= 255
    areas = areas_of(pixels, Rect(0, 0, 640, 480), photos=True)
    covered(areas, pixels, Rect(0, 0, 640, 480))
    assert sum(area.rect.area for area in areas if area.kind is Kind.SOLID) > 640 * 480 / 2


def test_photo_is_seen_only_where_it_matters() -> None:
    pixels = photo(640, 480)
    whole = Rect(0, 0, 640, 480)
    assert areas_of(pixels, whole, photos=True) == [Area(whole, Kind.PHOTO)]
    assert areas_of(pixels, whole, photos=False) == [Area(whole, Kind.PLAIN)]


def test_areas_of_a_desk_are_few() -> None:
    pixels = desk()
    assert len(areas_of(pixels, Rect(0, 0, 800, 600), photos=True)) < 20
