"""The one action model: everything that hands and eyes can be asked for, as values.

Pure. Vendors' tool calls are translated into these (`dialects/`), a batch is a list of these
(`act.py`), a single command is one of these. It checks them and maps their points to the screen;
it performs nothing: `performer.py` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import convert, json_schema
from agentd.desktop.hands.gestures import button_number, modifier_keysyms
from agentd.desktop.hands.keynames import keysyms_of_text, parse_chord
from agentd.desktop.parameters import (
    Amount,
    Button,
    Count,
    Key,
    Keys,
    Milliseconds,
    Modifiers,
    Repeat,
    ScrollUnit,
    Text,
    TypeDelay,
)
from agentd.desktop.screen.frame import MAX_EDGE, Rect, Size, Space

Coordinate = Annotated[
    float,
    Meta(
        ge=0,
        le=MAX_EDGE,
        description="Screen pixels; picture pixels or 0..1 where the call's space says so",
        examples=[640],
    ),
]


class Spot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point, in the space of its call."""

    x: Coordinate
    y: Coordinate


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the screen, in the space of its call."""

    x: Coordinate
    y: Coordinate
    width: Annotated[float, Meta(gt=0, le=MAX_EDGE)]
    height: Annotated[float, Meta(gt=0, le=MAX_EDGE)]


class _Action(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", kw_only=True
):
    """What all actions have in common: nothing but the form."""


class Move(_Action, frozen=True, tag="move"):
    """Move the pointer to a point."""

    x: Coordinate
    y: Coordinate
    modifiers: Modifiers = []


class Click(_Action, frozen=True, tag="click"):
    """Click at a point, or where the pointer is."""

    x: Coordinate | None = None
    y: Coordinate | None = None
    button: Button = "left"
    count: Count = 1
    modifiers: Modifiers = []


class Drag(_Action, frozen=True, tag="drag"):
    """Press at the first point, pass all points, let go at the last; one point: from here."""

    path: Annotated[list[Spot], Meta(min_length=1, max_length=1000)]
    button: Button = "left"
    modifiers: Modifiers = []
    duration_ms: Milliseconds = 0


class Scroll(_Action, frozen=True, tag="scroll"):
    """Turn the wheel; positive is right and down. Parts of a tick are kept for the next."""

    x: Coordinate | None = None
    y: Coordinate | None = None
    dx: Amount = 0
    dy: Amount = 0
    unit: ScrollUnit = "ticks"
    modifiers: Modifiers = []


class ButtonDown(_Action, frozen=True, tag="button_down"):
    """Press a button and keep it down for the caller's connection."""

    x: Coordinate | None = None
    y: Coordinate | None = None
    button: Button = "left"


class ButtonUp(_Action, frozen=True, tag="button_up"):
    """Let go of a button that the caller's connection holds."""

    x: Coordinate | None = None
    y: Coordinate | None = None
    button: Button = "left"


class Press(_Action, frozen=True, tag="press"):
    """Press a key or a chord and let it go."""

    keys: Keys
    repeat: Repeat = 1


class Hold(_Action, frozen=True, tag="hold"):
    """Hold a key or a chord for a time."""

    keys: Keys
    duration_ms: Milliseconds


class KeyDown(_Action, frozen=True, tag="key_down"):
    """Press a key and keep it down for the caller's connection."""

    key: Key


class KeyUp(_Action, frozen=True, tag="key_up"):
    """Let go of a key that the caller's connection holds."""

    key: Key


class Type(_Action, frozen=True, tag="type"):
    """Type any Unicode text into what has the focus."""

    text: Text
    delay_ms: TypeDelay = 0


class Pause(_Action, frozen=True, tag="pause"):
    """Do nothing for a time. Waiting for the screen is what `settle` is for."""

    duration_ms: Milliseconds


class CursorPosition(_Action, frozen=True, tag="cursor"):
    """Tell where the pointer is."""


class TakePicture(_Action, frozen=True, tag="screenshot"):
    """Take a picture in the midst of the batch, as `observe` describes it."""


