"""The Python client for asyncio.

    async with Client() as client:
        picture = await client.desktop.screenshot()
        picture.save("screen.png")
        await client.desktop.click(100, 200)

Every command is a typed method of its namespace. Errors are the classes of `agentd.base.errors`.
What is pressed by `desktop.key_down` stays pressed while the client is open and is lifted when it
closes. For code without an event loop there is `agentd.client.sync`.
"""

from __future__ import annotations

import os
from typing import Any, Self

from agentd.client.address import find_address
from agentd.client.commands.asynchronous.namespaces import ORDERED, Namespaces
from agentd.client.transport import AsyncStream, AsyncTransport


class Client(Namespaces):
    """A connection to one daemon. Event loop only.

    Calls of the desktop's hands (`desktop.click`, `desktop.key_down`, ...) go one after the other
    over one connection; all others may run at the same time.

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
        self._transport = AsyncTransport(self.address, ordered=ORDERED)
        super().__init__(self._transport)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Make ready to call, as `async with` does; the first call connects."""
        await self._transport.open()

    async def close(self) -> None:
        """Close the connections. What the client holds pressed is lifted. Idempotent."""
        await self._transport.close()

    async def call(
        self, command: str, /, *, deadline_s: float | None = None, **parameters: object
    ) -> Any:
        """Call any command by name, also one that this client's version does not know.

        Args:
            command: as `desktop.click`.
            deadline_s: how long the daemon may take, in seconds; by default the command's own.
            parameters: as the command names them.

        Returns: the JSON value, or a Blob where the command answers bytes.
        Raises: the AgentdError that the daemon answers; Unavailable when it is not there.
        Cancelling: the daemon cancels the command.
        """
        return await self._transport.value(command, parameters, deadline_s)

    def stream(self, command: str, /, **parameters: object) -> AsyncStream[Any]:
        """Return the items of any streaming command, as JSON values; see AsyncStream."""
        return self._transport.stream(command, parameters, object)
