"""Pixels -> the bytes of a picture as PNG, JPEG, WebP or raw, within a budget if there is one.

Pure. It captures nothing and starts no thread: where a second core helps, the caller lends an
executor. Pixels are height x width x 4, BGRX, row-major, 1 to `MAX_EDGE` along an edge, and are
never written. PNG, JPEG and scaling have files of their own.
"""

from __future__ import annotations

import enum
import io
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, WebPImagePlugin

from agentd.desktop.pictures.jpeg import encode_jpeg
from agentd.desktop.pictures.png import encode_png
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.pictures.stripes import size_of
from agentd.desktop.screen.frame import Pixels, Size, fit

# Method 0 is a sixth quicker, but doubles the bytes of some text at some qualities; the methods
# above 2 save a tenth for twice the time.
_WEBP_METHOD = 1
_WEBP_MAX_EDGE = 16383

# To meet a budget a picture gets coarser down to here, where text can still be read; after
# that it gets smaller.
_LOWEST_QUALITY = 30
_QUALITY_STEP = 5

# Bytes fall more slowly than pixels, so each try aims a little below the budget.
_SHRINK_AIM = 0.95


class ImageFormat(enum.StrEnum):
    """How the pixels of a picture are written down."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    RAW = "raw"

    @property
    def media_type(self) -> str:
        """The media type of a body in this format."""
        return "application/octet-stream" if self is ImageFormat.RAW else f"image/{self}"

    @property
    def is_lossy(self) -> bool:
        """Whether the format has a quality to give up."""
        return self in (ImageFormat.JPEG, ImageFormat.WEBP)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished picture; `quality` is the one it was encoded with, None where nothing is lost."""

    body: bytes | memoryview
    media_type: str
    width: int
    height: int
    quality: int | None


def encode_webp(pixels: Pixels, quality: int) -> bytes:
    """Encode as lossy WebP: about half of a JPEG, in about ten times the time.

    Args:
        pixels: height x width x 4, BGRX; the format holds 16383 pixels along an edge.
        quality: 1 to 100.

    Raises: ValueError when an edge or the quality is out of range.
    """
    size = size_of(pixels)
    _check_quality(quality)
    if size.long_edge > _WEBP_MAX_EDGE:
        raise ValueError(
            f"webp of {size.width} x {size.height}: the format ends at {_WEBP_MAX_EDGE}"
        )
    image = Image.frombuffer(
        "RGB", (size.width, size.height), np.ascontiguousarray(pixels), "raw", "BGRX", 0, 1
    )
    body = io.BytesIO()
    image.save(body, WebPImagePlugin.WebPImageFile.format, quality=quality, method=_WEBP_METHOD)
    return body.getvalue()


def encode_raw(pixels: Pixels) -> bytes:
    """Return the pixels as they are: rows from the top, 4 bytes a pixel, nothing between rows.

    Each pixel is blue, green, red, and a byte that means nothing; a row is 4 * width bytes.

    Raises: ValueError when an edge is out of range.
    """
    size_of(pixels)
    return pixels.tobytes()


def encode(
    pixels: Pixels,
    format: ImageFormat,
    quality: int = 80,
    *,
    max_bytes: int | None = None,
    executor: Executor | None = None,
) -> Encoded:
    """Encode a picture, within a number of bytes if one is given.

    A budget is met by less quality first, in JPEG and WebP, and then by fewer pixels of the
    same aspect. Each try is an encoding; about five are needed.

    Args:
        pixels: height x width x 4, BGRX.
        format: of the body.
        quality: 1 to 100, for JPEG and WebP; PNG and raw lose nothing and do not look at it.
        max_bytes: the longest body that will do.
        executor: threads that may take a share.

    Raises: ValueError when an edge or the quality is out of range, or when not even one pixel
        fits into `max_bytes`.
    """
    _check_quality(quality)

    def attempt(size: Size, quality: int) -> Encoded:
        scaled = scale_pixels(pixels, size, executor=executor)
        match format:
            case ImageFormat.PNG:
                body = encode_png(scaled, executor=executor)
            case ImageFormat.JPEG:
                body = encode_jpeg(scaled, quality, executor=executor)
            case ImageFormat.WEBP:
                body = encode_webp(scaled, quality)
            case ImageFormat.RAW:
                body = encode_raw(scaled)
        spent = quality if format.is_lossy else None
        return Encoded(body, format.media_type, size.width, size.height, spent)

    size = size_of(pixels)
    encoded = attempt(size, quality)
    if max_bytes is None or len(encoded.body) <= max_bytes:
        return encoded
    if format.is_lossy and quality > _LOWEST_QUALITY:
        encoded = _coarser(partial(attempt, size), quality, max_bytes)
        quality = _LOWEST_QUALITY
    return _smaller(lambda smaller: attempt(smaller, quality), encoded, max_bytes)


def _coarser(attempt: Callable[[int], Encoded], quality: int, max_bytes: int) -> Encoded:
    """Return the picture of the best lower quality that fits, or the worst if none does."""
    best = attempt(_LOWEST_QUALITY)
    steps = range(_LOWEST_QUALITY + _QUALITY_STEP, quality, _QUALITY_STEP)
    low, high = 0, len(steps) if len(best.body) <= max_bytes else 0
    while low < high:
        middle = (low + high) // 2
        tried = attempt(steps[middle])
        if len(tried.body) <= max_bytes:
            best, low = tried, middle + 1
        else:
            high = middle
    return best


def _smaller(attempt: Callable[[Size], Encoded], encoded: Encoded, max_bytes: int) -> Encoded:
    """Return the picture at the first size that fits, beginning with the one `encoded` has."""
    full = Size(encoded.width, encoded.height)
    while len(encoded.body) > max_bytes:
        pixels = encoded.width * encoded.height
        if pixels == 1:
            raise ValueError(
                f"encoding as {encoded.media_type} in {max_bytes} bytes: "
                f"one pixel takes {len(encoded.body)}"
            )
        # Always less than there are now, so this ends.
        wanted = int(pixels * _SHRINK_AIM * max_bytes / len(encoded.body))
        encoded = attempt(fit(full, max_pixels=max(1, wanted)))
    return encoded


def _check_quality(quality: int) -> None:
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: wanted 1 to 100")
