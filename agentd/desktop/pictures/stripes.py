"""Pictures in stripes and bands: their size checked, the work shared among threads that are lent.

A stripe is a share of the work, a band what is encoded alone. Pure. It starts no thread and knows
no format; `png.py`, `jpeg.py` and `scaling.py` say what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import chain
from typing import TypeVar

import numpy as np

from agentd.desktop.screen.frame import MAX_EDGE, Pixels, Size

S = TypeVar("S")
T = TypeVar("T")

# What one task takes: enough to be worth handing over, and a few to each 1080p screen, so that
# a core that comes late still finds one.
STRIPE_BYTES = 2 << 20

# What is encoded alone: small enough that a line of text costs little to encode anew, and is still
# in the second-level cache when the deflate reads what the filter wrote; large enough that starting
# an encoder for each costs little. A multiple of the blocks of a JPEG.
_BAND_BYTES = 1 << 18
_BAND_ROWS = 32

# Into how many tasks the bands of a picture go at most, whatever their number.
_RUNS = 6


def share(
    work: Callable[[int, int], T],
    height: int,
    rows: int,
    executor: Executor | None,
) -> list[T]:
    """Call `work(top, bottom)` for each stripe of `rows`, some on the executor if there is one.

    What no thread has begun is taken back and done here, from the bottom up. So a full executor
    costs nothing, and one whose own thread is calling cannot lock up.

    Returns: the results from the top down.
    """
    stripes = [(top, min(top + rows, height)) for top in range(0, height, rows)]
    if executor is None or not stripes:
        return [work(*stripe) for stripe in stripes]
    lent = [executor.submit(work, *stripe) for stripe in stripes[1:]]
    results = [work(*stripes[0])]
    for stripe, future in zip(stripes[:0:-1], reversed(lent), strict=True):
        results.append(work(*stripe) if future.cancel() else future.result())
    return results[:1] + results[:0:-1]


def share_each(
    work: Callable[[S], T],
    items: Sequence[S],
    executor: Executor | None,
) -> list[T]:
    """Call `work(item)` for each, in runs of neighbours, some on the executor if there is one.

    Returns: the results, in order.
    """

    def work_run(start: int, end: int) -> list[T]:
        return [work(item) for item in items[start:end]]

    length = max(1, -(-len(items) // _RUNS))
    return list(chain.from_iterable(share(work_run, len(items), length, executor)))


def band_rows(size: Size) -> int:
    """Return how many rows of a picture are encoded alone; the last band may have fewer."""
    return _BAND_ROWS * max(1, _BAND_BYTES // (4 * size.width * _BAND_ROWS))


def bands_of(size: Size) -> list[tuple[int, int]]:
    """Return the bands of a picture: first row and end of each, from the top down."""
    rows = band_rows(size)
    return [(top, min(top + rows, size.height)) for top in range(0, size.height, rows)]


def size_of(pixels: Pixels) -> Size:
    """Return the size of a picture.

    Raises: ValueError when an edge is out of range.
    """
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 4, "BGRX pixels"
    height, width = pixels.shape[:2]
    check_edges(width, height)
    return Size(width, height)


def check_edges(width: int, height: int) -> None:
    """Raises: ValueError when an edge is out of range."""
    if not (1 <= width <= MAX_EDGE and 1 <= height <= MAX_EDGE):
        raise ValueError(f"picture of {width} x {height}: wanted 1 to {MAX_EDGE} along each edge")
