"""Turns what a person's hands did, event by event, into the actions that would do it again.

Pure. A press and a release in one place are a click, presses in a row count up, a press that moves
is a drag, wheel buttons are ticks, plain typing is text, all else is a chord. The way to a click is
left out; a pointer that rested somewhere is a move, as a menu may have opened under it. What a
dead key or an input method makes of keys cannot be seen from here.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from agentd.desktop.actions import Click, Drag, Move, Press, Scroll, Spot, Type
from agentd.desktop.hands.gestures import BUTTONS
from agentd.desktop.hands.keynames import NAMES

HumanAction: TypeAlias = Move | Click | Drag | Scroll | Press | Type

# Programs take presses for one series that come within half a second.
SERIES_MS = 500
SERIES_PIXELS = 5
# A hand trembles on a click; from here on it is a drag.
DRAG_PIXELS = 5
TEXT_PAUSE_MS = 1000
REPEAT_MS = 600
TICKS_MS = 400
REST_MS = 300
_REST_PIXELS = 3
# What leaves a path no further than this from what the hand did.
_PATH_PIXELS = 2.0
_MAX_PATH = 200
_MAX_SEEN_PATH = 4000
_MAX_TEXT = 2000
_MAX_COUNT = 10
_MAX_REPEAT = 100

# Bits of an event's state (X11 protocol, SETofKEYBUTMASK), in the order that chords are written.
_MODIFIERS = ((0x04, "ctrl"), (0x08, "alt"), (0x01, "shift"), (0x40, "super"))
_SHIFT = 0x01
_TICKS = {4: (0, -1), 5: (0, 1), 6: (-1, 0), 7: (1, 0)}
_MODIFIER_KEYS = frozenset(range(0xFFE1, 0xFFEF)) | {0xFE03, 0xFF7E}
_LOCKS = frozenset({0xFFE5, 0xFFE6, 0xFF7F})


def _key_names() -> dict[int, str]:
    """The first name of each keysym that has some; single characters name themselves."""
    names = {0xFFE1: "shift", 0xFFE3: "ctrl", 0xFFE9: "alt", 0xFFEB: "super"}
    for name, keysym in NAMES.items():
        names.setdefault(keysym, name.capitalize())
    return names


_KEY_NAMES = _key_names()
_BUTTON_NAMES = {2: "middle", **{number: name for name, number in BUTTONS.items() if number != 2}}


class Kind(enum.Enum):
    """What happened."""

    KEY_DOWN = "key_down"
    KEY_UP = "key_up"
    BUTTON_DOWN = "button_down"
    BUTTON_UP = "button_up"
    MOTION = "motion"


class HandEvent(NamedTuple):
    """One event of a hand.

    Args:
        state: the modifiers and buttons that were down before it.
        keysym: of a key, as the modifiers have it.
        plain: the keysym of the key alone.
        character: what it types, or nothing.
        mark: anything that the first event of an action hands on to it.
    """

    kind: Kind
    at_ms: int
    x: int
    y: int
    state: int = 0
    button: int = 0
    keysym: int = 0
    plain: int = 0
    character: str = ""
    mark: object = None


class Deed(NamedTuple):
    """An action that a person has done."""

    action: HumanAction
    began_ms: int
    ended_ms: int
    mark: object


@dataclass(slots=True)
class _Pending:
    """An action that the next event may still be a part of."""

    action: Click | Scroll | Press | Type
    began_ms: int
    ended_ms: int
    waits_ms: int
    mark: object
    at: tuple[int, int] = (0, 0)

    @property
    def due_ms(self) -> int:
        return self.ended_ms + self.waits_ms


@dataclass(slots=True)
class _Held:
    """A button that is down."""

    event: HandEvent
    path: list[tuple[int, int]] = field(default_factory=list)

    def moved(self) -> bool:
        origin = (self.event.x, self.event.y)
        return any(math.dist(origin, point) >= DRAG_PIXELS for point in self.path)


class Demonstration:
    """What one person is doing. Feed it every event, and ask it when its `due_ms` has come."""

    def __init__(self) -> None:
        self._pending: _Pending | None = None
        self._held: dict[int, _Held] = {}
        # A modifier that went down, and nothing since.
        self._lone = 0
        self._rest: HandEvent | None = None
        self._done: list[Deed] = []

    @property
    def due_ms(self) -> int | None:
        """When `settle` would finish an action; None when it would not."""
        return self._pending.due_ms if self._pending is not None else None

    def feed(self, event: HandEvent) -> list[Deed]:
        """Take an event; return the actions that are finished by it."""
        self.settle_quietly(event.at_ms)
        match event.kind:
            case Kind.MOTION:
                self._move(event)
            case Kind.BUTTON_DOWN:
                self._press_button(event)
            case Kind.BUTTON_UP:
                self._release_button(event)
            case Kind.KEY_DOWN:
                self._press_key(event)
            case Kind.KEY_UP:
                self._release_key(event)
        return self._take()

    def settle(self, now_ms: int) -> list[Deed]:
        """Return the action that nothing can be added to any more, if there is one."""
        self.settle_quietly(now_ms)
        return self._take()

    def finish(self, now_ms: int) -> list[Deed]:
        """Return what is left at the end; a button that is still down was no action."""
        self._rested(now_ms)
        self._flush()
        self._held.clear()
        return self._take()

    def settle_quietly(self, now_ms: int) -> None:
        """Finish what is due, for the next call to return."""
        if self._pending is not None and now_ms >= self._pending.due_ms:
            self._flush()

    def _take(self) -> list[Deed]:
        done, self._done = self._done, []
        return done

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            self._done.append(
                Deed(pending.action, pending.began_ms, pending.ended_ms, pending.mark)
            )

    def _move(self, event: HandEvent) -> None:
        for held in self._held.values():
            if len(held.path) < _MAX_SEEN_PATH:
                held.path.append((event.x, event.y))
            else:
                held.path[-1] = (event.x, event.y)
        if not self._held:
            self._rested(event.at_ms)
            self._rest = event

    def _rested(self, now_ms: int) -> None:
        """Tell of a place where the pointer has stayed."""
        rest, self._rest = self._rest, None
        if rest is not None and now_ms - rest.at_ms >= REST_MS:
            self._flush()
            self._done.append(Deed(Move(x=rest.x, y=rest.y), rest.at_ms, rest.at_ms, rest.mark))

    def _press_button(self, event: HandEvent) -> None:
        self._lone = 0
        rest = self._rest
        if rest is not None and math.dist((rest.x, rest.y), (event.x, event.y)) <= _REST_PIXELS:
            self._rest = None
        else:
            self._rested(event.at_ms)
        if event.button in _TICKS:
            self._turn(event)
        else:
            self._held[event.button] = _Held(event)

    def _release_button(self, event: HandEvent) -> None:
        held = self._held.pop(event.button, None)
        if held is None:
            return
        held.path.append((event.x, event.y))
        if held.moved():
            self._drag(held, event)
        else:
            self._click(held.event, event)

    def _drag(self, held: _Held, release: HandEvent) -> None:
        self._flush()
        press = held.event
        path = thinned([(press.x, press.y), *held.path])
        action = Drag(
            path=[Spot(x, y) for x, y in path],
            button=_button(press.button),
            modifiers=_modifiers(press.state),
            duration_ms=max(0, release.at_ms - press.at_ms),
        )
        self._done.append(Deed(action, press.at_ms, release.at_ms, press.mark))

    def _click(self, press: HandEvent, release: HandEvent) -> None:
        pending, button, modifiers = (
            self._pending,
            _button(press.button),
            _modifiers(press.state),
        )
        if (
            pending is not None
            and isinstance(before := pending.action, Click)
            and (before.button, before.modifiers) == (button, modifiers)
            and before.count < _MAX_COUNT
            and math.dist(pending.at, (press.x, press.y)) <= SERIES_PIXELS
        ):
            pending.action = Click(
                x=before.x,
                y=before.y,
                button=button,
                count=before.count + 1,
                modifiers=modifiers,
            )
            pending.ended_ms = release.at_ms
            return
        self._begin(
            Click(x=press.x, y=press.y, button=button, modifiers=modifiers),
            press,
            SERIES_MS,
            ended_ms=release.at_ms,
        )

    def _turn(self, event: HandEvent) -> None:
        right, down = _TICKS[event.button]
        modifiers, pending = _modifiers(event.state), self._pending
        if (
            pending is not None
            and isinstance(before := pending.action, Scroll)
            and before.modifiers == modifiers
            and pending.at == (event.x, event.y)
            # The other way is another scroll: to and fro is not nothing.
            and before.dx * right + before.dy * down > 0
        ):
            right, down = round(before.dx) + right, round(before.dy) + down
            pending.action = Scroll(x=event.x, y=event.y, dx=right, dy=down, modifiers=modifiers)
            pending.ended_ms = event.at_ms
            return
        self._begin(
            Scroll(x=event.x, y=event.y, dx=right, dy=down, modifiers=modifiers), event, TICKS_MS
        )

    def _press_key(self, event: HandEvent) -> None:
        if event.keysym in _LOCKS:
            return  # What is typed has its case already.
        if event.keysym in _MODIFIER_KEYS:
            self._lone = event.keysym
            return
        self._lone = 0
        self._rested(event.at_ms)
        chorded = [name for name in _modifiers(event.state) if name != "shift"]
        if event.character and not chorded:
            self._type(event)
        elif name := _key_name(event.plain, event.character):
            # Of a chord the key counts, not what Shift makes of it.
            self._chord("+".join([*_modifiers(event.state), name]), event)

    def _release_key(self, event: HandEvent) -> None:
        if self._lone and self._lone == event.keysym:
            self._lone = 0
            if name := _KEY_NAMES.get(event.keysym, ""):
                self._chord(name, event)

    def _type(self, event: HandEvent) -> None:
        pending = self._pending
        if (
            pending is not None
            and isinstance(before := pending.action, Type)
            and len(before.text) < _MAX_TEXT
        ):
            pending.action = Type(text=before.text + event.character)
            pending.ended_ms = event.at_ms
        else:
            self._begin(Type(text=event.character), event, TEXT_PAUSE_MS)

    def _chord(self, keys: str, event: HandEvent) -> None:
        pending = self._pending
        if (
            pending is not None
            and isinstance(before := pending.action, Press)
            and before.keys == keys
            and before.repeat < _MAX_REPEAT
        ):
            pending.action = Press(keys=keys, repeat=before.repeat + 1)
            pending.ended_ms = event.at_ms
        else:
            self._begin(Press(keys=keys), event, REPEAT_MS)

    def _begin(
        self,
        action: Click | Scroll | Press | Type,
        event: HandEvent,
        waits_ms: int,
        *,
        ended_ms: int | None = None,
    ) -> None:
        self._flush()
        ended_ms = event.at_ms if ended_ms is None else ended_ms
        self._pending = _Pending(
            action, event.at_ms, ended_ms, waits_ms, event.mark, (event.x, event.y)
        )


def thinned(path: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the points of a path that matter: the others lie within two pixels of the rest.

    The first and the last always remain (Douglas and Peucker's way, without recursion).
    """
    points = _without_repeats(path)
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        inner = range(first + 1, last)
        furthest = max(inner, key=lambda i: _off_line(points, first, last, i), default=None)
        if furthest is not None and _off_line(points, first, last, furthest) > _PATH_PIXELS:
            kept.add(furthest)
            spans += [(first, furthest), (furthest, last)]
    chosen = [points[index] for index in sorted(kept)]
    if len(chosen) > _MAX_PATH:
        step = (len(chosen) - 1) / (_MAX_PATH - 1)
        chosen = [chosen[round(number * step)] for number in range(_MAX_PATH)]
    return chosen


def _without_repeats(path: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a path without standing still; one that comes back keeps its way."""
    return [point for index, point in enumerate(path) if index == 0 or point != path[index - 1]]


def _off_line(points: Sequence[tuple[int, int]], first: int, last: int, index: int) -> float:
    """Return how far a point is from the line between two others."""
    (x0, y0), (x1, y1), (x, y) = points[first], points[last], points[index]
    length = math.dist((x0, y0), (x1, y1))
    if length == 0:
        return math.dist((x0, y0), (x, y))
    return abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length


def _modifiers(state: int) -> list[str]:
    return [name for bit, name in _MODIFIERS if state & bit]


def _button(number: int) -> str | int:
    return _BUTTON_NAMES.get(number, number)


def _key_name(keysym: int, character: str) -> str:
    """Return a name that `press` knows, or nothing."""
    if 0x21 <= keysym <= 0x7E or 0xA1 <= keysym <= 0xFF:
        return chr(keysym)
    return _KEY_NAMES.get(keysym, character)
