"""Pixels -> JPEG, in two halves on two cores where a second one is lent.

Pure. The halves are encoded alone and joined behind one header: the scan of the second follows a
restart marker, at which a decoder forgets what it predicts from, as the second encoder knew
nothing of the first. It starts no thread. Source: ITU-T T.81 annexes B (markers) and E.1.4, F.2.1.3
(restart intervals).
"""

from __future__ import annotations

import struct
from concurrent.futures import Executor

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # the wheel has stubs, but no py.typed

from agentd.desktop.frame import Pixels
from agentd.desktop.stripes import share, size_of

# From here on the caller wants text without coloured fringes more than few bytes.
_FULL_CHROMA_QUALITY = 90

# Below this a second thread takes longer to begin than it saves.
_WORTH_SHARING_PIXELS = 400_000

_SOF0, _DRI, _SOS, _EOI = 0xC0, 0xDD, 0xDA, b"\xff\xd9"
_RST0 = b"\xff\xd0"
_MAX_INTERVAL = 65535


def encode_jpeg(pixels: Pixels, quality: int, *, executor: Executor | None = None) -> bytes:
    """Encode as JPEG, from quality 90 on with all of the colour (4:4:4), below with 4:2:0.

    Args:
        pixels: height x width x 4, BGRX.
        quality: 1 to 100.
        executor: threads that may take a half.

    Raises: ValueError when an edge or the quality is out of range.
    """
    size = size_of(pixels)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: wanted 1 to 100")
    subsampling = "444" if quality >= _FULL_CHROMA_QUALITY else "420"
    block = 8 if subsampling == "444" else 16
    half = -(-size.height // (2 * block)) * block
    interval = (half // block) * -(-size.width // block)

    def encode_rows(top: int, bottom: int) -> bytes:
        body: bytes = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels[top:bottom]),
            quality=quality,
            colorspace="BGRX",
            colorsubsampling=subsampling,
        )
        return body

    is_shared = executor is not None and size.area >= _WORTH_SHARING_PIXELS
    if not is_shared or half >= size.height or interval > _MAX_INTERVAL:
        return encode_rows(0, size.height)
    upper, lower = share(encode_rows, size.height, half, executor)
    return _joined(upper, lower, size.height, interval)


def _joined(upper: bytes, lower: bytes, height: int, interval: int) -> bytes:
    """Return one picture of two that differ in height alone; `interval` is the upper's MCUs."""
    frame, scan = _segment(upper, _SOF0), _segment(upper, _SOS)
    # The height is the second field of the frame header, behind its length and precision.
    head = bytearray(upper[:scan])
    struct.pack_into(">H", head, frame + 5, height)
    restart = struct.pack(">BBHH", 0xFF, _DRI, 4, interval)
    scan_data = upper[scan:].removesuffix(_EOI)
    return b"".join((head, restart, scan_data, _RST0, _scan_data(lower)))


def _scan_data(body: bytes) -> bytes:
    """Return the entropy-coded data of a picture, with the end marker."""
    scan = _segment(body, _SOS)
    (length,) = struct.unpack_from(">H", body, scan + 2)
    return body[scan + 2 + length :]


def _segment(body: bytes, marker: int) -> int:
    """Return where a marker segment before the scan data begins. Raises: ValueError."""
    place = 2
    while place + 4 <= len(body) and body[place] == 0xFF:
        if body[place + 1] == marker:
            return place
        (length,) = struct.unpack_from(">H", body, place + 2)
        place += 2 + length
    raise ValueError(f"the encoder wrote no marker {marker:#x}")
