"""What every encoder has in common: what decides its bytes, and what it makes.

Pure. It encodes nothing, and does not know the encoders; `encoder.py` does. Source: rfbproto
"Encodings".
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Protocol

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.pixel_format import PixelFormat

DEFAULT_COMPRESS_LEVEL = 2


class Subsampling(enum.StrEnum):
    """How many pixels of a JPEG share a colour: named as is usual there."""

    NONE = "444"
    TWO = "422"
    FOUR = "420"
    GRAY = "Gray"


@dataclass(frozen=True, slots=True)
class EncodedRect:
    """A rectangle as it goes to a viewer.

    Args:
        rect: in root pixels; not empty.
        encoding: the number in the rectangle's header.
        body: what follows the 12 bytes of the header.
        is_exact: whether a viewer sees the very pixels; those of JPEG and H.264 only resemble them.
    """

    rect: Rect
    encoding: int
    body: bytes
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that decides the bytes; viewers whose profiles are equal can share them.

    Args:
        format: of the pixels.
        encoding: the one that is preferred.
        compress_level: 0 to 9, more is slower and shorter.
        jpeg_quality: 0 to 9 as the viewer says it; None = exact only, unless `fine_quality` is set.
        fine_quality: 0 to 100 as a JPEG library says it; goes before `jpeg_quality`.
        subsampling: of JPEG; None = what goes with the quality.
        copies: whether CopyRect is allowed.
        h264: whether Open H.264 is allowed.
    """

    format: PixelFormat
    encoding: int
    compress_level: int = DEFAULT_COMPRESS_LEVEL
    jpeg_quality: int | None = None
    fine_quality: int | None = None
    subsampling: Subsampling | None = None
    copies: bool = False
    h264: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, whatever the pixels are."""
        return self.jpeg_quality is None and self.fine_quality is None and not self.h264

    def exact(self) -> Profile:
        """Return the same without anything that loses."""
        return replace(self, jpeg_quality=None, fine_quality=None, subsampling=None, h264=False)


class Encoder(Protocol):
    """Makes rectangles of one profile.

    Where `is_stateless`, what it makes may be sent to any viewer of the profile, in any order, and
    threads may share it. Else it has the one stream of one viewer: one call at a time, and all that
    it makes is sent to that viewer, in order.
    """

    @property
    def is_stateless(self) -> bool:
        """Whether the bytes depend on nothing but the pixels."""

    def encode(self, pixels: Pixels, rect: Rect) -> list[EncodedRect]:
        """Encode a part of the screen. Thread: any.

        Args:
            pixels: the whole screen, height x width x 4, BGRX, contiguous.
            rect: the part, inside the screen.

        Returns: rectangles that cover the part, and do not overlap; none when it is empty.
        """
