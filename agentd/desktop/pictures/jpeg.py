"""Pixels -> JPEG, in bands of rows that are encoded alone and joined behind one header.

Between two bands stands a restart marker, at which a decoder forgets what it predicts from, as
the encoder of the second knew nothing of the first. So bands can be made by several threads, and
those of an older picture used again. Pure. It starts no thread and keeps no band; `bands.py`
does. Source: ITU-T T.81 annexes B (markers) and E.1.4, F.2.1.3 (restart intervals).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # the wheel has stubs, but no py.typed

from agentd.desktop.pictures.stripes import band_rows, bands_of, share_each, size_of
from agentd.desktop.screen.frame import Pixels, Size

# From here on the caller wants text without coloured fringes more than few bytes.
_FULL_CHROMA_QUALITY = 90

_SOF0, _DRI, _SOS, _EOI = 0xC0, 0xDD, 0xDA, b"\xff\xd9"
_RST0 = 0xD0
_RESTART_MARKERS = 8


@dataclass(frozen=True, slots=True)
class JpegBand:
    """Some rows of a JPEG: a picture of their own."""

    body: bytes

    @property
    def size_bytes(self) -> int:
        """How much it takes to keep."""
        return len(self.body)


def encode_jpeg(pixels: Pixels, quality: int, *, executor: Executor | None = None) -> bytes:
    """Encode as JPEG, from quality 90 on with all of the colour (4:4:4), below with 4:2:0.

    Args:
        pixels: height x width x 4, BGRX.
        quality: 1 to 100.
        executor: threads that may take bands; they do not change the bytes.

    Raises: ValueError when an edge or the quality is out of range.
    """
    size = size_of(pixels)

    def encode(rows: tuple[int, int]) -> JpegBand:
        return encode_band(pixels[slice(*rows)], quality)

    return join_bands(size, quality, share_each(encode, bands_of(size), executor))


def encode_band(pixels: Pixels, quality: int) -> JpegBand:
    """Encode some rows: height x width x 4, BGRX. Raises: ValueError for the quality."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: wanted 1 to 100")
    body: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=quality,
        colorspace="BGRX",
        colorsubsampling="444" if quality >= _FULL_CHROMA_QUALITY else "420",
    )
    return JpegBand(body)


def join_bands(size: Size, quality: int, bands: Sequence[JpegBand]) -> bytes:
    """Return the picture of bands, from the top down, all of `band_rows` but the last."""
    first = bands[0].body
    if len(bands) == 1:
        return first
    frame, scan = _segment(first, _SOF0), _segment(first, _SOS)
    # The height is the second field of the frame header, behind its length and precision.
    head = bytearray(first[:scan])
    struct.pack_into(">H", head, frame + 5, size.height)
    block = 8 if quality >= _FULL_CHROMA_QUALITY else 16
    # At most 2048 blocks a row and 64 rows of blocks a band: MAX_EDGE and `band_rows` see to it.
    interval = band_rows(size) // block * -(-size.width // block)
    parts: list[bytes | bytearray | memoryview] = [
        head,
        struct.pack(">BBHH", 0xFF, _DRI, 4, interval),
    ]
    # All heads are of one length: they differ in the height alone.
    (length,) = struct.unpack_from(">H", first, scan + 2)
    data = scan + 2 + length
    parts.append(first[scan:data])
    for number, band in enumerate(bands):
        if number > 0:
            parts.append(bytes((0xFF, _RST0 + (number - 1) % _RESTART_MARKERS)))
        parts.append(memoryview(band.body)[data : -len(_EOI)])
    parts.append(_EOI)
    return b"".join(parts)


def _segment(body: bytes, marker: int) -> int:
    """Return where a marker segment before the scan data begins. Raises: ValueError."""
    place = 2
    while place + 4 <= len(body) and body[place] == 0xFF:
        if body[place + 1] == marker:
            return place
        (length,) = struct.unpack_from(">H", body, place + 2)
        place += 2 + length
    raise ValueError(f"the encoder wrote no marker {marker:#x}")
