"""Pixels at another size: whole pictures, or a part of one without the rest.

Pure. A part alone comes out as it would in the whole picture, so that several threads can make a
picture, or some parts be kept while others are made anew. It starts no thread; an executor may be
lent. Source: Pillow's `Resample.c` for how far each filter reaches.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from agentd.desktop.pictures.stripes import STRIPE_BYTES, check_edges, share, size_of
from agentd.desktop.screen.frame import Pixels, Rect, Size

# Pillow divides a block's sum by multiplying with 2**24 over its area: exact enough up to here,
# wrong by whole shades for blocks of thousands of pixels.
_LARGEST_BLOCK_EDGE = 16

# How far a filter reaches from the centre of a pixel to be made, in pixels of the coarser side.
_REACH = {Image.Resampling.HAMMING: 1.0, Image.Resampling.BICUBIC: 2.0}


@dataclass(frozen=True, slots=True)
class Scaling:
    """From one size to another.

    Shrinking by whole factors takes the mean of each block, by others a Hamming window, which
    keeps the strokes of small text even where a mean would not; enlarging is bicubic.

    Args:
        source: what there is.
        size: what is wanted.
    """

    source: Size
    size: Size

    @property
    def is_identity(self) -> bool:
        """Whether there is nothing to do."""
        return self.source == self.size

    def source_of(self, part: Rect) -> Rect:
        """Return which pixels of the source decide a part of the picture; it is not empty."""
        if self.is_identity:
            return part
        if (block := self._block) is not None:
            columns, rows = block
            return Rect(part.x * columns, part.y * rows, part.width * columns, part.height * rows)
        left, right = self._window(part.x, part.right, self.source.width, self.size.width)
        top, bottom = self._window(part.y, part.bottom, self.source.height, self.size.height)
        return Rect(left, top, right - left, bottom - top)

    def scale(self, pixels: Pixels, part: Rect) -> Pixels:
        """Return a part of the picture.

        Args:
            pixels: those that `source_of` tells, and no others; the same ones always give the
                same result.
            part: of the picture; the rest of it need not be made.

        Returns: `pixels` themselves where the sizes are equal.
        """
        if self.is_identity:
            return pixels
        # Four channels are four channels to Pillow: BGRX goes in as RGBX, without a copy.
        height, width = pixels.shape[:2]
        image = Image.frombuffer(
            "RGBX", (width, height), np.ascontiguousarray(pixels), "raw", "RGBX", 0, 1
        )
        if (block := self._block) is not None:
            return np.asarray(image.reduce(block))
        # The box may end within a pixel; Pillow reads beyond it as far as its filter reaches.
        source = self.source_of(part)
        box = (
            _edge(part.x, self.source.width, self.size.width) - source.x,
            _edge(part.y, self.source.height, self.size.height) - source.y,
            _edge(part.right, self.source.width, self.size.width) - source.x,
            _edge(part.bottom, self.source.height, self.size.height) - source.y,
        )
        return np.asarray(image.resize((part.width, part.height), self._filter, box))

    @property
    def _block(self) -> tuple[int, int] | None:
        """Columns and rows of the block whose mean is a pixel, where all blocks are whole."""
        columns, odd_columns = divmod(self.source.width, self.size.width)
        rows, odd_rows = divmod(self.source.height, self.size.height)
        if odd_columns or odd_rows or max(columns, rows) > _LARGEST_BLOCK_EDGE:
            return None
        return columns, rows

    @property
    def _filter(self) -> Image.Resampling:
        grows = self.size.width > self.source.width or self.size.height > self.source.height
        return Image.Resampling.BICUBIC if grows else Image.Resampling.HAMMING

    def _window(self, start: int, end: int, source: int, size: int) -> tuple[int, int]:
        """Return what the filter sees along an axis: first pixel of the source, and end."""
        # One more on each side: Pillow rounds where its window begins and ends.
        reach = _REACH[self._filter] * max(1.0, source / size) + 1
        first = math.floor(_edge(start, source, size) - reach)
        last = math.ceil(_edge(end, source, size) + reach)
        return max(0, first), min(source, last)


def scale_pixels(pixels: Pixels, size: Size, *, executor: Executor | None = None) -> Pixels:
    """Return the picture at another size.

    Args:
        pixels: height x width x 4, BGRX.
        size: wanted; `pixels` themselves are returned where they have it.
        executor: threads that may take a share; they do not change the result.

    Raises: ValueError when an edge, now or then, is out of range.
    """
    scaling = Scaling(size_of(pixels), size)
    check_edges(size.width, size.height)
    if scaling.is_identity:
        return pixels

    def scale(top: int, bottom: int) -> Pixels:
        part = Rect(0, top, size.width, bottom - top)
        source = scaling.source_of(part)
        return scaling.scale(pixels[source.y : source.bottom], part)

    rows = max(1, size.height * STRIPE_BYTES // (4 * max(size.area, scaling.source.area)))
    return np.concatenate(share(scale, size.height, rows, executor))


def _edge(index: int, source: int, size: int) -> float:
    """Return where a pixel begins in the source, along an axis; exact for the end."""
    return index * source / size
