"""What a dialect is: one vendor's tool calls read as actions, one vendor's shape of answers.

Pure. A dialect knows no screen but its size and performs nothing; `act.py` runs what it reads and
gives it the outcomes.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Mapping as Object
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from agentd.desktop.actions import Action, Area, Mapping
from agentd.desktop.screen.frame import Rect, Size, Space, fit


@dataclass(frozen=True, slots=True)
class View:
    """The screen as the model is shown it: whole, in pictures of one size.

    Args:
        screen: the screen's size, in pixels.
        picture: the size of every whole picture, and of the display that the tool declares.
    """

    screen: Size
    picture: Size

    def point(self, x: float, y: float) -> tuple[int, int]:
        """Return the screen pixel under a picture's pixel. Raises: ValueError off the picture."""
        if not (0 <= x < self.picture.width and 0 <= y < self.picture.height):
            size = f"{self.picture.width}x{self.picture.height}"
            raise ValueError(f"({x:g}, {y:g}) is off the screen, which is {size} here")
        return self._space().to_screen(int(x), int(y))

    def region(self, left: float, top: float, right: float, bottom: float) -> Rect:
        """Return the screen pixels that a part of a picture touches.

        Args:
            right, bottom: the column and the row after the last.

        Raises: ValueError for a part that is empty or reaches off the picture.
        """
        size = self.picture
        shown = f"({left:g}, {top:g}) to ({right:g}, {bottom:g})"
        if not (left < right and top < bottom):
            raise ValueError(f"{shown} holds nothing: the corners are top left, then bottom right")
        if not (left >= 0 and top >= 0 and right <= size.width and bottom <= size.height):
            size_here = f"{size.width}x{size.height}"
            raise ValueError(f"{shown} reaches off the screen, which is {size_here} here")
        area = Area(left, top, right - left, bottom - top)
        return Mapping(self.screen, "image", self._space()).rect(area)

    def shown(self, x: int, y: int) -> tuple[int, int]:
        """Return where a screen pixel lies in the picture."""
        return self._space().to_image(x, y)

    def _space(self) -> Space:
        return Space(Rect(0, 0, self.screen.width, self.screen.height), self.picture, self.screen)


def view_of(screen: Size, declared: Size | None, *, max_long_edge: int, max_pixels: int) -> View:
    """Return the screen as a model is shown it, no larger than the screen itself.

    Args:
        declared: the size that the caller has told the model; it wins over the limits. Another
            aspect than the screen's stretches the picture: what was declared must map exactly.
        max_long_edge: the vendor's limit, in pixels, as is `max_pixels`.
    """
    if declared is None:
        declared = fit(screen, max_long_edge=max_long_edge, max_pixels=max_pixels)
    return View(screen, declared)


@dataclass(frozen=True, slots=True)
class Read:
    """One vendor call, understood: its actions in screen pixels, or why it cannot be done.

    `fault` is told to the model when the call's turn comes, and halts the batch there.
    """

    actions: tuple[Action, ...] = ()
    fault: str = ""


class Status(enum.StrEnum):
    """What became of an action or a call."""

    DONE = "done"
    FAILED = "failed"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture; `rect` is the part of the screen that it shows."""

    body: bytes
    media_type: str
    rect: Rect

    def base64(self) -> str:
        """Return the bytes as text."""
        return base64.b64encode(self.body).decode("ascii")

    def data_url(self) -> str:
        """Return the picture as a URL (RFC 2397)."""
        return f"data:{self.media_type};base64,{self.base64()}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one vendor call.

    Args:
        error: what went wrong, in words for the model; empty unless FAILED.
        results: what each action that was done answered (`CursorAt`, `Scrolled`, ...), in order.
        pictures: of its screenshot and zoom actions, in order.
    """

    status: Status
    error: str = ""
    results: tuple[msgspec.Struct, ...] = ()
    pictures: tuple[Picture, ...] = ()


NOT_EXECUTED = "Not executed: an earlier computer action in this turn failed."


def error_of(outcomes: Sequence[Outcome]) -> str:
    """Return what the model is told went wrong with a call; empty when all of it was done."""
    for outcome in outcomes:
        if outcome.status is Status.FAILED:
            return outcome.error or "The action failed."
        if outcome.status is Status.NOT_RUN:
            return NOT_EXECUTED
    return ""


class Dialect(Protocol):
    """One vendor's vocabulary."""

    @property
    def name(self) -> str:
        """As callers name it, e.g. `computer_20251124`."""

    @property
    def ends_with_picture(self) -> bool:
        """Whether an answer always carries a picture, asked for or not."""

    def view(self, screen: Size, declared: Size | None) -> View:
        """Return what the model is shown of a screen.

        Args:
            declared: the display's size in the tool's definition; None = chosen within the
                vendor's documented limits, the aspect kept.
        """

    def read(self, call: Object[str, object], view: View) -> list[Read]:
        """Read one item of the vendor's; one that carries several actions gives one Read each.

        Never raises for what a model may have written: that is a `fault`.
        Raises: BadRequest for what is no tool call of this vendor at all.
        """

    def answer(
        self,
        calls: Sequence[Object[str, object]],
        outcomes: Sequence[Sequence[Outcome]],
        view: View,
        final: Picture | None,
    ) -> list[dict[str, object]]:
        """Return the vendor's items to append to the conversation.

        One result for each call, in order; where a result has no room for words, what went wrong
        follows in an item of its own.

        Args:
            outcomes: of each call the outcomes of its Reads.
            final: the picture after the batch has settled, if one was taken.
        """
