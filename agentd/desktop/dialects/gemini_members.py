"""Gemini's vocabulary since 3.5, for desktops and browsers.

Pure. Points are 0..999 over the whole screen, in both axes. What a browser is told to do is done
with the keys that desktop browsers have for it. The older set is `gemini_browser.py`. Source:
ai.google.dev and docs.cloud.google.com, "Computer use".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from agentd.desktop.actions import (
    Action,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    KeyDown,
    KeyUp,
    Move,
    Pause,
    Press,
    Scroll,
    Spot,
    TakePicture,
    Type,
)
from agentd.desktop.dialects.chords import chord, chords_of
from agentd.desktop.dialects.dialect import Outcome, View
from agentd.desktop.dialects.vocabulary import (
    Magnitude,
    Member,
    Seconds,
    in_milliseconds,
    text_of,
    typed,
)

GRID = 1000

# The edge counts as the last pixel: models do write 1000.
Share = Annotated[float, Meta(ge=0, le=GRID)]
Direction = Literal["up", "down", "left", "right"]


class Acknowledged(Member, frozen=True, kw_only=True):
    """An action that is acknowledged in the same words, however it was asked for."""

    words: ClassVar[str] = "Done."

    def done(self, outcome: Outcome, view: View) -> str:
        """Return its words."""
        return self.words


class At(Acknowledged, frozen=True, kw_only=True):
    """An action at a point."""

    x: Share
    y: Share

    def at(self, view: View) -> tuple[int, int]:
        """Return its screen pixel."""
        return pixel(self.x, self.y, view)


class LeftClick(At, frozen=True, kw_only=True):
    """A click at a point; what derives from it says with which button and how often."""

    button: ClassVar[str] = "left"
    count: ClassVar[int] = 1
    words: ClassVar[str] = "Clicked."

    def actions(self, view: View) -> Sequence[Action]:
        """Return the click."""
        x, y = self.at(view)
        return [Click(x=x, y=y, button=self.button, count=self.count)]


class _DoubleClick(LeftClick, frozen=True, kw_only=True):
    count: ClassVar[int] = 2
    words: ClassVar[str] = "Double-clicked."


class _TripleClick(LeftClick, frozen=True, kw_only=True):
    count: ClassVar[int] = 3
    words: ClassVar[str] = "Triple-clicked."


class _MiddleClick(LeftClick, frozen=True, kw_only=True):
    button: ClassVar[str] = "middle"
    words: ClassVar[str] = "Middle-clicked."


class _RightClick(LeftClick, frozen=True, kw_only=True):
    button: ClassVar[str] = "right"
    words: ClassVar[str] = "Right-clicked."


class _MouseDown(At, frozen=True, kw_only=True):
    words: ClassVar[str] = "Mouse button pressed."

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        return [ButtonDown(x=x, y=y)]


class _MouseUp(At, frozen=True, kw_only=True):
    words: ClassVar[str] = "Mouse button released."

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        return [ButtonUp(x=x, y=y)]


class MoveTo(At, frozen=True, kw_only=True):
    """A move without a click."""

    words: ClassVar[str] = "Moved the mouse."

    def actions(self, view: View) -> Sequence[Action]:
        """Return the move."""
        x, y = self.at(view)
        return [Move(x=x, y=y)]


class _Type(Member, frozen=True, kw_only=True):
    text: str
    press_enter: bool = False

    def actions(self, view: View) -> Sequence[Action]:
        return typing(self.text, then_enter=self.press_enter)

    def done(self, outcome: Outcome, view: View) -> str:
        return typed(outcome)


class DragAndDrop(Acknowledged, frozen=True, kw_only=True):
    """The table says `start_x`, the samples and the older set `x` and `destination_x`."""

    start_x: Share | None = None
    start_y: Share | None = None
    end_x: Share | None = None
    end_y: Share | None = None
    x: Share | None = None
    y: Share | None = None
    destination_x: Share | None = None
    destination_y: Share | None = None

    words: ClassVar[str] = "Dragged."

    def actions(self, view: View) -> Sequence[Action]:
        """Return the drag. Raises: ValueError unless one spelling is complete."""
        spelled = (self.start_x, self.start_y, self.end_x, self.end_y)
        older = (self.x, self.y, self.destination_x, self.destination_y)
        if any(value is not None for value in older):
            spelled, older = older, spelled
        x, y, to_x, to_y = spelled
        mixed = any(value is not None for value in older)
        if mixed or x is None or y is None or to_x is None or to_y is None:
            raise ValueError(
                "wanted start_y, start_x, end_y, end_x, or y, x, destination_y, destination_x"
            )
        return [Drag(path=[Spot(*pixel(x, y, view)), Spot(*pixel(to_x, to_y, view))])]


class _Scroll(Acknowledged, frozen=True, kw_only=True):
    """The table says pixels; desktops have been seen to get wheel clicks."""

    direction: Direction
    x: Share | None = None
    y: Share | None = None
    magnitude_in_pixels: Magnitude | None = None
    magnitude: Magnitude | None = None
    magnitude_in_wheel_clicks: Magnitude | None = None

    words: ClassVar[str] = "Scrolled."

    def actions(self, view: View) -> Sequence[Action]:
        amounts = (self.magnitude_in_pixels, self.magnitude, self.magnitude_in_wheel_clicks)
        given = [amount for amount in amounts if amount is not None]
        if len(given) > 1:
            raise ValueError("wanted one magnitude, got several")
        if (self.x is None) != (self.y is None):
            raise ValueError("wanted both x and y, or neither")
        point = None if self.x is None or self.y is None else pixel(self.x, self.y, view)
        x, y = point or (None, None)
        dx, dy = along(self.direction, given[0] if given else 300)
        in_ticks = self.magnitude_in_wheel_clicks is not None
        return [Scroll(x=x, y=y, dx=dx, dy=dy, unit="ticks" if in_ticks else "pixels")]


class _Wait(Acknowledged, frozen=True, kw_only=True):
    seconds: Seconds = 1

    words: ClassVar[str] = "Waited."

    def actions(self, view: View) -> Sequence[Action]:
        return [Pause(duration_ms=in_milliseconds(self.seconds))]


class _PressKey(Acknowledged, frozen=True, kw_only=True):
    key: str

    words: ClassVar[str] = "Pressed."

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys=chord(self.key, path="key"))]


class _KeyDown(Acknowledged, frozen=True, kw_only=True):
    key: str

    words: ClassVar[str] = "Key pressed and held."

    def actions(self, view: View) -> Sequence[Action]:
        return [KeyDown(key=chord(self.key, path="key"))]


class _KeyUp(Acknowledged, frozen=True, kw_only=True):
    key: str

    words: ClassVar[str] = "Key released."

    def actions(self, view: View) -> Sequence[Action]:
        return [KeyUp(key=chord(self.key, path="key"))]


class _Hotkey(Acknowledged, frozen=True, kw_only=True):
    keys: Annotated[list[str], Meta(min_length=1, max_length=16)]

    words: ClassVar[str] = "Pressed."

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys=keys) for keys in chords_of(self.keys, path="keys")]


class _TakeScreenshot(Acknowledged, frozen=True, kw_only=True):
    words: ClassVar[str] = "Here is the screen."

    def actions(self, view: View) -> Sequence[Action]:
        return [TakePicture()]


class _GoBack(Acknowledged, frozen=True, kw_only=True):
    words: ClassVar[str] = "Pressed alt+Left, which goes back in a browser."

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys="alt+Left")]


class _GoForward(Acknowledged, frozen=True, kw_only=True):
    words: ClassVar[str] = "Pressed alt+Right, which goes forward in a browser."

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys="alt+Right")]


class Navigate(Acknowledged, frozen=True, kw_only=True):
    """Open an address in the browser that has the focus."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]

    words: ClassVar[str] = "Typed the address into the focused browser."

    def actions(self, view: View) -> Sequence[Action]:
        """Return the keys: address bar, address, Return."""
        if not self.url.isprintable():
            # A line break would open one half, and leave the other to whatever has the focus then.
            raise ValueError("url: wanted one line of printable characters")
        return [Press(keys="ctrl+l"), Type(text=self.url), Press(keys="Return")]


