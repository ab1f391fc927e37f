"""The desktop as one thing: start, stop, restart, resize, and what state it is in.

Builds the parts, gives them to the supervisor in order, and keeps what the user wants in a state
file, so that a restarted daemon makes it true again. It does not restart parts: the supervisor
does; and it knows no command: `commands.py` does.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from agentd.base.backoff import BackoffPolicy
from agentd.base.command import Caller
from agentd.base.config import DesktopConfig, Environment
from agentd.base.errors import BadRequest, FieldError, Unavailable
from agentd.base.events import EventBus
from agentd.base.process import User
from agentd.base.service import ServiceStatus, Supervisor
from agentd.base.store import Store
from agentd.desktop.performer import Performer
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.server.display import Display, DisplayState
from agentd.desktop.server.parts import SessionBus, WindowManager
from agentd.desktop.server.xserver import desktop_folder, prepare_files
from agentd.desktop.session import Live, Session
from agentd.desktop.windows.apps import Apps

logger = logging.getLogger(__name__)

_START_S = 30.0
# Parts come back quickly: somebody is looking at the screen.
_POLICY = BackoffPolicy(first_s=0.05, cap_s=10.0)
_DEFAULT_USER = "agent"
_USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"


class DesktopWish(msgspec.Struct, frozen=True):
    """What the user last asked for. None: nothing was asked, the configuration decides."""

    running: bool | None = None
    width: int | None = None
    height: int | None = None


class Desktop:
    """Owns everything of the room.

    Args:
        runtime_dir: holds the private folder of the desktop, if its user can get there.
        state_dir: holds the wish.
    """

    def __init__(
        self,
        config: DesktopConfig,
        environment: Environment,
        supervisor: Supervisor,
        bus: EventBus,
        *,
        runtime_dir: Path,
        state_dir: Path,
    ) -> None:
        self._config = config
        self._environment = environment
        self._supervisor = supervisor
        self._bus = bus
        self._store = Store(state_dir / "desktop.json", DesktopWish)
        self._changing = asyncio.Lock()
        self.user = desktop_user(config.user, is_root=environment.is_root)
        folder = desktop_folder(runtime_dir, self.user)
        self._folder = folder
        self.display = Display(
            config, folder, runtime_dir, self.user, self._base_environment(), bus
        )
        self.curtain = Curtain()
        self.session = Session(self.display, bus, self.curtain)
        self.performer = Performer(lambda: self.live().input)
        self._session_bus = SessionBus(self.display, self.user)
        self._window_manager = WindowManager(
            self.display,
            self.user,
            wait_managed=self._wait_managed,
            is_managed=self._is_managed,
            environment=self.program_environment,
        )
        self.apps = Apps(
            self.user, bus, environment=self.program_environment, log=folder / "apps.log"
        )
        # In the order of starting; stopping goes the other way.
        self._parts = (self.display, self._session_bus, self.session, self._window_manager)
        for part in self._parts:
            supervisor.add(part, _POLICY)

    @property
    def part_names(self) -> list[str]:
        """The names of the parts, without the room's."""
        return [part.name.partition(".")[2] for part in self._parts]

    def begin(self) -> None:
        """Make the stored wish true, or the configuration where there is none."""
        if self.user.uid == 0:
            logger.warning("desktop programs run as root hint=set desktop.user to an account")
        wish = self._store.load()
        width, height = wish.width or self._config.width, wish.height or self._config.height
        if width <= self._config.max_width and height <= self._config.max_height:
            self.display.want_size(width, height)
        if self._config.autostart if wish.running is None else wish.running:
            self._start_parts()

    async def start(self) -> DisplayState:
        """Start every part and wait until all run. A running desktop stays as it is.

        Raises: Unavailable with the error of the part that does not start; TimedOut.
        """
        async with self._changing:
            self._wish(running=True)
            self._start_parts()
            return await self._wait_running()

    async def stop(self) -> None:
        """Stop every part and every program that was launched; it stays stopped."""
        async with self._changing:
            self._wish(running=False)
            await self.close()

    async def restart(self, part: str | None) -> DisplayState:
        """Restart one part, or the whole desktop for None, and wait until all run.

        Raises: BadRequest for an unknown part.
        """
        if part is not None and part not in self.part_names:
            known = "one of " + ", ".join(self.part_names)
            raise BadRequest(
                f"there is no part {part!r}", errors=[FieldError("part", known, f'"{part}"')]
            )
        async with self._changing:
            if part is None:
                await self.close()
                self._start_parts()
            else:
                await self._supervisor.restart(f"desktop.{part}")
            return await self._wait_running()

    async def resize(self, width: int, height: int) -> DisplayState:
        """Change the size of the screen while it runs; a new generation begins.

        Raises: BadRequest over the configured maximum; Unavailable; Conflict.
        """
        errors = [
            FieldError(side, f"at most desktop.max_{side} ({limit})", str(value))
            for side, value, limit in (
                ("width", width, self._config.max_width),
                ("height", height, self._config.max_height),
            )
            if value > limit
        ]
        if errors:
            raise BadRequest("the screen cannot become that large", errors=errors)
        async with self._changing:
            state = self.display.state
            if state is None or (state.width, state.height) != (width, height):
                link = self.session.live().capture_link
                before = self._store.load()
                # Noted first: a size that cannot be remembered is refused before it is seen.
                self._wish(width=width, height=height)
                try:
                    state = await self.display.resize(link, width, height)
                except BaseException:
                    self._store.save(before)
                    raise
            return state

    def statuses(self) -> list[ServiceStatus]:
        """Return the state of every part."""
        return self._supervisor.statuses("desktop.")

    def live(self) -> Live:
        """Return the eyes and hands. Raises: Unavailable while there is no desktop."""
        return self.session.live()

    def live_to_change(self, caller: Caller) -> Live:
        """Return the eyes and hands to somebody who changes something without the hands.

        Raises: Unavailable while there is no desktop; Conflict while a person has it.
        """
        live = self.live()
        self.performer.check(caller)
        return live

    def program_environment(self) -> dict[str, str]:
        """Return the variables of a program on the desktop. Raises: Unavailable."""
        return {
            **self.display.part_environment(),
            "DBUS_SESSION_BUS_ADDRESS": self._session_bus.address,
        }

    async def caller_left(self, caller_id: str) -> None:
        """Lift the keys and buttons that a connection held when it ended."""
        live = self.session.live_or_none()
        if live is not None:
            await live.input.release(caller_id)

    def statistics(self) -> dict[str, Any]:
        """Return what the capture and the lanes have done."""
        live = self.session.live_or_none()
        if live is None:
            return {"running": False}
        links = (live.capture_link, live.input_link, live.windows.link, live.clipboard.link)
        return {
            "running": True,
            "capture": live.capture.statistics(),
            "changes": live.changes.statistics(),
            "clipboard": live.clipboard.statistics(),
            "lanes": [asdict(link.lane.statistics()) for link in links],
        }

    async def close(self) -> None:
        """Stop all that runs; the wish stays. Idempotent."""
        await self.apps.stop_all()
        await self._supervisor.close(part.name for part in self._parts)

    def _start_parts(self) -> None:
        prepare_files(self._folder, self.user)
        for part in self._parts:
            self._supervisor.start(part.name)

    async def _wait_running(self) -> DisplayState:
        for part in self._parts:
            await self._supervisor.wait_running(part.name, _START_S)
        state = self.display.state
        if state is None:
            raise Unavailable("the display ended while it was waited for")
        return state

    async def _wait_managed(self) -> None:
        await (await self.session.wait_live()).windows.wait_managed()

    async def _is_managed(self) -> bool:
        return await (await self.session.wait_live()).windows.is_managed()

    def _wish(
        self, *, running: bool | None = None, width: int | None = None, height: int | None = None
    ) -> None:
        before = self._store.load()
        self._store.save(
            DesktopWish(
                before.running if running is None else running,
                width or before.width,
                height or before.height,
            )
        )

    def _base_environment(self) -> dict[str, str]:
        user = self.user
        home = user.home if os.path.isdir(user.home) else "/"
        # Another account cannot run what lies in the daemon's own folders.
        is_own = user.uid == os.getuid()
        return {
            "PATH": self._environment.path if is_own else _USER_PATH,
            "HOME": home,
            "USER": user.name,
            "LOGNAME": user.name,
            "SHELL": user.shell,
            "LANG": self._environment.lang,
            "XDG_RUNTIME_DIR": os.fspath(self._folder),
            "XDG_SESSION_TYPE": "x11",
            "XDG_CURRENT_DESKTOP": "agentd",
            # No input method: typed text must reach the program unchanged.
            "GTK_IM_MODULE": "gtk-im-context-simple",
            "QT_IM_MODULE": "compose",
            "XMODIFIERS": "@im=none",
        }


def desktop_user(name: str, *, is_root: bool) -> User:
    """Return whom programs run as.

    A daemon without root can only be itself. With root and no name configured it is the account
    `agent` if the machine has one; else root itself, which is said in the log.

    Raises: Unavailable when the configured account does not exist, or cannot be become.
    """
    current = User.current()
    if not is_root:
        if name and name != current.name:
            raise Unavailable(
                f"only root can run programs as {name!r}; the daemon runs as {current.name!r}",
                code="no_such_user",
            )
        return current
    if name:
        return User.find(name)
    try:
        return User.find(_DEFAULT_USER)
    except Unavailable:
        return current
