"""Performs one action with the hands of the desktop: the one way from a value to the X server.

Single commands, batches, replays all come through here, so that whoever must see every action
(the recorder, whoever holds the desktop) stands around one place. Points are screen pixels. It
takes no pictures and does not wait for the screen: `act.py` does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

import msgspec

from agentd.base.command import Caller
from agentd.desktop.actions import (
    ButtonDown,
    ButtonUp,
    Click,
    CursorPosition,
    Drag,
    HandAction,
    Hold,
    KeyDown,
    KeyUp,
    Move,
    Pause,
    Press,
    Scroll,
    Type,
)
from agentd.desktop.hands.input import Input
from agentd.desktop.parameters import Done


class CursorAt(msgspec.Struct, frozen=True):
    """Where the pointer is, in screen pixels."""

    x: int
    y: int


class Scrolled(msgspec.Struct, frozen=True):
    """The wheel ticks that were sent, right and down; the rest waits for the next scroll."""

    ticks_right: int
    ticks_down: int


class TypeReport(msgspec.Struct, frozen=True):
    """What was delivered and how.

    `bound` characters got a key of their own, in `rounds` of binding; `confirmed` tells how the
    program was known to have the new keys: not_needed, ping, selection, editres or assumed.
    `disturbed` rounds saw somebody else change the keyboard: characters of theirs may be wrong.
    """

    characters: int
    rounds: int
    bound: int
    confirmed: str
    disturbed: int


class Witness(Protocol):
    """Somebody who must see every action, and may refuse it."""

    def around(self, action: HandAction, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Return what the action runs inside; raising on entering refuses it."""


class Guard(Protocol):
    """Somebody who says who may change the desktop now."""

    def check(self, caller: Caller) -> None:
        """Raise what forbids it to a caller."""


class Performer:
    """The hands, one action at a time.

    Args:
        hands: returns the hands of the running display. Raises: Unavailable.
    """

    def __init__(self, hands: Callable[[], Input]) -> None:
        self._hands = hands
        self._witnesses: list[Witness] = []
        self._guards: list[Guard] = []

    def add(self, witness: Witness, *, outermost: bool = False) -> None:
        """Have every action from now on run inside a witness's context, the last added inmost.

        Args:
            outermost: stand around all others, to see what they refuse, too.
        """
        self._witnesses.insert(0 if outermost else len(self._witnesses), witness)

    def remove(self, witness: Witness) -> None:
        """Let a witness go; actions that run inside it end there."""
        self._witnesses.remove(witness)

    def add_guard(self, guard: Guard) -> None:
        """Have a guard asked before anything that is no action of the hands."""
        self._guards.append(guard)

    def check(self, caller: Caller) -> None:
        """Raise what forbids a caller to change the desktop now, without its hands.

        Windows, the clipboard and programs are changed by ways of their own: whoever goes one of
        them for an agent asks here first. Actions of the hands meet the witnesses.
        """
        for guard in self._guards:
            guard.check(caller)

    async def perform(self, action: HandAction, caller: Caller) -> msgspec.Struct:
        """Perform an action for a caller, who then owns what it leaves pressed.

        Returns: CursorAt, Scrolled, TypeReport, or Done.
        Raises: BadRequest, Conflict, TimedOut, DisplayLost, Unavailable; what a witness raises.
        Cancelling: no key stays down that the action pressed for itself.
        """
        if not self._witnesses:
            return await self._do(action, caller.id)
        async with AsyncExitStack() as stack:
            for witness in self._witnesses:
                await stack.enter_async_context(witness.around(action, caller))
            return await self._do(action, caller.id)

    async def _do(self, action: HandAction, owner: str) -> msgspec.Struct:
        hands = self._hands()
        match action:
            case Press():
                await hands.keys.press(action.keys, owner=owner, repeat=action.repeat)
            case Hold():
                await hands.keys.hold(action.keys, owner=owner, duration_ms=action.duration_ms)
            case KeyDown():
                await hands.keys.key_down(action.key, owner=owner)
            case KeyUp():
                await hands.keys.key_up(action.key, owner=owner)
            case Pause():
                await hands.pause(owner, action.duration_ms / 1000)
            case Type():
                typed = await hands.keys.type(action.text, owner=owner, delay_ms=action.delay_ms)
                return TypeReport(
                    typed.characters, typed.rounds, typed.bound, typed.sign.value, typed.disturbed
                )
            case _:
                return await self._do_pointer(hands, action, owner)
        return Done()

    async def _do_pointer(
        self,
        hands: Input,
        action: Move | Click | Drag | Scroll | ButtonDown | ButtonUp | CursorPosition,
        owner: str,
    ) -> CursorAt | Scrolled:
        pointer = hands.pointer
        match action:
            case Move():
                x, y = int(action.x), int(action.y)
                await pointer.move(x, y, owner=owner, modifiers=action.modifiers)
                return CursorAt(x, y)
            case Click():
                at = await pointer.click(
                    *_optional(action.x, action.y),
                    owner=owner,
                    button=action.button,
                    count=action.count,
                    modifiers=action.modifiers,
                )
                return CursorAt(*at)
            case Drag():
                path = [(int(spot.x), int(spot.y)) for spot in action.path]
                await pointer.drag(
                    path if len(path) > 1 else [await pointer.cursor(), *path],
                    owner=owner,
                    button=action.button,
                    modifiers=action.modifiers,
                    duration_ms=action.duration_ms,
                )
                return CursorAt(*path[-1])
            case Scroll():
                x_at, y_at = _optional(action.x, action.y)
                right, down = await pointer.scroll(
                    action.dx,
                    action.dy,
                    owner=owner,
                    x=x_at,
                    y=y_at,
                    unit=action.unit,
                    modifiers=action.modifiers,
                )
                return Scrolled(right, down)
            case ButtonDown() | ButtonUp():
                press = pointer.button_down if isinstance(action, ButtonDown) else pointer.button_up
                x_at, y_at = _optional(action.x, action.y)
                await press(action.button, owner=owner, x=x_at, y=y_at)
        return CursorAt(*await pointer.cursor())


def _optional(x: float | None, y: float | None) -> tuple[int | None, int | None]:
    return None if x is None else int(x), None if y is None else int(y)
