"""Pixels at another size: whole pictures, or a few rows of one without the others.

Pure. Some rows alone come out as they would in the whole picture, so that several threads can
make a picture, or some rows be kept while others are made anew. It starts no thread; an executor
may be lent. Source: Pillow's `Resample.c` for how far each filter reaches.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from agentd.desktop.frame import Pixels, Size
from agentd.desktop.stripes import STRIPE_BYTES, check_edges, share, size_of

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

    def rows_for(self, top: int, bottom: int) -> tuple[int, int]:
        """Return which source rows decide the rows from `top` up to `bottom`: first, and end."""
        if self.is_identity:
            return top, bottom
        if self._block is not None:
            return top * self._block[1], bottom * self._block[1]
        ratio = self.source.height / self.size.height
        # One more on each side: Pillow rounds where its window begins and ends.
        reach = _REACH[self._filter] * max(1.0, ratio) + 1
        first = math.floor(self._edge(top) - reach)
        end = math.ceil(self._edge(bottom) + reach)
        return max(0, first), min(self.source.height, end)

    def scale_rows(self, rows: Pixels, top: int, bottom: int) -> Pixels:
        """Return the rows from `top` up to `bottom` of the picture of `size`.

        Args:
            rows: those that `rows_for` tells, and no others; the same pixels always give the
                same result.

        Returns: `rows` themselves where the sizes are equal.
        """
        if self.is_identity:
            return rows
        first, end = self.rows_for(top, bottom)
        # Four channels are four channels to Pillow: BGRX goes in as RGBX, without a copy.
        extent = (self.source.width, end - first)
        image = Image.frombuffer("RGBX", extent, np.ascontiguousarray(rows), "raw", "RGBX", 0, 1)
        if self._block is not None:
            return np.asarray(image.reduce(self._block))
        # The box may end within a row; Pillow reads beyond it as far as its filter reaches.
        box = (0, self._edge(top) - first, self.source.width, self._edge(bottom) - first)
        return np.asarray(image.resize((self.size.width, bottom - top), self._filter, box))

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

    def _edge(self, row: int) -> float:
        """Return where the upper edge of a row lies in the source; exact for the last."""
        return row * self.source.height / self.size.height


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
        first, end = scaling.rows_for(top, bottom)
        return scaling.scale_rows(pixels[first:end], top, bottom)

    rows = max(1, size.height * STRIPE_BYTES // (4 * max(size.area, scaling.source.area)))
    return np.concatenate(share(scale, size.height, rows, executor))
