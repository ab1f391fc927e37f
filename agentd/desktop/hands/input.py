"""The hands of one display: pointer and keys, and who holds what.

Through XTEST, on the lane of one XLink; a new display generation gets a new Input. Does not know
commands, dialects or pictures.

Turns: an action runs alone, so that no click falls into somebody's text. Two kinds wait and give
the turn away meanwhile: a hold, and a drag, which only keeps other pointer actions off. Lifting
(`release`) waits for nobody: it ends the owner's actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agentd.desktop.hands.consumption import Consumption
from agentd.desktop.hands.held import Held
from agentd.desktop.hands.injection import Injector
from agentd.desktop.hands.keyboard import Keyboard
from agentd.desktop.hands.keys import Keys
from agentd.desktop.hands.pointer import Pointer
from agentd.desktop.hands.remote import Parts, RemoteHands
from agentd.desktop.hands.typing import Typing
from agentd.desktop.xlink import XLink


class Input:
    """Pointer and keys of one display.

    Attributes:
        pointer: cursor, move, click, drag, scroll, button_down, button_up.
        keys: type, press, hold, key_down, key_up.
    """

    def __init__(
        self,
        link: XLink,
        keyboard: Keyboard,
        consumption: Consumption,
        size: Callable[[], tuple[int, int]],
    ) -> None:
        turn = asyncio.Lock()
        self._held = Held()
        self._consumption = consumption
        self.keys = Keys(link, keyboard, consumption, self._held, turn)
        self.pointer = Pointer(link, keyboard.injector, self.keys, self._held, turn, size)
        typing = Typing(link, keyboard, consumption, self._held)
        self._remote = Parts(
            link, keyboard, typing, consumption, self._held, turn, size, self.keys.lift
        )

    @classmethod
    async def open(cls, link: XLink, *, size: Callable[[], tuple[int, int]]) -> Input:
        """Take over the hands of a display. Keys and buttons that are down are lifted.

        Args:
            link: an open connection for this use alone.
            size: the screen's size now, width and height in pixels.

        Raises: Unavailable without XTEST; DisplayLost. Cancelling: nothing stays open.
        """
        keyboard = Keyboard(await link.call(Injector))
        await link.call(keyboard.open)
        return cls(link, keyboard, await Consumption.open(link.address), size)

    def remote(self, owner: str) -> RemoteHands:
        """Return the hands of a viewer, which owns what it presses by them."""
        return RemoteHands(owner, self._remote)

    async def pause(self, owner: str, delay_s: float) -> None:
        """Do nothing for a time, as an action of an owner.

        Raises: Conflict when the owner is released meanwhile. Cancelling: safe.
        """
        with self._held.acting(owner) as holder:
            await holder.pause(delay_s)

    async def release(self, owner: str) -> int:
        """Lift all keys and buttons of an owner, end its actions; return how many were lifted.

        Raises: DisplayLost. Cancelling: they are lifted all the same.
        """
        return await self._release(owner)

    async def release_all(self) -> int:
        """Lift the keys and buttons of all owners and end their actions; see `release`."""
        return await self._release(None)

    async def _release(self, owner: str | None) -> int:
        lifted = self._held.release(owner)
        self.pointer.forget(owner)
        await self.keys.lift(lifted)
        return len(lifted)

    def close(self) -> None:
        """Close what `open` has opened; the link stays. Lifts nothing. Idempotent."""
        self._consumption.close()
