"""Grants: what a link to the desktop allows, how long, how often, and how it is taken back.

A grant has an opaque id that may be shown, and a token that is told once and kept as SHA-256 of
32 random bytes, which needs no salt or slow hash. Grants are kept over a restart; the short
passwords of clients that cannot do better live in memory alone. It does not know sockets,
viewers or the desktop; what failures cost is in `door.py`.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import logging
import secrets
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NewType

import msgspec

from agentd.base.errors import Conflict, NoSpace, NotFound, Unauthorized, Unavailable
from agentd.base.store import Store

logger = logging.getLogger(__name__)

GrantId = NewType("GrantId", str)

# A connection that was lost may come back for so long without costing another use.
RETURN_S = 20.0
MAX_GRANTS = 128
PASSWORD_LENGTH = 8

_TOKEN_BYTES = 24
_LONGEST_TOKEN = 256
_PASSWORD_LETTERS = string.ascii_letters + string.digits


class Right(enum.StrEnum):
    """What a viewer may do; the server ignores what it may not."""

    VIEW = "view"
    POINTER = "pointer"
    KEY = "key"
    CLIPBOARD = "clipboard"
    RESIZE = "resize"


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant; times are Unix time in seconds, None is no limit."""

    id: GrantId
    label: str
    rights: frozenset[Right]
    created_at: float
    expires_at: float | None
    uses_left: int | None

    @property
    def name(self) -> str:
        """What people are told of its holder."""
        return self.label or self.id

    @property
    def may_act(self) -> bool:
        """Whether it gives any of the hands."""
        return bool(self.rights & {Right.POINTER, Right.KEY})


