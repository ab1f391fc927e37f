"""Reaping orphans where the daemon is process 1, as in a container without an init.

Programs that fork twice leave children to process 1, and nobody else will wait for them. The
daemon's own children are reaped by `process.py` within milliseconds; only what was a zombie at
two looks in a row is taken here. Source: wait(2), proc(5).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_PERIOD_S = 10.0


class OrphanReaper:
    """A service; worth starting only in process 1."""

    name = "daemon.orphans"

    def __init__(self, *, period_s: float = _PERIOD_S) -> None:
        self._period_s = period_s
        self._seen: frozenset[int] = frozenset()
        self._reaped = 0

    @property
    def reaped(self) -> int:
        """How many orphans were reaped."""
        return self._reaped

    async def run(self, ready: Callable[[], None]) -> None:
        """Look now and then. Cancelling is safe."""
        ready()
        while True:
            await asyncio.sleep(self._period_s)
            self.look()

    def look(self) -> None:
        """Reap the zombies that were here at the last look already."""
        zombies = frozenset(_zombie_children(os.getpid()))
        for pid in zombies & self._seen:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
                self._reaped += 1
        self._seen = zombies


def _zombie_children(parent: int) -> list[int]:
    """Return the children of a process that have ended and wait to be reaped."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue
        # The second field, the name in brackets, may hold blanks and brackets itself.
        state, ppid, *_ = text.rpartition(")")[2].split()
        if state == "Z" and int(ppid) == parent:
            found.append(int(entry.name))
    return found
