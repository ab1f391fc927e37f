"""Anthropic's vocabulary: every action of the computer tool, and since which version it has what.

Pure. Points are pixels of the whole screenshot, `text` of a click or a scroll is held meanwhile.
The acknowledgements are those of the vendor's own SDK. Source: platform.claude.com, "Computer use
tool"; the types of the `anthropic` package 2.12.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from agentd.desktop.actions import (
    Action,
    Area,
    ButtonDown,
    ButtonUp,
    Click,
    CursorPosition,
    Drag,
    Hold,
    Move,
    Pause,
    Press,
    Scroll,
    Spot,
    TakePicture,
    Type,
    Zoom,
)
from agentd.desktop.dialects.chords import chord, chords, modifiers
from agentd.desktop.dialects.dialect import Outcome, View
from agentd.desktop.dialects.vocabulary import (
    Magnitude,
    Member,
    Seconds,
    cursor_of,
    in_milliseconds,
    text_of,
    typed,
)

V2024 = "computer_20241022"
V2025 = "computer_20250124"
V2025_ZOOM = "computer_20251124"
TOOLSET = "computer_toolset_20260801"
VERSIONS = (V2024, V2025, V2025_ZOOM, TOOLSET)

Pair = Annotated[list[float], Meta(min_length=2, max_length=2)]
Corners = Annotated[list[float], Meta(min_length=4, max_length=4)]


class _Screenshot(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        return [TakePicture()]


class _Zoom(Member, frozen=True):
    region: Corners

    def actions(self, view: View) -> Sequence[Action]:
        rect = view.region(*self.region)
        return [Zoom(region=Area(rect.x, rect.y, rect.width, rect.height))]


class _CursorPosition(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        return [CursorPosition()]

    def done(self, outcome: Outcome, view: View) -> str:
        at = cursor_of(outcome)
        return "X={},Y={}".format(*view.shown(*at)) if at else "The position is not known."


class _MouseMove(Member, frozen=True):
    coordinate: Pair

    def actions(self, view: View) -> Sequence[Action]:
        x, y = view.point(*self.coordinate)
        return [Move(x=x, y=y)]

    def done(self, outcome: Outcome, view: View) -> str:
        return "Moved the mouse."


class _LeftClick(Member, frozen=True):
    coordinate: Pair | None = None
    text: str | None = None

    button: ClassVar[str] = "left"
    count: ClassVar[int] = 1
    words: ClassVar[str] = "Clicked."

    def actions(self, view: View) -> Sequence[Action]:
        x, y = _point(self.coordinate, view)
        held = modifiers(self.text, path="text")
        return [Click(x=x, y=y, button=self.button, count=self.count, modifiers=held)]

    def done(self, outcome: Outcome, view: View) -> str:
        return self.words


class _RightClick(_LeftClick, frozen=True):
    button: ClassVar[str] = "right"
    words: ClassVar[str] = "Right-clicked."


class _MiddleClick(_LeftClick, frozen=True):
    button: ClassVar[str] = "middle"
    words: ClassVar[str] = "Middle-clicked."


class _DoubleClick(_LeftClick, frozen=True):
    count: ClassVar[int] = 2
    words: ClassVar[str] = "Double-clicked."


class _TripleClick(_LeftClick, frozen=True):
    count: ClassVar[int] = 3
    words: ClassVar[str] = "Triple-clicked."


class _LeftClickDrag(Member, frozen=True):
    coordinate: Pair
    start_coordinate: Pair | None = None
    text: str | None = None

    def actions(self, view: View) -> Sequence[Action]:
        points = [self.start_coordinate, self.coordinate]
        path = [Spot(*view.point(*point)) for point in points if point is not None]
        return [Drag(path=path, modifiers=modifiers(self.text, path="text"))]

    def done(self, outcome: Outcome, view: View) -> str:
        return "Dragged."


class _LeftMouseDown(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        return [ButtonDown()]

    def done(self, outcome: Outcome, view: View) -> str:
        return "Left mouse button pressed."


class _LeftMouseUp(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        return [ButtonUp()]

    def done(self, outcome: Outcome, view: View) -> str:
        return "Left mouse button released."


class _Scroll(Member, frozen=True):
    scroll_direction: Literal["up", "down", "left", "right"]
    scroll_amount: Magnitude
    coordinate: Pair | None = None
    text: str | None = None

    def actions(self, view: View) -> Sequence[Action]:
        x, y = _point(self.coordinate, view)
        right, down = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}[
            self.scroll_direction
        ]
        dx, dy = right * self.scroll_amount, down * self.scroll_amount
        return [Scroll(x=x, y=y, dx=dx, dy=dy, modifiers=modifiers(self.text, path="text"))]

    def done(self, outcome: Outcome, view: View) -> str:
        return f"Scrolled {self.scroll_direction}."


class _Key(Member, frozen=True):
    text: str
    repeat: Annotated[int, Meta(ge=1, le=100)] = 1

    def actions(self, view: View) -> Sequence[Action]:
        keys = chords(self.text, path="text")
        if len(keys) == 1:
            return [Press(keys=keys[0], repeat=self.repeat)]
        return [Press(keys=key) for key in keys] * self.repeat

    def done(self, outcome: Outcome, view: View) -> str:
        return f"Pressed {self.text}."


class _HoldKey(Member, frozen=True):
    text: str
    duration: Seconds

    def actions(self, view: View) -> Sequence[Action]:
        return [
            Hold(keys=chord(self.text, path="text"), duration_ms=in_milliseconds(self.duration))
        ]

    def done(self, outcome: Outcome, view: View) -> str:
        return f"Held {self.text} for {self.duration:g}s."


class _Type(Member, frozen=True):
    text: str

    def actions(self, view: View) -> Sequence[Action]:
        return [Type(text=text_of(self.text, path="text"))]

    def done(self, outcome: Outcome, view: View) -> str:
        return typed(outcome)


class _Wait(Member, frozen=True):
    duration: Seconds

    def actions(self, view: View) -> Sequence[Action]:
        return [Pause(duration_ms=in_milliseconds(self.duration))]

    def done(self, outcome: Outcome, view: View) -> str:
        return f"Waited {self.duration:g}s."


MEMBERS: dict[str, type[Member]] = {
    "screenshot": _Screenshot,
    "cursor_position": _CursorPosition,
    "mouse_move": _MouseMove,
    "left_click": _LeftClick,
    "right_click": _RightClick,
    "middle_click": _MiddleClick,
    "double_click": _DoubleClick,
    "left_click_drag": _LeftClickDrag,
    "key": _Key,
    "type": _Type,
    "triple_click": _TripleClick,
    "left_mouse_down": _LeftMouseDown,
    "left_mouse_up": _LeftMouseUp,
    "scroll": _Scroll,
    "hold_key": _HoldKey,
    "wait": _Wait,
    "zoom": _Zoom,
}

# What is not named here has been there from the first version on: members, then single fields.
_SINCE = {
    **dict.fromkeys(["triple_click", "left_mouse_down", "left_mouse_up"], V2025),
    **dict.fromkeys(["scroll", "hold_key", "wait"], V2025),
    "zoom": V2025_ZOOM,
}
_CLICKS = ("left_click", "right_click", "middle_click", "double_click")
_FIELD_SINCE = {
    **{(name, field): V2025 for name in _CLICKS for field in ("coordinate", "text")},
    ("left_click_drag", "start_coordinate"): V2025,
    ("left_click_drag", "text"): TOOLSET,
    ("key", "repeat"): TOOLSET,
}
# The toolset's drag always says where it starts.
_REQUIRED = {TOOLSET: {"left_click_drag": ("start_coordinate",)}}


def members(version: str) -> list[str]:
    """Return the names of a version's members."""
    return [name for name in MEMBERS if _has(version, _SINCE.get(name, V2024))]


def fault_of(version: str, name: str, fields: Object[str, object]) -> str:
    """Return what in a call is not of this version, and which version has it; empty if all is."""
    since = _SINCE.get(name, V2024)
    if not _has(version, since):
        return f"the action is known since {since}, and this tool is {version}"
    given = [field for field, value in fields.items() if value is not None]
    for field in given:
        since = _FIELD_SINCE.get((name, field), V2024)
        if not _has(version, since):
            return f"{field}: known since {since}, and this tool is {version}"
    for field in _REQUIRED.get(version, {}).get(name, ()):
        if field not in given:
            return f"{field}: wanted a list of numbers with 2 items, got nothing"
    return ""


def _has(version: str, since: str) -> bool:
    return VERSIONS.index(version) >= VERSIONS.index(since)


def _point(coordinate: list[float] | None, view: View) -> tuple[int, int] | tuple[None, None]:
    return (None, None) if coordinate is None else view.point(*coordinate)
