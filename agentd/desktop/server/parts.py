"""What runs on the screen besides the agent's programs: the session bus and the window manager.

Each is a service over one child process that can be killed and comes back alone. They are adopted
from an earlier daemon like the X server. It does not know what the window manager manages.
Sources: dbus-daemon(1), EWMH 1.5 section 3 (_NET_SUPPORTING_WM_CHECK), openbox(1).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from agentd.base.errors import Unavailable
from agentd.base.process import Child, User
from agentd.desktop.server.display import Display
from agentd.desktop.server.openbox import openbox_config
from agentd.desktop.server.xserver import start_by_line, write_private

logger = logging.getLogger(__name__)

_READY_S = 15.0


class SessionBus:
    """The D-Bus session bus of the desktop's programs."""

    name = "desktop.session_bus"

    def __init__(self, display: Display, user: User) -> None:
        self._display = display
        self._user = user

    @property
    def address(self) -> str:
        """The bus address that programs are given."""
        return f"unix:path={self._display.files.folder / 'bus'}"

    async def run(self, ready: Callable[[], None]) -> None:
        """Keep one dbus-daemon until it ends. Cancelling: stops it."""
        await self._display.wait_up()
        await _serve(await self._display.part(self.name, self._start), ready)

    async def _start(self) -> Child:
        (self._display.files.folder / "bus").unlink(missing_ok=True)
        child, _ = await start_by_line(
            lambda ready_fd: Child.spawn(
                "dbus-daemon",
                [
                    "dbus-daemon",
                    "--session",
                    "--nofork",
                    "--nopidfile",
                    f"--address={self.address}",
                    f"--print-address={ready_fd}",
                ],
                env=self._display.part_environment(),
                log=self._display.files.log("session_bus"),
                user=self._user,
                pass_fds=(ready_fd,),
            )
        )
        return child


class WindowManager:
    """openbox: 1 MB, all of EWMH that an agent needs, and it adopts the windows it finds.

    Args:
        wait_managed: waits until a window manager has announced itself on the root window.
        is_managed: whether one has; then an attached display needs none of ours.
        environment: returns the variables of programs on the desktop.
    """

    name = "desktop.window_manager"

    def __init__(
        self,
        display: Display,
        user: User,
        *,
        wait_managed: Callable[[], Awaitable[None]],
        is_managed: Callable[[], Awaitable[bool]],
        environment: Callable[[], dict[str, str]],
    ) -> None:
        self._display = display
        self._user = user
        self._wait_managed = wait_managed
        self._is_managed = is_managed
        self._environment = environment

    async def run(self, ready: Callable[[], None]) -> None:
        """Keep one openbox until it ends. Cancelling: stops it; the windows stay."""
        state = await self._display.wait_up()
        if state.mode == "attached" and await self._is_managed():
            ready()
            await asyncio.get_running_loop().create_future()
        child = await self._display.part(self.name, self._start)
        await _serve(child, ready, until_ready=self._wait_managed)

    async def _start(self) -> Child:
        config = self._display.files.folder / "openbox.xml"
        write_private(config, openbox_config().encode(), self._user)
        return Child.spawn(
            "openbox",
            ["openbox", "--sm-disable", "--config-file", os.fspath(config)],
            # It reads the compose table anew whenever typing binds a key: 20 ms each time.
            env={**self._environment(), "XCOMPOSEFILE": "/dev/null"},
            log=self._display.files.log("window_manager"),
            user=self._user,
        )


async def _serve(
    child: Child,
    ready: Callable[[], None],
    *,
    until_ready: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Report readiness, then wait for the child's end, which is always an error."""
    try:
        if until_ready is not None:
            await _ready_or_ended(child, until_ready)
        ready()
        status = await child.wait()
        raise Unavailable(child.describe_end(status), code="part_ended")
    finally:
        await child.stop()


async def _ready_or_ended(child: Child, until_ready: Callable[[], Awaitable[None]]) -> None:
    """Wait until a child is ready. Raises: Unavailable when it ends or takes too long."""

    async def wait_ready() -> None:
        await until_ready()

    readiness = asyncio.create_task(wait_ready(), name=f"{child.name}-ready")  # noqa: TID251
    end = asyncio.create_task(child.wait(), name=f"{child.name}-end")  # noqa: TID251
    try:
        await asyncio.wait({readiness, end}, timeout=_READY_S, return_when=asyncio.FIRST_COMPLETED)
        if readiness.done():
            readiness.result()
            return
        if end.done():
            raise Unavailable(child.describe_end(end.result()), code="start_failed")
        raise Unavailable(
            f"{child.name} was not ready after {_READY_S:g} s; it said: {child.last_words()}",
            code="start_timed_out",
        )
    finally:
        readiness.cancel()
        end.cancel()
