"""Takes in whoever connects, by whatever way, and sees it to its end.

The one place between the listeners and the sessions. It opens no socket and checks no password.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from agentd.base.errors import AgentdError, Busy
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant
from agentd.vnc.access.viewers import Viewers
from agentd.vnc.protocol.rfb import Event, Rfb
from agentd.vnc.protocol.security import CHALLENGE_BYTES, Security
from agentd.vnc.sessions.greeting import greet
from agentd.vnc.sessions.house import House
from agentd.vnc.sessions.streams import ByteStream
from agentd.vnc.sessions.viewer import ViewerSession

logger = logging.getLogger(__name__)

# So many may be in the midst of their greeting; more have to come again.
_MOST_GREETED = 32


class Reception:
    """Takes in viewers.

    Args:
        house: what they share.
        door: checks what they show.
        viewers: where they are listed.
    """

    def __init__(self, house: House, door: Door, viewers: Viewers) -> None:
        self._house = house
        self._door = door
        self._viewers = viewers
        self._greeted = 0

    async def receive(
        self, stream: ByteStream, security: Security, grant: Grant | None = None
    ) -> str | None:
        """Greet and serve a connection; returns when it has ended. Closes the stream.

        Args:
            security: how it is let in.
            grant: of somebody who was let in before.

        Returns: why the viewer was sent away, if it was: it need not try again.
        Cancelling: ends it at once.
        """
        try:
            viewer, heard = await self._take_in(stream, security, grant)
            return await self._serve(viewer, heard)
        except (AgentdError, OSError) as exc:
            logger.info("viewer refused address=%s reason=%s", stream.address, exc)
            return None
        finally:
            stream.close()

    async def _take_in(
        self, stream: ByteStream, security: Security, grant: Grant | None
    ) -> tuple[ViewerSession, Sequence[Event]]:
        """Greet a viewer and put it on the list; it owes a `leave`."""
        try:
            viewer, heard = await self._greet(stream, security, grant)
            self._viewers.join(viewer)
        except BaseException:
            if grant is not None:
                self._door.turned_back(grant)
            raise
        return viewer, heard

    async def _serve(self, viewer: ViewerSession, heard: Sequence[Event]) -> str | None:
        reason = "left"
        try:
            reason = await viewer.run(heard)
        finally:
            self._viewers.leave(viewer, reason)
        return viewer.sent_away_because

    async def _greet(
        self, stream: ByteStream, security: Security, grant: Grant | None
    ) -> tuple[ViewerSession, Sequence[Event]]:
        if self._greeted >= _MOST_GREETED:
            raise Busy(f"{_MOST_GREETED} others are at the door", code="too_many_viewers")
        rfb = Rfb(
            security=security,
            name=self._house.title(),
            size=self._house.size(),
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
        )
        self._greeted += 1
        try:
            grant, heard = await greet(stream, rfb, self._door, grant)
        finally:
            self._greeted -= 1
        return ViewerSession(self._viewers.new_id(), self._house, stream, rfb, grant), heard
