"""JPEG in two halves: whoever encodes them, it is one picture that every decoder takes."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from agentd.desktop.jpeg import encode_jpeg


def desk(width: int, height: int) -> np.ndarray:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 255, (-(-height // 8), -(-width // 8), 4), np.uint8)
    return np.ascontiguousarray(pixels.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def decoded(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("quality", [30, 80, 89, 90, 100])
@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (1280, 800), (1281, 801), (700, 1001), (640, 640)]
)
def test_two_halves_are_the_picture(executor, width, height, quality):
    pixels = desk(width, height)
    whole = decoded(encode_jpeg(pixels, quality))
    halves = decoded(encode_jpeg(pixels, quality, executor=executor))
    assert halves.shape == whole.shape == (height, width, 3)
    # Decoders that smooth the colour over rows may see the seam; nothing else may differ.
    differing = np.flatnonzero((halves != whole).any(axis=(1, 2)))
    assert len(differing) <= 2


def test_the_second_decoder_takes_it_too(executor):
    body = encode_jpeg(desk(1920, 1080), 80, executor=executor)
    assert simplejpeg.decode_jpeg(body).shape == (1080, 1920, 3)
    assert simplejpeg.is_jpeg(body)


def test_small_pictures_are_not_shared(executor):
    pixels = desk(320, 200)
    assert encode_jpeg(pixels, 80, executor=executor) == encode_jpeg(pixels, 80)


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_out_of_range_is_refused(quality):
    with pytest.raises(ValueError, match="wanted 1 to 100"):
        encode_jpeg(desk(8, 8), quality)
