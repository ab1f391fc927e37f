"""Pixels -> the bytes of a picture: blend the cursor in, scale, encode as PNG, JPEG, WebP, raw.

Pure. It captures nothing and starts no thread: where a second core helps, the caller lends an
executor. Pixels are height x width x 4, BGRX, row-major, 1 to `MAX_EDGE` along an edge, and are
never written. Sources: PNG specification, third edition (W3C 2025); RFC 1950 (zlib); RFC 1951
(deflate); Porter and Duff, "Compositing Digital Images" (over).
"""

from __future__ import annotations

import enum
import io
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # the wheel has stubs, but no py.typed
from isal import isal_zlib
from PIL import Image, WebPImagePlugin

from agentd.desktop.frame import MAX_EDGE, CursorImage, Pixels, Rect, Size, fit

T = TypeVar("T")

# What one task takes: enough to be worth handing over, and a few to each 1080p screen, so that
# a core that comes late still finds one.
_STRIPE_BYTES = 2 << 20

# What is filtered at a time: it is still in the second-level cache when deflate reads it.
_BAND_BYTES = 1 << 19

# Of isal's levels, 0 is a tenth larger and no faster on screens, 3 takes three times as long.
_DEFLATE_LEVEL = 1

# PNG section 9.2, the types that are used. Up alone made pages of text an eighth larger; Sub, or
# a choice for each row, saved next to nothing and took a fifth more time.
_FILTER_NONE = 0
_FILTER_UP = 2

# A step in green of 1 to 8 is shading, not an edge; from a tenth of all pixels on it tells.
_SLIGHT_STEP = 8
_SHADED_SHARE = 0.1

_ADLER_MODULUS = 65521

# From here on the caller wants text without coloured fringes more than few bytes.
_FULL_CHROMA_QUALITY = 90

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
    source = _size_of(pixels)
    _check_edges(size.width, size.height)
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
    rows = max(1, size.height * _STRIPE_BYTES // (4 * source.area))
    return np.concatenate(_share(partial(_shrink_stripe, image, size), size.height, rows, executor))


def encode_png(pixels: Pixels, *, executor: Executor | None = None) -> bytes:
    """Encode as PNG, 8 bits of RGB: exact, quick, about a sixth larger than the usual level 6.

    The rows go in stripes into one zlib stream. An executor changes who deflates them, not
    the bytes.

    Args:
        pixels: height x width x 4, BGRX.
        executor: threads that may take stripes.

    Raises: ValueError when an edge is out of range.
    """
    size = _size_of(pixels)
    rows = max(1, _STRIPE_BYTES // (4 * size.width))
    deflate = partial(_deflate_stripe, np.ascontiguousarray(pixels))
    stripes = _share(deflate, size.height, rows, executor)
    checksum = 1
    for stripe in stripes:
        checksum = _joined_adler32(checksum, stripe.adler32, stripe.size_bytes)
    # RFC 1950 section 2.2: deflate, window of 32 KiB, no dictionary, fastest algorithm.
    stream = [b"\x78\x01", *chain(*(stripe.deflated for stripe in stripes))]
    stream.append(struct.pack(">I", checksum))
    # PNG section 11.2.1: 8 bits a sample, truecolour, the only compression and filter methods
    # there are, not interlaced.
    header = struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0)
    chunks = chain(
        _png_chunk(b"IHDR", [header]), _png_chunk(b"IDAT", stream), _png_chunk(b"IEND", [])
    )
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """Encode as JPEG, from quality 90 on with all of the colour (4:4:4), below with 4:2:0.

    Args:
        pixels: height x width x 4, BGRX.
        quality: 1 to 100.

    Raises: ValueError when an edge or the quality is out of range.
    """
    _size_of(pixels)
    _check_quality(quality)
    body: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=quality,
        colorspace="BGRX",
        colorsubsampling="444" if quality >= _FULL_CHROMA_QUALITY else "420",
    )
    return body


def encode_webp(pixels: Pixels, quality: int) -> bytes:
    """Encode as lossy WebP: about half of a JPEG, in about ten times the time.

    Args:
        pixels: height x width x 4, BGRX; the format holds 16383 pixels along an edge.
        quality: 1 to 100.

    Raises: ValueError when an edge or the quality is out of range.
    """
    size = _size_of(pixels)
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
    _size_of(pixels)
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
                body = encode_jpeg(scaled, quality)
            case ImageFormat.WEBP:
                body = encode_webp(scaled, quality)
            case ImageFormat.RAW:
                body = encode_raw(scaled)
        spent = quality if format.is_lossy else None
        return Encoded(body, format.media_type, size.width, size.height, spent)

    size = _size_of(pixels)
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


@dataclass(frozen=True, slots=True)
class _Stripe:
    """Some rows of a PNG: raw deflate, and what their bytes add to the stream's checksum."""

    deflated: list[bytes]
    adler32: int
    size_bytes: int


