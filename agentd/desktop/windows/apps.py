"""Programs on the desktop: start one, open a URL or a file, find the window that it brings.

A program runs as the desktop's user in a session of its own, with an environment made here from
nothing. It does not run commands for their output: that is the runtime room's. Source: setsid(2);
the session of a window's process tells whose it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentd.base.errors import BadRequest, FieldError, TimedOut, Unavailable
from agentd.base.events import EventBus
from agentd.base.process import Child, User
from agentd.desktop.windows.ewmh import Window
from agentd.desktop.windows.windows import Windows

logger = logging.getLogger(__name__)

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:.+")
_ARGUMENTS_LIMIT = 128 * 1024
_PROGRAMS_LIMIT = 256
_FOCUS_S = 0.5


class Apps:
    """The programs that were started through the daemon.

    Args:
        environment: returns the variables of a program on the desktop.
        log: takes the output of all programs.
    """

    def __init__(
        self,
        user: User,
        bus: EventBus,
        *,
        environment: Callable[[], dict[str, str]],
        log: Path,
    ) -> None:
        self._user = user
        self._bus = bus
        self._environment = environment
        self._log = log
        self._running: dict[int, Child] = {}
        self._watchers: set[asyncio.Task[None]] = set()

    async def launch(
        self, argv: Sequence[str], *, cwd: str | None, env: Mapping[str, str]
    ) -> Child:
        """Start a program.

        Raises: BadRequest for arguments that no program can get; Unavailable when it is missing.
        """
        _check_arguments(argv, env)
        if len(self._running) >= _PROGRAMS_LIMIT:
            raise Unavailable(f"{_PROGRAMS_LIMIT} programs run already", code="too_many_programs")
        child = Child.spawn(
            os.path.basename(argv[0]),
            argv,
            env={**self._environment(), **env},
            log=self._log,
            cwd=cwd or self._home(),
            user=self._user,
        )
        self._running[child.pid] = child
        watcher = asyncio.create_task(self._watch(child), name=f"app-{child.pid}")  # noqa: TID251
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        self._bus.publish("app.started", pid=child.pid, program=child.name)
        return child

    async def open(self, target: str) -> Child:
        """Open a URL or an absolute path with the program that is registered for it."""
        if not _is_openable(target):
            raise BadRequest(
                f"cannot open {target!r}",
                errors=[FieldError("target", "a URL or the absolute path of a file", target)],
            )
        return await self.launch(["xdg-open", target], cwd=None, env={})

    async def wait_window(self, child: Child, windows: Windows, timeout_s: float) -> Window:
        """Wait for the first window of a program or of what it started.

        Raises: Unavailable when the program ends before; TimedOut.
        """
        wait = windows.wait(lambda window: _session_of(window.pid) == child.pid, timeout_s)
        window = asyncio.create_task(wait, name=f"window-{child.pid}")  # noqa: TID251
        end = asyncio.create_task(child.wait(), name=f"end-{child.pid}")  # noqa: TID251
        try:
            await asyncio.wait({window, end}, return_when=asyncio.FIRST_COMPLETED)
            if not window.done() and end.result() == 0:
                # Its work is done, as of a program that handed the file to a running one.
                await asyncio.wait({window})
            if not window.done():
                raise Unavailable(child.describe_end(end.result()), code="program_ended")
            # Who waits for a window is about to type into it.
            return await windows.wait_focused(window.result().id, _FOCUS_S)
        except TimedOut as exc:
            words = child.last_words(3)
            raise TimedOut(
                f"{child.name} showed no window within {timeout_s:g} s"
                + (f"; it said: {words}" if words else ""),
                data={"pid": child.pid},
            ) from exc
        finally:
            window.cancel()
            end.cancel()

    async def stop_all(self) -> None:
        """End every program that still runs, TERM first."""
        async with asyncio.TaskGroup() as group:
            for child in list(self._running.values()):
                group.create_task(child.stop(), name=f"stop-{child.pid}")

    async def _watch(self, child: Child) -> None:
        status = await child.wait()
        self._running.pop(child.pid, None)
        self._bus.publish("app.ended", pid=child.pid, program=child.name, status=status)

    def _home(self) -> str:
        return self._user.home if os.path.isdir(self._user.home) else "/"


def _is_openable(target: str) -> bool:
    """Whether xdg-open can make sense of it; an option of its own it can not be."""
    return bool(_URL.fullmatch(target)) or (target.startswith("/") and os.path.exists(target))


def _check_arguments(argv: Sequence[str], env: Mapping[str, str]) -> None:
    errors = []
    if not argv or not argv[0]:
        errors.append(FieldError("argv[0]", "a program", "nothing"))
    if sum(len(item) for item in argv) > _ARGUMENTS_LIMIT:
        errors.append(FieldError("argv", f"at most {_ARGUMENTS_LIMIT} characters", "more"))
    if any("\0" in item for item in (*argv, *env, *env.values())):
        errors.append(FieldError("argv", "text without NUL", "a NUL character"))
    errors += [
        FieldError(f"env.{name}", "a variable's name", f'"{name}"')
        for name in env
        if not name or "=" in name
    ]
    if errors:
        raise BadRequest("the program's arguments are wrong", errors=errors)


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid) if pid > 0 else 0
    except ProcessLookupError:
        return 0
