"""The `windows` commands of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

import builtins

from agentd.client.commands import values
from agentd.client.transport import AsyncTransport


class Windows:
    """`windows.*`.

    `deadline_s` is how long the daemon may take, in seconds. Cancelling a call cancels the command
    in the daemon.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def active(self, *, deadline_s: float = 30.0) -> values.Window | None:
        """Tell which window has the focus; null if none has."""
        return await self._transport.optional("windows.active", {}, values.Window, deadline_s)

    async def close(
        self,
        id: int,
        *,
        timeout_s: float = 5.0,
        deadline_s: float = 610.0,
    ) -> values.Done:
        """Ask a window to close and wait until it has.

        A window that stays, as behind a question whether to save, is an error.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
            timeout_s: How long to wait, in seconds; above 0, at most 600; for example 10.
        """
        return await self._transport.json(
            "windows.close",
            {"id": id, "timeout_s": timeout_s},
            values.Done,
            deadline_s,
        )

    async def focus(self, id: int, *, deadline_s: float = 30.0) -> values.Window:
        """Raise a window, unminimise it if needed, and give it the focus.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
        """
        return await self._transport.json("windows.focus", {"id": id}, values.Window, deadline_s)

    async def list(self, *, deadline_s: float = 30.0) -> builtins.list[values.Window]:
        """List the open windows, the topmost first.

        `x y width height` are the window's contents in screen pixels; `frame` is what the window
        manager draws around them.
        """
        return await self._transport.json("windows.list", {}, list[values.Window], deadline_s)

    async def maximize(
        self,
        id: int,
        *,
        on: bool = True,
        deadline_s: float = 30.0,
    ) -> values.Window:
        """Maximise a window, or restore it.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
            on: false gives the window its size back; for example False.
        """
        return await self._transport.json(
            "windows.maximize",
            {"id": id, "on": on},
            values.Window,
            deadline_s,
        )

    async def minimize(self, id: int, *, deadline_s: float = 30.0) -> values.Window:
        """Minimise a window; windows.focus brings it back.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
        """
        return await self._transport.json("windows.minimize", {"id": id}, values.Window, deadline_s)

    async def move(self, id: int, x: int, y: int, *, deadline_s: float = 30.0) -> values.Window:
        """Move a window so that its contents begin at a point of the screen.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
            x: Screen pixels; may be negative; -16383..16383; for example 100.
            y: Screen pixels; may be negative; -16383..16383; for example 100.
        """
        return await self._transport.json(
            "windows.move",
            {"id": id, "x": x, "y": y},
            values.Window,
            deadline_s,
        )

    async def resize(
        self,
        id: int,
        width: int,
        height: int,
        *,
        deadline_s: float = 30.0,
    ) -> values.Window:
        """Give a window's contents a size.

        A program may round it, as terminals do; the answer says to what.

        Args:
            id: A window's id from windows.list; 1..4294967295; for example 12582919.
            width: Pixels along this edge; 1..16384; for example 800.
            height: Pixels along this edge; 1..16384; for example 800.
        """
        return await self._transport.json(
            "windows.resize",
            {"id": id, "width": width, "height": height},
            values.Window,
            deadline_s,
        )

    async def wait(
        self,
        *,
        title: str | None = None,
        class_name: str | None = None,
        pid: int | None = None,
        timeout_s: float = 10.0,
        deadline_s: float = 610.0,
    ) -> values.Window:
        """Wait until a window with this title, class and process is open, and return it.

        Args:
            title: Part of the title, in any case; for example "Untitled".
            class_name: The window's class, in any case; for example "XTerm".
            pid: Its process; at least 1; for example 4711.
            timeout_s: How long to wait, in seconds; above 0, at most 600; for example 10.
        """
        return await self._transport.json(
            "windows.wait",
            {"title": title, "class_name": class_name, "pid": pid, "timeout_s": timeout_s},
            values.Window,
            deadline_s,
        )
