"""Where the pictures that were handed out lie on the screen, by their frame's number.

So that a point found in a picture can be sent back with the picture's frame alone. Bounded: the
oldest frames are forgotten. Pure but for its own memory; it keeps no pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from agentd.base.errors import Conflict, NotFound
from agentd.desktop.screen.frame import Space

_KEPT = 256
_KEPT_OF_ONE = 16


@dataclass(slots=True)
class _Shown:
    generation: int
    spaces: OrderedDict[Space, None] = field(default_factory=OrderedDict)


class Spaces:
    """The spaces of the last pictures."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, _Shown] = OrderedDict()

    def note(self, frame: int, generation: int, space: Space) -> None:
        """Remember that a picture of a frame was handed out in a space."""
        shown = self._frames.setdefault(frame, _Shown(generation))
        self._frames.move_to_end(frame)
        shown.spaces[space] = None
        shown.spaces.move_to_end(space)
        if len(shown.spaces) > _KEPT_OF_ONE:
            shown.spaces.popitem(last=False)
        if len(self._frames) > _KEPT:
            self._frames.popitem(last=False)

    def find(self, frame: int) -> tuple[int, Space]:
        """Return the generation and the space of a frame's picture.

        Raises: NotFound when no picture of it is remembered; Conflict when there were several
            that differ in size or part, so that a point would be ambiguous.
        """
        shown = self._frames.get(frame)
        if shown is None:
            raise NotFound(
                f"no picture of frame {frame} is remembered",
                code="unknown_frame",
                hint="take a new screenshot, or give the `space` of its metadata as `picture`",
            )
        if len(shown.spaces) > 1:
            raise Conflict(
                f"frame {frame} was shown in {len(shown.spaces)} sizes or parts",
                code="ambiguous_frame",
                hint="give the `space` of the picture's metadata as `picture`",
            )
        return shown.generation, next(iter(shown.spaces))
