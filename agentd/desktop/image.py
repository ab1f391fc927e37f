"""Pixels -> the bytes of a picture: blend the cursor in, scale, encode as PNG, JPEG, WebP, raw.

Pure. It captures nothing and starts no thread: where a second core helps, the caller lends an
executor. Pixels are height x width x 4, BGRX, row-major, 1 to `MAX_EDGE` along an edge, and are
never written. PNG and JPEG have files of their own. Source: Porter and Duff, "Compositing Digital
Images" (over).
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

from agentd.desktop.frame import CursorImage, Pixels, Rect, Size, fit
from agentd.desktop.jpeg import encode_jpeg
from agentd.desktop.png import encode_png
from agentd.desktop.stripes import STRIPE_BYTES, check_edges, share, size_of

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

# Pillow divides a block's sum by multiplying with 2**24 over its area: exact enough up to here,
# wrong by whole shades for blocks of thousands of pixels.
_LARGEST_BLOCK_EDGE = 16


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

    body: bytes
    media_type: str
    width: int
    height: int
    quality: int | None


def blend_cursor(pixels: Pixels, cursor: CursorImage, x: int, y: int) -> Pixels:
    """Return the picture with the cursor over it.

    Args:
        pixels: height x width x 4, BGRX.
        cursor: its colours are multiplied by alpha already.
        x: the column that the cursor's hot spot points at; it may be off the picture.
        y: the row, likewise.

    Returns: a new array; `pixels` themselves where the cursor leaves no mark. X is kept.
    """
    height, width = pixels.shape[:2]
    shape_height, shape_width = cursor.pixels.shape[:2]
    place = Rect(x - cursor.hot_x, y - cursor.hot_y, shape_width, shape_height)
    seen = place.intersect(Rect(0, 0, width, height))
    shape = cursor.pixels[
        seen.y - place.y : seen.bottom - place.y,
        seen.x - place.x : seen.right - place.x,
    ]
    # Programs hide the pointer with a shape that is all zero; it is not worth a copy.
    if not shape.any():
        return pixels
    blended = pixels.copy()
    ground = blended[seen.y : seen.bottom, seen.x : seen.right, :3]
    # ground * (255 - alpha) / 255, rounded to the nearest: for products up to 255 * 255 these
    # shifts are exact, and stay within 16 bits.
    shining = ground.astype(np.uint16) * (255 - shape[:, :, 3:])
    shining += 128
    shining += shining >> 8
    shining >>= 8
    # A shape may claim more colour than its alpha allows; that must not wrap around.
    ground[...] = np.minimum(shining + shape[:, :, :3], 255)
    return blended


def scale_pixels(pixels: Pixels, size: Size, *, executor: Executor | None = None) -> Pixels:
    """Return the picture at another size.

    Shrinking by whole factors takes the mean of each block, by others a Hamming window, which
    keeps the strokes of small text even where a mean would not; enlarging is bicubic.

    Args:
        pixels: height x width x 4, BGRX.
        size: wanted; `pixels` themselves are returned where they have it.
        executor: threads that may take a share.

    Raises: ValueError when an edge, now or then, is out of range.
    """
    source = size_of(pixels)
    check_edges(size.width, size.height)
    if size == source:
        return pixels
    # Four channels are four channels to Pillow: BGRX goes in as RGBX, without a copy.
    image = Image.frombuffer(
        "RGBX", (source.width, source.height), np.ascontiguousarray(pixels), "raw", "RGBX", 0, 1
    )
    columns, odd_columns = divmod(source.width, size.width)
    rows, odd_rows = divmod(source.height, size.height)
    if odd_columns == odd_rows == 0 and max(columns, rows) <= _LARGEST_BLOCK_EDGE:
        return np.asarray(image.reduce((columns, rows)))
    if size.width > source.width or size.height > source.height:
        return np.asarray(image.resize((size.width, size.height), Image.Resampling.BICUBIC))
    rows = max(1, size.height * STRIPE_BYTES // (4 * source.area))
    return np.concatenate(share(partial(_shrink_stripe, image, size), size.height, rows, executor))


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


def _shrink_stripe(image: Image.Image, size: Size, top: int, bottom: int) -> Pixels:
    """Shrink what becomes the rows from `top` up to `bottom` of a picture of `size`.

    The box may end within a row. Pillow reads beyond it as it would in one picture, so no seam
    shows; results differ by one shade at most, as both passes round.
    """
    ratio = image.height / size.height
    box = (0, top * ratio, image.width, bottom * ratio)
    rows = image.resize((size.width, bottom - top), Image.Resampling.HAMMING, box)
    return np.asarray(rows)


def _check_quality(quality: int) -> None:
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: wanted 1 to 100")
