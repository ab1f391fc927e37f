"""Types text so that it arrives as it was sent, whatever its script, in whatever program.

A text goes in rounds: bind all keysyms that the keyboard lacks in one request, wait until the
program has seen the new map, strike. A keycode gets another keysym only when the program has
handled the strokes it had before. A text of characters that the keyboard has is one round and
waits for nothing. Does not hold keys; it lifts what others hold and presses it again afterwards.

Why the waits: Chromium may take the first key after a binding by the old map, all toolkits take
late keys by the new map.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from Xlib.display import Display

from agentd.base.errors import AgentdError
from agentd.desktop.hands.consumption import Consumption, Sign
from agentd.desktop.hands.held import Held, Holder
from agentd.desktop.hands.injection import LOCK_MASK, PointerState, pointer_state
from agentd.desktop.hands.keyboard import Keyboard
from agentd.desktop.hands.keymap import MAX_STROKES, Keymap, Round
from agentd.desktop.hands.keynames import keysyms_of_text
from agentd.desktop.xlink import XLink


@dataclass(frozen=True, slots=True)
class Typed:
    """What was delivered and how.

    Attributes:
        characters: characters delivered; a line end counts as one.
        rounds: how often the keyboard was made ready, at least 1 for a text that is not empty.
        bound: characters that got a key of their own now.
        sign: how it was known that the program had the new keys.
        disturbed: rounds in which somebody else changed the keyboard's map; if not 0, characters
            may be wrong.
    """

    characters: int
    rounds: int
    bound: int
    sign: Sign
    disturbed: int


@dataclass(slots=True)
class _Progress:
    position: int = 0
    rounds: int = 0
    bound: int = 0
    disturbed: int = 0
    sign: Sign = Sign.NOT_NEEDED


class Typing:
    """The text engine of one display. One text at a time: the caller sees to that."""

    def __init__(
        self, link: XLink, keyboard: Keyboard, consumption: Consumption, held: Held
    ) -> None:
        self._link = link
        self._keyboard = keyboard
        self._consumption = consumption
        self._held = held

    async def type(self, holder: Holder, text: str, *, delay_ms: float = 0) -> Typed:
        """Type a text into the program that has the focus.

        Args:
            holder: the action; typing ends when its owner is released.
            text: any characters but control characters other than tab and line ends.
            delay_ms: the time between two characters.

        Raises: BadRequest for a character that cannot be typed; Conflict when a modifier is
            stuck, the display has no spare key, or the owner was released; TimedOut when the
            program hangs; DisplayLost. What had been delivered is in the error's `data`.
        Cancelling: ends after the strokes that were sent; no key stays down.
        """
        keysyms = keysyms_of_text(text)
        progress = _Progress()
        if not keysyms:
            return Typed(0, 0, 0, Sign.NOT_NEEDED, 0)
        link, keyboard = self._link, self._keyboard
        before = await link.call(pointer_state)
        try:
            await link.call(keyboard.clear_modifiers, self._held.keycodes(), before)
            limit = 1 if delay_ms > 0 else MAX_STROKES
            while progress.position < len(keysyms):
                holder.check()
                await self._round(keysyms, limit, before, progress)
                if delay_ms > 0 and progress.position < len(keysyms):
                    await holder.pause(delay_ms / 1000)
        except BaseException as exc:
            keyboard.doubt()
            if isinstance(exc, AgentdError):
                exc.data["delivered"] = progress.position
            raise
        finally:
            await self._restore(before)
        return Typed(
            len(keysyms), progress.rounds, progress.bound, progress.sign, progress.disturbed
        )

    async def _restore(self, before: PointerState) -> None:
        """Press what is held again, also when the text was called off."""
        held = self._held.keycodes()
        if held or before.mask & LOCK_MASK:
            await asyncio.shield(self._link.call(self._keyboard.restore_modifiers, held, before))

    async def _round(
        self, keysyms: Sequence[int], limit: int, before: PointerState, progress: _Progress
    ) -> None:
        link = self._link
        plan, is_done, is_changed = await link.call(
            self._begin_round, keysyms, progress.position, limit, before.group, self._busy()
        )
        if not is_done:
            progress.sign = await self.bind(plan)
            is_changed = await link.call(self._end_round, plan)
        elif plan.uses_bound:
            await self._consumption.note_receiver()
        progress.rounds += 1
        progress.bound += plan.bound
        progress.disturbed += is_changed
        progress.position = plan.end

    async def bind(self, plan: Round) -> Sign:
        """Carry out a plan's bindings and wait until the program has seen them.

        Raises: TimedOut when the program hangs; DisplayLost.
        Cancelling: the caller must `doubt` the keyboard.
        """
        if plan.overtakes:
            await self._wait_consumed()
        await self._link.call(self._keyboard.bind, plan)
        return await self._consumption.wait(await self._consumption.note_receiver())

    def _busy(self) -> frozenset[int]:
        return frozenset(self._held.keycodes())

    async def _wait_consumed(self) -> None:
        """Wait until nobody has strokes of bound keys on the way."""
        up_to = self._keymap.last_round - 1
        # The focus may have moved since: a text can open a dialog.
        await self._consumption.note_receiver()
        await self._consumption.wait_all()
        self._keymap.note_consumed(up_to)

    @property
    def _keymap(self) -> Keymap:
        return self._keyboard.keymap

    def _begin_round(
        self,
        display: Display,
        keysyms: Sequence[int],
        start: int,
        limit: int,
        group: int,
        busy: frozenset[int],
    ) -> tuple[Round, bool, bool]:
        """Plan a round, and carry it out at once if it binds nothing. Thread: the lane's."""
        keymap = self._keyboard.refresh(display, group)
        plan = keymap.next_round(keysyms, start, busy=busy, limit=limit)
        if plan.bindings:
            return plan, False, False
        return plan, True, self._end_round(display, plan)

    def _end_round(self, display: Display, plan: Round) -> bool:
        """Strike; return whether the map changed under the strokes. Thread: the lane's."""
        self._keyboard.strike(display, plan.strokes)
        pointer_state(display)
        return self._keyboard.is_changed(display)
