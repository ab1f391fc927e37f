"""The sockets that the HTTP face listens on: the Unix socket, and TCP if configured.

Takes a socket from systemd if it passes one. Refuses a path where another daemon answers, and
removes one where nobody does. It does not read requests. Sources: unix(7), sd_listen_fds(3).
"""

from __future__ import annotations

import asyncio
import fcntl
import grp
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

from agentd.base.config import ControlConfig
from agentd.base.errors import Conflict, Unavailable
from agentd.control.auth import PeerPolicy
from agentd.control.connections import ConnectionServer, Handler

logger = logging.getLogger(__name__)

_FIRST_PASSED_FD = 3
_BACKLOG = 128
_DRAIN_S = 5.0


class AlreadyRunning(Conflict):
    """Another daemon listens on our socket."""


class Listeners:
    """Opens, drains and closes the listening sockets."""

    def __init__(
        self,
        config: ControlConfig,
        path: Path,
        handler: Handler,
        *,
        ended: Callable[[str], None],
        passed_fds: int = 0,
    ) -> None:
        self._config = config
        self._path = path
        self._handler = handler
        self._ended = ended
        self._passed_fds = passed_fds
        self._servers: list[asyncio.Server] = []
        self._protocols: list[ConnectionServer] = []
        # Device and number of the file that we made; None while the path is not ours.
        self._made: tuple[int, int] | None = None
        self._claim = -1

    async def open(self) -> None:
        """Listen.

        Raises: AlreadyRunning when another daemon answers on the path; Unavailable when the
            path or port cannot be used; ConfigError for a group that does not exist.
        """
        loop = asyncio.get_running_loop()
        peers = PeerPolicy(self._config.allow_uids, self._config.allow_gids)
        server = ConnectionServer(self._handler, peers=peers, ended=self._ended)
        if self._passed_fds:
            unix = _passed(_FIRST_PASSED_FD)
            self._path = Path(unix.getsockname())
        else:
            self._claim = _claim(self._path)
            unix = _bind(self._path, int(self._config.socket_mode, 8))
            self._made = _file_of(self._path)
        self._protocols.append(server)
        self._servers.append(await loop.create_unix_server(server, sock=unix, backlog=_BACKLOG))
        logger.info("control socket open path=%s", self._path)
        if self._config.tcp.listen:
            await self._open_tcp(loop)

    async def drain(self) -> None:
        """Accept nothing new and give running requests a moment to end."""
        for listener in self._servers:
            listener.close()
        for server in self._protocols:
            server.pre_shutdown()
        # aiohttp waits twice as long: for a request to end, and then for its end by force.
        await asyncio.gather(*(server.shutdown(_DRAIN_S / 2) for server in self._protocols))

    def close(self) -> None:
        """Remove the socket's path, if it is ours. Idempotent."""
        # A daemon that came after us may have its own socket there.
        if self._made is not None and _file_of(self._path) == self._made:
            self._path.unlink(missing_ok=True)
        self._made = None
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1

    async def _open_tcp(self, loop: asyncio.AbstractEventLoop) -> None:
        tcp = self._config.tcp
        host, _, port = tcp.listen.rpartition(":")
        context = None
        if tcp.certificate_file:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            try:
                context.load_cert_chain(tcp.certificate_file, tcp.key_file)
            except (OSError, ssl.SSLError) as exc:
                raise Unavailable(f"cannot use {tcp.certificate_file}: {exc}") from exc
        server = ConnectionServer(self._handler, peers=None, ended=self._ended)
        try:
            listener = await loop.create_server(
                server, host.strip("[]"), int(port), ssl=context, backlog=_BACKLOG
            )
        except OSError as exc:
            raise Unavailable(f"cannot listen on {tcp.listen}: {exc.strerror or exc}") from exc
        self._protocols.append(server)
        self._servers.append(listener)
        logger.info("control listener open address=%s tls=%s", tcp.listen, context is not None)


def _file_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _passed(descriptor: int) -> socket.socket:
    """Return the socket that systemd passed. Raises: Unavailable when it is no Unix socket."""
    try:
        passed = socket.socket(fileno=descriptor)
    except OSError as exc:
        raise Unavailable(f"descriptor {descriptor} is no socket: {exc.strerror}") from exc
    if passed.family != socket.AF_UNIX:
        passed.close()
        raise Unavailable(
            f"the socket passed as descriptor {descriptor} is no Unix socket",
            hint="ListenStream= of agentd.socket names a path",
        )
    return passed


def _claim(path: Path) -> int:
    """Lock the folder of the socket's path against daemons that start in the same moment.

    Two of them would each find the path dead and remove the other's new socket. The lock is the
    process's and ends with it (flock(2)); its file stays, as removing it would race, too.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise Unavailable(f"cannot listen on {path}: {lock}: {exc.strerror}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise _already_running(path) from None
    return descriptor


def _already_running(path: Path) -> AlreadyRunning:
    return AlreadyRunning(
        f"another agentd listens on {path}",
        code="already_running",
        hint="stop it, or set control.socket to another path",
    )


def _bind(path: Path, mode: int) -> socket.socket:
    _remove_dead(path)
    unix = socket.socket(socket.AF_UNIX)
    # Nobody may connect before the mode is set: the path appears private.
    before = os.umask(0o177)
    try:
        unix.bind(os.fspath(path))
    except OSError as exc:
        unix.close()
        raise Unavailable(f"cannot listen on {path}: {exc.strerror or exc}") from exc
    finally:
        os.umask(before)
    if os.geteuid() == 0:
        try:
            os.chown(path, 0, grp.getgrnam("agentd").gr_gid)
        except KeyError:
            logger.debug("control socket group unchanged reason=no_group_agentd")
    path.chmod(mode)
    return unix


def _remove_dead(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise Unavailable(f"{path} is in the way: it is not a socket", code="path_in_use")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except (TimeoutError, BlockingIOError):
            pass  # It is there and has no place for us: busy is not dead.
        except OSError as exc:
            raise Unavailable(f"cannot ask who listens on {path}: {exc.strerror or exc}") from exc
    raise _already_running(path)
