"""Who holds which key and button, and the actions that can be called off.

Does not press anything: it says what must be pressed or lifted. A key that two hold goes down
with the first and up with the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from agentd.base.errors import Conflict


class Thing(NamedTuple):
    """A key or a button."""

    is_button: bool
    number: int


def key_thing(keycode: int) -> Thing:
    """Return a key."""
    return Thing(is_button=False, number=keycode)


def button_thing(number: int) -> Thing:
    """Return a button."""
    return Thing(is_button=True, number=number)


@dataclass(eq=False, slots=True)
class Holder:
    """One claim to keys and buttons.

    A caller has a lasting claim of its own, for key_down and button_down, and one more for each
    of its running actions, so that the end of an action does not lift what the caller holds.
    """

    owner: str
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, delay_s: float) -> None:
        """Wait, as a part of an action.

        Raises: Conflict when the owner is released meanwhile. Cancelling: safe.
        """
        try:
            async with asyncio.timeout(delay_s):
                await self.released.wait()
        except TimeoutError:
            return
        self.check()

    def check(self) -> None:
        """Raise Conflict when the owner was released."""
        if self.released.is_set():
            raise Conflict(
                "the action was ended because its caller's keys and buttons were lifted",
                code="released",
            )


class Held:
    """The register of held keys and buttons of one display."""

    def __init__(self) -> None:
        self._holders: dict[Thing, set[Holder]] = {}
        self._lasting: dict[str, Holder] = {}
        self._acting: set[Holder] = set()

    def lasting(self, owner: str) -> Holder:
        """Return the claim of an owner that lasts until it is released."""
        return self._lasting.setdefault(owner, Holder(owner))

    @contextmanager
    def acting(self, owner: str) -> Iterator[Holder]:
        """Give a claim for one action; what it still holds at the end must have been dropped."""
        holder = Holder(owner)
        self._acting.add(holder)
        try:
            yield holder
        finally:
            self._acting.discard(holder)

    def take(self, holder: Holder, things: list[Thing]) -> list[Thing]:
        """Claim things; return those that must be pressed now, in order."""
        pressed = []
        for thing in things:
            holders = self._holders.setdefault(thing, set())
            if not holders:
                pressed.append(thing)
            holders.add(holder)
        return pressed

    def drop(self, holder: Holder, things: list[Thing] | None = None) -> list[Thing]:
        """Give up things, or all of a claim; return those that must be lifted, last first."""
        lifted = []
        for thing in reversed(list(self._holders) if things is None else things):
            holders = self._holders.get(thing, set())
            if holder in holders:
                holders.discard(holder)
                if not holders:
                    del self._holders[thing]
                    lifted.append(thing)
        return lifted

    def release(self, owner: str | None) -> list[Thing]:
        """End the claims and actions of an owner, or of all; return what must be lifted."""
        ended = [h for h in (*self._acting, *self._lasting.values()) if owner in (None, h.owner)]
        lifted = []
        for holder in ended:
            holder.released.set()
            lifted += self.drop(holder)
            if self._lasting.get(holder.owner) is holder:
                del self._lasting[holder.owner]
        return lifted

    def keycodes(self) -> list[int]:
        """Return the keys that are held, the first pressed first."""
        return [thing.number for thing in self._holders if not thing.is_button]

    def is_held(self, thing: Thing) -> bool:
        """Whether anybody holds it."""
        return thing in self._holders
