"""JPEG in bands: whoever encodes them, it is the picture that one encoder would have made."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from agentd.desktop.pictures.jpeg import encode_jpeg


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


def at_once(pixels: np.ndarray, quality: int) -> bytes:
    subsampling = "444" if quality >= 90 else "420"
    return simplejpeg.encode_jpeg(pixels, quality, "BGRX", subsampling)


@pytest.mark.parametrize("quality", [30, 80, 89, 90, 100])
@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (1280, 801), (700, 1001), (5, 9000), (16, 16), (1, 1)]
)
def test_bands_are_the_picture_of_one_encoder(executor, width, height, quality):
    pixels = desk(width, height)
    body = encode_jpeg(pixels, quality, executor=executor)
    assert decoded(body).shape == (height, width, 3)
    assert np.array_equal(decoded(body), decoded(at_once(pixels, quality)))
    assert body == encode_jpeg(pixels, quality)


def test_the_second_decoder_sees_the_same():
    pixels = desk(1920, 1080)
    bodies = encode_jpeg(pixels, 80), at_once(pixels, 80)
    assert np.array_equal(*(simplejpeg.decode_jpeg(body) for body in bodies))


def test_markers_are_numbered_and_nothing_is_left_over():
    body = encode_jpeg(desk(1920, 1080), 80)
    numbers = [body[at + 1] for at in range(len(body) - 1) if is_restart(body, at)]
    assert numbers == [0xD0 + number % 8 for number in range(33)]
    assert (body[:2], body[-2:]) == (b"\xff\xd8", b"\xff\xd9")


def is_restart(body: bytes, at: int) -> bool:
    # In scan data 0xFF is followed by 0 unless it is a marker; the head has no such pair.
    return body[at] == 0xFF and 0xD0 <= body[at + 1] <= 0xD7


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_out_of_range_is_refused(quality):
    with pytest.raises(ValueError, match="wanted 1 to 100"):
        encode_jpeg(desk(8, 8), quality)
