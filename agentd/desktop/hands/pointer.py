"""The pointer: move, click, drag, scroll, buttons. The other half of the hands.

Coordinates are root pixels, origin top left. Does not know commands, pictures or scales. Turns:
see `input.py`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from Xlib.display import Display

from agentd.base.errors import BadRequest, Conflict, FieldError
from agentd.desktop.hands.gestures import (
    Point,
    button_number,
    check_milliseconds,
    interpolated,
    modifier_keysyms,
    refused,
    whole_ticks,
)
from agentd.desktop.hands.held import Held, Holder, button_thing
from agentd.desktop.hands.injection import Injector, PointerState, pointer_state, send
from agentd.desktop.hands.keys import Keys
from agentd.desktop.xlink import XLink

MAX_CLICKS = 10
MAX_PATH = 10_000
MAX_DRAG_MS = 300_000

# Programs take presses for one series that come within 400 ms (GTK, Qt) or 500 (Tk, Chromium);
# GTK takes a third one for a triple click within 800 ms of the first.
_SERIES_S = 0.55
_LONG_SERIES_S = 0.85
_SERIES_PIXELS = 10
# Chromium and GTK 4 take two presses of the same millisecond for one.
_BETWEEN_CLICKS_MS = 8
# Ticks in one write; other calls wait that long.
_TICKS_AT_ONCE = 200


class _Series(NamedTuple):
    """The last press: what the next one could be taken to continue. A drag has no clicks."""

    button: int
    at: Point
    clicks: int
    time_s: float


class Pointer:
    """The pointer of one display. Made by `Input`."""

    def __init__(
        self,
        link: XLink,
        injector: Injector,
        keys: Keys,
        held: Held,
        turn: asyncio.Lock,
        size: Callable[[], tuple[int, int]],
    ) -> None:
        self._link = link
        self._injector = injector
        self._keys = keys
        self._held = held
        self._turn = turn
        self._size = size
        # Whoever drags keeps the pointer to itself, without keeping the turn.
        self._pointer = asyncio.Lock()
        self._last: _Series | None = None
        # What is left of a tick, by owner: right, down.
        self._remainders: dict[str, tuple[float, float]] = {}

    async def cursor(self) -> Point:
        """Return where the pointer is. Raises: DisplayLost. Cancelling: safe."""
        state = await self._link.call(pointer_state)
        return state.x, state.y

    async def move(self, x: int, y: int, *, owner: str, modifiers: Sequence[str] = ()) -> None:
        """Move the pointer to a point.

        Raises: BadRequest for a point off the screen; Conflict; DisplayLost.
        Cancelling: moved or not at all; no key stays down.
        """
        point = self._point("", x, y)
        await self._act(owner, modifiers, [self._injector.motion(*point)])

    async def click(
        self,
        x: int | None = None,
        y: int | None = None,
        *,
        owner: str,
        button: int | str = "left",
        count: int = 1,
        modifiers: Sequence[str] = (),
    ) -> Point:
        """Click `count` times, at a point or where the pointer is; programs see one series.

        Two single clicks follow each other at once, as a quick hand's, and may be taken for a
        double click. But a double click never grows into a triple one, nor a drag into a double
        click: those wait until programs have stopped counting.

        Returns: where the pointer was.
        Raises: BadRequest; Conflict when the button is held; DisplayLost.
        Cancelling: clicked or not at all; no key stays down.
        """
        number = button_number(button)
        if not 1 <= count <= MAX_CLICKS:
            raise refused("count", count, f"1 to {MAX_CLICKS}")
        point = self._optional_point(x, y)
        motion = [] if point is None else [self._injector.motion(*point)]
        requests = [*motion, *self._clicks(number, count)]
        with self._held.acting(owner) as holder:
            async with self._pointer:
                await self._wait_apart(holder, number, count, point)
                async with self._turn:
                    self._check_free(number)
                    state = await self._send(holder, modifiers, requests)
                    at = (state.x, state.y)
                    self._last = _Series(number, at, count, time.monotonic())
                    return at

    async def drag(
        self,
        path: Sequence[Point],
        *,
        owner: str,
        button: int | str = "left",
        modifiers: Sequence[str] = (),
        duration_ms: float = 0,
    ) -> None:
        """Press at the first point, move through all points, release at the last.

        Other pointer actions wait until the drag is over; keys do not.

        Args:
            path: two points or more; what lies between them is interpolated.
            duration_ms: from press to release; 0 is as fast as the server takes it.

        Raises: BadRequest; Conflict when the button is held, or the owner is released meanwhile;
            DisplayLost.
        Cancelling: lifts the button and the modifiers where the pointer is then.
        """
        number = button_number(button)
        check_milliseconds("duration_ms", duration_ms, MAX_DRAG_MS)
        if not 2 <= len(path) <= MAX_PATH:
            raise refused("path", f"{len(path)} points", f"2 to {MAX_PATH} points")
        points = [self._point(f"path[{i}].", x, y) for i, (x, y) in enumerate(path)]
        with self._held.acting(owner) as holder:
            async with self._pointer:
                await self._wait_apart(holder, number, 0, points[0])
                try:
                    await self._begin_drag(holder, number, modifiers, points[0])
                    await self._follow(holder, points, duration_ms / 1000)
                finally:
                    await self._keys.lift(self._held.drop(holder))

    async def scroll(
        self,
        dx: float = 0,
        dy: float = 0,
        *,
        owner: str,
        x: int | None = None,
        y: int | None = None,
        unit: str = "ticks",
        modifiers: Sequence[str] = (),
    ) -> Point:
        """Turn the wheel; positive is right and down. Return the ticks turned.

        Args:
            unit: `ticks`, or `pixels` at 100 a tick. What is left of a tick is added to the
                owner's next scroll.

        Raises: BadRequest; Conflict; DisplayLost. Cancelling: some ticks may be turned.
        """
        point = self._optional_point(x, y)
        left = self._remainders.get(owner, (0.0, 0.0))
        ticks, self._remainders[owner] = whole_ticks(dx, dy, unit, left)
        turns = [(7 if ticks[0] > 0 else 6)] * abs(ticks[0])
        turns += [(5 if ticks[1] > 0 else 4)] * abs(ticks[1])
        requests = [] if point is None else [self._injector.motion(*point)]
        with self._held.acting(owner) as holder:
            async with self._pointer, self._turn:
                for start in range(0, max(len(turns), 1), _TICKS_AT_ONCE):
                    holder.check()
                    for number in turns[start : start + _TICKS_AT_ONCE]:
                        requests.append(self._injector.button(number, down=True))
                        requests.append(self._injector.button(number, down=False))
                    await self._send(holder, modifiers, requests)
                    requests = []
        return ticks

    async def button_down(
        self,
        button: int | str = "left",
        *,
        owner: str,
        x: int | None = None,
        y: int | None = None,
    ) -> None:
        """Press a button and keep it down for its owner. Twice is the same as once.

        Raises: BadRequest, Conflict, DisplayLost. Cancelling: pressed and owned, or not at all.
        """
        number = button_number(button)
        point = self._optional_point(x, y)
        requests = [] if point is None else [self._injector.motion(*point)]
        async with self._pointer, self._turn:
            pressed = self._held.take(self._held.lasting(owner), [button_thing(number)])
            requests += [self._injector.button(thing.number, down=True) for thing in pressed]
            state = await self._link.call(self._inject, requests)
            self._last = _Series(number, (state.x, state.y), 1, time.monotonic())

    async def button_up(
        self,
        button: int | str = "left",
        *,
        owner: str,
        x: int | None = None,
        y: int | None = None,
    ) -> None:
        """Let go of a button that the owner holds; one that it does not hold stays as it is.

        Raises: BadRequest, DisplayLost. Cancelling: safe, the button goes up.
        """
        number = button_number(button)
        point = self._optional_point(x, y)
        async with self._pointer, self._turn:
            if point is not None:
                await self._link.call(self._inject, [self._injector.motion(*point)])
            await self._keys.lift(
                self._held.drop(self._held.lasting(owner), [button_thing(number)])
            )

    def forget(self, owner: str | None) -> None:
        """Forget what is left of an owner's scrolling, or of everybody's."""
        if owner is None:
            self._remainders.clear()
        else:
            self._remainders.pop(owner, None)

    async def _act(self, owner: str, modifiers: Sequence[str], requests: list[bytes]) -> None:
        with self._held.acting(owner) as holder:
            async with self._pointer, self._turn:
                holder.check()
                await self._send(holder, modifiers, requests)

    async def _send(
        self, holder: Holder, modifiers: Sequence[str], requests: list[bytes]
    ) -> PointerState:
        """Send requests with modifiers held around them. The caller has the turn."""
        holder.check()
        keysyms = modifier_keysyms(modifiers)
        if not keysyms:
            return await self._link.call(self._inject, requests)
        try:
            await self._keys.take_keysyms(holder, keysyms)
            return await self._link.call(self._inject, requests)
        finally:
            await self._keys.lift(self._held.drop(holder))

    def _inject(self, display: Display, requests: Sequence[bytes]) -> PointerState:
        send(display, requests)
        return pointer_state(display)

    def _clicks(self, button: int, count: int) -> list[bytes]:
        requests = []
        for number in range(count):
            delay_ms = _BETWEEN_CLICKS_MS if number else 0
            requests.append(self._injector.button(button, down=True, delay_ms=delay_ms))
            requests.append(self._injector.button(button, down=False))
        return requests

    async def _wait_apart(
        self, holder: Holder, button: int, count: int, point: Point | None
    ) -> None:
        """Wait until a click cannot be taken to continue a series that it does not belong to."""
        last = self._last
        if last is None or last.button != button:
            return
        length_s = _SERIES_S if last.clicks == 1 else _LONG_SERIES_S
        left_s = last.time_s + length_s - time.monotonic()
        if left_s <= 0 or count == last.clicks == 1:
            return
        # GTK 4 loses the first press of a series that begins elsewhere before the last one timed
        # out, so that a double click would arrive as a single one.
        if count > 1 or math.dist(point or await self.cursor(), last.at) <= _SERIES_PIXELS:
            await holder.pause(left_s)

    def _check_free(self, button: int) -> None:
        if self._held.is_held(button_thing(button)):
            raise Conflict(f"button {button} is held down", code="button_held")

    async def _begin_drag(
        self, holder: Holder, button: int, modifiers: Sequence[str], start: Point
    ) -> None:
        keysyms = modifier_keysyms(modifiers)
        async with self._turn:
            holder.check()
            self._check_free(button)
            await self._keys.take_keysyms(holder, keysyms)
            self._held.take(holder, [button_thing(button)])
            requests = [self._injector.motion(*start), self._injector.button(button, down=True)]
            await self._link.call(self._inject, requests)
            self._last = _Series(button, start, 0, time.monotonic())

    async def _follow(self, holder: Holder, points: Sequence[Point], duration_s: float) -> None:
        steps = interpolated(points, duration_s)
        if duration_s == 0:
            async with self._turn:
                await self._link.call(self._inject, [self._injector.motion(*p) for p in steps])
            return
        begun_s = time.monotonic()
        for number, point in enumerate(steps, 1):
            due_s = begun_s + duration_s * number / len(steps)
            await holder.pause(max(0.0, due_s - time.monotonic()))
            async with self._turn:
                holder.check()
                await self._link.call(self._inject, [self._injector.motion(*point)])

    def _optional_point(self, x: int | None, y: int | None) -> Point | None:
        if x is None and y is None:
            return None
        if x is None or y is None:
            raise refused("x" if x is None else "y", "nothing", "both x and y, or neither")
        return self._point("", x, y)

    def _point(self, path: str, x: int, y: int) -> Point:
        width, height = self._size()
        faults = [
            FieldError(
                path=f"{path}{axis}",
                wanted=f"0 to {size - 1}; the screen is {width}x{height}",
                found=str(value),
            )
            for axis, value, size in (("x", x, width), ("y", y, height))
            if not 0 <= value < size
        ]
        if faults:
            raise BadRequest(
                f"the point is off the screen: {faults[0]}", code="off_screen", errors=faults
            )
        return x, y
