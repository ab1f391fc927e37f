"""Gemini's older vocabulary, that of the browser in 2.5 and 3, and what of either is refused.

Pure. It is done on a desktop: with keys that desktop browsers have, in the window that has the
focus. Source: docs.cloud.google.com, "Computer use"; what a document scrolls by, and what a search
opens, as the reference implementation computer-use-preview has it.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from agentd.desktop.actions import Action, Click, Pause, Press, Scroll
from agentd.desktop.dialects.chords import chord
from agentd.desktop.dialects.dialect import Outcome, View
from agentd.desktop.dialects.gemini_members import (
    BROWSER_KEYS,
    DESKTOP_SET,
    GRID,
    Acknowledged,
    At,
    Direction,
    DragAndDrop,
    LeftClick,
    MoveTo,
    Navigate,
    along,
    typing,
)
from agentd.desktop.dialects.vocabulary import Member, typed

SEARCH_PAGE = "https://www.google.com"


class _TypeTextAt(At, frozen=True, kw_only=True):
    text: str
    press_enter: bool = True
    clear_before_typing: bool = True

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        clear: list[Action] = (
            [Press(keys="ctrl+a"), Press(keys="Delete")] if self.clear_before_typing else []
        )
        then = typing(self.text, then_enter=self.press_enter)
        return [Click(x=x, y=y), *clear, *then]

    def done(self, outcome: Outcome, view: View) -> str:
        return typed(outcome)


class _ScrollAt(At, frozen=True, kw_only=True):
    direction: Direction
    magnitude: Annotated[float, Meta(ge=0, le=GRID)] = 800

    words: ClassVar[str] = "Scrolled."

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        # This one counts in the grid, not in pixels.
        edge = view.screen.height if self.direction in ("up", "down") else view.screen.width
        dx, dy = along(self.direction, round(self.magnitude * edge / GRID))
        return [Scroll(x=x, y=y, dx=dx, dy=dy, unit="pixels")]


class _ScrollDocument(Acknowledged, frozen=True, kw_only=True):
    direction: Direction

    words: ClassVar[str] = "Scrolled."

    def actions(self, view: View) -> Sequence[Action]:
        if self.direction in ("up", "down"):
            return [Press(keys="Page_Up" if self.direction == "up" else "Page_Down")]
        # No key pages sideways: half a screen by the wheel, where a page most likely is.
        dx, dy = along(self.direction, view.screen.width // 2)
        x, y = view.screen.width // 2, view.screen.height // 2
        return [Scroll(x=x, y=y, dx=dx, dy=dy, unit="pixels")]


class _Wait5Seconds(Acknowledged, frozen=True, kw_only=True):
    words: ClassVar[str] = "Waited."

    def actions(self, view: View) -> Sequence[Action]:
        return [Pause(duration_ms=5000)]


class _KeyCombination(Acknowledged, frozen=True, kw_only=True):
    keys: str

    words: ClassVar[str] = "Pressed."

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys=chord(self.keys, path="keys"))]


class _Search(Acknowledged, frozen=True, kw_only=True):
    words: ClassVar[str] = f"Opened {SEARCH_PAGE} in the focused browser."

    def actions(self, view: View) -> Sequence[Action]:
        return Navigate(url=SEARCH_PAGE).actions(view)


BROWSER_SET: dict[str, type[Member]] = {
    "click_at": LeftClick,
    "hover_at": MoveTo,
    "type_text_at": _TypeTextAt,
    "key_combination": _KeyCombination,
    "scroll_document": _ScrollDocument,
    "scroll_at": _ScrollAt,
    "drag_and_drop": DragAndDrop,
    "wait_5_seconds": _Wait5Seconds,
    "search": _Search,
    **BROWSER_KEYS,
}

_MOBILE = "it is for mobile devices, and this is a desktop"
REFUSED = {
    "open_web_browser": "no key opens a browser here; click its icon, or use a window that is open",
    "open_app": f"{_MOBILE}; click what starts the program",
    "list_apps": f"{_MOBILE}; look at the screen",
    "long_press": f"{_MOBILE}; use mouse_down, wait and mouse_up",
}


def wants_url(name: str, arguments: Object[str, object]) -> bool:
    """Whether a call is of a browser's vocabulary, whose answers carry an address."""
    if name in DESKTOP_SET and name not in BROWSER_KEYS:
        return "destination_x" in arguments
    return name in BROWSER_SET or name == "open_web_browser"
