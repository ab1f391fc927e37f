"""The `apps` commands of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentd.client.commands import values
from agentd.client.transport import AsyncTransport


class Apps:
    """`apps.*`.

    `deadline_s` is how long the daemon may take, in seconds. Cancelling a call cancels the command
    in the daemon.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def launch(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] = {},
        wait_window_s: float | None = None,
        deadline_s: float = 610.0,
    ) -> values.Launched:
        """Start a program on the desktop, as the desktop's user.

        It goes on when the caller leaves, and ends with the desktop.

        Args:
            argv: The program and its arguments; no shell reads them; for example ["xterm", "-e",
                "top"].
            cwd: Folder to start in; the user's home by default; for example "/tmp".
            env: Variables besides the desktop's own; for example {"TERM": "xterm"}.
            wait_window_s: Wait that long for its first window; above 0, at most 600; for example
                10.
        """
        return await self._transport.json(
            "apps.launch",
            {"argv": argv, "cwd": cwd, "env": env, "wait_window_s": wait_window_s},
            values.Launched,
            deadline_s,
        )

    async def open(
        self,
        target: str,
        *,
        wait_window_s: float | None = None,
        deadline_s: float = 610.0,
    ) -> values.Launched:
        """Open a URL or a file with the program that is registered for it.

        Args:
            target: A URL, or the absolute path of a file; for example "https://example.org".
            wait_window_s: Wait that long for a window; above 0, at most 600; for example 20.
        """
        return await self._transport.json(
            "apps.open",
            {"target": target, "wait_window_s": wait_window_s},
            values.Launched,
            deadline_s,
        )
