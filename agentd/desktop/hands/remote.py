"""The hands of one viewer: its keys and its pointer, event by event, as they come.

What a viewer presses is its own, and goes up when the viewer is released. Its events keep their
order. Keys wait while a text is typed, so that a viewer's Shift falls into nobody's text; the
pointer waits for nobody else. Does not know RFB, rights, or who may act now. How a key is made to
mean what the viewer means: `meaning.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from Xlib.display import Display

from agentd.base.errors import TimedOut
from agentd.desktop.hands.consumption import Consumption
from agentd.desktop.hands.gestures import Point
from agentd.desktop.hands.held import Held, Holder, Thing, button_thing, key_thing
from agentd.desktop.hands.injection import LOCK_MASK, pointer_state, send
from agentd.desktop.hands.keyboard import Keyboard, keys_down
from agentd.desktop.hands.keymap import Round
from agentd.desktop.hands.keynames import SHIFT_L, SHIFTS
from agentd.desktop.hands.meaning import (
    NUM_LOCK_MASK,
    SHIFT_MASK,
    Meaning,
    meaning,
    usual_keysym,
)
from agentd.desktop.hands.scancodes import keycode_of_scancode
from agentd.desktop.hands.typing import Typing
from agentd.desktop.xlink import XLink

_BUTTONS = range(1, 10)
# A program that hangs must not keep a viewer's hands for longer.
_NEW_KEY_S = 2.0
# What a viewer may call differently and keep down.
_MOST_KEYS = 256


@dataclass(frozen=True, slots=True)
class Parts:
    """What the hands of all viewers share; made by `Input`."""

    link: XLink
    keyboard: Keyboard
    typing: Typing
    consumption: Consumption
    held: Held
    turn: asyncio.Lock
    size: Callable[[], tuple[int, int]]
    lift: Callable[[list[Thing]], Awaitable[None]]


class RemoteHands:
    """The hands of one viewer. Made by `Input.remote`."""

    def __init__(self, owner: str, parts: Parts) -> None:
        self._owner = owner
        self._parts = parts
        self._order = asyncio.Lock()
        self._holder = parts.held.lasting(owner)
        # What the viewer calls a key (its keysym, or minus its scan code): the key that is down.
        self._keys: dict[int, int] = {}
        self._buttons = 0
        # Where it has moved the pointer last; the lane's alone.
        self._at: Point | None = None

    async def key(self, keysym: int, *, down: bool) -> None:
        """Press or lift the key that makes a keysym; another press of a key that is down repeats.

        Modifiers are as the viewer holds them, except where the keyboard here needs others for a
        character. A keysym that no key makes gets a key of its own.

        Args:
            keysym: any number; what has no meaning, or was used up by the viewer's own keyboard
                (AltGr), is passed over.

        Raises: Conflict when no key can be made for it; TimedOut when the program hangs that must
            see the new key; DisplayLost.
        Cancelling: pressed and owned, or not at all; a key that goes up does so.
        """
        async with self._order:
            usual = usual_keysym(keysym)
            if not down:
                await self._release_key(keysym, usual)
            elif usual:
                await asyncio.shield(self._press(keysym, usual, None))

    async def scan_key(self, scancode: int, keysym: int, *, down: bool) -> None:
        """Press or lift a key that the viewer names by its place on the keyboard, too.

        The place counts where the key there makes the keysym, as for the keypad and for left and
        right; else the keysym counts, as the viewer's keyboard has another layout.

        Args:
            scancode: of XT set 1, the prefix 0xE0 as bit 7.
            keysym: as in `key`; 0 presses the key of that place whatever it makes.

        Raises, cancelling: as `key`.
        """
        async with self._order:
            usual = usual_keysym(keysym)
            keycode = keycode_of_scancode(scancode)
            if not down:
                await self._release_key(-scancode, usual)
            elif usual or (keysym == 0 and keycode is not None):
                await asyncio.shield(self._press(-scancode, usual, keycode))

    async def pointer(self, x: int, y: int, buttons: int) -> None:
        """Move the pointer, then press and lift what is new in the mask of buttons.

        Args:
            x: root pixels; a point off the screen counts as the nearest on it.
            buttons: bit 0 is button 1, bit 8 is button 9; a wheel turns by 4 to 7.

        Raises: DisplayLost. Cancelling: moved or not at all; a button that goes up does so.
        """
        async with self._order:
            holder = self._current()
            width, height = self._parts.size()
            point = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            changed = [n for n in _BUTTONS if (buttons ^ self._buttons) >> (n - 1) & 1]
            pressed = [button_thing(n) for n in changed if buttons >> (n - 1) & 1]
            lifted = [button_thing(n) for n in changed if not buttons >> (n - 1) & 1]
            self._buttons = buttons
            held = self._parts.held
            ups = held.drop(holder, lifted) if lifted else []
            downs = held.take(holder, pressed)
            injector = self._parts.keyboard.injector
            requests = [injector.button(thing.number, down=False) for thing in ups]
            requests += [injector.button(thing.number, down=True) for thing in downs]
            await asyncio.shield(self._parts.link.call(self._point, point, requests))

    async def release(self) -> None:
        """Lift all that the viewer holds; it may press again afterwards.

        Raises: DisplayLost. Cancelling: it is lifted all the same.
        """
        await self._parts.lift(self._parts.held.release(self._owner))

    def _current(self) -> Holder:
        """Return the claim; what was held under an old one has been lifted."""
        holder = self._parts.held.lasting(self._owner)
        if holder is not self._holder:
            self._holder = holder
            self._keys.clear()
            self._buttons = 0
        return holder

    async def _press(self, name: int, keysym: int, keycode: int | None) -> None:
        """Press a key, known or made; not to be cancelled, so that what is down is owned."""
        parts = self._parts
        if len(self._keys) >= _MOST_KEYS:
            return
        async with parts.turn:
            holder = self._current()
            wanted = self._keys.get(name, keycode)
            found, plan = await parts.link.call(self._press_known, keysym, wanted, self._busy())
            if plan is not None and plan.bindings:
                await self._bind(plan)
                if holder.released.is_set():
                    return
                await parts.link.call(self._strike_new, found)
            parts.held.take(holder, [key_thing(found.keycode)])
            if holder.released.is_set():
                # The viewer left meanwhile.
                await parts.lift(parts.held.drop(holder))
                return
            self._keys[name] = found.keycode
            if plan is not None:
                await parts.consumption.note_receiver()

    async def _release_key(self, name: int, keysym: int) -> None:
        holder = self._current()
        keycode = self._keys.pop(name, None)
        if keycode is None and keysym:
            keycode = await self._take_back(keysym)
        if keycode is not None and keycode not in self._keys.values():
            await self._parts.lift(self._parts.held.drop(holder, [key_thing(keycode)]))

    async def _take_back(self, keysym: int) -> int | None:
        """Find the key of a keysym that was pressed as another: with Shift, which is up now."""
        found = await self._parts.link.call(self._find, keysym)
        names = [name for name, keycode in self._keys.items() if keycode == found]
        for name in names:
            del self._keys[name]
        return found if names else None

    async def _bind(self, plan: Round) -> None:
        try:
            async with asyncio.timeout(_NEW_KEY_S):
                await self._parts.typing.bind(plan)
        except TimeoutError as exc:
            self._parts.keyboard.doubt()
            raise TimedOut(
                f"the program has not taken its new key for {_NEW_KEY_S:g} s", code="program_hangs"
            ) from exc
        except BaseException:
            self._parts.keyboard.doubt()
            raise

    def _busy(self) -> frozenset[int]:
        return frozenset(self._parts.held.keycodes())

    def _find(self, display: Display, keysym: int) -> int | None:
        keymap, state = self._parts.keyboard.look(display)
        key = meaning(keymap, keysym, state.mask)
        return None if key is None else key.keycode

    def _point(self, display: Display, point: Point, buttons: Sequence[bytes]) -> None:
        """Move, and then press and lift buttons. Thread: the lane's.

        A pointer that is there already must not be moved: programs would hear of it, amid clicks.
        """
        if point == self._at:
            state = pointer_state(display)
            if point == (state.x, state.y):
                send(display, buttons)
                return
        self._at = point
        send(display, [self._parts.keyboard.injector.motion(*point), *buttons])

    def _press_known(
        self, display: Display, keysym: int, keycode: int | None, busy: Collection[int]
    ) -> tuple[Meaning, Round | None]:
        """Press the key of a keysym, or plan to make one.

        Returns the key, and for one that is made the plan; if that has bindings, they are to be
        carried out and the key is to be struck. Thread: the lane's.
        """
        keymap, state = self._parts.keyboard.look(display)
        key = meaning(keymap, keysym, state.mask, keycode=keycode)
        plan = None
        if key is None or keymap.is_bound(key.keycode):
            plan = keymap.next_round([keysym], busy=busy)
            key = Meaning(plan.strokes[0].keycode, no_caps=True)
        if plan is None or not plan.bindings:
            self._strike(display, key, state.mask, is_again=key.keycode in busy)
        return key, plan

    def _strike_new(self, display: Display, key: Meaning) -> None:
        self._strike(display, key, pointer_state(display).mask, is_again=False)

    def _strike(self, display: Display, key: Meaning, mask: int, *, is_again: bool) -> None:
        """Press a key as it must be pressed under some modifiers. Thread: the lane's."""
        injector, keymap = self._parts.keyboard.injector, self._parts.keyboard.keymap
        before: list[bytes] = []
        after: list[bytes] = []
        if key.no_caps and mask & LOCK_MASK:
            before += injector.lock(LOCK_MASK, on=False)
            after += injector.lock(LOCK_MASK, on=True)
        is_on = bool(mask & NUM_LOCK_MASK)
        if key.num_lock is not None and key.num_lock != is_on:
            before += injector.lock(NUM_LOCK_MASK, on=key.num_lock)
            after += injector.lock(NUM_LOCK_MASK, on=is_on)
        if key.shift is not None and key.shift != bool(mask & SHIFT_MASK):
            shifts = [shift.keycode] if (shift := keymap.find(SHIFT_L)) else []
            if not key.shift:
                codes = {found.keycode for one in SHIFTS if (found := keymap.find(one))}
                shifts = [code for code in keys_down(display) if code in codes]
            before += [injector.key(code, down=key.shift) for code in shifts]
            after += [injector.key(code, down=not key.shift) for code in shifts]
        if key.keycode not in keymap.modifier_keycodes:
            if is_again:
                # The server passes a second press over.
                before.append(injector.key(key.keycode, down=False))
            before += injector.repeat(on=False)
            after = injector.repeat(on=True) + after
        send(display, [*before, injector.key(key.keycode, down=True), *after])
