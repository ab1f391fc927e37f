"""Telling systemd: ready, stopping, still alive.

Does nothing where there is no systemd. Source: sd_notify(3).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Notifier:
    """Sends states to the manager's socket.

    Args:
        address: NOTIFY_SOCKET; empty means nobody listens.
        watchdog_s: how often the manager wants a sign of life, in seconds; 0 = never.
    """

    name = "daemon.watchdog"

    def __init__(self, address: str, watchdog_s: float) -> None:
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_s = watchdog_s

    @property
    def is_watched(self) -> bool:
        """Whether the manager wants signs of life."""
        return bool(self._address) and self._watchdog_s > 0

    def notify(self, state: str) -> None:
        """Send one state, as `READY=1`. A manager that does not answer is not waited for."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            try:
                sender.setblocking(False)
                sender.sendto(state.encode(), self._address)
            except OSError as exc:
                logger.warning("notify failed state=%s error=%s", state, exc)

    async def run(self, ready: Callable[[], None]) -> None:
        """Give a sign of life at half the wanted period: the event loop turns, so we live."""
        ready()
        while True:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)
