"""What the daemon holds of a running display: its links, and the eyes and hands on them.

One service per desktop: when the X server is up it opens an X connection each for capture, input,
windows and clipboard, and when one of them breaks it ends, to be started anew by the supervisor.
It does not start the server or any program.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentd.base.errors import Unavailable
from agentd.base.events import EventBus
from agentd.desktop.clipboard.clipboard import Clipboard
from agentd.desktop.clipboard.selection_content import Selection
from agentd.desktop.clipboard.selection_record import SelectionRecord
from agentd.desktop.hands.input import Input
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.pictures.screenshot import Screenshots
from agentd.desktop.screen.capture import Capture
from agentd.desktop.screen.changes import Changes
from agentd.desktop.server.display import Display, DisplayState
from agentd.desktop.windows.windows import Windows
from agentd.desktop.xlink import DisplayLost, XLink

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Live:
    """The eyes and hands of one X server."""

    capture: Capture
    capture_link: XLink
    changes: Changes
    screenshots: Screenshots
    input: Input
    input_link: XLink
    windows: Windows
    clipboard: Clipboard


class Session:
    """Opens and closes what is `Live`."""

    name = "desktop.session"

    def __init__(self, display: Display, bus: EventBus, curtain: Curtain) -> None:
        self._display = display
        self._curtain = curtain
        self._bus = bus
        # Frames are numbered over all generations, so that an old number never names a new one.
        self._frame_ids = itertools.count(1)
        # What was offered in the clipboard is offered again on the next X server.
        self._records = {selection: SelectionRecord(selection) for selection in Selection}
        self._live: Live | None = None
        self._changed = asyncio.Event()

    def live(self) -> Live:
        """Return the eyes and hands. Raises: Unavailable while there is no desktop."""
        if self._live is None:
            raise Unavailable(
                "the desktop is not running",
                code="desktop_not_running",
                hint="desktop.start starts it; desktop.status says what is wrong",
                retry_after_s=0.5,
            )
        return self._live

    def live_or_none(self) -> Live | None:
        """Return the eyes and hands, or None while there is no desktop."""
        return self._live

    async def wait_live(self) -> Live:
        """Wait for the eyes and hands. Cancelling is safe."""
        while self._live is None:
            await self._changed.wait()
        return self._live

    async def run(self, ready: Callable[[], None]) -> None:
        """Hold the links of one X server until one breaks. Cancelling: closes them."""
        state = await self._display.wait_up()
        async with self._opened(state) as live:
            self._set(live)
            try:
                ready()
                await self._serve(live)
            finally:
                self._set(None)
                live.input.close()

    async def _serve(self, live: Live) -> None:
        """Follow windows, clipboard, and the screen for whoever asks, until a link breaks."""
        links = {
            "capture": live.capture_link,
            "input": live.input_link,
            "windows": live.windows.link,
            "clipboard": live.clipboard.link,
        }
        tasks = {
            asyncio.create_task(live.windows.run(), name="windows"),  # noqa: TID251
            asyncio.create_task(live.changes.run(), name="changes"),  # noqa: TID251
            asyncio.create_task(live.clipboard.run(), name="clipboard"),  # noqa: TID251
            *(
                asyncio.create_task(link.wait_lost(), name=f"lost-{name}")  # noqa: TID251
                for name, link in links.items()
            ),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            reason = next(iter(done)).result()
            raise DisplayLost(f"a link to the display broke: {reason}")
        finally:
            for task in tasks:
                task.cancel()

    @asynccontextmanager
    async def _opened(self, state: DisplayState) -> AsyncIterator[Live]:
        windows = Windows(self._bus, on_resized=lambda: self._display.check_size(windows.link))
        clipboard = Clipboard(self._bus, self._records, window_of=windows.of_process)
        capture = Capture(
            state.framebuffer,
            size=self._size,
            generation=self._generation,
            ids=self._frame_ids,
        )
        links = [
            XLink(
                state.address,
                "x-capture",
                on_events=capture.on_events,
                on_lane_events=capture.on_lane_events,
            ),
            XLink(state.address, "x-input"),
            XLink(state.address, "x-windows", on_events=windows.on_events),
            XLink(
                state.address,
                "x-clipboard",
                on_events=clipboard.on_events,
                on_lane_events=clipboard.on_lane_events,
            ),
        ]
        changes = Changes(capture)
        screenshots = Screenshots(capture, self._curtain)
        try:
            for link in links:
                await link.open()
            await capture.open(links[0])
            hands = await Input.open(links[1], size=self._size)
            await windows.open(links[2])
            await clipboard.open(links[3])
            yield Live(capture, links[0], changes, screenshots, hands, links[1], windows, clipboard)
        finally:
            changes.close()
            screenshots.close()
            clipboard.close()
            for link in links:
                link.close()
            capture.close()

    def _size(self) -> tuple[int, int]:
        state = self._display.state
        if state is None:
            raise Unavailable("there is no display", code="desktop_not_running")
        return state.width, state.height

    def _generation(self) -> int:
        state = self._display.state
        return state.generation if state is not None else 0

    def _set(self, live: Live | None) -> None:
        self._live = live
        self._changed.set()
        self._changed = asyncio.Event()
