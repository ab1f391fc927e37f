"""From what a viewer can decode to the encoder that serves it best.

Pure. Source: rfbproto "SetEncodings", "JPEG Quality Level Pseudo-encoding" and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.vnc.encodings.profile import (
    DEFAULT_COMPRESS_LEVEL,
    EncodedRect,
    Encoder,
    Encoding,
    Profile,
    Subsampling,
)
from agentd.vnc.encodings.raw import RawEncoder
from agentd.vnc.pixel_format import PixelFormat

__all__ = ["EncodedRect", "Encoder", "Encoding", "Profile", "choose", "make_encoder"]

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

# Of a coarser screen JPEG would waste what it keeps, and viewers do not expect it.
_LEAST_BITS_OF_JPEG = 16


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
    if format.bits_per_pixel < _LEAST_BITS_OF_JPEG:
        return profile
    return Profile(
        format=format,
        encoding=encoding,
        compress_level=profile.compress_level,
        jpeg_quality=_first_in(encodings, _QUALITY_LEVELS),
        fine_quality=_first_in(encodings, _FINE_QUALITIES),
        subsampling=next((_SUBSAMPLINGS[n] for n in encodings if n in _SUBSAMPLINGS), None),
        copies=profile.copies,
        h264=Encoding.OPEN_H264 in encodings,
    )


def make_encoder(profile: Profile) -> Encoder:
    """Make the encoder of a profile; one that is not stateless serves a single viewer."""
    return RawEncoder(profile.format)


def _first_in(encodings: Sequence[int], levels: range) -> int | None:
    """Return the first number of a range of levels, counted from its start."""
    return next((number - levels.start for number in encodings if number in levels), None)
