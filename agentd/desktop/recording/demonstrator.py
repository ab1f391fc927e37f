"""Hears what a person does on the desktop, through VNC or a console, for the action log.

pynput's global listener (the RECORD extension) reports every event of the X server, ours too;
`echoes.py` takes ours out, `demonstration.py` makes actions of the rest. It injects nothing. Where
the listener cannot be started the recording goes on without, and its head says so. Sources: RECORD
protocol 1.13, X11 protocol section 5 (how a key's keysym is chosen).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from Xlib.display import Display

from agentd.desktop.actions import Press
from agentd.desktop.hands.injection import fake_inputs
from agentd.desktop.recording.action_log import ActionLog, Before
from agentd.desktop.recording.anchor import area_around
from agentd.desktop.recording.demonstration import Deed, Demonstration, HandEvent, Kind
from agentd.desktop.recording.echoes import (
    BUTTON_PRESS,
    BUTTON_RELEASE,
    KEY_PRESS,
    KEY_RELEASE,
    MOTION,
    Echoes,
)
from agentd.desktop.screen.capture import Shot
from agentd.desktop.session import Live
from agentd.desktop.xlink import DisplayAddress, authority_environment

logger = logging.getLogger(__name__)

_START_S = 10.0
_STOP_S = 5.0
# Events that wait; a hand makes a thousand a second at most.
_MOST_WAITING = 10_000
_KINDS = {
    KEY_PRESS: Kind.KEY_DOWN,
    KEY_RELEASE: Kind.KEY_UP,
    BUTTON_PRESS: Kind.BUTTON_DOWN,
    BUTTON_RELEASE: Kind.BUTTON_UP,
    MOTION: Kind.MOTION,
}
_SHIFT, _LOCK, _LEVEL3 = 0x01, 0x02, 0x80


class Demonstrator:
    """Listens for one recording.

    Args:
        seen: returns the newest picture of the recording, or None where it has none.
        moved: told of every motion of the pointer, whosever: the picture shows it.
    """

    def __init__(
        self,
        live: Live,
        log: ActionLog,
        *,
        seen: Callable[[], Shot | None],
        moved: Callable[[], None],
    ) -> None:
        self._live = live
        self._log = log
        self._seen = seen
        self._moved = moved
        self._echoes = Echoes()
        self._demonstration = Demonstration()
        self._events: asyncio.Queue[HandEvent | None] = asyncio.Queue(_MOST_WAITING)
        self._listener: Any = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_listening(self) -> bool:
        """Whether a person's hands are heard."""
        return self._listener is not None

    async def open(self) -> None:
        """Begin to listen, if it can be done here."""
        self._loop = asyncio.get_running_loop()
        try:
            self._listener = await asyncio.to_thread(
                start_listener, self._live.capture_link.address, self._hear
            )
        except Exception as exc:  # pynput raises whatever its parts do.
            logger.warning("human input not recorded reason=%s", exc)
            return
        self._task = asyncio.create_task(self._run(), name="demonstrator")  # noqa: TID251

    async def close(self) -> None:
        """Write down what is left, and stop listening. Idempotent."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await asyncio.to_thread(_stop, listener)
        task, self._task = self._task, None
        if task is not None:
            await self._events.put(None)
            await task

    def expect(self, requests: Sequence[bytes]) -> None:
        """Note what we are about to send. Thread: the input lane's."""
        sent = fake_inputs(requests)
        if sent and self._listener is not None:
            self._call_soon(lambda: self._echoes.expect(sent, self._log.now_ms()))

    def _hear(self, kind: int, detail: int, x: int, y: int, state: int, row: Keysyms) -> None:
        """Take an event. Thread: the listener's.

        Notes reach the loop in the order they are made: ours before the events that they cause.
        """
        self._call_soon(lambda: self._arrived(kind, detail, x, y, state, row))

    def _call_soon(self, function: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            logger.debug("event dropped reason=loop_closed")

    def _arrived(self, kind: int, detail: int, x: int, y: int, state: int, row: Keysyms) -> None:
        now_ms = self._log.now_ms()
        if _KINDS[kind] is Kind.MOTION:
            self._moved()
        if self._echoes.takes(kind, detail, x, y, now_ms):
            return
        event = HandEvent(_KINDS[kind], now_ms, x, y, state)
        if event.kind in (Kind.KEY_DOWN, Kind.KEY_UP):
            keysym = keysym_of_row(row, state)
            character = character_of(keysym)
            event = event._replace(keysym=keysym, plain=keysym_of_row(row, 0), character=character)
        else:
            event = event._replace(button=detail)
        if event.kind in (Kind.KEY_DOWN, Kind.BUTTON_DOWN) and (shot := self._seen()) is not None:
            event = event._replace(mark=self._before(event, shot))
        if not self._events.full():
            self._events.put_nowait(event)

    async def _run(self) -> None:
        """Make actions of events until the end."""
        demonstration = self._demonstration
        while True:
            due_ms = demonstration.due_ms
            left_s = None if due_ms is None else max(0, due_ms - self._log.now_ms()) / 1000
            try:
                async with asyncio.timeout(left_s):
                    event = await self._events.get()
            except TimeoutError:
                await self._write(demonstration.settle(self._log.now_ms()))
                continue
            if event is None:
                await self._write(demonstration.finish(self._log.now_ms()))
                return
            if event.mark is None and event.kind in (Kind.KEY_DOWN, Kind.BUTTON_DOWN):
                event = event._replace(mark=await self._log.before(None))
            await self._write(demonstration.feed(event))

    async def _write(self, deeds: list[Deed]) -> None:
        for deed in deeds:
            before = deed.mark
            if not isinstance(before, Before):
                before = await self._log.before(deed.action)
            await self._log.note_human(
                deed.action, began_ms=deed.began_ms, ended_ms=deed.ended_ms, before=before
            )

    def _before(self, event: HandEvent, shot: Shot) -> Before:
        """Return what the screen showed when a person began something."""
        if event.kind is Kind.KEY_DOWN:
            area = self._log.area(Press(keys="a"), shot)
        else:
            area = area_around(event.x, event.y, shot.frame.rect)
        return Before(shot.frame, area, self._log.window())


Keysyms = Sequence[int]


def _stop(listener: Any) -> None:
    """Stop a listener and wait for its end. Thread: any but the event loop's."""
    try:
        # Not by pynput's `stop`, which throws away what has arrived and was not looked at.
        listener.end()
    except Exception as exc:  # The display is gone, and the listener ends by that.
        logger.debug("listener not stopped reason=%s", exc)
    listener.join(_STOP_S)


def keysym_of_row(row: Keysyms, state: int) -> int:
    """Return the keysym of a key under some modifiers.

    Args:
        row: as GetKeyboardMapping tells it: two of group 1, two of group 2, then levels 3 and 4.
        state: of the event.
    """
    first = 4 if state & _LEVEL3 and any(row[4:6]) else 2 * (state >> 13 & 3)
    if not any(row[first : first + 2]):
        first = 0
    plain, shifted = (*row[first : first + 2], 0, 0)[:2]
    shifted = shifted or plain
    is_shifted = bool(state & _SHIFT)
    if state & _LOCK and character_of(plain).isalpha():
        is_shifted = not is_shifted
    return shifted if is_shifted else plain


def character_of(keysym: int) -> str:
    """Return what a keysym types, or nothing (X11 protocol, appendix A)."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if 0x01000100 <= keysym <= 0x0110FFFF:
        return chr(keysym - 0x01000000)
    if 0xFFAA <= keysym <= 0xFFB9:  # The keypad's signs and digits.
        return chr(keysym - 0xFF80)
    return _older_characters().get(keysym, "") if 0x1A1 <= keysym <= 0x20FF else ""


@functools.cache
def _older_characters() -> dict[int, str]:
    """The keysyms from before Unicode, which layouts still use, as pynput has them."""
    from pynput._util.xorg_keysyms import SYMBOLS

    return {keysym: character for keysym, character in SYMBOLS.values() if character}


def start_listener(
    address: DisplayAddress, hear: Callable[[int, int, int, int, int, Keysyms], None]
) -> Any:
    """Start a thread that hears every key, button and motion of a display; return it.

    It has `end` and `join`. Thread: any but the event loop's; waits until it listens.
    Raises: whatever pynput does where there is no RECORD extension, or no display.
    """
    with authority_environment(address):
        # It connects while it is imported, and can be imported only where it can.
        from pynput import mouse

        class Listener(mouse.Listener):  # type: ignore[misc]
            """pynput's mouse listener, widened to keys: one stream, so that the order holds."""

            _EVENTS = (KEY_PRESS, MOTION)

            def __init__(self) -> None:
                super().__init__()
                self.has_begun = threading.Event()
                self.error: BaseException | None = None
                # What each key meant when it went down last; there are 256 codes at most.
                self.rows: dict[int, Keysyms] = {}

            def run(self) -> None:
                try:
                    super().run()
                except BaseException as exc:
                    self.error = exc
                finally:
                    self.has_begun.set()

            def _handler(self, reply: Any) -> None:
                # The first reply says that the server records from now on.
                self.has_begun.set()
                super()._handler(reply)

            def _handle_message(self, display: Any, event: Any, injected: bool) -> None:
                code = event.detail
                if event.type == KEY_PRESS:
                    # Asked each time: a viewer's keys may be bound only just before.
                    self.rows[code] = tuple(display.get_keyboard_mapping(code, 1)[0])
                row = self.rows.get(code, ()) if event.type in (KEY_PRESS, KEY_RELEASE) else ()
                hear(event.type, code, event.root_x, event.root_y, event.state, row)

            def end(self) -> None:
                # From a connection of its own: the listener's two belong to its thread. What the
                # server has seen by now still comes, and then the listener ends by itself.
                with authority_environment(address):
                    other = Display(address.name)
                other.record_disable_context(self._context)
                other.sync()
                other.close()

        listener = Listener()
        listener.start()
        if not listener.has_begun.wait(_START_S):
            raise TimeoutError(f"the listener did not begin within {_START_S:g} s")
    if listener.error is not None:
        raise listener.error
    return listener
