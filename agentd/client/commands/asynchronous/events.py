"""The `events` commands of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.client.commands import values
from agentd.client.transport import AsyncStream, AsyncTransport


class Events:
    """`events.*`.

    `deadline_s` is how long the daemon may take, in seconds. Cancelling a call cancels the command
    in the daemon.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def subscribe(
        self,
        *,
        types: Sequence[str] = (),
        since: int | None = None,
    ) -> AsyncStream[values.Event]:
        """Stream events as they happen: what runs, what opened, what changed.

        Each has `{seq, time, type, data}`. Who falls behind loses the oldest and is told by
        `events.lost {count}`.

        Args:
            types: Wanted types; `window` takes all of `window.*`; none = all; for example
                ["window.opened", "desktop"].
            since: First deliver kept events with a higher seq; at least 0; for example 0.
        """
        return self._transport.stream(
            "events.subscribe",
            {"types": types, "since": since},
            values.Event,
        )
