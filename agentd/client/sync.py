"""The Python client without asyncio.

    with SyncClient() as client:
        client.desktop.screenshot().save("screen.png")
        client.desktop.click(100, 200)

The same methods as `agentd.client.client.Client`, blocking. All calls go over one connection in
order: what is pressed by `desktop.key_down` stays pressed until the client closes.
"""

from __future__ import annotations

import os
from typing import Any, Self

from agentd.client.address import find_address
from agentd.client.commands.synchronous.namespaces import Namespaces
from agentd.client.sync_transport import SyncStream, SyncTransport


class SyncClient(Namespaces):
    """A connection to one daemon. Thread: any; a call waits until the one before is done.

    Args:
        socket: path of the control socket; by default AGENTD_SOCKET, `/run/agentd/agentd.sock`, or
            the one in the user's runtime folder.
        url: `http://HOST:PORT` or `https://...` of the TCP listener instead; also AGENTD_URL.
        token: bearer token for `url`; also AGENTD_TOKEN.
    """

    def __init__(
        self, socket: str | os.PathLike[str] | None = None, *, url: str = "", token: str = ""
    ) -> None:
        self.address = find_address(socket, url=url, token=token)
        self._transport = SyncTransport(self.address)
        super().__init__(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. What the client holds pressed is lifted. Idempotent."""
        self._transport.close()

    def call(
        self, command: str, /, *, deadline_s: float | None = None, **parameters: object
    ) -> Any:
        """Call any command by name, also one that this client's version does not know.

        Args:
            command: as `desktop.click`.
            deadline_s: how long the daemon may take, in seconds; by default the command's own.
            parameters: as the command names them.

        Returns: the JSON value, or a Blob where the command answers bytes.
        Raises: the AgentdError that the daemon answers; Unavailable when it is not there.
        """
        return self._transport.value(command, parameters, deadline_s)

    def stream(self, command: str, /, **parameters: object) -> SyncStream[Any]:
        """Return the items of any streaming command, as JSON values; see SyncStream."""
        return self._transport.stream(command, parameters, object)
