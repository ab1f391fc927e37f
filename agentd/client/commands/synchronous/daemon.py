"""The `daemon` commands of the synchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from typing import Any

from agentd.client.commands import values
from agentd.client.sync_transport import SyncTransport


class Daemon:
    """`daemon.*`.

    `deadline_s` is how long the daemon may take, in seconds. A call blocks until its answer is
    here.
    """

    def __init__(self, transport: SyncTransport) -> None:
        self._transport = transport

    def describe(self, *, deadline_s: float = 30.0) -> dict[str, Any]:
        """List every command with its parameters and results as JSON Schema."""
        return self._transport.json("daemon.describe", {}, dict[str, Any], deadline_s)

    def health(self, *, deadline_s: float = 30.0) -> values.Health:
        """Tell whether every wanted part runs, and what is wrong with those that do not."""
        return self._transport.json("daemon.health", {}, values.Health, deadline_s)

    def reload(self, *, deadline_s: float = 30.0) -> values.Reloaded:
        """Read the configuration again; a file with errors changes nothing."""
        return self._transport.json("daemon.reload", {}, values.Reloaded, deadline_s)

    def stats(self, *, deadline_s: float = 30.0) -> dict[str, Any]:
        """Tell what the daemon uses and has done: memory, CPU, calls, captures, events."""
        return self._transport.json("daemon.stats", {}, dict[str, Any], deadline_s)

    def version(self, *, deadline_s: float = 30.0) -> values.Version:
        """Tell the daemon's version and process id."""
        return self._transport.json("daemon.version", {}, values.Version, deadline_s)
