"""OpenAI's dialect: `computer_call` items in, `computer_call_output` items out, old and new.

Pure. The tool `computer` batches `actions`, `computer_use_preview` sends one `action`. An output
has room for one picture and no words, so that a failure follows as a message. Safety checks are
never acknowledged here: whoever hands in a call has decided to run it, and what they acknowledge
they add to it. Source: developers.openai.com, "Computer use"; the types of the `openai` package
3.54.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import shown
from agentd.desktop.actions import Action, Click, Drag, Move, Pause, Press, Scroll, Spot, Type
from agentd.desktop.dialects.chords import chords_of, modifiers
from agentd.desktop.dialects.dialect import (
    NOT_EXECUTED,
    Outcome,
    Picture,
    Read,
    Status,
    View,
    error_of,
    view_of,
)
from agentd.desktop.dialects.vocabulary import Member, object_of, read_member, text_of, unknown
from agentd.desktop.screen.frame import Size

# Up to here `detail: original` has kept every pixel since it exists.
MAX_LONG_EDGE = 6000
MAX_PIXELS = 10_240_000

# The vendor's wait has no duration; this is what the vendor's own samples sleep.
WAIT_MS = 2000

_Distance = Annotated[float, Meta(ge=-10_000, le=10_000)]
_KeyNames = Annotated[tuple[str, ...], Meta(max_length=16)]


class _Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    x: float
    y: float


_Pair = Annotated[list[float], Meta(min_length=2, max_length=2)]


class _Pointing(Member, frozen=True, kw_only=True):
    x: float
    y: float
    keys: _KeyNames = ()

    def at(self, view: View) -> tuple[int, int]:
        return view.point(self.x, self.y)

    def held(self) -> list[str]:
        return _held(self.keys)


class _Click(_Pointing, frozen=True, kw_only=True):
    button: Literal["left", "right", "wheel", "back", "forward"] = "left"

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        button = "middle" if self.button == "wheel" else self.button
        return [Click(x=x, y=y, button=button, modifiers=self.held())]


class _DoubleClick(_Pointing, frozen=True, kw_only=True):
    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        return [Click(x=x, y=y, count=2, modifiers=self.held())]


class _Move(_Pointing, frozen=True, kw_only=True):
    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        return [Move(x=x, y=y, modifiers=self.held())]


class _Scroll(_Pointing, frozen=True, kw_only=True):
    scroll_x: _Distance = 0
    scroll_y: _Distance = 0

    def actions(self, view: View) -> Sequence[Action]:
        x, y = self.at(view)
        return [
            Scroll(
                x=x,
                y=y,
                dx=self.scroll_x,
                dy=self.scroll_y,
                unit="pixels",
                modifiers=self.held(),
            )
        ]


class _Drag(Member, frozen=True, kw_only=True):
    # The samples of the vendor take pairs too: models have sent them.
    path: Annotated[list[_Point | _Pair], Meta(min_length=2, max_length=1000)]
    keys: _KeyNames = ()

    def actions(self, view: View) -> Sequence[Action]:
        points = [(at.x, at.y) if isinstance(at, _Point) else (at[0], at[1]) for at in self.path]
        path = [Spot(*view.point(*point)) for point in points]
        return [Drag(path=path, modifiers=_held(self.keys))]


class _Keypress(Member, frozen=True):
    keys: Annotated[list[str], Meta(min_length=1, max_length=16)]

    def actions(self, view: View) -> Sequence[Action]:
        return [Press(keys=keys) for keys in chords_of(self.keys, path="keys")]


class _Type(Member, frozen=True):
    text: str

    def actions(self, view: View) -> Sequence[Action]:
        return [Type(text=text_of(self.text, path="text"))]


class _Wait(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        return [Pause(duration_ms=WAIT_MS)]


class _Screenshot(Member, frozen=True):
    def actions(self, view: View) -> Sequence[Action]:
        # Every output carries the picture after the whole call, and has room for no other.
        return []


MEMBERS: dict[str, type[Member]] = {
    "click": _Click,
    "double_click": _DoubleClick,
    "drag": _Drag,
    "keypress": _Keypress,
    "move": _Move,
    "screenshot": _Screenshot,
    "scroll": _Scroll,
    "type": _Type,
    "wait": _Wait,
}


@dataclass(frozen=True, slots=True)
class OpenAI:
    """One generation of the computer tool, or both: then a call's shape tells.

    Args:
        name: as callers name it.
        shape: the only field of a call that is admitted, `action` or `actions`; empty = both.
    """

    name: str
    shape: str = ""

    @property
    def ends_with_picture(self) -> bool:
        """True: an output is a picture."""
        return True

    def view(self, screen: Size, declared: Size | None) -> View:
        """Return the screen as it is, up to a size that only few screens have."""
        return view_of(screen, declared, max_long_edge=MAX_LONG_EDGE, max_pixels=MAX_PIXELS)

    def read(self, call: Object[str, object], view: View) -> list[Read]:
        """Read a `computer_call` item, or a bare action. Raises: BadRequest if it is neither."""
        return [self._read_action(action, view) for action in self._actions(call)]

    def answer(
        self,
        calls: Sequence[Object[str, object]],
        outcomes: Sequence[Sequence[Outcome]],
        view: View,
        final: Picture | None,
    ) -> list[dict[str, object]]:
        """Return one `computer_call_output` a call, and one message if anything failed.

        Without a final picture the outputs lack their `image_url`, which the caller must add.
        """
        items = [_output(call, final) for call in calls]
        failures = [words for done in outcomes if (words := _failure(done))]
        if failures:
            content = [{"type": "input_text", "text": " ".join(dict.fromkeys(failures))}]
            items.append({"type": "message", "role": "user", "content": content})
        return items

    def _actions(self, call: Object[str, object]) -> list[object]:
        """Return the actions of a call. Raises: BadRequest for what is none of this tool."""
        kind = call.get("type")
        if isinstance(kind, str) and kind in MEMBERS:
            return [call]
        if kind != "computer_call":
            raise _not_a_call("type", '"computer_call"', kind)
        if not isinstance(call.get("call_id"), str):
            raise _not_a_call("call_id", "text", call.get("call_id"))
        shape = _shape_of(call)
        if self.shape and shape != self.shape:
            raise _not_a_call(self.shape, f"what {self.name} has", call.get(self.shape))
        if shape == "action":
            return [call["action"]]
        actions = call.get("actions")
        if not isinstance(actions, list | tuple):
            raise _not_a_call("actions", "a list of actions", actions)
        return list(actions)

    def _read_action(self, action: object, view: View) -> Read:
        fields = object_of(action)
        if fields is None:
            return Read(fault=f"An action is an object with a type, not {shown(action)}")
        name = fields.get("type")
        if not isinstance(name, str) or name not in MEMBERS:
            return Read(fault=unknown("action", name, list(MEMBERS)))
        rest = {key: value for key, value in fields.items() if key != "type"}
        return read_member(name, MEMBERS[name], rest, view)


def _shape_of(call: Object[str, object]) -> str:
    """Return which field of a call holds what to do; the other one may be there, but null."""
    if call.get("type") != "computer_call" or (call.get("action") and not call.get("actions")):
        return "action"
    return "actions"


def _output(call: Object[str, object], final: Picture | None) -> dict[str, object]:
    screenshot: dict[str, object] = {"type": "computer_screenshot"}
    if final is not None:
        screenshot["image_url"] = final.data_url()
    if _shape_of(call) == "actions":
        # The preview does not know this field. Any other detail would shrink the picture, and
        # points would come back in another size.
        screenshot["detail"] = "original"
    output: dict[str, object] = {"type": "computer_call_output", "output": screenshot}
    for key in ("call_id", "acknowledged_safety_checks"):
        if call.get(key):
            output[key] = call[key]
    return output


def _failure(outcomes: Sequence[Outcome]) -> str:
    """Return in words which action of a call failed, and how many were not run then."""
    for number, outcome in enumerate(outcomes, 1):
        if outcome.status is Status.FAILED:
            which = f"Action {number} of {len(outcomes)} failed" if len(outcomes) > 1 else "Failed"
            rest = " What follows it was not executed." if number < len(outcomes) else ""
            return f"{which}: {error_of([outcome]).rstrip('.')}.{rest}"
        if outcome.status is Status.NOT_RUN:
            return NOT_EXECUTED
    return ""


def _held(keys: Sequence[str]) -> list[str]:
    return [key for name in keys for key in modifiers(name, path="keys")]


def _not_a_call(path: str, wanted: str, found: object) -> BadRequest:
    fault = FieldError(path, wanted, shown(found))
    return BadRequest(f"reading a call of OpenAI's computer tool: {fault}", errors=[fault])
