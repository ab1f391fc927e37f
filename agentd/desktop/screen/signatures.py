"""A number for what a tile shows, so that content which comes back is recognised.

Pure. Equal tiles have equal numbers; two that differ have the same one with a chance of about
2^-40, whatever little they differ in. It is no defence against a program that wants to collide:
all that could win is to be taken for an animation. Source: multilinear hashing (Lemire and Kaser,
"Strongly universal string hashing is fast", section 2), one 64-bit weight a pixel.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles
from agentd.desktop.screen.frame import Pixels

# The increment and the multipliers of splitmix64: weights without a generator of random numbers.
_STEP, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def signatures(pixels: Pixels, tiles: Tiles) -> NDArray[np.uint64]:
    """Return a number for each wanted tile, none of them 0.

    Args:
        pixels: height x width x 4, row-major: the whole screen.
        tiles: which are wanted.

    Returns: one number a wanted tile, the tiles in row-major order.
    """
    width = pixels.shape[1]
    found = np.zeros(tiles.shape, dtype=np.uint64)
    words = pixels.view(np.uint32)[..., 0]
    products = np.empty((TILE, width), dtype=np.uint64)
    for row in np.flatnonzero(tiles.any(axis=1)):
        wanted = np.flatnonzero(tiles[row])
        first, last = int(wanted[0]), int(wanted[-1]) + 1
        strip = words[row * TILE : (row + 1) * TILE, first * TILE : last * TILE]
        height, length = strip.shape
        weights = _weights(width)[:height, :length]
        weighted = np.multiply(strip, weights, out=products[:height, :length])
        starts = list(range(0, length, TILE))
        found[row, first:last] = np.add.reduceat(weighted.sum(axis=0), starts)
    numbers: NDArray[np.uint64] = found[tiles]
    # 0 stands for no content in whoever keeps these.
    numbers[numbers == 0] = 1
    return numbers


@lru_cache(maxsize=4)
def _weights(width: int) -> NDArray[np.uint64]:
    """Return odd weights for a row of tiles, the same for every tile."""
    mixed = np.arange(1, TILE * TILE + 1, dtype=np.uint64) * np.uint64(_STEP)
    for shift, factor in ((30, _MIX_1), (27, _MIX_2)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed = (mixed ^ (mixed >> np.uint64(31))) | np.uint64(1)
    return np.tile(mixed.reshape(TILE, TILE), (1, -(-width // TILE)))
