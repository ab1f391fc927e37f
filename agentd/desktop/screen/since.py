"""Since which frame each tile of the screen looks as it does.

Pure. One number a tile tells whether anything made of an older frame still shows the screen, for
any part of it and however many frames lie between: nothing has to be compared again, and nothing
is lost when some frames were not looked at. It does not find what changed: `damage.py` does.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentd.desktop.screen.comparing import TILE, Tiles
from agentd.desktop.screen.frame import Rect

# Rows x columns of tiles: the number of the first frame that showed each as it is now.
Since: TypeAlias = NDArray[np.int64]


def since(before: Since | None, changed: Tiles, frame_id: int) -> Since:
    """Return the numbers after a new frame.

    Args:
        before: those of the frame before it, of the same screen; None where there is none.
        changed: the tiles in which both frames differ; without one before, all.
        frame_id: the new frame's number, larger than any before.
    """
    if before is None:
        return np.full(changed.shape, frame_id, dtype=np.int64)
    return np.where(changed, np.int64(frame_id), before)


def changed_since(numbers: Since, frame_id: int) -> Rect:
    """Return the smallest rectangle of whole tiles outside which a frame shows the screen.

    Args:
        frame_id: of a frame of the same screen.

    Returns: in root pixels; it may hang over the far edges, and is empty if nothing has changed.
    """
    rows, columns = np.nonzero(numbers > frame_id)
    if not rows.size:
        return Rect(0, 0, 0, 0)
    left, right = int(columns.min()), int(columns.max()) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return Rect(left * TILE, top * TILE, (right - left) * TILE, (bottom - top) * TILE)


def newest(numbers: Since, area: Rect) -> int:
    """Return the number of the frame that last changed an area of the screen; it is not empty.

    Two frames of one screen with the same number for an area show the same pixels there.
    """
    rows = slice(area.y // TILE, -(-area.bottom // TILE))
    columns = slice(area.x // TILE, -(-area.right // TILE))
    return int(numbers[rows, columns].max())
