"""Window properties and requests as X messages: what EWMH and ICCCM say, and nothing more.

Functions for an X lane: they make round trips. A window may vanish between two of them; such a
window is left out. It keeps no snapshot and waits for nothing: `windows.py` does.
Sources: EWMH 1.5 sections 3-5, ICCCM 2.0 section 4.1.4.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from Xlib import X, Xatom, Xutil
from Xlib.display import Display
from Xlib.error import XError
from Xlib.ext import res
from Xlib.protocol import event
from Xlib.xobject.drawable import Window as XWindow

_FROM_PAGER = 2
_NORTH_WEST_GRAVITY = 1
_REMOVE, _ADD = 0, 1
_TEXT_LIMIT = 4096


class Frame(msgspec.Struct, frozen=True):
    """What the window manager draws around a window, in pixels a side."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class Window(msgspec.Struct, frozen=True):
    """One window. `x y width height` are its contents in screen pixels; `frame` lies around them.

    `class` is the second part of WM_CLASS; `pid` is 0 and `desktop` -1 when not known.
    """

    id: int
    title: str
    class_name: str = msgspec.field(name="class")
    pid: int
    x: int
    y: int
    width: int
    height: int
    desktop: int
    focused: bool
    minimized: bool
    maximized: bool
    fullscreen: bool
    frame: Frame


class Client(NamedTuple):
    """Whose a window is; the texts are empty and `pid` is 0 when not known."""

    title: str
    class_name: str
    pid: int