BROWSER_KEYS: dict[str, type[Member]] = {
    "go_back": _GoBack,
    "go_forward": _GoForward,
    "navigate": Navigate,
}

DESKTOP_SET: dict[str, type[Member]] = {
    "click": LeftClick,
    "double_click": _DoubleClick,
    "triple_click": _TripleClick,
    "middle_click": _MiddleClick,
    "right_click": _RightClick,
    "mouse_down": _MouseDown,
    "mouse_up": _MouseUp,
    "move": MoveTo,
    "type": _Type,
    "drag_and_drop": DragAndDrop,
    "wait": _Wait,
    "press_key": _PressKey,
    "key_down": _KeyDown,
    "key_up": _KeyUp,
    "hotkey": _Hotkey,
    "take_screenshot": _TakeScreenshot,
    "scroll": _Scroll,
    **BROWSER_KEYS,
}


def pixel(x: float, y: float, view: View) -> tuple[int, int]:
    """Return the screen pixel of a point of the grid."""
    width, height = view.screen.width, view.screen.height
    return min(int(x * width / GRID), width - 1), min(int(y * height / GRID), height - 1)


def along(direction: Direction, amount: float) -> tuple[float, float]:
    """Return how far that is to the right and down."""
    right, down = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}[direction]
    return right * amount, down * amount


def typing(text: str, *, then_enter: bool) -> list[Action]:
    """Return what types a text, and presses Return after it if wanted."""
    typed_text: list[Action] = [Type(text=text_of(text, path="text"))] if text else []
    return [*typed_text, Press(keys="Return")] if then_enter else typed_text
