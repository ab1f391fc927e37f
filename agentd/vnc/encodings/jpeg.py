"""JPEG as viewers ask for it: their quality levels, and bodies of parts of the screen.

Pure. Sources: rfbproto "JPEG Quality Level Pseudo-encoding", "JPEG Fine-Grained Quality Level
Pseudo-encoding", "JPEG Subsampling Level Pseudo-encoding".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # the wheel has stubs, but no py.typed

from agentd.desktop.screen.frame import Pixels, Rect
from agentd.vnc.encodings.profile import Profile, Subsampling

# Quality and subsampling by a viewer's level, as TurboVNC and TigerVNC took them from experiments
# of the VirtualGL project: viewers were made with these in mind.
_LEVELS = (
    (15, Subsampling.FOUR),
    (29, Subsampling.FOUR),
    (41, Subsampling.FOUR),
    (42, Subsampling.TWO),
    (62, Subsampling.TWO),
    (77, Subsampling.TWO),
    (79, Subsampling.NONE),
    (86, Subsampling.NONE),
    (92, Subsampling.NONE),
    (100, Subsampling.NONE),
)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """How to write JPEGs: a library's quality, 1 to 100, and subsampling."""

    quality: int
    subsampling: Subsampling

    def encode(self, pixels: Pixels, rect: Rect) -> bytes:
        """Encode a part of the screen; `pixels` are height x width x 4, BGRX."""
        part = pixels[rect.y : rect.bottom, rect.x : rect.right]
        body: bytes = simplejpeg.encode_jpeg(
            np.ascontiguousarray(part),
            quality=self.quality,
            colorspace="BGRX",
            colorsubsampling=self.subsampling.value,
        )
        return body


def jpeg_of(profile: Profile) -> Jpeg | None:
    """Return how a viewer wants JPEGs; None if it wants none."""
    if profile.jpeg_quality is None and profile.fine_quality is None:
        return None
    quality, subsampling = _LEVELS[9 if profile.jpeg_quality is None else profile.jpeg_quality]
    if profile.fine_quality is not None:
        quality = max(1, profile.fine_quality)
    return Jpeg(quality, profile.subsampling or subsampling)