def _deflate_stripe(pixels: Pixels, top: int, bottom: int) -> _Stripe:
    """Filter and deflate the rows from `top` up to `bottom`; the last stripe ends the stream."""
    height, width = pixels.shape[:2]
    rows = max(1, min(bottom - top, _BAND_BYTES // (4 * width)))
    delta = np.empty((rows, width, 4), np.uint8)
    filtered = np.empty((rows, 1 + 3 * width), np.uint8)
    rgb = filtered[:, 1:].reshape(rows, width, 3)  # a view: only the last axis is split
    deflate = isal_zlib.compressobj(_DEFLATE_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    deflated: list[bytes] = []
    checksum = 1
    for y in range(top, bottom, rows):
        band = pixels[y : min(y + rows, bottom)]
        count = len(band)
        if _is_shaded(band):
            source, filter_type = delta[:count], _FILTER_UP
            source[0] = band[0] - pixels[y - 1] if y > 0 else band[0]
            np.subtract(band[1:], band[:-1], out=source[1:])
        else:
            source, filter_type = band, _FILTER_NONE
        filtered[:count, 0] = filter_type
        # BGRX -> RGB. Copying from one byte order to the other swaps green and red; copying
        # three channels at once would loop over three bytes at a time, ten times as slow.
        rgb[:count, :, :2].view(">u2")[...] = source[:, :, 1:3].view("<u2")
        rgb[:count, :, 2] = source[:, :, 0]
        checksum = isal_zlib.adler32(filtered[:count], checksum)
        deflated.append(deflate.compress(filtered[:count]))
    # A sync flush ends on a whole byte without ending the stream (RFC 1951 section 3.2.4).
    is_last = bottom == height
    deflated.append(deflate.flush(isal_zlib.Z_FINISH if is_last else isal_zlib.Z_SYNC_FLUSH))
    return _Stripe(deflated, checksum, (bottom - top) * (1 + 3 * width))


def _is_shaded(band: Pixels) -> bool:
    """Tell whether many pixels differ a little from their left neighbour, by one row in 16.

    Photos do, and are smaller as differences from the row above. Text differs much or not at
    all, and deflate finds its repeats best in the colours as they are.
    """
    green = np.ascontiguousarray(band[::16, :, 1])
    steps = green[:, 1:] - green[:, :-1]
    # Bytes wrap around, so this is -8 to 8, without 0.
    slight = np.count_nonzero(steps + _SLIGHT_STEP <= 2 * _SLIGHT_STEP)
    return int(slight - np.count_nonzero(steps == 0)) > _SHADED_SHARE * green.size


def _joined_adler32(first: int, second: int, second_bytes: int) -> int:
    """Return the Adler-32 (RFC 1950 section 8.2) of two runs of bytes from that of each."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + second_bytes * ((first & 0xFFFF) - 1)
    return high % _ADLER_MODULUS << 16 | low % _ADLER_MODULUS


def _png_chunk(kind: bytes, content: Sequence[bytes]) -> list[bytes]:
    """Return the parts of a chunk: length, type, content, CRC (PNG section 5.3)."""
    size_bytes = sum(len(part) for part in content)
    checksum = isal_zlib.crc32(kind)
    for part in content:
        checksum = isal_zlib.crc32(part, checksum)
    return [struct.pack(">I", size_bytes), kind, *content, struct.pack(">I", checksum)]


def _shrink_stripe(image: Image.Image, size: Size, top: int, bottom: int) -> Pixels:
    """Shrink what becomes the rows from `top` up to `bottom` of a picture of `size`.

    The box may end within a row. Pillow reads beyond it as it would in one picture, so no seam
    shows; results differ by one shade at most, as both passes round.
    """
    ratio = image.height / size.height
    box = (0, top * ratio, image.width, bottom * ratio)
    rows = image.resize((size.width, bottom - top), Image.Resampling.HAMMING, box)
    return np.asarray(rows)


def _share(
    work: Callable[[int, int], T],
    height: int,
    rows: int,
    executor: Executor | None,
) -> list[T]:
    """Call `work(top, bottom)` for each stripe of `rows`, some on the executor if there is one.

    What no thread has begun is taken back and done here, from the bottom up. So a full executor
    costs nothing, and one whose own thread is calling cannot lock up.

    Returns: the results from the top down.
    """
    stripes = [(top, min(top + rows, height)) for top in range(0, height, rows)]
    if executor is None:
        return [work(*stripe) for stripe in stripes]
    lent = [executor.submit(work, *stripe) for stripe in stripes[1:]]
    results = [work(*stripes[0])]
    for stripe, future in zip(stripes[:0:-1], reversed(lent), strict=True):
        results.append(work(*stripe) if future.cancel() else future.result())
    return results[:1] + results[:0:-1]


def _size_of(pixels: Pixels) -> Size:
    """Return the size of a picture.

    Raises: ValueError when an edge is out of range.
    """
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 4, "BGRX pixels"
    height, width = pixels.shape[:2]
    _check_edges(width, height)
    return Size(width, height)


def _check_edges(width: int, height: int) -> None:
    if not (1 <= width <= MAX_EDGE and 1 <= height <= MAX_EDGE):
        raise ValueError(f"picture of {width} x {height}: wanted 1 to {MAX_EDGE} along each edge")


def _check_quality(quality: int) -> None:
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: wanted 1 to 100")
