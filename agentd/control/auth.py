"""Who is calling and what they may do: peer credentials on the socket, bearer tokens on TCP.

Deny by default. Tokens are stored as SHA-256 of 32 random bytes, which needs no salt or slow
hash, and compared in constant time. It does not open sockets and does not know commands.
Sources: unix(7) SO_PEERCRED and SO_PEERGROUPS, RFC 6750 section 2.1 (bearer tokens).
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import logging
import os
import socket
import struct
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Scope
from agentd.base.config import ConfigError
from agentd.base.errors import Denied, FieldError, Unauthorized
from agentd.base.schema import SchemaError, convert

logger = logging.getLogger(__name__)

_SO_PEERGROUPS = 59
_ALL = frozenset(Scope)
_DEFAULT_GROUP = "agentd"


@dataclass(frozen=True, slots=True)
class Identity:
    """A known caller: `principal` for logs, as `uid:1000` or `token:ci`."""

    principal: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Peer:
    """The process on the other end of a Unix socket, as the kernel vouches for it."""

    pid: int
    uid: int
    gids: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("3i", raw)
    try:
        # The list of supplementary groups: SO_PEERCRED knows the primary one alone.
        # 1024 bytes are 256 groups, and all that Python lets us ask for.
        groups = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)
        gids = {gid, *struct.unpack(f"{len(groups) // 4}I", groups)}
    except OSError as exc:
        logger.warning("groups of a peer unknown uid=%d error=%s", uid, exc)
        gids = {gid}
    return Peer(pid, uid, frozenset(gids))


class PeerPolicy:
    """Which local users may use the control socket.

    Always root and the daemon's own user; besides them the configured ones. With no group
    configured, the members of the group `agentd` if the machine has one.

    Raises: ConfigError for a configured group that does not exist.
    """

    def __init__(self, allow_uids: Iterable[int], allow_gids: Iterable[int | str]) -> None:
        self._uids = frozenset({0, os.getuid(), *allow_uids})
        named = list(allow_gids)
        self._gids = frozenset(_gid_of(group) for group in named) if named else _default_gids()

    def identify(self, peer: Peer) -> Identity:
        """Return the identity of an allowed peer; it has every scope. Raises: Denied."""
        if peer.uid in self._uids or peer.gids & self._gids:
            return Identity(f"uid:{peer.uid}", _ALL)
        raise Denied(
            f"user {peer.uid} may not use this socket",
            hint="add the user to control.allow_uids, or to a group in control.allow_gids",
        )


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    scopes: tuple[Scope, ...]
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")]


class _TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[_Token, ...] = ()


class Tokens:
    """The bearer tokens of the TCP listener, read from a file of `[[tokens]]` tables.

    Raises: ConfigError when the file cannot be used, or others than its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        try:
            if path.stat().st_mode & 0o077:
                raise ConfigError(path, [FieldError("(file)", "mode 0600 or 0400", "more")])
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            self._tokens = convert(document, _TokenFile, what=str(path)).tokens
        except SchemaError as exc:
            raise ConfigError(path, list(exc.errors)) from exc
        except (OSError, ValueError) as exc:
            raise ConfigError(path, [FieldError("(file)", "a token file", str(exc))]) from exc

    def identify(self, authorization: str) -> Identity:
        """Return the identity behind an Authorization header. Raises: Unauthorized."""
        scheme, _, token = authorization.partition(" ")
        digest = hashlib.sha256(token.strip().encode(errors="surrogateescape")).hexdigest()
        found: _Token | None = None
        # Every entry is compared, so that the time does not tell how far a guess came.
        for entry in self._tokens:
            if hmac.compare_digest(entry.sha256.lower(), digest):
                found = entry
        if scheme.lower() != "bearer" or found is None:
            raise Unauthorized("a valid bearer token is needed", hint="Authorization: Bearer TOKEN")
        return Identity(f"token:{found.name}", frozenset(found.scopes))


def _gid_of(group: int | str) -> int:
    if isinstance(group, int):
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            None, [FieldError("control.allow_gids", "groups that exist", repr(group))]
        ) from None


def _default_gids() -> frozenset[int]:
    try:
        return frozenset({grp.getgrnam(_DEFAULT_GROUP).gr_gid})
    except KeyError:
        return frozenset()