class Ewmh:
    """Reads windows and asks the window manager. Thread: one lane's."""

    def __init__(self) -> None:
        self._atoms: dict[str, int] = {}

    def watch(self, display: Display) -> int:
        """Have the root window report what changes; returns its id."""
        root = display.screen().root
        root.change_attributes(event_mask=X.PropertyChangeMask | X.StructureNotifyMask)
        return int(root.id)

    def snapshot(self, display: Display) -> tuple[list[Window], bool]:
        """Return the managed windows, the topmost first, and whether they are managed at all."""
        root = display.screen().root
        managed = self._is_managed(display, root)
        ids = self._longs(display, root, "_NET_CLIENT_LIST_STACKING") or self._longs(
            display, root, "_NET_CLIENT_LIST"
        )
        active = (self._longs(display, root, "_NET_ACTIVE_WINDOW") or [0])[0]
        windows = []
        for window_id in reversed(ids):
            try:
                windows.append(self._window(display, window_id, active))
            except XError:  # It closed while we asked.
                continue
        return windows, managed

    def client(self, display: Display, window_id: int) -> Client:
        """Tell whose a window is, also one that is never shown. Raises: XError when it is gone."""
        window = display.create_resource_object("window", window_id)
        names = window.get_wm_class()
        title, pid = self._title(display, window), self._pid(display, window)
        return Client(title, names[1] if names else "", pid)

    def create_probe(self, display: Display) -> int:
        """Create a window of our own, never shown, to ask a window manager about."""
        root = display.screen().root
        window = root.create_window(
            0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask
        )
        return int(window.id)

    def ask_extents(self, display: Display, window_id: int) -> None:
        """Ask how a window would be framed.

        The window manager answers in its event loop, which it reaches when it has managed all
        windows that it found (EWMH section 4, _NET_REQUEST_FRAME_EXTENTS).
        """
        self._send(display, window_id, "_NET_REQUEST_FRAME_EXTENTS", [])

    def has_extents(self, display: Display, window_id: int) -> bool:
        """Whether the answer to `ask_extents` has come."""
        window = display.create_resource_object("window", window_id)
        return bool(self._longs(display, window, "_NET_FRAME_EXTENTS"))

    def drop(self, display: Display, window_id: int) -> None:
        """Destroy a window of our own."""
        display.create_resource_object("window", window_id).destroy()

    def activate(self, display: Display, window_id: int) -> None:
        """Ask for focus, as a pager does."""
        self._send(display, window_id, "_NET_ACTIVE_WINDOW", [_FROM_PAGER, X.CurrentTime, 0])

    def move_resize(
        self,
        display: Display,
        window_id: int,
        *,
        x: int | None = None,
        y: int | None = None,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        """Ask for a place or a size of the contents; what is None stays."""
        window = display.create_resource_object("window", window_id)
        # By the frame's corner: what "static" means for a window that once had an X border,
        # window managers do not agree on.
        frame = Frame(*self._longs(display, window, "_NET_FRAME_EXTENTS")[:4])
        values = (
            None if x is None else x - frame.left,
            None if y is None else y - frame.top,
            width,
            height,
        )
        present = sum(1 << (8 + index) for index, value in enumerate(values) if value is not None)
        flags = _NORTH_WEST_GRAVITY | present | _FROM_PAGER << 12
        numbers = [(value or 0) & 0xFFFFFFFF for value in values]
        self._send(display, window_id, "_NET_MOVERESIZE_WINDOW", [flags, *numbers])

    def iconify(self, display: Display, window_id: int) -> None:
        """Ask for the iconic state (ICCCM section 4.1.4)."""
        self._send(display, window_id, "WM_CHANGE_STATE", [Xutil.IconicState])

    def set_maximized(self, display: Display, window_id: int, *, on: bool) -> None:
        """Ask for both maximised states, or for neither."""
        states = [
            self._atom(display, f"_NET_WM_STATE_MAXIMIZED_{axis}") for axis in ("HORZ", "VERT")
        ]
        action = _ADD if on else _REMOVE
        self._send(display, window_id, "_NET_WM_STATE", [action, *states, _FROM_PAGER])

    def close(self, display: Display, window_id: int) -> None:
        """Ask the window manager to close the window politely."""
        self._send(display, window_id, "_NET_CLOSE_WINDOW", [X.CurrentTime, _FROM_PAGER])

    def _window(self, display: Display, window_id: int, active: int) -> Window:
        window = display.create_resource_object("window", window_id)
        # Watched before it is read, so that no change falls between; and each time, as a closed
        # window's number goes to the next one at once.
        mask = X.PropertyChangeMask | X.StructureNotifyMask
        window.change_attributes(event_mask=mask)
        geometry = window.get_geometry()
        origin = display.screen().root.translate_coords(window, 0, 0)
        states = self._longs(display, window, "_NET_WM_STATE")
        has = {
            name
            for name in ("HIDDEN", "MAXIMIZED_HORZ", "MAXIMIZED_VERT", "FULLSCREEN")
            if self._atom(display, f"_NET_WM_STATE_{name}") in states
        }
        names = window.get_wm_class()
        extents = self._longs(display, window, "_NET_FRAME_EXTENTS")
        desktop = (self._longs(display, window, "_NET_WM_DESKTOP") or [-1])[0]
        return Window(
            id=window_id,
            title=self._title(display, window),
            class_name=names[1] if names else "",
            pid=self._pid(display, window),
            x=origin.x,
            y=origin.y,
            width=geometry.width,
            height=geometry.height,
            desktop=-1 if desktop in (-1, 0xFFFFFFFF) else desktop,
            focused=window_id == active,
            minimized="HIDDEN" in has,
            maximized={"MAXIMIZED_HORZ", "MAXIMIZED_VERT"} <= has,
            fullscreen="FULLSCREEN" in has,
            frame=Frame(*extents) if len(extents) == 4 else Frame(),
        )

    def _is_managed(self, display: Display, root: XWindow) -> bool:
        """A live window manager's check window names itself (EWMH section 3).

        The list of clients comes last in its start: before that it does not answer yet, and
        xterm would wait five seconds for it.
        """
        check = self._longs(display, root, "_NET_SUPPORTING_WM_CHECK")
        listed = root.get_property(self._atom(display, "_NET_CLIENT_LIST"), X.AnyPropertyType, 0, 1)
        if not check or listed is None:
            return False
        window = display.create_resource_object("window", check[0])
        try:
            return self._longs(display, window, "_NET_SUPPORTING_WM_CHECK") == check
        except XError:
            return False

    def _title(self, display: Display, window: XWindow) -> str:
        """The client's own title; a COMPOUND_TEXT one as the window manager has decoded it."""
        encodings = {self._atom(display, "UTF8_STRING"): "utf-8", Xatom.STRING: "latin-1"}
        for name in ("_NET_WM_NAME", "WM_NAME", "_NET_WM_VISIBLE_NAME"):
            found = window.get_property(
                self._atom(display, name), X.AnyPropertyType, 0, _TEXT_LIMIT // 4
            )
            if found is not None and found.value and found.property_type in encodings:
                raw = found.value if isinstance(found.value, bytes) else found.value.encode()
                return raw.decode(encodings[found.property_type], "replace")
        return ""

    def _pid(self, display: Display, window: XWindow) -> int:
        """The client's own word, or what the server knows of its connection (XRes 1.2)."""
        stated = self._longs(display, window, "_NET_WM_PID")
        if stated:
            return stated[0]
        if not display.has_extension("X-Resource"):
            return 0
        spec = [{"client": window.id, "mask": res.LocalClientPIDMask}]
        for found in display.res_query_client_ids(spec).ids:
            if found.value:
                return int(found.value[0])
        return 0

    def _longs(self, display: Display, window: XWindow, name: str) -> list[int]:
        found = window.get_full_property(self._atom(display, name), X.AnyPropertyType)
        if found is None or found.format != 32:
            return []
        return [int(value) for value in found.value]

    def _atom(self, display: Display, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = display.intern_atom(name)
        return self._atoms[name]

    def _send(self, display: Display, window_id: int, message: str, numbers: list[int]) -> None:
        root = display.screen().root
        notice = event.ClientMessage(
            window=display.create_resource_object("window", window_id),
            client_type=self._atom(display, message),
            data=(32, (numbers + [0] * 5)[:5]),
        )
        root.send_event(notice, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        display.sync()
