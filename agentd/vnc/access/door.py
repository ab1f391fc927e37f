"""The door: lets viewers in by their grants, and answers wrong keys more and more slowly.

Whoever has a right key is never kept waiting, however many guess from the same address, as behind
one proxy. It does not read bytes of a protocol: the listeners do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from agentd.base.errors import Unauthorized
from agentd.vnc.access.backoff import Backoff
from agentd.vnc.access.grants import Grant, Grants

logger = logging.getLogger(__name__)


class Door:
    """Every way in. Event loop only."""

    def __init__(self, grants: Grants, *, now: Callable[[], float] = time.monotonic) -> None:
        self._grants = grants
        self._backoff = Backoff()
        self._now = now

    async def admit(self, token: str, address: str) -> Grant:
        """Let in by a token, which counts a use.

        Raises: Unauthorized, after a delay that grows with an address's failures.
        Cancelling: safe.
        """
        try:
            return self._grants.admit(token)
        except Unauthorized:
            await self._hold_back(address)
            raise

    async def peek(self, token: str, address: str) -> Grant:
        """Check a token, which counts nothing. Raises: Unauthorized, as `admit`."""
        try:
            return self._grants.peek(token)
        except Unauthorized:
            await self._hold_back(address)
            raise

    def turned_back(self, grant: Grant) -> None:
        """Note that who was let in did not get in: they may come again without another use."""
        self._grants.left(grant.id)

    async def admit_password(self, challenge: bytes, response: bytes, address: str) -> Grant | None:
        """Let in by the answer to a challenge; None, after a delay, where it is wrong."""
        return await self._or_wait(self._grants.admit_password(challenge, response), address)

    async def admit_plain(self, user: str, password: str, address: str) -> Grant | None:
        """Let in by a grant's id and password or token; None, after a delay, where wrong."""
        return await self._or_wait(self._grants.admit_plain(user, password), address)

    async def _or_wait(self, grant: Grant | None, address: str) -> Grant | None:
        if grant is None:
            await self._hold_back(address)
        return grant

    async def _hold_back(self, address: str) -> None:
        delay_s = self._backoff.failed(address, self._now())
        logger.info("viewer refused address=%s delay_s=%.1f", address, delay_s)
        if delay_s:
            await asyncio.sleep(delay_s)
