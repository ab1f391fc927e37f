"""Screens and pixel formats that encoders are tried with."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.pixel_format import NATIVE, PixelFormat

FORMATS = {
    "native": NATIVE,
    "rgbx": PixelFormat(32, 24, False, True, 255, 255, 255, 0, 8, 16),
    "xrgb": PixelFormat(32, 24, False, True, 255, 255, 255, 8, 16, 24),
    "xbgr": PixelFormat(32, 24, False, True, 255, 255, 255, 24, 16, 8),
    "native, big endian": PixelFormat(32, 24, True, True, 255, 255, 255, 16, 8, 0),
    "high bytes, big endian": PixelFormat(32, 24, True, True, 255, 255, 255, 24, 16, 8),
    "depth 32": PixelFormat(32, 32, False, True, 255, 255, 255, 16, 8, 0),
    "green first": PixelFormat(32, 24, False, True, 255, 255, 255, 8, 16, 0),
    "ten bits": PixelFormat(32, 30, False, True, 1023, 1023, 1023, 20, 10, 0),
    "few bits in 32": PixelFormat(32, 15, True, True, 31, 31, 31, 10, 5, 0),
    "565": PixelFormat(16, 16, False, True, 31, 63, 31, 11, 5, 0),
    "565, big endian": PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0),
    "555": PixelFormat(16, 15, False, True, 31, 31, 31, 10, 5, 0),
    "332": PixelFormat(8, 8, False, True, 7, 7, 3, 0, 3, 6),
    "RealVNC 222": PixelFormat(8, 6, False, True, 3, 3, 3, 4, 2, 0),
}

SIZES = [(1, 1), (1, 5), (3, 1), (2, 2), (7, 3), (16, 16), (17, 33), (64, 64), (65, 130)]

Colour = tuple[int, int, int]


def noise(width: int, height: int, *, seed: int = 1) -> Pixels:
    """No two pixels alike, X included."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def few_colours(width: int, height: int, count: int, *, seed: int = 1) -> Pixels:
    """Pixels of so many colours at random, with noise in X."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
    colours = random.integers(0, 256, (count, 3), dtype=np.uint8)
    pixels[..., :3] = colours[random.integers(0, count, (height, width))]
    return pixels


def photo(width: int, height: int, *, seed: int = 1) -> Pixels:
    """Smooth colours with a little grain."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    rgb = np.asarray(smooth).astype(np.int16) + random.integers(-3, 4, (height, width, 3))
    return bgrx(np.clip(rgb, 0, 255).astype(np.uint8))


def desk(width: int = 800, height: int = 600) -> Pixels:
    """A screen: a plain ground, a window with text, another with a photo."""
    picture = Image.new("RGB", (width, height), (48, 84, 140))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 20, width // 2, height - 40), fill=(250, 250, 250), outline=(90, 90, 90))
    random = np.random.default_rng(3)
    for y in range(60, height - 100, 15):
        letters = random.choice(list("the quick brown fox jumps     "), size=width // 16)
        draw.text((30, y), "".join(letters), fill=(20, 30, 60))
    pixels = bgrx(np.asarray(picture))
    place = desk_photo(width, height)
    pixels[place.y : place.bottom, place.x : place.right] = photo(place.width, place.height)
    return pixels


def desk_photo(width: int = 800, height: int = 600) -> Rect:
    """Where the photo is."""
    return Rect(width // 2 + 40, 64, width // 2 - 60, height // 2)


def bgrx(rgb: NDArray[np.uint8]) -> Pixels:
    pixels = np.zeros((*rgb.shape[:2], 4), dtype=np.uint8)
    pixels[..., :3] = rgb[..., ::-1]
    return pixels


def in_format(pixels: Pixels, format: PixelFormat) -> NDArray[np.int64]:
    """The three numbers of each pixel that a viewer shall see; the highest bits of the screen's."""
    rgb = pixels[..., 2::-1].astype(np.int64)
    for channel, largest in enumerate((format.red_max, format.green_max, format.blue_max)):
        values = rgb[..., channel]
        rgb[..., channel] = (
            values >> 8 - largest.bit_length() if largest <= 255 else values * largest // 255
        )
    return rgb


@st.composite
def screens(draw: st.DrawFn) -> tuple[Pixels, Rect]:
    """A small screen of any content, and a part of it."""
    width, height = draw(st.integers(1, 150)), draw(st.integers(1, 80))
    seed = draw(st.integers(0, 1000))
    count = draw(st.sampled_from([1, 2, 3, 4, 5, 16, 17, 96, 97, 256, 0]))
    pixels = few_colours(width, height, count, seed=seed) if count else noise(width, height)
    # Stretched, they make runs.
    stretch = draw(st.sampled_from([1, 4, 40]))
    pixels = np.ascontiguousarray(pixels.repeat(stretch, axis=1)[:, :width])
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    part = Rect(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    return pixels, part
