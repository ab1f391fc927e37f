"""The commands for pointer and keys.

Speaks JSON types on one side and the room's types on the other; decides nothing. Whoever calls
owns what the call leaves pressed: it is lifted when the caller's connection ends.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Caller, Scope, command
from agentd.base.errors import Conflict
from agentd.desktop.desktop import Desktop
from agentd.desktop.input import Input
from agentd.desktop.parameters import (
    Amount,
    Button,
    Count,
    Done,
    Generation,
    Key,
    Keys,
    Milliseconds,
    Modifiers,
    Point,
    Repeat,
    ScrollUnit,
    Text,
    TypeDelay,
    X,
    Y,
)
from agentd.desktop.pointer import Pointer


class CursorAt(msgspec.Struct, frozen=True):
    """Where the pointer is, in screen pixels."""

    x: int
    y: int


class Scrolled(msgspec.Struct, frozen=True):
    """The wheel ticks that were sent, right and down; the rest waits for the next scroll."""

    ticks_right: int
    ticks_down: int


class Released(msgspec.Struct, frozen=True):
    """How many keys and buttons were lifted."""

    released: int


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


class InputCommands:
    """The hands of `desktop.*`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @property
    def _input(self) -> Input:
        return self._desktop.live().input

    def _pointer(self, generation: int | None) -> Pointer:
        """Return the pointer, unless the point was computed on another screen.

        Raises: Conflict with the present generation and size.
        """
        live, state = self._desktop.live(), self._desktop.display.state
        if generation is not None and state is not None and generation != state.generation:
            raise Conflict(
                f"the point is of generation {generation}; the screen is now of generation "
                f"{state.generation}, {state.width}x{state.height}",
                code="stale_generation",
                hint="take a new screenshot",
                data={
                    "generation": state.generation,
                    "width": state.width,
                    "height": state.height,
                },
            )
        return live.input.pointer

    @command("desktop.move", scope=Scope.INPUT, positional=("x", "y"))
    async def move(
        self,
        caller: Caller,
        *,
        x: X,
        y: Y,
        modifiers: Modifiers = [],
        generation: Generation | None = None,
    ) -> CursorAt:
        """Move the pointer to a point."""
        pointer = self._pointer(generation)
        await pointer.move(x, y, owner=caller.id, modifiers=modifiers)
        return CursorAt(x, y)

    @command("desktop.click", scope=Scope.INPUT, positional=("x", "y"))
    async def click(
        self,
        caller: Caller,
        *,
        x: X | None = None,
        y: Y | None = None,
        button: Button = "left",
        count: Count = 1,
        modifiers: Modifiers = [],
        generation: Generation | None = None,
    ) -> CursorAt:
        """Click at a point, or where the pointer is."""
        pointer = self._pointer(generation)
        at = await pointer.click(
            x, y, owner=caller.id, button=button, count=count, modifiers=modifiers
        )
        return CursorAt(*at)

    @command("desktop.drag", scope=Scope.INPUT, deadline_s=660)
    async def drag(
        self,
        caller: Caller,
        *,
        path: Annotated[
            list[Point],
            Meta(
                min_length=2,
                max_length=1000,
                description="Points to pass: pressed at the first, lifted at the last",
                examples=[[{"x": 100, "y": 100}, {"x": 300, "y": 200}]],
            ),
        ],
        button: Button = "left",
        modifiers: Modifiers = [],
        duration_ms: Milliseconds = 0,
        generation: Generation | None = None,
    ) -> CursorAt:
        """Drag along a path: one press, all points, one release."""
        points = [(point.x, point.y) for point in path]
        await self._pointer(generation).drag(
            points, owner=caller.id, button=button, modifiers=modifiers, duration_ms=duration_ms
        )
        return CursorAt(*points[-1])

    @command("desktop.scroll", scope=Scope.INPUT)
    async def scroll(
        self,
        caller: Caller,
        *,
        x: X | None = None,
        y: Y | None = None,
        dx: Amount = 0,
        dy: Amount = 0,
        unit: ScrollUnit = "ticks",
        modifiers: Modifiers = [],
        generation: Generation | None = None,
    ) -> Scrolled:
        """Turn the wheel at a point: positive dx is right, positive dy is down.

        What is less than a tick is kept and added to the caller's next scroll.
        """
        right, down = await self._pointer(generation).scroll(
            dx, dy, owner=caller.id, x=x, y=y, unit=unit, modifiers=modifiers
        )
        return Scrolled(right, down)

    @command("desktop.press", scope=Scope.INPUT, positional=("keys",))
    async def press(
        self,
        caller: Caller,
        *,
        keys: Keys,
        repeat: Repeat = 1,
    ) -> Done:
        """Press a key or a chord and let it go."""
        await self._input.keys.press(keys, owner=caller.id, repeat=repeat)
        return Done()

    @command("desktop.hold", scope=Scope.INPUT, positional=("keys", "duration_ms"), deadline_s=660)
    async def hold(self, caller: Caller, *, keys: Keys, duration_ms: Milliseconds) -> Done:
        """Hold a key or a chord for a time; others may act meanwhile."""
        await self._input.keys.hold(keys, owner=caller.id, duration_ms=duration_ms)
        return Done()

    @command("desktop.key_down", scope=Scope.INPUT, positional=("key",))
    async def key_down(self, caller: Caller, *, key: Key) -> Done:
        """Press a key and keep it down until key_up, or until the connection ends.

        For callers that keep their connection. A caller of one request at a time, as agentctl,
        uses hold, or the modifiers of a click.
        """
        await self._input.keys.key_down(key, owner=caller.id)
        return Done()

    @command("desktop.key_up", scope=Scope.INPUT, positional=("key",))
    async def key_up(self, caller: Caller, *, key: Key) -> Done:
        """Let a key go that this connection holds."""
        await self._input.keys.key_up(key, owner=caller.id)
        return Done()

    @command("desktop.type", scope=Scope.INPUT, positional=("text",), deadline_s=300)
    async def type(
        self,
        caller: Caller,
        *,
        text: Text,
        delay_ms: TypeDelay = 0,
    ) -> TypeReport:
        """Type any Unicode text into what has the focus, exactly as given."""
        typed = await self._input.keys.type(text, owner=caller.id, delay_ms=delay_ms)
        return TypeReport(
            typed.characters, typed.rounds, typed.bound, typed.sign.value, typed.disturbed
        )

    @command("desktop.cursor", scope=Scope.VIEW, read_only=True)
    async def cursor(self) -> CursorAt:
        """Tell where the pointer is."""
        return CursorAt(*await self._input.pointer.cursor())

    @command("desktop.release_all", scope=Scope.INPUT)
    async def release_all(self) -> Released:
        """Lift every key and button that anybody holds, and end holds and drags."""
        return Released(await self._input.release_all())
