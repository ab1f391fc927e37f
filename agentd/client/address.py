"""Where the daemon listens, and what is said when it cannot be reached there.

Reads the client's environment (AGENTD_SOCKET, AGENTD_URL, AGENTD_TOKEN, XDG_RUNTIME_DIR), which no
other module of the client does. It does not connect.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import NamedTuple

from agentd.base.errors import TimedOut, Unavailable

CONNECT_S = 5.0
# The daemon answers at its deadline; what it then does not say within this, it does not say.
GRACE_S = 10.0
# The daemon's own upper limit for a deadline, where the client does not know the command's.
LONGEST_S = 3600.0
# A stream carries a heartbeat every 15 s.
SILENCE_S = 60.0

_SERVICE_SOCKET = "/run/agentd/agentd.sock"


class Address(NamedTuple):
    """A Unix socket's path, or a URL with a token; one of `socket` and `url` is empty."""

    socket: str
    url: str = ""
    token: str = ""

    def __str__(self) -> str:
        return self.url or self.socket

    @property
    def base(self) -> str:
        """The URL that paths are joined to; on a Unix socket the host says nothing."""
        return self.url.rstrip("/") or "http://localhost"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def find_address(
    socket: str | os.PathLike[str] | None = None,
    *,
    url: str = "",
    token: str = "",
    environment: Mapping[str, str] | None = None,
) -> Address:
    """Return where to connect: what is given, else the environment, else the usual place.

    Args:
        socket: path of the control socket.
        url: `http://` or `https://` address of the TCP listener.
        token: bearer token for `url`.
        environment: instead of the process's own.
    """
    env = os.environ if environment is None else environment
    if socket is not None:
        return Address(os.fspath(socket))
    if not url and env.get("AGENTD_SOCKET"):
        return Address(env["AGENTD_SOCKET"])
    url = url or env.get("AGENTD_URL", "")
    if url:
        return Address("", url, token or env.get("AGENTD_TOKEN", ""))
    if os.getuid() == 0 or os.path.exists(_SERVICE_SOCKET):
        return Address(_SERVICE_SOCKET)
    runtime = env.get("XDG_RUNTIME_DIR", "")
    if not runtime:
        # MCP clients start their servers with few variables; this is where a login has its folder.
        login = f"/run/user/{os.getuid()}"
        is_there = os.path.exists(f"{login}/agentd/agentd.sock")
        runtime = login if is_there else f"/tmp/agentd-{os.getuid()}"
    return Address(f"{runtime}/agentd/agentd.sock")


def unreachable(address: Address, cause: OSError) -> Unavailable:
    """Return the error for a connection that could not be made, with what to do about it."""
    match cause.errno:
        case errno.ENOENT:
            detail = f"agentd is not running: there is no socket at {address}"
            hint = "start it with `agentd`, or say where it listens: AGENTD_SOCKET or --socket PATH"
        case errno.ECONNREFUSED:
            detail = f"agentd is not running: nobody listens on {address}"
            hint = "it seems to have been killed; start it again"
        case errno.EACCES | errno.EPERM:
            detail = f"you may not open the socket {address}"
            hint = "become its owner, or have your user added to the group `agentd`"
        case _:
            detail = f"cannot reach agentd at {address}: {cause.strerror or cause}"
            hint = "is the address right, and is the network between up?"
    return Unavailable(detail, code="daemon_not_running", hint=hint)


def connection_lost(command: str) -> Unavailable:
    """Return the error for a connection that ended before the answer was complete."""
    return Unavailable(
        f"the daemon went away during {command}; whether it was done is not known",
        code="connection_lost",
        hint="call again once `agentctl health` is well",
    )


def no_answer(command: str, limit_s: float) -> TimedOut:
    """Return the error for a daemon that is connected and silent."""
    return TimedOut(
        f"the daemon did not answer {command} within {limit_s:g} s",
        code="no_answer",
        hint="it is stopped or overloaded; its log tells more",
    )
