"""Waits until the program with the focus has handled all events that were sent to it.

The X server knows what it has sent to a client, not what the client has done with it; and a
client looks a keycode up when it handles the event. So the client is asked something that it
answers in the order of its events. Three questions are known, found by trying (no toolkit gets
all of them right):

- `_NET_WM_PING` (EWMH): GTK 3 and 4, Qt, Chromium, Firefox. Qt sends its answer with the event
  mask StructureNotify, the others with SubstructureNotify.
- A selection request for a selection that the client does not own (ICCCM 2.2): Tk refuses it,
  as the convention demands; GTK and xterm are silent.
- An Editres message (libXmu): xterm and other Xt programs ask for our selection then.

Who answers none of them is given a fixed time. Does not type. The connection is its own, so
that answers never wait behind the hands.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import XError
from Xlib.protocol import event as xevent

from agentd.base.errors import TimedOut
from agentd.desktop.xlink import DisplayAddress, XLink

logger = logging.getLogger(__name__)

# A program that is known to answer and does not is hung: its events cannot be overtaken.
_ANSWER_S = 10.0
# How long a program may take to show which question it answers.
_FIRST_ANSWER_S = 3.0
# For programs that answer nothing: raw Xlib programs draw within a few ms of an event.
_ASSUMED_S = 0.3

_EDITRES_VERSION = 5


class Sign(Enum):
    """How it is known that a program has handled its events."""

    NOT_NEEDED = "not_needed"
    PING = "ping"
    SELECTION = "selection"
    EDITRES = "editres"
    ASSUMED = "assumed"


class Receiver(NamedTuple):
    """A top-level window, and whether it says that it answers pings."""

    window: int
    has_ping: bool


class Consumption:
    """Asks programs whether they have caught up. Made by `open`."""

    def __init__(self, link: XLink, questions: _Questions) -> None:
        self._link = link
        self._questions = questions
        self._serial = 0
        self._answers: dict[int, asyncio.Future[tuple[Sign, Any]]] = {}
        # What each window answers. Forgotten when the window goes: ids are used again at once.
        self._signs: dict[int, Sign] = {}
        # The window of each question that was not answered yet.
        self._asked: dict[int, int] = {}
        # Who may be behind, by window. A window that goes takes its events with it.
        self._behind: dict[int, Receiver] = {}

    @classmethod
    async def open(cls, address: DisplayAddress) -> Consumption:
        """Connect. Raises: DisplayLost. Cancelling: closes the connection."""
        # The link wants its receiver before there is one.
        heard: list[Callable[[Sequence[Any]], None]] = []
        link = XLink(address, "x-consumption", on_events=lambda events: heard[0](events))
        heard.append(lambda _: None)
        await link.open()
        try:
            consumption = cls(link, await link.call(_Questions))
        except BaseException:
            link.close()
            raise
        heard[0] = consumption._hear
        return consumption

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._link.close()

    async def note_receiver(self) -> Receiver | None:
        """Return who gets the keys now, and remember it as behind; None when no program does.

        Raises: DisplayLost. Cancelling: safe.
        """
        receiver = await self._link.call(self._questions.receiver)
        if receiver is not None:
            self._behind[receiver.window] = receiver
        return receiver

    async def wait_all(self) -> None:
        """Wait until all programs that were noted have caught up.

        Raises: TimedOut, DisplayLost. Cancelling: safe.
        """
        for window, receiver in list(self._behind.items()):
            await self.wait(receiver)
            self._behind.pop(window, None)

    async def wait(self, receiver: Receiver | None) -> Sign:
        """Wait until a program has handled all that the server has sent to it so far.

        Raises: TimedOut when a program that answers such questions does not; DisplayLost.
        Cancelling: safe.
        """
        if receiver is None:
            return Sign.NOT_NEEDED
        known = Sign.PING if receiver.has_ping else self._signs.get(receiver.window)
        if known is Sign.ASSUMED:
            # The one wait without an event: this program gives none.
            await asyncio.sleep(_ASSUMED_S)
            return known
        self._serial += 1
        serial = self._serial
        self._answers[serial] = asyncio.get_running_loop().create_future()
        self._asked[serial] = receiver.window
        try:
            if not await self._link.call(self._questions.ask, receiver.window, known, serial):
                return Sign.NOT_NEEDED
            async with asyncio.timeout(_ANSWER_S if known else _FIRST_ANSWER_S):
                sign, request = await self._answers[serial]
            if request is not None:
                await self._link.call(self._questions.refuse, request)
        except TimeoutError:
            return await self._unanswered(receiver, known)
        finally:
            del self._answers[serial]
        return sign

    async def _unanswered(self, receiver: Receiver, known: Sign | None) -> Sign:
        if not await self._link.call(self._questions.is_there, receiver.window):
            return Sign.NOT_NEEDED
        if known is not None:
            raise TimedOut(
                f"the program of window {receiver.window:#x} has not taken its events for "
                f"{_ANSWER_S:g} s",
                code="program_hangs",
            )
        logger.info("client answers no question window=%#x wait_s=%s", receiver.window, _ASSUMED_S)
        self._signs[receiver.window] = Sign.ASSUMED
        return Sign.ASSUMED

    def _hear(self, events: Sequence[Any]) -> None:
        for event in events:
            if event.type == X.DestroyNotify:
                self._forget(event.window.id)
            elif found := self._questions.answer_in(event):
                self._note_answer(*found, event)

    def _forget(self, window: int) -> None:
        self._signs.pop(window, None)
        self._behind.pop(window, None)
        for serial in [serial for serial, asked in self._asked.items() if asked == window]:
            del self._asked[serial]
            answer = self._answers.get(serial)
            if answer is not None and not answer.done():
                answer.set_result((Sign.NOT_NEEDED, None))

    def _note_answer(self, serial: int, sign: Sign, event: Any) -> None:
        window = self._asked.pop(serial, None)
        if window is not None and sign is not Sign.PING:
            # Also a late answer counts: the program is slow, not mute.
            self._signs[window] = sign
        answer = self._answers.get(serial)
        if answer is not None and not answer.done():
            answer.set_result((sign, event if sign is Sign.EDITRES else None))


class _Questions:
    """The X side: who has the focus, how to ask, which event is an answer.

    Thread: all but `answer_in` run on the lane.
    """

    def __init__(self, display: Display) -> None:
        self._protocols: int = display.intern_atom("WM_PROTOCOLS")
        self._state: int = display.intern_atom("WM_STATE")
        self._ping: int = display.intern_atom("_NET_WM_PING")
        self._editres: int = display.intern_atom("Editres")
        self._check: int = display.intern_atom("_NET_SUPPORTING_WM_CHECK")
        self._mask: int = ~display.display.info.resource_id_mask & 0xFFFFFFFF
        self._root: int = display.screen().root.id
        display.screen().root.change_attributes(
            event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask
        )
        self._window = display.screen().root.create_window(
            -1, -1, 1, 1, 0, 0, window_class=X.InputOnly
        )
        # One selection for each connection: two daemons may share an attached display.
        self._selection: int = display.intern_atom(f"_AGENTD_{self._window.id:X}")
        self._window.set_selection_owner(self._selection, X.CurrentTime)

    def receiver(self, display: Display) -> Receiver | None:
        """Find the top-level window with the focus."""
        focus = display.get_input_focus().focus
        if focus == X.PointerRoot:
            focus = display.screen().root.query_pointer().child
        if isinstance(focus, int) or focus.id == self._root:
            return None
        if (focus.id ^ self._manager(display)) & self._mask == 0:
            # The window manager's own window keeps the focus while no program has it.
            return None
        try:
            found = self._top_level(focus)
        except XError:
            return None
        # To hear when it goes: window ids are used again at once.
        window = display.create_resource_object("window", found.window)
        window.change_attributes(event_mask=X.StructureNotifyMask)
        return found

    def _top_level(self, window: Any) -> Receiver:
        while True:
            protocols = window.get_full_property(self._protocols, Xatom.ATOM)
            if protocols is not None:
                return Receiver(window.id, self._ping in protocols.value)
            if window.get_full_property(self._state, X.AnyPropertyType) is not None:
                return Receiver(window.id, has_ping=False)
            parent = window.query_tree().parent
            if isinstance(parent, int) or parent.id == self._root:
                return Receiver(window.id, has_ping=False)
            window = parent

    def _manager(self, display: Display) -> int:
        check: Any = display.screen().root.get_full_property(self._check, Xatom.WINDOW)
        return check.value[0] if check is not None and check.value else 0

    def is_there(self, display: Display, window: int) -> bool:
        """Whether a window still exists."""
        try:
            display.create_resource_object("window", window).get_geometry()
        except XError:
            return False
        return True

    def ask(self, display: Display, window: int, known: Sign | None, serial: int) -> bool:
        """Ask the question that the program answers, or all; False when the window is gone."""
        target = display.create_resource_object("window", window)
        if not self.is_there(display, window):
            return False
        if known is Sign.PING:
            values = [self._ping, serial, window, 0, 0]
            self._message(target, self._protocols, values)
        if known in (Sign.SELECTION, None):
            # The serial travels in the place of the time, which is sent back as it came.
            question = xevent.SelectionRequest(
                time=serial,
                owner=target,
                requestor=self._window,
                selection=self._selection,
                target=Xatom.STRING,
                property=Xatom.STRING,
            )
            target.send_event(question)
        if known in (Sign.EDITRES, None):
            values = [serial, self._selection, 0, _EDITRES_VERSION, 0]
            self._message(target, self._editres, values)
        return True

    def _message(self, target: Any, kind: int, values: list[int]) -> None:
        target.send_event(xevent.ClientMessage(window=target, client_type=kind, data=(32, values)))

    def refuse(self, _: Display, request: Any) -> None:
        """Answer an Editres program's request for the selection; it waits seconds otherwise."""
        request.requestor.send_event(
            xevent.SelectionNotify(
                time=request.time,
                requestor=request.requestor,
                selection=request.selection,
                target=request.target,
                property=X.NONE,
            )
        )

    def answer_in(self, event: Any) -> tuple[int, Sign] | None:
        """Return the serial and the kind of the answer that an event is, or None."""
        match event.type:
            case X.ClientMessage if event.client_type == self._protocols:
                values = event.data[1]
                return (values[1], Sign.PING) if values[0] == self._ping else None
            case X.SelectionNotify if event.selection == self._selection:
                return event.time, Sign.SELECTION
            case X.SelectionRequest if event.selection == self._selection:
                return event.time, Sign.EDITRES
            case _:
                return None
