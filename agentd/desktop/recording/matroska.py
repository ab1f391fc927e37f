"""Raw pictures with real timestamps as a stream that ffmpeg reads from a pipe: Matroska.

Pure. A raw pipe knows one rate only, and a screen has none: here each picture says its own
millisecond, so that nothing is sent while nothing changes. It compresses nothing. Sources:
RFC 8794 (EBML), RFC 9559 (Matroska); uncompressed video is `V_UNCOMPRESSED` with a FourCC.
"""

from __future__ import annotations

import struct

# What `Pixels` are: blue, green, red, and a byte that means nothing.
_FOURCC = b"BGR\x00"
_MS_NS = 1_000_000
_UNKNOWN = b"\x01" + b"\xff" * 7
_KEYFRAME = 0x80
_TRACK = 1

# Element IDs (RFC 9559 section 5), with their marker bits, as they are written.
_EBML = 0x1A45DFA3
_EBML_DOC_TYPE = 0x4282
_EBML_DOC_TYPE_VERSION = 0x4287
_EBML_DOC_TYPE_READ_VERSION = 0x4285
_SEGMENT = 0x18538067
_INFO = 0x1549A966
_TIMESTAMP_SCALE = 0x2AD7B1
_MUXING_APP = 0x4D80
_WRITING_APP = 0x5741
_TRACKS = 0x1654AE6B
_TRACK_ENTRY = 0xAE
_TRACK_NUMBER = 0xD7
_TRACK_UID = 0x73C5
_TRACK_TYPE = 0x83
_DEFAULT_DURATION = 0x23E383
_CODEC_ID = 0x86
_VIDEO = 0xE0
_PIXEL_WIDTH = 0xB0
_PIXEL_HEIGHT = 0xBA
_COLOUR_SPACE = 0x2EB524
_CLUSTER = 0x1F43B675
_TIMESTAMP = 0xE7
_SIMPLE_BLOCK = 0xA3


def header(width: int, height: int, *, usual_ms: int) -> bytes:
    """Return what comes before the first picture.

    Args:
        width: of every picture of the stream, in pixels.
        height: likewise.
        usual_ms: from one picture to the next while much happens. No time follows from it, but an
            encoder weighs by it how well a picture has to look, and how long the last one lasts.
    """
    ebml = _element(
        _EBML,
        _element(_EBML_DOC_TYPE, b"matroska"),
        _number(_EBML_DOC_TYPE_VERSION, 4),
        _number(_EBML_DOC_TYPE_READ_VERSION, 2),
    )
    info = _element(
        _INFO,
        _number(_TIMESTAMP_SCALE, _MS_NS),
        _element(_MUXING_APP, b"agentd"),
        _element(_WRITING_APP, b"agentd"),
    )
    video = _element(
        _VIDEO,
        _number(_PIXEL_WIDTH, width),
        _number(_PIXEL_HEIGHT, height),
        _element(_COLOUR_SPACE, _FOURCC),
    )
    track = _element(
        _TRACK_ENTRY,
        _number(_TRACK_NUMBER, _TRACK),
        _number(_TRACK_UID, _TRACK),
        _number(_TRACK_TYPE, 1),
        _number(_DEFAULT_DURATION, usual_ms * _MS_NS),
        _element(_CODEC_ID, b"V_UNCOMPRESSED"),
        video,
    )
    return ebml + _id(_SEGMENT) + _UNKNOWN + info + _element(_TRACKS, track)


def picture_head(at_ms: int, size_bytes: int) -> bytes:
    """Return what comes before the bytes of one picture.

    Each picture is a cluster of its own, so that its time is not bound to the one before.

    Args:
        at_ms: when it was seen, since the start of the stream; more than the one before.
        size_bytes: of the picture that follows: 4 for each pixel, row by row.
    """
    timestamp = _number(_TIMESTAMP, at_ms)
    block_head = bytes((0x80 | _TRACK, 0, 0, _KEYFRAME))
    block = _id(_SIMPLE_BLOCK) + _size(len(block_head) + size_bytes) + block_head
    return _id(_CLUSTER) + _size(len(timestamp) + len(block) + size_bytes) + timestamp + block


def _element(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _id(number) + _size(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _id(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _size(length: int) -> bytes:
    """Write a length in eight bytes, whatever it is (RFC 8794 section 4.4 allows it)."""
    return struct.pack(">Q", length | 1 << 56)
