"""The commands for windows and programs.

Speaks JSON types on one side and the room's types on the other; decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Caller, Scope, command
from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.desktop import Desktop
from agentd.desktop.parameters import Done, Offset, TimeoutS, WindowId
from agentd.desktop.screen.frame import MAX_EDGE
from agentd.desktop.windows.ewmh import Window

WindowEdge = Annotated[
    int, Meta(ge=1, le=MAX_EDGE, description="Pixels along this edge", examples=[800])
]


class Launched(msgspec.Struct, frozen=True):
    """A started program; `window` is its first one, if it was waited for."""

    pid: int
    window: Window | None = None


def window_like(
    *, title: str | None = None, class_name: str | None = None, pid: int | None = None
) -> Callable[[Window], bool]:
    """Return what tells whether a window has this part of a title, class and process."""
    part = re.compile(re.escape(title or ""), re.IGNORECASE)

    def fits(window: Window) -> bool:
        return (
            bool(part.search(window.title))
            and (class_name is None or window.class_name.lower() == class_name.lower())
            and (pid is None or window.pid == pid)
        )

    return fits


class WindowCommands:
    """`windows.*`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @command("windows.list", scope=Scope.VIEW, read_only=True)
    async def list(self) -> list[Window]:
        """List the open windows, the topmost first.

        `x y width height` are the window's contents in screen pixels; `frame` is what the window
        manager draws around them.
        """
        return await self._desktop.live().windows.list()

    @command("windows.active", scope=Scope.VIEW, read_only=True)
    async def active(self) -> Window | None:
        """Tell which window has the focus; null if none has."""
        windows = await self._desktop.live().windows.list()
        return next((window for window in windows if window.focused), None)

    @command("windows.focus", scope=Scope.INPUT, positional=("id",))
    async def focus(self, caller: Caller, *, id: WindowId) -> Window:
        """Raise a window, unminimise it if needed, and give it the focus."""
        return await self._desktop.live_to_change(caller).windows.focus(id)

    @command("windows.move", scope=Scope.INPUT, positional=("id", "x", "y"))
    async def move(self, caller: Caller, *, id: WindowId, x: Offset, y: Offset) -> Window:
        """Move a window so that its contents begin at a point of the screen."""
        return await self._desktop.live_to_change(caller).windows.move(id, x, y)

    @command("windows.resize", scope=Scope.INPUT, positional=("id", "width", "height"))
    async def resize(
        self, caller: Caller, *, id: WindowId, width: WindowEdge, height: WindowEdge
    ) -> Window:
        """Give a window's contents a size.

        A program may round it, as terminals do; the answer says to what.
        """
        return await self._desktop.live_to_change(caller).windows.resize(id, width, height)

    @command("windows.minimize", scope=Scope.INPUT, positional=("id",))
    async def minimize(self, caller: Caller, *, id: WindowId) -> Window:
        """Minimise a window; windows.focus brings it back."""
        return await self._desktop.live_to_change(caller).windows.minimize(id)

    @command("windows.maximize", scope=Scope.INPUT, positional=("id",))
    async def maximize(
        self,
        caller: Caller,
        *,
        id: WindowId,
        on: Annotated[
            bool, Meta(description="false gives the window its size back", examples=[False])
        ] = True,
    ) -> Window:
        """Maximise a window, or restore it."""
        return await self._desktop.live_to_change(caller).windows.maximize(id, on=on)

    @command(
        "windows.close", scope=Scope.INPUT, destructive=True, positional=("id",), deadline_s=610
    )
    async def close(self, caller: Caller, *, id: WindowId, timeout_s: TimeoutS = 5.0) -> Done:
        """Ask a window to close and wait until it has.

        A window that stays, as behind a question whether to save, is an error.
        """
        await self._desktop.live_to_change(caller).windows.close(id, timeout_s)
        return Done()

    @command("windows.wait", scope=Scope.VIEW, read_only=True, deadline_s=610)
    async def wait(
        self,
        *,
        title: Annotated[
            str, Meta(description="Part of the title, in any case", examples=["Untitled"])
        ]
        | None = None,
        class_name: Annotated[
            str, Meta(description="The window's class, in any case", examples=["XTerm"])
        ]
        | None = None,
        pid: Annotated[int, Meta(ge=1, description="Its process", examples=[4711])] | None = None,
        timeout_s: TimeoutS = 10.0,
    ) -> Window:
        """Wait until a window with this title, class and process is open, and return it."""
        if title is None and class_name is None and pid is None:
            raise BadRequest(
                "what window to wait for is not said",
                errors=[FieldError("title", "one of title, class_name, pid", "nothing")],
            )
        fits = window_like(title=title, class_name=class_name, pid=pid)
        return await self._desktop.live().windows.wait(fits, timeout_s)


class AppCommands:
    """`apps.*`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @command("apps.launch", scope=Scope.EXEC, positional=("argv",), deadline_s=610)
    async def launch(
        self,
        caller: Caller,
        *,
        argv: Annotated[
            list[str],
            Meta(
                min_length=1,
                max_length=1024,
                description="The program and its arguments; no shell reads them",
                examples=[["xterm", "-e", "top"]],
            ),
        ],
        cwd: Annotated[
            str,
            Meta(description="Folder to start in; the user's home by default", examples=["/tmp"]),
        ]
        | None = None,
        env: Annotated[
            dict[str, str],
            Meta(description="Variables besides the desktop's own", examples=[{"TERM": "xterm"}]),
        ] = {},
        wait_window_s: Annotated[
            float,
            Meta(gt=0, le=600, description="Wait that long for its first window", examples=[10]),
        ]
        | None = None,
    ) -> Launched:
        """Start a program on the desktop, as the desktop's user.

        It goes on when the caller leaves, and ends with the desktop.
        """
        live = self._desktop.live_to_change(caller)
        child = await self._desktop.apps.launch(argv, cwd=cwd, env=env)
        if wait_window_s is None:
            return Launched(child.pid)
        window = await self._desktop.apps.wait_window(child, live.windows, wait_window_s)
        return Launched(child.pid, window)

    @command("apps.open", scope=Scope.EXEC, positional=("target",), deadline_s=610)
    async def open(
        self,
        caller: Caller,
        *,
        target: Annotated[
            str,
            Meta(
                min_length=1,
                max_length=32768,
                description="A URL, or the absolute path of a file",
                examples=["https://example.org"],
            ),
        ],
        wait_window_s: Annotated[
            float,
            Meta(gt=0, le=600, description="Wait that long for a window", examples=[20]),
        ]
        | None = None,
    ) -> Launched:
        """Open a URL or a file with the program that is registered for it."""
        live = self._desktop.live_to_change(caller)
        child = await self._desktop.apps.open(target)
        if wait_window_s is None:
            return Launched(child.pid)
        window = await self._desktop.apps.wait_window(child, live.windows, wait_window_s)
        return Launched(child.pid, window)
