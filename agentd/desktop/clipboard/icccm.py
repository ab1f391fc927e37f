"""Selections as X messages: what ICCCM section 2 and XFixes say, and nothing more.

Functions for an X lane: they make round trips. Windows of others may vanish at any time: what is
written to them is lost then, which is right. It keeps no content and waits for nothing;
`selection_owner.py` and `selection_request.py` do. Sources: ICCCM 2.0 section 2, fixesproto.txt
section 6 (SelectionNotify).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import XError
from Xlib.ext import xfixes
from Xlib.protocol import event as xevent
from Xlib.protocol import request as xrequest

from agentd.desktop.clipboard.selection_content import TARGETS, Selection
from agentd.desktop.windows.ewmh import Ewmh

# The largest piece that fits into one request without BIG-REQUESTS, which python-xlib lacks.
PIECE_BYTES = 256_000

_READ_WORDS = 256 * 1024
_NAMES_KEPT = 4096
_CLASS = "agentd"


class Owner(msgspec.Struct, frozen=True):
    """Who holds a selection, or takes from it. `agentd` is true when that is this daemon.

    `class` and `title` are those of the window, or of the topmost one of its process; `pid` is 0
    when it is not known.
    """

    agentd: bool = False
    window: int = 0
    class_name: str = msgspec.field(name="class", default="")
    title: str = ""
    pid: int = 0


class Property(NamedTuple):
    """A property that was read and deleted: its type, what it held, and how much there was.

    `data` holds bytes of format 8, `numbers` values of format 32; both are empty when there was
    more than the limit.
    """

    type: str
    data: bytes
    numbers: list[int]
    size_bytes: int


class Request(NamedTuple):
    """Somebody's request for a selection, with the property that the answer goes to."""

    window: int
    selection: int
    target: int
    property: int
    time: int


