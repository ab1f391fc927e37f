"""What a grant lets in, how often, how long, and what is kept of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from agentd.base.errors import Conflict, NotFound, Unauthorized, Unavailable
from agentd.base.store import Store
from agentd.vnc.access.grants import (
    MAX_GRANTS,
    RETURN_S,
    Grant,
    Grants,
    Issued,
    Right,
    StoredGrants,
)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def response(password: str, challenge: bytes) -> bytes:
    """What a client answers that knows the password, in place of DES."""
    return hashlib.sha256(password.encode() + challenge).digest()[:16]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def grants(tmp_path: Path, clock: Clock) -> Grants:
    return make(tmp_path, clock)


def make(folder: Path, clock: Clock, **options: Any) -> Grants:
    store = Store(folder / "vnc_grants.json", StoredGrants)
    return Grants(store, now=clock, vnc_response=response, **options)


def issue(grants: Grants, **options: Any) -> Issued:
    given = {"rights": [Right.VIEW], "ttl_s": 60.0, "uses": None, "label": "Ada"}
    return grants.issue(**{**given, **options})


def refusal(call: Any, *arguments: Any) -> tuple[str, str, str]:
    with pytest.raises(Unauthorized) as caught:
        call(*arguments)
    return caught.value.detail, caught.value.narrow_code, caught.value.hint


def test_token_lets_in_until_the_grant_runs_out(grants: Grants, clock: Clock) -> None:
    issued = issue(grants)
    assert grants.admit(issued.token) == issued.grant
    clock.now += 60
    refusal(grants.admit, issued.token)
    assert grants.list() == []


def test_grant_without_a_time_holds_until_it_is_revoked(grants: Grants, clock: Clock) -> None:
    issued = issue(grants, ttl_s=None)
    clock.now += 1e9
    assert grants.admit(issued.token).expires_at is None
    grants.revoke(issued.grant.id)
    refusal(grants.admit, issued.token)
    with pytest.raises(NotFound):
        grants.revoke(issued.grant.id)


def test_token_has_192_bits_and_is_kept_as_a_hash_alone(grants: Grants, tmp_path: Path) -> None:
    issued = issue(grants, with_password=True)
    assert len(issued.token) == 32
    kept = (tmp_path / "vnc_grants.json").read_text()
    assert issued.token not in kept
    assert issued.password is not None
    assert issued.password not in kept
    assert hashlib.sha256(issued.token.encode()).hexdigest() in kept
    assert (tmp_path / "vnc_grants.json").stat().st_mode & 0o077 == 0


def test_who_acts_may_look(grants: Grants) -> None:
    assert issue(grants, rights=[Right.KEY]).grant.rights == {Right.KEY, Right.VIEW}


def test_use_is_counted_for_who_comes_in_and_not_for_a_look(grants: Grants) -> None:
    issued = issue(grants, uses=2)
    grants.peek(issued.token)
    assert grants.admit(issued.token).uses_left == 1
    assert grants.admit(issued.token).uses_left == 0
    refusal(grants.admit, issued.token)


def test_lost_connection_comes_back_without_another_use(grants: Grants, clock: Clock) -> None:
    issued = issue(grants, uses=1, ttl_s=None)
    grants.admit(issued.token)
    refusal(grants.admit, issued.token)
    grants.left(issued.grant.id)
    clock.now += RETURN_S - 1
    grants.admit(issued.token)
    refusal(grants.admit, issued.token)
    grants.left(issued.grant.id)
    clock.now += RETURN_S
    refusal(grants.admit, issued.token)


def test_spent_grant_is_known_while_somebody_watches_by_it(tmp_path: Path, clock: Clock) -> None:
    watching = [True]
    grants = make(tmp_path, clock, is_watching=lambda _: watching[0])
    issued = issue(grants, uses=1, ttl_s=None)
    grants.admit(issued.token)
    clock.now += RETURN_S
    assert grants.peek(issued.token).uses_left == 0
    watching[0] = False
    refusal(grants.peek, issued.token)


def test_all_refusals_look_the_same(grants: Grants, clock: Clock) -> None:
    spent, expired, revoked = (issue(grants, uses=1, ttl_s=ttl) for ttl in (90, 30, 90))
    grants.admit(spent.token)
    grants.revoke(revoked.grant.id)
    clock.now += 60
    tokens = [spent.token, expired.token, revoked.token, "", "x" * 10_000, "\ud800"]
    assert len({refusal(grants.admit, token) for token in tokens}) == 1
    assert len({refusal(grants.peek, token) for token in tokens}) == 1


def test_refusal_does_not_hold_the_token(grants: Grants) -> None:
    assert "hush" not in " ".join(refusal(grants.admit, "hush"))


def test_restarted_daemon_knows_the_grants_that_hold(tmp_path: Path, clock: Clock) -> None:
    before = make(tmp_path, clock)
    short = issue(before, ttl_s=30)
    long = issue(before, ttl_s=90, uses=2, rights=[Right.POINTER])
    before.admit(long.token)
    clock.now += 60
    after = make(tmp_path, clock)
    after.load()
    assert [grant.id for grant in after.list()] == [long.grant.id]
    grant = after.admit(long.token)
    assert (grant.uses_left, grant.rights) == (0, {Right.POINTER, Right.VIEW})
    refusal(after.admit, short.token)


def test_password_opens_by_challenge_and_is_forgotten_by_a_restart(
    tmp_path: Path, clock: Clock
) -> None:
    grants = make(tmp_path, clock)
    issue(grants)
    issued = issue(grants, with_password=True, uses=1)
    assert issued.password is not None
    assert len(issued.password) == 8
    challenge = bytes(16)
    assert grants.admit_password(challenge, bytes(16)) is None
    admitted = grants.admit_password(challenge, response(issued.password, challenge))
    assert admitted is not None
    assert admitted.id == issued.grant.id
    assert grants.admit_password(challenge, response(issued.password, challenge)) is None
    after = make(tmp_path, clock)
    after.load()
    assert after.admit_password(challenge, response(issued.password, challenge)) is None


def test_plain_opens_by_the_id_with_token_or_password(grants: Grants) -> None:
    issued, other = issue(grants, with_password=True), issue(grants)
    assert issued.password is not None
    name = issued.grant.id
    for secret in (issued.token, issued.password):
        assert isinstance(grants.admit_plain(name, secret), Grant)
    for secret in ("", "wrong", other.token):
        assert grants.admit_plain(name, secret) is None
    assert grants.admit_plain("nobody", "") is None
    assert grants.admit_plain("nobody", issued.token) is None
    assert grants.admit_plain(other.grant.id, "") is None


def test_changes_are_told(grants: Grants, clock: Clock) -> None:
    told: list[tuple[str, str]] = []
    grants.on_change(lambda change: told.append((change.grant.id, change.ended)))
    one, two = issue(grants).grant.id, issue(grants, ttl_s=None).grant.id
    clock.now += 60
    assert grants.expire() is None
    grants.revoke(two)
    assert told == [(one, ""), (two, ""), (one, "expired"), (two, "revoked")]


def test_next_end_is_told(grants: Grants, clock: Clock) -> None:
    issue(grants, ttl_s=90)
    issue(grants, ttl_s=30)
    assert grants.expire() == clock.now + 30


def test_number_of_grants_is_bounded(grants: Grants) -> None:
    for _ in range(MAX_GRANTS):
        issue(grants)
    with pytest.raises(Conflict, match="no more are kept"):
        issue(grants)


def test_grant_that_cannot_be_kept_is_not_made(tmp_path: Path, clock: Clock) -> None:
    grants = make(tmp_path / "missing", clock)
    with pytest.raises(Unavailable):
        issue(grants)
    assert grants.list() == []
