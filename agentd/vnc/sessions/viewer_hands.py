"""Carries what a viewer's hands do to the desktop: in order, one after the other.

The task that reads the viewer never waits for the X server. What waits is bounded: motions with
the same buttons are one motion, and a viewer that sends more than can be done is sent away.
Whether the viewer may act is asked at each event, when its turn comes. It does not know how
keys are pressed: `desktop/hands/remote.py` does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from agentd.base.errors import AgentdError, BadRequest
from agentd.desktop.hands.remote import RemoteHands
from agentd.desktop.session import Live
from agentd.vnc.protocol.messages import KeyEvent, PointerEvent, ScanKeyEvent

logger = logging.getLogger(__name__)

# Some pages of text at once, as a client sends that types for a program.
_MOST_WAITING = 8192
_MOST_KEYS = 64

HandEvent = KeyEvent | ScanKeyEvent | PointerEvent


class ViewerHands:
    """The hands of one viewer.

    Args:
        owner: whom the keys and buttons belong to while they are down.
        live: returns the running desktop, None while there is none.
        may: tells whether an event may go in now, after which the viewer holds something or not.
    """

    def __init__(
        self,
        owner: str,
        *,
        live: Callable[[], Live | None],
        may: Callable[[HandEvent, bool], Awaitable[bool]],
    ) -> None:
        self._owner = owner
        self._live = live
        self._may = may
        self._waiting: deque[HandEvent] = deque()
        self._arrived = asyncio.Event()
        self._hands: tuple[Live, RemoteHands] | None = None
        # What the viewer holds down, as it says itself: keysyms, or scan codes made negative.
        self._keys: set[int] = set()
        self._buttons = 0
        self._must_let_go = False

    def put_nowait(self, event: HandEvent) -> None:
        """Take an event. Raises: BadRequest when too many wait."""
        last = self._waiting[-1] if self._waiting else None
        if (
            isinstance(event, PointerEvent)
            and isinstance(last, PointerEvent)
            and event.buttons == last.buttons
        ):
            self._waiting[-1] = event
            return
        if len(self._waiting) >= _MOST_WAITING:
            raise BadRequest(f"more than {_MOST_WAITING} keys and clicks wait to be done")
        self._waiting.append(event)
        self._arrived.set()

    def let_go(self) -> None:
        """Have all that the viewer holds go up, before anything else is done."""
        self._must_let_go = True
        self._arrived.set()

    async def run(self) -> None:
        """Do what comes, until cancelled; then all that is down goes up."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting or self._must_let_go:
                    if self._must_let_go:
                        self._must_let_go = False
                        await self.release()
                        continue
                    await self._do(self._waiting.popleft())
        finally:
            await self.release()

    async def release(self) -> None:
        """Lift all that the viewer holds. Raises nothing."""
        self._keys.clear()
        self._buttons = 0
        if self._hands is not None:
            try:
                await self._hands[1].release()
            except AgentdError as exc:
                logger.debug("release failed owner=%s reason=%s", self._owner, exc)

    def _note(self, event: HandEvent) -> None:
        match event:
            case PointerEvent():
                self._buttons = event.buttons
            case KeyEvent() | ScanKeyEvent() if not event.down:
                self._keys.discard(_name_of(event))
            case _ if len(self._keys) < _MOST_KEYS:
                self._keys.add(_name_of(event))

    async def _do(self, event: HandEvent) -> None:
        live = self._live()
        self._note(event)
        if live is None or not await self._may(event, bool(self._keys or self._buttons)):
            return
        if self._hands is None or self._hands[0] is not live:
            self._hands = (live, live.input.remote(self._owner))
        hands = self._hands[1]
        try:
            match event:
                case PointerEvent():
                    await hands.pointer(event.x, event.y, event.buttons)
                case ScanKeyEvent():
                    await hands.scan_key(event.scancode, event.keysym, down=event.down)
                case KeyEvent():
                    await hands.key(event.keysym, down=event.down)
        except AgentdError as exc:
            # The next event may well arrive; what was typed is not to be read in a log.
            logger.info("viewer event dropped owner=%s reason=%s", self._owner, exc.narrow_code)


def _name_of(event: KeyEvent | ScanKeyEvent) -> int:
    """Return what tells a key from the others; its keysym may be another when it goes up."""
    return -event.scancode if isinstance(event, ScanKeyEvent) else event.keysym
