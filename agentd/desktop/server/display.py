"""The display: the X server as a service, its generation, its size, its address.

Starts Xvfb of our own or attaches to a server that is there already; a dead server comes back as
a new generation. An Xvfb that an earlier daemon left running is adopted, windows and all. It does
not hold X connections (`session.py`) and does not start what runs on the screen (`parts.py`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
from Xlib.display import Display as XDisplay

from agentd.base.config import DesktopConfig
from agentd.base.errors import Conflict, Unavailable
from agentd.base.events import EventBus
from agentd.base.process import Child, ProcessId, User
from agentd.base.store import Store
from agentd.desktop.hands.keyboard_map import keyboard_map
from agentd.desktop.server.randr import screen_size, set_screen_size
from agentd.desktop.server.resources import set_resources
from agentd.desktop.server.wallpaper import paint_wallpaper
from agentd.desktop.server.xserver import (
    ServerFiles,
    is_display_served,
    prepare_files,
    start_xvfb,
    write_private,
)
from agentd.desktop.xlink import DisplayAddress, DisplayLost, XLink

logger = logging.getLogger(__name__)

Mode = Literal["embedded", "attached"]


@dataclass(frozen=True, slots=True)
class DisplayState:
    """A running display. `generation` grows with every new server and every new size.

    `framebuffer` is the file of the pixels, or None where there is none to map.
    """

    address: DisplayAddress
    mode: Mode
    generation: int
    width: int
    height: int
    framebuffer: Path | None


class RunningDesktop(msgspec.Struct, frozen=True):
    """What must be known to take over the processes of an earlier daemon."""

    generation: int = 0
    display: str = ""
    # What the server was started with: another configuration needs another server.
    started_with: str = ""
    parts: dict[str, ProcessId] = {}


class Display:
    """Owns the X server.

    Args:
        folder: for cookie, pixels and logs; belongs to `user`.
        runtime_dir: the daemon's, for what it must know after a crash.
        user: whom the server runs as.
        environment: the base variables for programs.
    """

    name = "desktop.xserver"

    def __init__(
        self,
        config: DesktopConfig,
        folder: Path,
        runtime_dir: Path,
        user: User,
        environment: dict[str, str],
        bus: EventBus,
    ) -> None:
        self._config = config
        self._folder = folder
        self._user = user
        self._environment = environment
        self._bus = bus
        self._size = (config.width, config.height)
        # Once attached, a display that is gone is waited for: its number is not ours to take.
        self._attached = False
        self._state: DisplayState | None = None
        self._sizing = asyncio.Lock()
        self._changed = asyncio.Event()
        self.files = ServerFiles(folder)
        self._store = Store(runtime_dir / "desktop-running.json", RunningDesktop)
        self._running = RunningDesktop()

    @property
    def state(self) -> DisplayState | None:
        """The running display, or None while there is none."""
        return self._state

    @property
    def size(self) -> tuple[int, int]:
        """The size of the screen, or the one that it will have: width and height in pixels."""
        return self._size

    async def wait_up(self) -> DisplayState:
        """Wait until a display runs. Cancelling is safe."""
        while self._state is None:
            await self._changed.wait()
        return self._state

    def check_generation(self, generation: int | None) -> None:
        """Refuse what was computed on another screen; None is not checked.

        Raises: Conflict with the present generation and size.
        """
        state = self._state
        if generation is None or state is None or generation == state.generation:
            return
        raise Conflict(
            f"the point is of generation {generation}; the screen is now of generation "
            f"{state.generation}, {state.width}x{state.height}",
            code="stale_generation",
            hint="take a new screenshot",
            data={"generation": state.generation, "width": state.width, "height": state.height},
        )

    def want_size(self, width: int, height: int) -> None:
        """Set the size that the next server starts with."""
        self._size = (width, height)

    async def run(self, ready: Callable[[], None]) -> None:
        """Keep one X server until it ends. Cancelling: stops a server of our own."""
        prepare_files(self._folder, self._user)
        self._running = self._store.load()
        wanted = self._config.display
        if wanted and is_display_served(wanted) and not self._is_ours(wanted):
            self._attached = True
        if self._attached:
            await self._run_attached(wanted, ready)
        else:
            await self._run_embedded(ready)

    async def resize(self, link: XLink, width: int, height: int) -> DisplayState:
        """Change the size through `link`; returns the state of the new generation.

        Raises: Conflict when the server refuses.
        """
        if self._state is None:
            raise Unavailable("there is no display", code="desktop_not_running")
        async with self._sizing:
            await link.call(set_screen_size, width, height, self._config.dpi)
            state = self._note_size(width, height)
        if state.mode == "embedded":
            await self._paint(state.address)
        return state

    async def check_size(self, link: XLink) -> DisplayState:
        """Ask for the screen's size after somebody changed it, and take note of it.

        Raises: Unavailable when there is no display.
        """
        async with self._sizing:
            return self._note_size(*await link.call(screen_size))

    def _note_size(self, width: int, height: int) -> DisplayState:
        """A new size is a new generation. Called under `_sizing`: sizes must not overtake."""
        if self._state is None:
            raise Unavailable("there is no display", code="desktop_not_running")
        if (self._state.width, self._state.height) != (width, height):
            self._size = (width, height)
            state = replace(self._next_generation(self._state), width=width, height=height)
            self._set(state, reason="resized")
        return self._state

    async def part(self, name: str, start: Callable[[], Awaitable[Child]]) -> Child:
        """Return a part's process: that of an earlier daemon if it still runs, or a new one.

        A new one is noted for a later daemon; one that cannot be noted does not stay.
        """
        identity = self._running.parts.get(name)
        log = self.files.log(name.partition(".")[2])
        adopted = Child.adopt(name, identity, log=log) if identity else None
        if adopted is not None:
            return adopted
        child = await start()
        try:
            parts = {**self._running.parts, name: child.identity}
            self._remember(msgspec.structs.replace(self._running, parts=parts))
        except BaseException:
            await child.stop(grace_s=0)
            raise
        return child

    def part_environment(self) -> dict[str, str]:
        """Return the variables for a program on the display. Raises: Unavailable."""
        if self._state is None:
            raise Unavailable("there is no display", code="desktop_not_running")
        return {**self._environment, **self._state.address.environment()}

    async def _run_embedded(self, ready: Callable[[], None]) -> None:
        child, name, adopted = await self._adopt_or_start()
        address = DisplayAddress(name, self.files.authority)
        try:
            width, height = await self._furnish(address, adopted=adopted)
            generation = self._running.generation + (0 if adopted else 1)
            self._remember(
                RunningDesktop(
                    generation,
                    name,
                    self._fingerprint(),
                    {**(self._running.parts if adopted else {}), self.name: child.identity},
                )
            )
            framebuffer = self.files.framebuffer
            state = DisplayState(address, "embedded", generation, width, height, framebuffer)
            self._set(state, reason="adopted" if adopted else "started")
            ready()
            status = await child.wait()
            raise Unavailable(child.describe_end(status), code="xserver_ended")
        finally:
            self._set(None, reason="ended")
            await child.stop()

    async def _run_attached(self, name: str, ready: Callable[[], None]) -> None:
        authority = Path(self._config.authority) if self._config.authority else None
        link = XLink(DisplayAddress(name, authority), "x-attach")
        try:
            await link.open()
        except DisplayLost as exc:
            raise Unavailable(
                f"display {name} is another's and does not let us in: {exc.detail}",
                code="display_taken",
                hint="name its cookie file in desktop.authority, or leave desktop.display empty",
            ) from exc
        try:
            width, height = await link.call(screen_size)
            generation = self._running.generation + 1
            self._remember(RunningDesktop(generation, name))
            self._set(
                DisplayState(link.address, "attached", generation, width, height, None),
                reason="attached",
            )
            ready()
            raise DisplayLost(f"display {name} is gone: {await link.wait_lost()}")
        finally:
            self._set(None, reason="ended")
            link.close()

    async def _adopt_or_start(self) -> tuple[Child, str, bool]:
        identity = self._running.parts.get(self.name)
        if identity is not None:
            child = Child.adopt("Xvfb", identity, log=self.files.log("xserver"))
            if child is not None and self._running.started_with == self._fingerprint():
                return child, self._running.display, True
            if child is not None:
                logger.info("xserver replaced reason=configuration_changed pid=%d", child.pid)
                await child.stop()
        child, name = await start_xvfb(self._config, self.files, self._user, self._environment)
        return child, name, False

    async def _furnish(self, address: DisplayAddress, *, adopted: bool) -> tuple[int, int]:
        """Give a new server its size, keyboard map, resources and wallpaper; return the size."""
        link = XLink(address, "x-furnish")
        await link.open()
        try:
            if not adopted:
                await link.call(set_screen_size, *self._size, self._config.dpi)
                await link.call(_centre_pointer)
                await link.call(set_resources, self._config.dpi)
                await self._load_keyboard_map(address)
                await self._paint(address)
            return await link.call(screen_size)
        finally:
            link.close()

    async def _paint(self, address: DisplayAddress) -> None:
        link = XLink(address, "x-paint")
        await link.open()
        try:
            await link.call(paint_wallpaper, self._config.wallpaper)
        finally:
            link.close()

    async def _load_keyboard_map(self, address: DisplayAddress) -> None:
        write_private(self.files.keymap, keyboard_map().encode(), self._user)
        child = Child.spawn(
            "xkbcomp",
            ["xkbcomp", "-w0", os.fspath(self.files.keymap), address.name],
            env={**self._environment, **address.environment()},
            log=self.files.log("xkbcomp"),
            user=self._user,
        )
        try:
            async with asyncio.timeout(10):
                status = await child.wait()
        finally:
            await child.stop(grace_s=0)
        if status != 0:
            raise Unavailable(child.describe_end(status), code="keyboard_map_failed")

    def _is_ours(self, name: str) -> bool:
        identity = self._running.parts.get(self.name)
        return name == self._running.display and identity is not None and identity.is_alive()

    def _fingerprint(self) -> str:
        config = self._config
        values = (config.display, config.dpi, config.max_width, config.max_height, self._user.name)
        return " ".join(map(str, values))

    def _next_generation(self, state: DisplayState) -> DisplayState:
        generation = state.generation + 1
        self._remember(msgspec.structs.replace(self._running, generation=generation))
        return replace(state, generation=generation)

    def _remember(self, running: RunningDesktop) -> None:
        self._running = running
        self._store.save(running)

    def _set(self, state: DisplayState | None, *, reason: str) -> None:
        """The one place that changes the state."""
        if state is None and self._state is None:
            return
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state is None:
            logger.info("display ended")
            self._bus.publish("desktop.display", up=False, reason=reason)
            return
        logger.info(
            "display up name=%s mode=%s generation=%d size=%dx%d reason=%s",
            state.address.name,
            state.mode,
            state.generation,
            state.width,
            state.height,
            reason,
        )
        self._bus.publish(
            "desktop.display",
            up=True,
            reason=reason,
            generation=state.generation,
            width=state.width,
            height=state.height,
        )


def _centre_pointer(display: XDisplay) -> None:
    """Bring the pointer in from the corner that the shrinking screen has pushed it to."""
    width, height = screen_size(display)
    display.screen().root.warp_pointer(width // 2, height // 2)
    display.sync()
