"""The action log of a recording, as a replay reads it: what to do, and what was there before.

Pure. The form is that of the daemon's `desktop.record_get` with `part=actions`. It does nothing:
`replay.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentd.base.errors import BadRequest, Conflict

# What the daemon writes where a recording hides the keys.
HIDDEN = "***"
_MOST_BYTES = 256 * 1024 * 1024
# Of 255: a caret or a hovered button is less, another page or window is more.
DRIFT = 12.0


class Anchor(msgspec.Struct, frozen=True):
    """What a part of the screen looked like."""

    x: int
    y: int
    width: int
    height: int
    hash: str
    look: str


class Action(msgspec.Struct, frozen=True):
    """One line of the log."""

    at_ms: int
    who: str
    action: dict[str, Any]
    outcome: str
    width: int
    height: int
    before: Anchor | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether the recording does not tell what was typed or pressed."""
        return HIDDEN in (self.action.get(name) for name in ("text", "keys", "key"))

    def told(self) -> str:
        """Return the action in a few words, as `click 640,400`."""
        values = [self.action.get(name) for name in ("text", "keys", "key")]
        words = [repr(value) for value in values if isinstance(value, str)]
        spot: Mapping[str, Any] = self.action
        if isinstance(path := self.action.get("path"), list) and path:
            spot = path[0]
        if isinstance(spot.get("x"), int | float) and isinstance(spot.get("y"), int | float):
            words.append(f"{spot['x']:g},{spot['y']:g}")
        return " ".join([str(self.action.get("action", "?")), *words])


def read_log(content: bytes, *, name: str) -> list[Action]:
    """Return the actions that were done, in the order of their times.

    Refused and failed ones did nothing that could be done again; a last line that a crash has cut
    is left out.

    Args:
        name: of the log, for errors.

    Raises: BadRequest when it is no action log.
    """
    if len(content) > _MOST_BYTES:
        raise BadRequest(f"{name} is too large for an action log")
    lines = content.split(b"\n")
    actions = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line, type=dict[str, Any])
            if number == 1 and (found.get("line"), found.get("version")) != ("head", 1):
                raise msgspec.ValidationError("the first line is no head of version 1")
            if found.get("line") == "action":
                actions.append(msgspec.convert(found, Action))
        except (msgspec.DecodeError, RecursionError) as exc:
            if number == len(lines) and number > 1:
                break
            raise BadRequest(
                f"{name} is no action log: line {number}: {exc}", code="not_an_action_log"
            ) from exc
    done = [action for action in actions if action.outcome == "done"]
    return sorted(done, key=lambda action: action.at_ms)


def check_replayable(
    actions: list[Action], *, width: int, height: int, is_scaled: bool, name: str
) -> None:
    """Check before anything is done that all of it can be.

    Args:
        width: of the screen now.
        height: likewise.
        is_scaled: points may be moved to fit another size.

    Raises: Conflict when keys are hidden or the screen has another size.
    """
    hidden = sum(action.is_hidden for action in actions)
    if hidden:
        raise Conflict(
            f"{name} hides what was typed and pressed in {hidden} of {len(actions)} actions",
            code="keys_hidden",
            hint="only a recording with keys shown can be replayed",
        )
    other = next((one for one in actions if _size(one) not in ((0, 0), (width, height))), None)
    if other is not None and not is_scaled:
        raise Conflict(
            f"{name} was made on a screen of {other.width}x{other.height}; "
            f"this one is {width}x{height}",
            code="other_screen_size",
            hint=f"agentctl desktop resize {other.width} {other.height}, or --scale",
        )


def scaled(action: Action, width: int, height: int) -> dict[str, Any]:
    """Return the action with its points moved to a screen of another size."""
    if 0 in _size(action) or _size(action) == (width, height):
        return action.action

    def moved(spot: Mapping[str, Any]) -> dict[str, Any]:
        points = dict(spot)
        for axis, now, then in (("x", width, action.width), ("y", height, action.height)):
            if isinstance(value := spot.get(axis), int | float):
                points[axis] = min(now - 1, round(value * now / then))
        return points

    result = moved(action.action)
    if isinstance(path := action.action.get("path"), list):
        result["path"] = [moved(spot) for spot in path]
    return result


def drift(before: Anchor, now: Anchor) -> float:
    """Return how different two looks are: 0 is the same to the pixel, 255 black and white.

    It is the largest difference of a field's shade that a quarter of the fields reach: one field
    alone is a caret, many are another thing.
    """
    if before.hash == now.hash:
        return 0.0
    try:
        then, found = bytes.fromhex(before.look), bytes.fromhex(now.look)
    except ValueError:
        return 255.0
    if len(then) != len(found) or not then:
        return 255.0
    differences = sorted((abs(a - b) for a, b in zip(then, found, strict=True)), reverse=True)
    return float(differences[len(differences) // 4])


def _size(action: Action) -> tuple[int, int]:
    return action.width, action.height
