"""Pictures in stripes: their size checked, their rows shared among threads that are lent.

Pure. It starts no thread and knows no format; `png.py` and `image.py` say what is done to a
stripe.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import numpy as np

from agentd.desktop.frame import MAX_EDGE, Pixels, Size

T = TypeVar("T")

# What one task takes: enough to be worth handing over, and a few to each 1080p screen, so that
# a core that comes late still finds one.
STRIPE_BYTES = 2 << 20


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
    if executor is None:
        return [work(*stripe) for stripe in stripes]
    lent = [executor.submit(work, *stripe) for stripe in stripes[1:]]
    results = [work(*stripes[0])]
    for stripe, future in zip(stripes[:0:-1], reversed(lent), strict=True):
        results.append(work(*stripe) if future.cancel() else future.result())
    return results[:1] + results[:0:-1]


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
