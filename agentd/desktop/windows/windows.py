"""The windows on the screen: who they are, where they are, and what the window manager is asked.

Keeps a snapshot up to date by X events and publishes what changed as `window.*` events; every
request waits until the snapshot shows that it was followed. It does not start programs
(`apps.py`). Sources: EWMH 1.5, ICCCM 2.0 section 4.1.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from Xlib import X

from agentd.base.errors import Conflict, NotFound, TimedOut, Unavailable
from agentd.base.events import EventBus
from agentd.desktop.windows.ewmh import Ewmh, Window
from agentd.desktop.xlink import XLink

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FOLLOW_S = 2.0
_RESIZED_S = 0.3
_ASK_AGAIN_S = 0.25


class Windows:
    """The windows of one display.

    Args:
        bus: takes `window.opened`, `window.closed`, `window.focused`, `window.renamed`.
        on_resized: awaited after the screen was resized, by whomever.
    """

    def __init__(self, bus: EventBus, *, on_resized: Callable[[], Awaitable[object]]) -> None:
        self._bus = bus
        self._on_resized = on_resized
        self._is_resized = False
        self._root = 0
        self._link: XLink | None = None
        self._ewmh = Ewmh()
        self._windows: list[Window] = []
        self._dirty = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def link(self) -> XLink:
        """The connection, for whoever watches whether it lives."""
        assert self._link is not None, "link before open"
        return self._link

    @property
    def known(self) -> list[Window]:
        """The windows as last seen, the topmost first; the X server is not asked."""
        return self._windows

    def on_events(self, events: Sequence[Any]) -> None:
        """Note that something moved; the link calls this on the event loop."""
        for event in events:
            if event.type == X.ConfigureNotify and event.window.id == self._root:
                self._is_resized = True
        self._dirty.set()

    async def open(self, link: XLink) -> None:
        """Watch the root window and take the first snapshot."""
        self._link = link
        self._root = await link.call(self._ewmh.watch)
        self._windows, _ = await link.call(self._ewmh.snapshot)
        self._dirty.set()

    async def run(self) -> None:
        """Follow the display until its link is lost or this is cancelled."""
        assert self._link is not None, "run before open"
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if self._is_resized:
                self._is_resized = False
                await self._on_resized()
            before = self._windows
            self._windows, _ = await self._link.call(self._ewmh.snapshot)
            self._publish(before, self._windows)
            self._changed.set()
            self._changed = asyncio.Event()

    async def list(self) -> list[Window]:
        """Return the windows now, the topmost first."""
        windows, _ = await self._call(self._ewmh.snapshot)
        return windows

    async def get(self, window_id: int) -> Window:
        """Return one window now. Raises: NotFound."""
        return _find(await self.list(), window_id)

    def of_process(self, pid: int) -> Window | None:
        """Return the topmost window of a process as last seen, None if it has none."""
        return next((window for window in self._windows if window.pid == pid), None)

    async def is_managed(self) -> bool:
        """Whether a window manager has announced itself."""
        _, managed = await self._call(self._ewmh.snapshot)
        return managed

    async def wait_managed(self) -> None:
        """Wait until a window manager serves, with all windows that it found managed.

        Cancelling is safe.
        """
        changed = self._changed
        while not await self.is_managed():
            await changed.wait()
            changed = self._changed
        probe = await self._call(self._ewmh.create_probe)
        try:
            while not await self._call(self._ewmh.has_extents, probe):
                # Asked again and again: one that is just starting may throw a message away.
                await self._call(self._ewmh.ask_extents, probe)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ASK_AGAIN_S):
                        await changed.wait()
                changed = self._changed
        finally:
            with suppress(Unavailable):  # The display is gone, and the window with it.
                await self._call(self._ewmh.drop, probe)

    async def wait(self, predicate: Callable[[Window], bool], timeout_s: float) -> Window:
        """Wait until a window fits and return it.

        Raises: TimedOut. Cancelling is safe.
        """

        def first(windows: Sequence[Window]) -> Window | None:
            return next((window for window in windows if predicate(window)), None)

        found = await self._wait_for(first, timeout_s)
        if found is None:
            raise TimedOut(f"no such window appeared within {timeout_s:g} s")
        return found

    async def wait_focused(self, window_id: int, timeout_s: float) -> Window:
        """Give a new window a moment to get the focus; returns it as it is then.

        A window that gets none, as a notification, is no error.
        """

        def focused(windows: Sequence[Window]) -> Window | None:
            window = _find(windows, window_id)
            return window if window.focused else None

        return await self._wait_for(focused, timeout_s) or await self.get(window_id)

    async def focus(self, window_id: int) -> Window:
        """Raise a window and give it the focus."""
        await self.get(window_id)
        await self._call(self._ewmh.activate, window_id)
        return await self._followed(window_id, lambda window: window.focused, "take the focus")

    async def move(self, window_id: int, x: int, y: int) -> Window:
        """Move a window so that its contents begin at a point of the screen."""
        await self.get(window_id)
        await self._call(self._ewmh.move_resize, window_id, x=x, y=y)
        return await self._followed(
            window_id, lambda window: (window.x, window.y) == (x, y), "move there"
        )

    async def resize(self, window_id: int, width: int, height: int) -> Window:
        """Give a window's contents a size. A program may round it, as terminals do."""
        before = await self.get(window_id)
        await self._call(self._ewmh.move_resize, window_id, width=width, height=height)

        def took(window: Window) -> bool:
            size = (window.width, window.height)
            return size == (width, height) or size != (before.width, before.height)

        return await self._followed(window_id, took, "take that size")

    async def minimize(self, window_id: int) -> Window:
        """Iconify a window."""
        await self.get(window_id)
        await self._call(self._ewmh.iconify, window_id)
        return await self._followed(window_id, lambda window: window.minimized, "minimise")

    async def maximize(self, window_id: int, *, on: bool) -> Window:
        """Maximise a window, or give it back its size."""
        before = await self.get(window_id)
        if before.maximized == on:
            return before
        await self._call(self._ewmh.set_maximized, window_id, on=on)
        await self._followed(
            window_id, lambda window: window.maximized == on, "maximise" if on else "restore"
        )

        def took_size(windows: Sequence[Window]) -> Window | None:
            window = _find(windows, window_id)
            return (
                window if (window.width, window.height) != (before.width, before.height) else None
            )

        # The state is set a moment before the size. A window that had the size keeps it.
        resized = await self._wait_for(took_size, _RESIZED_S)
        return resized or await self.get(window_id)

    async def close(self, window_id: int, timeout_s: float) -> None:
        """Ask a window to close and wait until it has.

        Raises: Conflict when it stays, as behind a question whether to save.
        """
        await self.get(window_id)
        await self._call(self._ewmh.close, window_id)

        def gone(windows: Sequence[Window]) -> bool | None:
            return all(window.id != window_id for window in windows) or None

        if await self._wait_for(gone, timeout_s) is None:
            raise Conflict(
                f"window {window_id} did not close within {timeout_s:g} s",
                code="window_stays",
                hint="it may be asking something; take a screenshot",
            )

    async def _followed(
        self, window_id: int, predicate: Callable[[Window], bool], verb: str
    ) -> Window:
        def fits(windows: Sequence[Window]) -> Window | None:
            window = _find(windows, window_id)
            return window if predicate(window) else None

        found = await self._wait_for(fits, _FOLLOW_S)
        if found is None:
            now = await self.get(window_id)
            raise Conflict(
                f"window {window_id} did not {verb}; it is {now.width}x{now.height} "
                f"at {now.x},{now.y}",
                code="window_refused",
            )
        return found

    async def _wait_for(
        self, look: Callable[[Sequence[Window]], T | None], timeout_s: float
    ) -> T | None:
        """Look at each new snapshot until `look` finds something; None after the timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                changed, windows = self._changed, await self.list()
                while (found := look(windows)) is None:
                    await changed.wait()
                    # `run` has just taken a snapshot: nobody needs to take it again.
                    changed, windows = self._changed, self._windows
                return found
        except TimeoutError:
            return None

    async def _call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        assert self._link is not None, "used before open"
        return await self._link.call(function, *args, **kwargs)

    def _publish(self, before: Sequence[Window], after: Sequence[Window]) -> None:
        old = {window.id: window for window in before}
        new = {window.id: window for window in after}
        for window in before:
            if window.id not in new:
                self._bus.publish("window.closed", id=window.id, title=window.title)
        for window in after:
            known = old.get(window.id)
            if known is None:
                self._bus.publish("window.opened", **_named(window))
            elif known.title != window.title:
                self._bus.publish("window.renamed", **_named(window))
            if window.focused and (known is None or not known.focused):
                self._bus.publish("window.focused", **_named(window))


def _named(window: Window) -> dict[str, Any]:
    return {
        "id": window.id,
        "title": window.title,
        "class": window.class_name,
        "pid": window.pid,
    }


def _find(windows: Sequence[Window], window_id: int) -> Window:
    for window in windows:
        if window.id == window_id:
            return window
    raise NotFound(
        f"there is no window {window_id}",
        code="no_such_window",
        hint="windows.list tells the ids of those that are open",
    )