@dataclass(frozen=True, slots=True)
class GrantChange:
    """A grant has begun, or ended: `ended` is revoked or expired then."""

    grant: Grant
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new grant with its secrets, which are told now and never again."""

    grant: Grant
    token: str
    password: str | None


class StoredGrant(msgspec.Struct, frozen=True):
    """A grant as it is kept on disk."""

    id: str
    label: str
    rights: list[Right]
    created_at: float
    token_sha256: str
    expires_at: float | None = None
    uses_left: int | None = None


class StoredGrants(msgspec.Struct, frozen=True):
    """The file."""

    grants: list[StoredGrant] = []


@dataclass(slots=True)
class _Entry:
    grant: Grant
    token_sha256: str
    password: str | None = None
    # Until when the token of a spent grant still opens the page of the one who came in by it.
    known_until: float = 0.0
    # Until when each of its lost connections may come back.
    returns: list[float] | None = None


class Grants:
    """All grants that hold. Event loop only.

    Args:
        store: where they are kept.
        now: Unix time in seconds.
        is_watching: whether a viewer of this grant is here.
        vnc_response: what a client answers to a challenge who knows this password (VncAuth).
    """

    def __init__(
        self,
        store: Store[StoredGrants],
        *,
        now: Callable[[], float] = time.time,
        is_watching: Callable[[GrantId], bool] = lambda _: False,
        vnc_response: Callable[[str, bytes], bytes] | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._is_watching = is_watching
        self._vnc_response = vnc_response
        self._entries: dict[GrantId, _Entry] = {}
        self._told: list[Callable[[GrantChange], None]] = []

    def load(self) -> None:
        """Take over what an earlier daemon has kept; what has expired meanwhile is dropped."""
        for stored in self._store.load().grants[:MAX_GRANTS]:
            grant = Grant(
                GrantId(stored.id),
                stored.label,
                frozenset(stored.rights),
                stored.created_at,
                stored.expires_at,
                stored.uses_left,
            )
            self._entries[grant.id] = _Entry(grant, stored.token_sha256)
        self.expire()

    def on_change(self, callback: Callable[[GrantChange], None]) -> None:
        """Have a callback told of each grant that begins or has ended."""
        self._told.append(callback)

    def issue(
        self,
        *,
        rights: Iterable[Right],
        ttl_s: float | None,
        uses: int | None,
        label: str,
        with_password: bool = False,
    ) -> Issued:
        """Make a grant.

        Args:
            ttl_s: it ends after so long, with the sessions it let in; None: when revoked.
            uses: so many viewers may come in by it; None: any number.
            with_password: make the password of VncAuth clients, too.

        Raises: Conflict when there are too many; NoSpace, Unavailable when it cannot be kept.
        """
        self.expire()
        if len(self._entries) >= MAX_GRANTS:
            raise Conflict(
                f"there are {MAX_GRANTS} grants, and no more are kept",
                code="too_many_grants",
                hint="vnc.revoke ends one; ttl_s ends them by themselves",
            )
        now = self._now()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        grant = Grant(
            GrantId(f"g-{secrets.token_hex(4)}"),
            label,
            # Whoever acts must see what on.
            frozenset(rights) | {Right.VIEW},
            now,
            None if ttl_s is None else now + ttl_s,
            uses,
        )
        password = _new_password() if with_password else None
        self._entries[grant.id] = _Entry(grant, _digest(token), password)
        try:
            self._save()
        except BaseException:
            del self._entries[grant.id]
            raise
        self._tell(GrantChange(grant))
        return Issued(grant, token, password)

    def admit(self, token: str) -> Grant:
        """Let somebody in: counts a use, unless a connection that was lost comes back.

        Raises: Unauthorized, the same for every reason.
        """
        return self._use(self._find(token))

    def peek(self, token: str) -> Grant:
        """Check a token and count nothing: for what the page asks besides the picture.

        A grant that is used up is known as long as somebody watches by it.
        Raises: Unauthorized, the same for every reason.
        """
        entry = self._find(token)
        is_known = entry.known_until > self._now() or self._is_watching(entry.grant.id)
        if entry.grant.uses_left == 0 and not is_known:
            raise _refusal()
        return entry.grant

    def admit_password(self, challenge: bytes, response: bytes) -> Grant | None:
        """Let in who has answered a challenge with the password of a grant (VncAuth)."""
        self.expire()
        found = None
        # Every password is tried, so that the time does not tell which was nearly right.
        for entry in self._entries.values():
            if entry.password is not None and self._vnc_response is not None:
                wanted = self._vnc_response(entry.password, challenge)
                if hmac.compare_digest(wanted, response):
                    found = entry
        return self._use_or_none(found)

    def admit_plain(self, user: str, password: str) -> Grant | None:
        """Let in who names a grant and knows its password or its token (VeNCrypt Plain)."""
        self.expire()
        entry = self._entries.get(GrantId(user))
        digest = _digest(password)
        has_token = hmac.compare_digest(entry.token_sha256 if entry else _digest(""), digest)
        short = (entry.password if entry else None) or ""
        has_password = hmac.compare_digest(short.encode(), password.encode("utf-8", "replace"))
        if entry is None or not (has_token or (has_password and short)):
            return None
        return self._use_or_none(entry)

    def left(self, id: GrantId) -> None:
        """Note that a viewer has left: it may come back for a while without another use."""
        entry = self._entries.get(id)
        if entry is not None and entry.grant.uses_left is not None:
            now = self._now()
            entry.known_until = now + RETURN_S
            entry.returns = [until for until in entry.returns or [] if until > now]
            entry.returns.append(now + RETURN_S)

    def get(self, id: str) -> Grant:
        """Return a grant that holds. Raises: NotFound."""
        return self._entry(id).grant

    def revoke(self, id: str) -> Grant:
        """End a grant now; whoever came in by it is told to go.

        Raises: NotFound; NoSpace, Unavailable: it has ended, but a restart may bring it back.
        """
        grant = self._entry(id).grant
        self._end(grant, "revoked")
        self._save()
        return grant

    def list(self) -> list[Grant]:
        """Return the grants that hold, the oldest first."""
        self.expire()
        return [entry.grant for entry in self._entries.values()]

    def expire(self) -> float | None:
        """End what has run out; return when the next one will (Unix time), None for never."""
        now = self._now()
        due = [
            entry.grant
            for entry in self._entries.values()
            if entry.grant.expires_at is not None and entry.grant.expires_at <= now
        ]
        for grant in due:
            self._end(grant, "expired")
        if due:
            self._save_or_log()
        times = (entry.grant.expires_at for entry in self._entries.values())
        return min((at for at in times if at is not None), default=None)

    def _entry(self, id: str) -> _Entry:
        self.expire()
        try:
            return self._entries[GrantId(id)]
        except KeyError:
            raise NotFound(f"there is no grant {id!r}", code="unknown_grant") from None

    def _find(self, token: str) -> _Entry:
        self.expire()
        digest = _digest(token[:_LONGEST_TOKEN])
        found = None
        # Every one is compared, so that the time does not tell how far a guess came.
        for entry in self._entries.values():
            if hmac.compare_digest(entry.token_sha256, digest):
                found = entry
        if found is None:
            raise _refusal()
        return found

    def _use(self, entry: _Entry) -> Grant:
        """Count a use of a grant. Raises: Unauthorized when it is used up."""
        left = entry.grant.uses_left
        if left is None:
            return entry.grant
        now = self._now()
        returns = [until for until in entry.returns or [] if until > now]
        if returns:
            entry.returns = returns[1:]
        elif left == 0:
            raise _refusal()
        else:
            entry.grant = _with_uses(entry.grant, left - 1)
            self._save_or_log()
        entry.known_until = now + RETURN_S
        return entry.grant

    def _use_or_none(self, entry: _Entry | None) -> Grant | None:
        if entry is None:
            return None
        try:
            return self._use(entry)
        except Unauthorized:
            return None

    def _end(self, grant: Grant, how: str) -> None:
        del self._entries[grant.id]
        self._tell(GrantChange(grant, how))

    def _tell(self, change: GrantChange) -> None:
        for callback in self._told:
            callback(change)

    def _save_or_log(self) -> None:
        """Keep what is true already in memory; a full disk must not let anybody in or out."""
        try:
            self._save()
        except (NoSpace, Unavailable) as exc:
            logger.error("grants not written error=%s", exc)

    def _save(self) -> None:
        self._store.save(
            StoredGrants(
                [
                    StoredGrant(
                        grant.id,
                        grant.label,
                        sorted(grant.rights),
                        grant.created_at,
                        entry.token_sha256,
                        grant.expires_at,
                        grant.uses_left,
                    )
                    for entry in self._entries.values()
                    for grant in (entry.grant,)
                ]
            )
        )


def _with_uses(grant: Grant, left: int) -> Grant:
    return Grant(
        grant.id, grant.label, grant.rights, grant.created_at, grant.expires_at, uses_left=left
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _new_password() -> str:
    return "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(PASSWORD_LENGTH))


def _refusal() -> Unauthorized:
    return Unauthorized(
        "no grant opens with this",
        hint="a link ends with its time, its uses or its revocation: ask for a new one",
    )
