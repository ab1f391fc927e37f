"""MCP sessions: the name under which a client holds keys and has calls under way, nothing more.

As a session holds nothing else, one that we do not know begins anew under its name: a client need
not notice that the daemon was restarted. It ends when its client says so, when the connection that
listened is gone, or when nothing was heard of it for a while. Source: Model Context Protocol
2025-11-25, transports, section "Session Management".
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from agentd.control.mcp_messages import Id

logger = logging.getLogger(__name__)

SESSIONS_LIMIT = 256
# Without a connection: HTTP clients close idle ones, and come back with another.
_ALONE_S = 10.0
# With one: a proxy keeps connections that no client is behind any more.
_IDLE_S = 1800.0

# What we hand out, and what `agentctl mcp` makes for itself.
_NAME = re.compile(r"[0-9a-f]{32}")

_numbers = itertools.count(1)

Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Session:
    """One client: `key` is its principal with its name, `id` what it is called as a caller.

    `listening` are the connections on which it waits for what the server might say; `closing` is
    set when it shall wait no more.
    """

    key: Key
    id: str
    calls: dict[Id, asyncio.Task[object]] = field(default_factory=dict)
    connections: set[str] = field(default_factory=set)
    listening: set[str] = field(default_factory=set)
    has_listened: bool = False
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    timer: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """What the client calls it."""
        return self.key[1]

    def cancel(self, call: object) -> None:
        """Cancel a call by its id; one that is over, or was never there, does not matter."""
        task = self.calls.get(call) if isinstance(call, str | int) else None
        if task is not None:
            task.cancel()


class Sessions:
    """The sessions of all clients.

    Args:
        leave: awaited with the caller id of each session that has ended.
    """

    def __init__(self, leave: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        self._leave = leave
        # The one that was heard of last stands last.
        self._sessions: OrderedDict[Key, Session] = OrderedDict()
        self._gone: OrderedDict[Key, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, principal: str, name: str, connection_id: str) -> Session | None:
        """Return the session of that name; None if it was ended, or is not a name of ours."""
        key = (principal, name)
        if key in self._gone or not _NAME.fullmatch(name):
            return None
        session = self._sessions.get(key) or self._begin(key)
        self._sessions.move_to_end(key)
        session.connections.add(connection_id)
        self._schedule(session)
        return session

    def open(self, principal: str, connection_id: str) -> Session:
        """Begin a session with a new name."""
        session = self.find(principal, secrets.token_hex(16), connection_id)
        assert session is not None
        return session

    async def end(self, session: Session) -> None:
        """End a session: what it runs is cancelled, what it holds down is lifted. Idempotent."""
        if self._forget(session):
            await self._leave(session.id)

    async def close(self, session: Session) -> None:
        """End a session whose client will not come back to it."""
        self._gone[session.key] = None
        while len(self._gone) > SESSIONS_LIMIT:
            self._gone.popitem(last=False)
        await self.end(session)

    def drain(self) -> None:
        """End what clients listen on; their sessions end with their connections."""
        for session in self._sessions.values():
            session.closing.set()

    async def connection_left(self, connection_id: str) -> None:
        """Forget a connection; a client that had listened on one has vanished with its last."""
        for session in [s for s in self._sessions.values() if connection_id in s.connections]:
            session.connections.discard(connection_id)
            if session.has_listened and not session.connections:
                await self.end(session)
            else:
                self._schedule(session)

    def _begin(self, key: Key) -> Session:
        if len(self._sessions) >= SESSIONS_LIMIT:
            idle = next((s for s in self._sessions.values() if not s.calls), None)
            if idle is not None:
                self._end_soon(idle)
        session = self._sessions[key] = Session(key, f"mcp{next(_numbers)}")
        logger.debug("mcp session begun id=%s principal=%s", session.id, key[0])
        return session

    def _forget(self, session: Session) -> bool:
        """Take a session out of the table, and end what runs for it; tells whether it was there."""
        if self._sessions.get(session.key) is not session:
            return False
        del self._sessions[session.key]
        if session.timer is not None:
            session.timer.cancel()
        for task in session.calls.values():
            task.cancel()
        session.closing.set()
        logger.debug("mcp session ended id=%s", session.id)
        return True

    def _schedule(self, session: Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
        delay_s = _IDLE_S if session.connections else _ALONE_S
        loop = asyncio.get_running_loop()
        session.timer = loop.call_later(delay_s, self._expire, session)

    def _expire(self, session: Session) -> None:
        if session.calls or session.listening:
            self._schedule(session)
        else:
            self._end_soon(session)

    def _end_soon(self, session: Session) -> None:
        """End a session from where nothing can be awaited; at once, it cannot be found again."""
        if self._forget(session):
            leaving = self._leave(session.id)
            task = asyncio.create_task(leaving, name=f"leave-{session.id}")  # noqa: TID251
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
