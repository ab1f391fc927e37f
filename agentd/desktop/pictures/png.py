"""Pixels -> PNG, quicker than a library for general use: isal's deflate, one filter a band.

Each band of rows is a chunk of its own, made without a look at the others: bands can be made by
several threads, and those of an older picture used again. Pure. It starts no thread and keeps no
band; `bands.py` does. Sources: PNG specification, third edition (W3C 2025); RFC 1950 (zlib);
RFC 1951 (deflate).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib

from agentd.desktop.pictures.stripes import bands_of, share_each, size_of
from agentd.desktop.screen.frame import Pixels, Size

# Of isal's levels, 0 is a tenth larger and no faster on screens, 3 takes three times as long.
_DEFLATE_LEVEL = 1

# PNG section 9.2, the types that are used. Up alone made pages of text an eighth larger; a choice
# for each row saved next to nothing and took a fifth more time.
_FILTER_NONE = 0
_FILTER_SUB = 1
_FILTER_UP = 2

# A step in green of 1 to 8 is shading, not an edge; from a tenth of all pixels on it tells.
_SLIGHT_STEP = 8
_SHADED_SHARE = 0.1

_ADLER_MODULUS = 65521


@dataclass(frozen=True, slots=True)
class PngBand:
    """Some rows of a PNG: an IDAT chunk, and what its bytes add to the stream's checksum."""

    chunk: bytes
    adler32: int
    filtered_bytes: int

    @property
    def size_bytes(self) -> int:
        """How much it takes to keep."""
        return len(self.chunk)


def encode_png(pixels: Pixels, *, executor: Executor | None = None) -> bytes:
    """Encode as PNG, 8 bits of RGB: exact, quick, about a sixth larger than the usual level 6.

    Args:
        pixels: height x width x 4, BGRX.
        executor: threads that may take bands; they do not change the bytes.

    Raises: ValueError when an edge is out of range.
    """
    size = size_of(pixels)

    def encode(rows: tuple[int, int]) -> PngBand:
        return encode_band(pixels[slice(*rows)])

    return join_bands(size, share_each(encode, bands_of(size), executor))


def encode_band(pixels: Pixels) -> PngBand:
    """Filter and deflate some rows: height x width x 4, BGRX."""
    height, width = pixels.shape[:2]
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _FILTER_NONE
    source = pixels
    if _is_shaded(pixels):
        # The row above the first is another band's.
        source = np.empty((height, width, 4), np.uint8)
        source[0, 0] = pixels[0, 0]
        np.subtract(pixels[0, 1:], pixels[0, :-1], out=source[0, 1:])
        np.subtract(pixels[1:], pixels[:-1], out=source[1:])
        filtered[:, 0] = _FILTER_UP
        filtered[0, 0] = _FILTER_SUB
    # BGRX -> RGB. Copying from one byte order to the other swaps green and red; copying three
    # channels at once would loop over three bytes at a time, ten times as slow.
    rgb = filtered[:, 1:].reshape(height, width, 3)  # a view: only the last axis is split
    rgb[:, :, :2].view(">u2")[...] = source[:, :, 1:3].view("<u2")
    rgb[:, :, 2] = source[:, :, 0]
    deflate = isal_zlib.compressobj(_DEFLATE_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    # A sync flush ends on a whole byte without ending the stream (RFC 1951 section 3.2.4), and
    # what follows was deflated without a look back.
    content = deflate.compress(filtered) + deflate.flush(isal_zlib.Z_SYNC_FLUSH)
    return PngBand(_png_chunk(b"IDAT", content), isal_zlib.adler32(filtered), filtered.size)


def join_bands(size: Size, bands: Iterable[PngBand]) -> bytes:
    """Return the picture of bands, from the top down."""
    # PNG section 11.2.1: 8 bits a sample, truecolour, the only compression and filter methods
    # there are, not interlaced.
    header = struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0)
    # RFC 1950 section 2.2: deflate, window of 32 KiB, no dictionary, fastest algorithm.
    chunks = [_png_chunk(b"IHDR", header), _png_chunk(b"IDAT", b"\x78\x01")]
    checksum = 1
    for band in bands:
        chunks.append(band.chunk)
        checksum = _joined_adler32(checksum, band.adler32, band.filtered_bytes)
    # An empty block that is the last (RFC 1951 section 3.2.6: fixed codes, end of block).
    chunks.append(_png_chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", checksum)))
    chunks.append(_png_chunk(b"IEND", b""))
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


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


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk: length, type, content, CRC (PNG section 5.3)."""
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))
