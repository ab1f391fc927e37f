"""From what a viewer can decode to the encoder that serves it best.

Pure. Source: rfbproto "SetEncodings", "JPEG Quality Level Pseudo-encoding" and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentd.vnc.encodings.hextile import HextileEncoder
from agentd.vnc.encodings.profile import (
    DEFAULT_COMPRESS_LEVEL,
    EncodedRect,
    Encoder,
    Profile,
    Subsampling,
)
from agentd.vnc.encodings.raw import RawEncoder
from agentd.vnc.encodings.rre import RreEncoder
from agentd.vnc.encodings.tight import TightEncoder
from agentd.vnc.encodings.zlib_stream import ZlibEncoder
from agentd.vnc.encodings.zrle import ZrleEncoder
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import PixelFormat

__all__ = ["EncodedRect", "Encoder", "Profile", "choose", "make_encoder"]

# The best first. ZRLE lies behind Tight: it takes a stream for each viewer and more time.
_RANKS = (
    Encoding.TIGHT,
    Encoding.ZRLE,
    Encoding.ZLIB,
    Encoding.HEXTILE,
    Encoding.RRE,
)

_QUALITY_LEVELS = range(-32, -22)
_COMPRESS_LEVELS = range(-256, -246)
_FINE_QUALITIES = range(-512, -411)
_SUBSAMPLINGS = {
    -768: Subsampling.NONE,
    -767: Subsampling.FOUR,
    -766: Subsampling.TWO,
    -765: Subsampling.GRAY,
    # Coarser ones than JPEG libraries commonly write.
    -764: Subsampling.FOUR,
    -763: Subsampling.FOUR,
}

# A coarser screen would waste what JPEG keeps, and viewers do not expect it there.
_LEAST_BITS_OF_LOSS = 16


def choose(encodings: Sequence[int], format: PixelFormat) -> Profile:
    """Choose how to serve a viewer.

    Raw is chosen where the viewer wants it most, or knows nothing else: somebody who asks for it
    sits near. Otherwise the best is taken of those that it can decode, whatever their order.

    Args:
        encodings: all of SetEncodings, in the viewer's order.
        format: of its pixels.
    """
    known = [number for number in encodings if number in _RANKS or number == Encoding.RAW]
    encoding = Encoding.RAW
    if known and known[0] != Encoding.RAW:
        encoding = next(rank for rank in _RANKS if rank in known)
    compress = _first_in(encodings, _COMPRESS_LEVELS)
    profile = Profile(
        format=format,
        encoding=encoding,
        compress_level=DEFAULT_COMPRESS_LEVEL if compress is None else compress,
        copies=Encoding.COPY_RECT in encodings,
    )
    if format.bits_per_pixel < _LEAST_BITS_OF_LOSS:
        return profile
    lossy = replace(
        profile,
        jpeg_quality=_first_in(encodings, _QUALITY_LEVELS),
        fine_quality=_first_in(encodings, _FINE_QUALITIES),
        h264=Encoding.H264 in encodings,
    )
    if lossy.jpeg_quality is None and lossy.fine_quality is None:
        return lossy
    subsampling = next((_SUBSAMPLINGS[n] for n in encodings if n in _SUBSAMPLINGS), None)
    return replace(lossy, subsampling=subsampling)


def make_encoder(profile: Profile, *, before: Encoder | None = None) -> Encoder:
    """Make the encoder of a profile; one that is not stateless serves a single viewer.

    Args:
        before: the one of this encoding that the viewer had until now; its stream goes on.

    Raises: ValueError when there is none of that encoding.
    """
    match profile.encoding:
        case Encoding.TIGHT:
            return TightEncoder(profile)
        case Encoding.ZRLE:
            assert before is None or isinstance(before, ZrleEncoder)
            return ZrleEncoder(profile, before=before)
        case Encoding.ZLIB:
            assert before is None or isinstance(before, ZlibEncoder)
            return ZlibEncoder(profile, before=before)
        case Encoding.HEXTILE:
            return HextileEncoder(profile)
        case Encoding.RRE:
            return RreEncoder(profile)
        case Encoding.RAW:
            return RawEncoder(profile.format)
        case other:
            raise ValueError(f"making an encoder of encoding {other}: there is none")


def _first_in(encodings: Sequence[int], levels: range) -> int | None:
    """Return the first number of a range of levels, counted from its start."""
    return next((number - levels.start for number in encodings if number in levels), None)
