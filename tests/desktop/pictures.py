"""Pixels that tests encode, and what decoders make of the bodies."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from agentd.desktop.screen.frame import MAX_EDGE, Pixels

ODD_SIZES = [(1, 1), (1, 7), (7, 1), (3, 5), (101, 67), (MAX_EDGE, 1), (1, MAX_EDGE)]

bgrx_arrays = arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)),
    elements=st.integers(0, 255),
)


def noise(width: int, height: int, *, seed: int = 1) -> Pixels:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 4), dtype=np.uint8)


def page(width: int, height: int) -> Pixels:
    """A light page of dark text with a shaded bar: what lossy encoders find hard and easy."""
    picture = Image.new("RGB", (width, height), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    generator = np.random.default_rng(3)
    for y in range(4, height, 12):
        letters = generator.choice(list("abcdefghijklmnopqrstuvwxyz    "), size=width // 6)
        draw.text((5 + y % 7, y), "".join(letters), fill=(20, 30, 60))
    for x in range(width):
        draw.line((x, 0, x, height // 4), fill=(x * 255 // width, 90, 160))
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, :, :3] = np.asarray(picture)[:, :, ::-1]
    return pixels


def decoded(body: bytes) -> Pixels:
    """Blue, green and red of a body, height x width x 3."""
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture)[:, :, ::-1]
