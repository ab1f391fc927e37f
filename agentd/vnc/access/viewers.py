"""The viewers that are here: who they are, what they get, and how they are sent away.

Tells the event bus who comes and goes. It does not talk to a viewer, and does not decide who may
act: `sessions/` and `control.py` do.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from agentd.base.errors import Busy, NotFound
from agentd.base.events import EventBus
from agentd.vnc.access.grants import GrantId, Right

logger = logging.getLogger(__name__)

MAX_VIEWERS = 64


class ViewerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One viewer. `since` is Unix time; `encodings` are what it takes, the best liked first.

    `updates` were sent so far, `fps` and `bytes_per_s` are of the last seconds; `backlog_bytes`
    wait to be sent; `is_exact`: what it shows now is the screen, pixel for pixel.
    """

    id: str
    grant: str
    label: str
    rights: list[Right]
    address: str
    transport: str
    since: float
    encodings: list[str] = []
    width: int = 0
    height: int = 0
    updates: int = 0
    fps: float = 0.0
    bytes_per_s: float = 0.0
    round_trip_ms: float | None = None
    backlog_bytes: int = 0
    is_exact: bool = False


class Viewer(Protocol):
    """Somebody who looks at the desktop."""

    @property
    def id(self) -> str:
        """Its number among all, from `Viewers.new_id`."""

    @property
    def grant_id(self) -> GrantId:
        """The grant by which it came in."""

    def info(self) -> ViewerInfo:
        """Return what is known of it now."""

    def close(self, reason: str) -> None:
        """Send it away; returns at once, and `Viewers.leave` follows."""

    def rights_changed(self, rights: frozenset[Right]) -> None:
        """Take over other rights from now on."""


class Viewers:
    """Everybody who is here. Event loop only."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._numbers = itertools.count(1)
        self._viewers: dict[str, Viewer] = {}
        self._joined: list[Callable[[Viewer], None]] = []
        self._left: list[Callable[[Viewer], None]] = []

    def new_id(self) -> str:
        """Return an id for a viewer that is about to join."""
        return f"v{next(self._numbers)}"

    def on_join(self, callback: Callable[[Viewer], None]) -> None:
        """Have a callback told of everybody who joins."""
        self._joined.append(callback)

    def on_leave(self, callback: Callable[[Viewer], None]) -> None:
        """Have a callback told of everybody who has left."""
        self._left.append(callback)

    def join(self, viewer: Viewer) -> None:
        """Take a viewer in; it owes a `leave`. Raises: Busy when there are too many."""
        if len(self._viewers) >= MAX_VIEWERS:
            raise Busy(
                f"{MAX_VIEWERS} viewers are here, and no more are taken",
                code="too_many_viewers",
                retry_after_s=10.0,
            )
        self._viewers[viewer.id] = viewer
        info = viewer.info()
        logger.info(
            "viewer joined id=%s grant=%s address=%s transport=%s",
            *(info.id, info.grant, info.address, info.transport),
        )
        self._bus.publish(
            "vnc.viewer_joined",
            id=info.id,
            grant=info.grant,
            label=info.label,
            rights=sorted(info.rights),
            address=info.address,
            transport=info.transport,
        )
        for callback in self._joined:
            callback(viewer)

    def leave(self, viewer: Viewer, reason: str = "") -> None:
        """Let a viewer go; one that has gone already is no error."""
        if self._viewers.pop(viewer.id, None) is None:
            return
        info = viewer.info()
        logger.info("viewer left id=%s grant=%s reason=%s", info.id, info.grant, reason)
        self._bus.publish(
            "vnc.viewer_left", id=info.id, grant=info.grant, label=info.label, reason=reason
        )
        for callback in self._left:
            callback(viewer)

    def list(self) -> list[ViewerInfo]:
        """Return what is known of each, the first to come first."""
        return [viewer.info() for viewer in self._viewers.values()]

    def get(self, id: str) -> Viewer:
        """Return a viewer. Raises: NotFound."""
        try:
            return self._viewers[id]
        except KeyError:
            raise NotFound(f"there is no viewer {id!r}", code="unknown_viewer") from None

    def is_watching(self, grant_id: GrantId) -> bool:
        """Whether somebody of this grant is here."""
        return any(viewer.grant_id == grant_id for viewer in self._viewers.values())

    def kick(self, id: str, reason: str = "kicked") -> ViewerInfo:
        """Send a viewer away. Raises: NotFound."""
        viewer = self.get(id)
        info = viewer.info()
        viewer.close(reason)
        return info

    def close(self, grant_id: GrantId, reason: str) -> int:
        """Send everybody of a grant away; return how many."""
        gone = [viewer for viewer in self._viewers.values() if viewer.grant_id == grant_id]
        for viewer in gone:
            viewer.close(reason)
        return len(gone)

    def __len__(self) -> int:
        return len(self._viewers)
