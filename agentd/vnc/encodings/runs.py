"""Rows of pixels as a ground and runs of one colour upon it.

Pure. Both RRE and Hextile write rectangles upon a ground; these are a row high. Sources: rfbproto
"RRE encoding", "Hextile encoding".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentd.vnc.encodings.areas import Words


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of equal pixels within rows, in order of rows and then of columns.

    Args:
        colours: of each run.
        rows: in which each is.
        starts: the column at which each begins.
        lengths: of each, in pixels.
    """

    colours: Words
    rows: NDArray[np.intp]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]

    def where(self, wanted: NDArray[np.bool_]) -> Runs:
        """Return those that are wanted."""
        return Runs(
            self.colours[wanted], self.rows[wanted], self.starts[wanted], self.lengths[wanted]
        )


def runs_of(words: Words) -> Runs:
    """Return all runs of an area, which together cover it.

    Args:
        words: height x width, not empty.
    """
    height, width = words.shape
    begins = np.ones((height, width), dtype=np.bool_)
    np.not_equal(words[:, 1:], words[:, :-1], out=begins[:, 1:])
    at = np.flatnonzero(begins)
    rows, starts = np.divmod(at, width)
    lengths = np.diff(at, append=height * width)
    return Runs(words.reshape(-1)[at], rows, starts, lengths)


def most_common(words: Words) -> np.uint32:
    """Return the colour that most pixels of a sample have."""
    step = max(1, words.size // 1024)
    colours, counts = np.unique(words.reshape(-1)[::step], return_counts=True)
    common: np.uint32 = colours[counts.argmax()]
    return common
