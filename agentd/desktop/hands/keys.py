"""Keys: chords, holding, text. The keyboard half of the hands.

Takes names, as callers write them. Does not know commands or JSON. Turns: see `input.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from Xlib.display import Display

from agentd.base.errors import AgentdError
from agentd.desktop.hands.consumption import Consumption
from agentd.desktop.hands.gestures import check_milliseconds, refused
from agentd.desktop.hands.held import Held, Holder, Thing, key_thing
from agentd.desktop.hands.injection import LOCK_MASK, pointer_state, send
from agentd.desktop.hands.keyboard import Keyboard
from agentd.desktop.hands.keymap import Round
from agentd.desktop.hands.keynames import CAPS_LOCK, parse_chord
from agentd.desktop.hands.typing import Typed, Typing
from agentd.desktop.xlink import XLink

MAX_REPEAT = 1000
MAX_HOLD_MS = 300_000


class Keys:
    """The keyboard of one display. Made by `Input`."""

    def __init__(
        self,
        link: XLink,
        keyboard: Keyboard,
        consumption: Consumption,
        held: Held,
        turn: asyncio.Lock,
    ) -> None:
        self._link = link
        self._keyboard = keyboard
        self._consumption = consumption
        self._held = held
        self._turn = turn
        self._typing = Typing(link, keyboard, consumption, held)

    async def type(self, text: str, *, owner: str, delay_ms: float = 0) -> Typed:
        """Type a text into the program that has the focus; see `Typing.type`.

        Raises: BadRequest, Conflict, TimedOut, DisplayLost.
        Cancelling: ends after the strokes that were sent; no key stays down.
        """
        check_milliseconds("delay_ms", delay_ms, 60_000)
        with self._held.acting(owner) as holder:
            async with self._turn:
                holder.check()
                return await self._typing.type(holder, text, delay_ms=delay_ms)

    async def press(self, keys: str, *, owner: str, repeat: int = 1) -> None:
        """Press a chord such as `ctrl+s` and let go, `repeat` times.

        All of it is one write to the server: nothing can stay down, whatever happens here.

        Raises: BadRequest, Conflict, TimedOut, DisplayLost. Cancelling: pressed or not at all.
        """
        if not 1 <= repeat <= MAX_REPEAT:
            raise refused("repeat", repeat, f"1 to {MAX_REPEAT}")
        keysyms = parse_chord(keys, path="keys")
        with self._held.acting(owner) as holder:
            async with self._turn:
                holder.check()
                keycodes = await self._prepare(keysyms)
                held = self._held.keycodes()
                await self._link.call(self._press, keysyms, keycodes, held, repeat)

    async def hold(self, keys: str, *, owner: str, duration_ms: float) -> None:
        """Hold a chord down for a time. Others may act meanwhile; typing lifts it while it types.

        Raises: BadRequest; Conflict when the owner is released meanwhile; DisplayLost.
        Cancelling: lifts the chord.
        """
        check_milliseconds("duration_ms", duration_ms, MAX_HOLD_MS)
        keysyms = parse_chord(keys, path="keys")
        with self._held.acting(owner) as holder:
            try:
                await self._take(holder, keysyms)
                await holder.pause(duration_ms / 1000)
            finally:
                await self.lift(self._held.drop(holder))

    async def key_down(self, key: str, *, owner: str) -> None:
        """Press a key, or a chord, and keep it down for its owner. Twice is the same as once.

        Raises: BadRequest, Conflict, TimedOut, DisplayLost.
        Cancelling: pressed and owned, or not at all.
        """
        await self._take(self._held.lasting(owner), parse_chord(key, path="key"))

    async def key_up(self, key: str, *, owner: str) -> None:
        """Let go of a key that the owner holds; one that it does not hold stays as it is.

        Raises: BadRequest, DisplayLost. Cancelling: safe, the key goes up.
        """
        keysyms = parse_chord(key, path="key")
        async with self._turn:
            keycodes = await self._link.call(self._known_keycodes, keysyms)
            things = [key_thing(keycode) for keycode in keycodes]
            await self.lift(self._held.drop(self._held.lasting(owner), things))

    async def _take(self, holder: Holder, keysyms: Sequence[int]) -> None:
        async with self._turn:
            holder.check()
            await self.take_keysyms(holder, keysyms)

    async def take_keysyms(self, holder: Holder, keysyms: Sequence[int]) -> None:
        """Press keys for a claim. The caller has the turn."""
        if not keysyms:
            return
        things = [key_thing(keycode) for keycode in await self._prepare(keysyms)]
        pressed = [thing.number for thing in self._held.take(holder, things)]
        try:
            # Owned before it is down: who is cancelled in between lifts it.
            await asyncio.shield(self._link.call(self._press_keys, pressed))
        except AgentdError:
            self._held.drop(holder, things)
            raise

    async def lift(self, things: Sequence[Thing]) -> None:
        """Lift keys and buttons. Cancelling: they are lifted all the same."""
        if things:
            await asyncio.shield(self._link.call(self._lift, things))

    async def _prepare(self, keysyms: Sequence[int]) -> tuple[int, ...]:
        """Return the keycodes of a chord, bound and seen by the program if they need it."""
        busy = frozenset(self._held.keycodes())
        keycodes, plan = await self._link.call(self._plan, keysyms, busy)
        if plan.bindings:
            try:
                await self._typing.bind(plan)
            except BaseException:
                self._keyboard.doubt()
                raise
        return keycodes

    def _plan(
        self, display: Display, keysyms: Sequence[int], busy: frozenset[int]
    ) -> tuple[tuple[int, ...], Round]:
        keymap = self._keyboard.refresh(display, pointer_state(display).group)
        return keymap.chord(keysyms, busy=busy)

    def _known_keycodes(self, display: Display, keysyms: Sequence[int]) -> tuple[int, ...]:
        """Return the keycodes of a chord that could be down; none if a key of it is not bound."""
        keymap = self._keyboard.refresh(display, pointer_state(display).group)
        if any(keymap.find(keysym) is None for keysym in keysyms):
            return ()
        return keymap.chord(keysyms)[0]

    def _press(
        self,
        display: Display,
        keysyms: Sequence[int],
        keycodes: Sequence[int],
        held: Sequence[int],
        repeat: int,
    ) -> None:
        injector = self._keyboard.injector
        modifiers = self._keyboard.modifier_keycodes
        lasting = [code for code in keycodes if code in modifiers]
        tapped = [code for code in keycodes if code not in modifiers]
        if not tapped:
            lasting, tapped = lasting[:-1], lasting[-1:]
        # What somebody holds already is left down; but a tap must be seen.
        added = [code for code in lasting if code not in held]
        again = [code for code in tapped if code in held]
        lock = 0 if CAPS_LOCK in keysyms else pointer_state(display).mask & LOCK_MASK
        requests = injector.lock(lock, on=False)
        requests += [injector.key(code, down=False) for code in again]
        requests += [injector.key(code, down=True) for code in added]
        for _ in range(repeat):
            requests += [injector.key(code, down=True) for code in tapped]
            requests += [injector.key(code, down=False) for code in reversed(tapped)]
        requests += [injector.key(code, down=False) for code in reversed(added)]
        requests += [injector.key(code, down=True) for code in again]
        requests += injector.lock(lock, on=True)
        send(display, requests)
        pointer_state(display)

    def _press_keys(self, display: Display, keycodes: Sequence[int]) -> None:
        send(display, [self._keyboard.injector.key(code, down=True) for code in keycodes])
        pointer_state(display)

    def _lift(self, display: Display, things: Sequence[Thing]) -> None:
        injector = self._keyboard.injector
        requests = [
            (injector.button if thing.is_button else injector.key)(thing.number, down=False)
            for thing in things
        ]
        send(display, requests)
        pointer_state(display)