class Icccm:
    """Owns and asks for selections, with one window of our own. Thread: one lane's.

    `window` and the atoms of `ATOMS`, `ANSWERS` and `TARGETS` are known from the start, so that the
    event loop can read them.
    """

    ATOMS = ("TARGETS", "TIMESTAMP", "MULTIPLE", "INCR", "ATOM", "INTEGER", "_AGENTD_TIME")
    # Where answers to our own requests are put.
    ANSWERS = tuple(f"_AGENTD_SELECTION_{number}" for number in range(16))

    def __init__(self, display: Display) -> None:
        self._ewmh = Ewmh()
        self._atoms: dict[str, int] = {}
        self._names: dict[int, str] = {}
        # Why each window is listened to.
        self._watched: dict[int, set[int]] = {}
        self._watches = itertools.count(1)
        root = display.screen().root
        self._window = root.create_window(
            -1, -1, 1, 1, 0, 0, window_class=X.InputOnly, event_mask=X.PropertyChangeMask
        )
        self._window.set_wm_class(_CLASS, _CLASS)
        self.window: int = self._window.id
        for name in (*self.ATOMS, *self.ANSWERS, *TARGETS):
            self.atom(display, name)
        self.selections = {self.atom(display, kind.name): kind for kind in Selection}
        # The server wants to hear of the version before anything else (fixesproto section 3).
        display.xfixes_query_version()
        mask = (
            xfixes.XFixesSetSelectionOwnerNotifyMask
            | xfixes.XFixesSelectionWindowDestroyNotifyMask
            | xfixes.XFixesSelectionClientCloseNotifyMask
        )
        for selection in self.selections:
            display.xfixes_select_selection_input(self._window, selection, mask)
        display.sync()

    def known(self, name: str) -> int:
        """Return an atom that is known already. Thread: any."""
        return self._atoms[name]

    def known_name(self, atom: int) -> str:
        """Return the name of an atom if it is known already, or nothing. Thread: any."""
        return self._names.get(atom, "")

    def atom(self, display: Display, name: str) -> int:
        """Return a name's atom."""
        found: int | None = self._atoms.get(name)
        if found is None:
            found = self._atoms[name] = int(display.intern_atom(name))
            self._names[found] = name
        return found

    def name(self, display: Display, atom: int) -> str:
        """Return an atom's name, nothing for a number that is no atom."""
        if atom not in self._names:
            try:
                name = str(display.get_atom_name(atom))
            except XError:
                return ""
            if len(self._names) < _NAMES_KEPT:
                self._names[atom] = name
            return name
        return self._names[atom]

    def names(self, display: Display, atoms: list[int]) -> list[str]:
        """Return the names of atoms, without those that are none."""
        return [name for atom in atoms if (name := self.name(display, atom))]

    def touch(self, display: Display) -> None:
        """Cause a PropertyNotify that carries the server's time (ICCCM section 2.1)."""
        self._window.change_property(
            self.known("_AGENTD_TIME"), Xatom.INTEGER, 32, [], mode=X.PropModeAppend
        )
        display.sync()

    def owner(self, display: Display, selection: int) -> int:
        """Return the window that owns a selection, 0 for none."""
        found: Any = display.get_selection_owner(selection)
        return 0 if isinstance(found, int) else int(found.id)

    def own(self, display: Display, selection: int, time: int) -> int:
        """Take a selection; return who has it then."""
        self._window.set_selection_owner(selection, time)
        return self.owner(display, selection)

    def disown(self, display: Display, selection: int, time: int) -> int:
        """Leave a selection without owner, whoever it was; return who has it then."""
        xrequest.SetSelectionOwner(
            display=display.display, window=X.NONE, selection=selection, time=time
        )
        return self.owner(display, selection)

    def ask(
        self, display: Display, selection: int, target: int, property_: int, time: int, owner: int
    ) -> int:
        """Ask for a selection as a target.

        The owner's window is watched, so that its end is heard of; returns what `unwatch` wants.
        """
        watch = self.watch(display, owner)
        self._window.delete_property(property_)
        self._window.convert_selection(selection, target, property_, time)
        return watch

    def read(
        self, display: Display, property_: int, limit_bytes: int, *, window: int = 0
    ) -> Property | None:
        """Read a property and delete it; None if it is not there, or its window is not.

        Args:
            window: whose; ours by default. That of somebody else keeps its property.
        """
        try:
            return self._read(display, property_, limit_bytes, window)
        except XError:  # The other's window has gone.
            return None

    def _read(
        self, display: Display, property_: int, limit_bytes: int, window: int
    ) -> Property | None:
        source = display.create_resource_object("window", window) if window else self._window
        pieces: list[bytes] = []
        numbers: list[int] = []
        size_bytes = words = 0
        while True:
            found = source.get_property(
                property_, X.AnyPropertyType, words, _READ_WORDS, delete=not window
            )
            if found is None:
                return None
            if found.format == 8:
                piece = bytes(found.value)
                pieces.append(piece)
                size_bytes += len(piece)
            else:
                numbers += [int(value) for value in found.value]
                size_bytes += len(found.value) * found.format // 8
            words += _READ_WORDS
            type_ = self.name(display, found.property_type)
            if size_bytes + found.bytes_after > limit_bytes:
                source.delete_property(property_)
                return Property(type_, b"", [], size_bytes + found.bytes_after)
            if not found.bytes_after:
                return Property(type_, b"".join(pieces), numbers, size_bytes)

    def put(self, display: Display, request: Request, type_: str, data: bytes) -> None:
        """Put bytes into the property of a request."""
        self._target(display, request.window).change_property(
            request.property, self.atom(display, type_), 8, data
        )
        # A flush gives up when the socket is full, and nothing would send the rest; the round
        # trip waits.
        display.sync()

    def put_numbers(
        self, display: Display, request: Request, type_: str, numbers: list[int]
    ) -> None:
        """Put numbers of format 32, atoms mostly, into the property of a request."""
        self._target(display, request.window).change_property(
            request.property, self.atom(display, type_), 32, numbers
        )

    def notify(self, display: Display, request: Request, *, is_refused: bool = False) -> None:
        """Tell a requestor that its property is there, or that it is refused."""
        requestor = self._target(display, request.window)
        requestor.send_event(
            xevent.SelectionNotify(
                time=request.time,
                requestor=requestor,
                selection=request.selection,
                target=request.target,
                property=X.NONE if is_refused else request.property,
            )
        )

    def watch(self, display: Display, window: int) -> int:
        """Hear of a window's properties and of its end; return what `unwatch` wants.

        Ours we always hear of.
        """
        if window == self.window:
            return 0
        watch = next(self._watches)
        self._watched.setdefault(window, set()).add(watch)
        mask = X.PropertyChangeMask | X.StructureNotifyMask
        self._target(display, window).change_attributes(event_mask=mask)
        return watch

    def unwatch(self, display: Display, window: int, watch: int) -> None:
        """Give back one `watch`. The last one silences the window, unless it has gone since."""
        watches = self._watched.get(window, set())
        if watch in watches:
            watches.remove(watch)
            if not watches:
                del self._watched[window]
                self._target(display, window).change_attributes(event_mask=X.NoEventMask)

    def on_lane_events(self, events: Sequence[Any]) -> None:
        """Forget windows that have gone: their numbers are given to the next programs at once."""
        for event in events:
            if event.type == X.DestroyNotify:
                self._watched.pop(event.window.id, None)

    def identify(self, display: Display, window: int) -> Owner:
        """Tell whose a window is, as far as the X server knows."""
        if window == self.window:
            return Owner(agentd=True, window=window, class_name=_CLASS, pid=os.getpid())
        try:
            client = self._ewmh.client(display, window)
        except XError:  # It has gone.
            return Owner(window=window)
        return Owner(False, window, client.class_name, client.title, client.pid)

    def _target(self, display: Display, window: int) -> Any:
        return display.create_resource_object("window", window)