class Zoom(_Action, frozen=True, tag="zoom"):
    """Take a picture of a part of the screen, as large as the whole screen's picture."""

    region: Area


HandAction: TypeAlias = (
    Move
    | Click
    | Drag
    | Scroll
    | ButtonDown
    | ButtonUp
    | Press
    | Hold
    | KeyDown
    | KeyUp
    | Type
    | Pause
    | CursorPosition
)
Action: TypeAlias = HandAction | TakePicture | Zoom

MAX_ACTIONS = 200

ACTIONS: tuple[type[msgspec.Struct], ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Mapping:
    """How a call's coordinates lead to the screen.

    Args:
        screen: the screen's size, in pixels.
        space: `screen` pixels, pixels of a picture (`image`), or 0..1 over the screen
            (`normalised`).
        picture: where the picture lies, for `image`.
    """

    screen: Size
    space: Literal["screen", "image", "normalised"] = "screen"
    picture: Space | None = None

    def point(self, x: float, y: float) -> tuple[int, int]:
        """Return the screen pixel of a point; what is off the screen stays off it.

        Raises: ValueError for a point off the picture, or over 1.
        """
        if self.space == "screen":
            return round(x), round(y)
        if self.space == "normalised":
            if x > 1 or y > 1:
                raise ValueError("0..1")
            return _share(x, self.screen.width), _share(y, self.screen.height)
        assert self.picture is not None, "an image space has a picture"
        size = self.picture.picture
        if x >= size.width or y >= size.height:
            raise ValueError(f"a point of the picture of {size.width}x{size.height}")
        return self.picture.to_screen(int(x), int(y))

    def rect(self, area: Area) -> Rect:
        """Return the screen pixels of an area, with those that are only touched."""
        if self.space == "image":
            assert self.picture is not None, "an image space has a picture"
            shown, size = self.picture.crop, self.picture.picture
        elif self.space == "normalised":
            shown, size = Rect(0, 0, self.screen.width, self.screen.height), Size(1, 1)
        else:
            return Rect(round(area.x), round(area.y), round(area.width), round(area.height))
        left, right = _edges(area.x, area.width, size.width, shown.width)
        top, bottom = _edges(area.y, area.height, size.height, shown.height)
        return Rect.from_edges(left=left, top=top, right=right, bottom=bottom).moved(
            shown.x, shown.y
        )


def read_actions(values: Sequence[object], mapping: Mapping) -> list[Action]:
    """Return checked actions in screen pixels; nothing of a faulty batch is run.

    Raises: BadRequest with every fault of every action, each under its path `actions[N].…`.
    """
    actions: list[Action] = []
    faults: list[FieldError] = []
    for number, value in enumerate(values):
        try:
            action: Action = convert(value, Action, what="action")  # type: ignore[arg-type]
            actions.append(on_screen(action, mapping))
        except BadRequest as exc:
            own = exc.errors or (FieldError("", "an action that can be done", exc.detail),)
            faults += [_under(f"actions[{number}]", fault) for fault in own]
    if faults:
        first = "; ".join(str(fault) for fault in faults[:3])
        raise BadRequest(f"desktop.act: {first}", code="invalid", errors=faults)
    return actions


def on_screen(action: Action, mapping: Mapping) -> Action:
    """Check one action and return it with its points in whole screen pixels.

    Raises: BadRequest with every fault: points off the screen, unknown keys, buttons, modifiers.
    """
    faults: list[FieldError] = []
    changes: dict[str, object] = {}
    _check_names(action, faults)
    match action:
        case Drag(path=path):
            spots = [
                _spot(spot.x, spot.y, mapping, f"path[{number}].", faults)
                for number, spot in enumerate(path)
            ]
            changes["path"] = [Spot(x, y) for x, y in spots]
        case Zoom(region=region):
            changes["region"] = _region(region, mapping, faults)
        case Move() | Click() | Scroll() | ButtonDown() | ButtonUp():
            if action.x is not None and action.y is not None:
                changes["x"], changes["y"] = _spot(action.x, action.y, mapping, "", faults)
            elif action.x is not action.y:
                missing = "x" if action.x is None else "y"
                faults.append(FieldError(missing, "both x and y, or neither", "nothing"))
    if faults:
        raise BadRequest("; ".join(map(str, faults[:3])), code="invalid", errors=faults)
    return msgspec.structs.replace(action, **changes) if changes else action


def schema_of_actions() -> dict[str, object]:
    """Return the JSON Schema of one action, without references; a vendor's call fits, too."""
    _, components = json_schema(ACTIONS, "{name}")

    def inlined(value: object) -> object:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                return inlined(components[value["$ref"]])
            return {key: inlined(item) for key, item in value.items() if key != "title"}
        return [inlined(item) for item in value] if isinstance(value, list) else value

    own = [inlined(components[struct.__name__]) for struct in ACTIONS]
    vendors = {"type": "object", "description": "A vendor's tool call as it is, with its dialect"}
    return {"anyOf": [*own, vendors]}


def name_of(action: Action) -> str:
    """Return an action's name on the wire, as `click`."""
    return str(action.__struct_config__.tag)


def _check_names(action: Action, faults: list[FieldError]) -> None:
    """Look up every key, button and modifier now: a typing error must not halt a batch midway."""
    checks: list[Callable[[], object]] = []
    if isinstance(action, Press | Hold):
        checks.append(lambda: parse_chord(action.keys, path="keys"))
    if isinstance(action, KeyDown | KeyUp):
        checks.append(lambda: parse_chord(action.key, path="key"))
    if isinstance(action, Type):
        checks.append(lambda: tuple(keysyms_of_text(action.text)))
    if isinstance(action, Click | Drag | ButtonDown | ButtonUp):
        checks.append(lambda: (button_number(action.button),))
    if isinstance(action, Move | Click | Drag | Scroll):
        checks.append(lambda: modifier_keysyms(action.modifiers))
    for check in checks:
        try:
            check()
        except BadRequest as exc:
            faults += exc.errors


def _spot(
    x: float, y: float, mapping: Mapping, path: str, faults: list[FieldError]
) -> tuple[int, int]:
    try:
        at = mapping.point(x, y)
    except ValueError as exc:
        faults.append(FieldError(f"{path}x, {path}y", str(exc), f"{x:g}, {y:g}"))
        return 0, 0
    screen = mapping.screen
    for axis, value, size in (("x", at[0], screen.width), ("y", at[1], screen.height)):
        if not 0 <= value < size:
            wanted = f"0 to {size - 1}; the screen is {screen.width}x{screen.height}"
            faults.append(FieldError(f"{path}{axis}", wanted, str(value)))
    return at


def _region(area: Area, mapping: Mapping, faults: list[FieldError]) -> Area:
    screen = Rect(0, 0, mapping.screen.width, mapping.screen.height)
    found = f"{area.width:g}x{area.height:g} at {area.x:g},{area.y:g}"
    rect = mapping.rect(area).intersect(screen)
    if rect.area == 0:
        faults.append(
            FieldError("region", f"a part of the screen of {screen.width}x{screen.height}", found)
        )
    return Area(rect.x, rect.y, rect.width, rect.height)


def _share(value: float, length: int) -> int:
    """Return the pixel at a share of an edge; 1 is the last pixel."""
    return min(length - 1, int(value * length))


def _edges(start: float, length: float, size: int, shown: int) -> tuple[int, int]:
    """Return the first pixel of `shown` that a part of `size` touches, and the one after it."""
    first, after = start * shown / size, (start + length) * shown / size
    # Rounded a little first, or a tenth of a pixel of floating point would take one pixel more.
    return math.floor(round(first, 6)), math.ceil(round(after, 6))


def _under(path: str, fault: FieldError) -> FieldError:
    inner = f"{path}.{fault.path}" if fault.path else path
    return msgspec.structs.replace(fault, path=inner)
