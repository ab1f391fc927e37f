"""The commands for pointer and keys.

Speaks JSON types on one side and the room's types on the other; decides nothing: each command is
one action of `actions.py`. Whoever calls owns what the call leaves pressed: it is lifted when the
caller's connection ends.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from agentd.base.command import Caller, Scope, command
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
    Press,
    Scroll,
    Spot,
    Type,
)
from agentd.desktop.desktop import Desktop
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
from agentd.desktop.performer import CursorAt, Scrolled, TypeReport

Answer = TypeVar("Answer", bound=msgspec.Struct)


class Released(msgspec.Struct, frozen=True):
    """How many keys and buttons were lifted."""

    released: int


class InputCommands:
    """The hands of `desktop.*`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def _perform(
        self,
        action: HandAction,
        caller: Caller,
        answer: type[Answer],
        *,
        generation: int | None = None,
    ) -> Answer:
        """Perform an action, unless its point was computed on another screen.

        Raises: Conflict with the present generation and size.
        """
        self._desktop.live()
        self._desktop.display.check_generation(generation)
        done = await self._desktop.performer.perform(action, caller)
        assert isinstance(done, answer), "each action has its own answer"
        return done

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
        action = Move(x=x, y=y, modifiers=modifiers)
        return await self._perform(action, caller, CursorAt, generation=generation)

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
        action = Click(x=x, y=y, button=button, count=count, modifiers=modifiers)
        return await self._perform(action, caller, CursorAt, generation=generation)

    @command("desktop.drag", scope=Scope.INPUT, deadline_s=660, positional=("path",))
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
        spots = [Spot(point.x, point.y) for point in path]
        action = Drag(path=spots, button=button, modifiers=modifiers, duration_ms=duration_ms)
        return await self._perform(action, caller, CursorAt, generation=generation)

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
        action = Scroll(x=x, y=y, dx=dx, dy=dy, unit=unit, modifiers=modifiers)
        return await self._perform(action, caller, Scrolled, generation=generation)

    @command("desktop.button_down", scope=Scope.INPUT, positional=("x", "y"))
    async def button_down(
        self,
        caller: Caller,
        *,
        x: X | None = None,
        y: Y | None = None,
        button: Button = "left",
        generation: Generation | None = None,
    ) -> CursorAt:
        """Press a button and keep it down until button_up, or until the connection ends."""
        action = ButtonDown(x=x, y=y, button=button)
        return await self._perform(action, caller, CursorAt, generation=generation)

    @command("desktop.button_up", scope=Scope.INPUT, positional=("x", "y"))
    async def button_up(
        self,
        caller: Caller,
        *,
        x: X | None = None,
        y: Y | None = None,
        button: Button = "left",
        generation: Generation | None = None,
    ) -> CursorAt:
        """Let go of a button that this connection holds."""
        action = ButtonUp(x=x, y=y, button=button)
        return await self._perform(action, caller, CursorAt, generation=generation)

    @command("desktop.press", scope=Scope.INPUT, positional=("keys",))
    async def press(
        self,
        caller: Caller,
        *,
        keys: Keys,
        repeat: Repeat = 1,
    ) -> Done:
        """Press a key or a chord and let it go."""
        return await self._perform(Press(keys=keys, repeat=repeat), caller, Done)

    @command("desktop.hold", scope=Scope.INPUT, positional=("keys", "duration_ms"), deadline_s=660)
    async def hold(self, caller: Caller, *, keys: Keys, duration_ms: Milliseconds) -> Done:
        """Hold a key or a chord for a time; others may act meanwhile."""
        return await self._perform(Hold(keys=keys, duration_ms=duration_ms), caller, Done)

    @command("desktop.key_down", scope=Scope.INPUT, positional=("key",))
    async def key_down(self, caller: Caller, *, key: Key) -> Done:
        """Press a key and keep it down until key_up, or until the connection ends.

        For callers that keep their connection. A caller of one request at a time, as agentctl,
        uses hold, or the modifiers of a click.
        """
        return await self._perform(KeyDown(key=key), caller, Done)

    @command("desktop.key_up", scope=Scope.INPUT, positional=("key",))
    async def key_up(self, caller: Caller, *, key: Key) -> Done:
        """Let a key go that this connection holds."""
        return await self._perform(KeyUp(key=key), caller, Done)

    @command("desktop.type", scope=Scope.INPUT, positional=("text",), deadline_s=300)
    async def type(
        self,
        caller: Caller,
        *,
        text: Text,
        delay_ms: TypeDelay = 0,
    ) -> TypeReport:
        """Type any Unicode text into what has the focus, exactly as given."""
        return await self._perform(Type(text=text, delay_ms=delay_ms), caller, TypeReport)

    @command("desktop.cursor", scope=Scope.VIEW, read_only=True)
    async def cursor(self, caller: Caller) -> CursorAt:
        """Tell where the pointer is."""
        return await self._perform(CursorPosition(), caller, CursorAt)

    @command("desktop.release_all", scope=Scope.INPUT)
    async def release_all(self, caller: Caller) -> Released:
        """Lift every key and button that anybody holds, and end holds and drags."""
        return Released(await self._desktop.live_to_change(caller).input.release_all())
