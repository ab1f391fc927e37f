"""How one viewer sees the pointer: drawn by itself, told where it is, or painted into its picture.

Pure. A viewer that draws the pointer is sent its shape and draws it where its own mouse is. When
somebody else moves the pointer, the agent above all, such a viewer must be told the place; one that
cannot be told has the pointer painted into its picture until it moves its own mouse again. A viewer
that draws no pointer always has it painted. It sends nothing. Sources: rfbproto sections 7.8.1
(Cursor), 7.8.2 (X Cursor), 7.8.15 (Cursor With Alpha), and the VMware cursor extensions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from agentd.desktop.screen.frame import Rect
from agentd.desktop.screen.overlay import Cursor
from agentd.vnc.updates.plan import Copy

# Movements of the viewer that the desktop has not told of yet; there are hardly more than two.
_MOST_ON_THE_WAY = 16


class PointerView:
    """The pointer of one viewer.

    Args:
        draws_shape: the viewer takes shapes and draws them.
        takes_place: the viewer takes the place of the pointer.
        before: how the same viewer saw it until now; shapes that it was sent do not count any more.
    """

    def __init__(
        self, *, draws_shape: bool, takes_place: bool, before: PointerView | None = None
    ) -> None:
        self._draws_shape = draws_shape
        self._takes_place = takes_place
        # Where the viewer has the pointer, the newest place last. What the desktop tells of its
        # pointer comes later: until it is at the newest place, the ones before are the viewer's
        # own, too. Empty while it never had one.
        self._own: deque[tuple[int, int]] = deque(before._own if before else (), _MOST_ON_THE_WAY)
        self._shape_serial: int | None = None
        self._painted: Cursor | None = before._painted if before else None

    @property
    def painted(self) -> Cursor | None:
        """What is painted into the viewer's picture."""
        return self._painted

    def moved_by_viewer(self, x: int, y: int) -> None:
        """Note where the viewer itself has put the pointer, in root pixels."""
        self._own.append((x, y))

    def takes_new_shape(self, cursor: Cursor) -> bool:
        """Tell whether the viewer must be sent the shape; it counts as sent from then on."""
        if not self._draws_shape or self._shape_serial == cursor.image.serial:
            return False
        self._shape_serial = cursor.image.serial
        return True

    def takes_new_place(self, cursor: Cursor) -> bool:
        """Tell whether the viewer must be sent the place; it counts as sent from then on."""
        if not self._takes_place or self._is_own(cursor):
            return False
        self._own.clear()
        self._own.append((cursor.x, cursor.y))
        return True

    def must_paint(self, cursor: Cursor) -> bool:
        """Tell whether the pointer is to be in the viewer's picture."""
        if not self._draws_shape:
            return True
        return not self._takes_place and not self._is_own(cursor)

    def is_settled(self, cursor: Cursor) -> bool:
        """Tell whether the viewer sees the pointer as it is now."""
        if not self.is_painted(cursor if self.must_paint(cursor) else None):
            return False
        knows_shape = not self._draws_shape or self._shape_serial == cursor.image.serial
        knows_place = not self._takes_place or self._is_own(cursor)
        return knows_shape and knows_place

    def is_painted(self, cursor: Cursor | None) -> bool:
        """Tell whether this is painted into the viewer's picture; None: whether nothing is."""
        if cursor is None:
            return self._painted is None
        return cursor.looks_like(self._painted)

    def _is_own(self, cursor: Cursor) -> bool:
        """Tell whether the pointer is where the viewer has it, or on its way there."""
        place = (cursor.x, cursor.y)
        if place not in self._own:
            return False
        if place == self._own[-1]:
            # It has arrived: whoever moves it back is somebody else.
            self._own.clear()
            self._own.append(place)
        return True

    def stains(self, copies: Iterable[Copy]) -> list[Rect]:
        """Return where a painted pointer is left after copies: at its place, and where copied."""
        if self._painted is None:
            return []
        found = [self._painted.place]
        for copy in copies:
            source = Rect(copy.x, copy.y, copy.to.width, copy.to.height)
            found += [
                stain.intersect(source).moved(copy.to.x - copy.x, copy.to.y - copy.y)
                for stain in found
                if stain.meets(source)
            ]
        return found

    def paint(self, cursor: Cursor | None) -> None:
        """Note what is painted from now on."""
        self._painted = cursor
