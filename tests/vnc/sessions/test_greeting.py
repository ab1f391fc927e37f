"""The handshake over a stream: who comes in, and what they are told who do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentd.base.errors import Denied, TimedOut
from agentd.base.store import Store
from agentd.desktop.screen.frame import Rect
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant, GrantId, Grants, Issued, Right, StoredGrants
from agentd.vnc.protocol.messages import UpdateRequest
from agentd.vnc.protocol.security import Security, vnc_auth_response
from agentd.vnc.sessions import greeting as module
from agentd.vnc.sessions.greeting import greet
from tests.vnc.protocol.conversations import CHALLENGE, SERVER_INIT, V33, V38, rfb
from tests.vnc.sessions.played import PlayedStream

TRUSTED = Grant(GrantId("g-1"), "Ada", frozenset(Right), 0.0, None, None)
CHOOSE_NONE, CHOOSE_PASSWORD, SHARED = b"\x01", b"\x02", b"\x01"
OK, FAILED = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


class Guest:
    """Somebody at the door, what they say, and what they are told."""

    def __init__(self, folder: Path) -> None:
        self.stream = PlayedStream()
        grants = Grants(Store(folder / "grants.json", StoredGrants), vnc_response=vnc_auth_response)
        self.issued: Issued = grants.issue(
            rights=[Right.VIEW], ttl_s=None, uses=None, label="Ada", with_password=True
        )
        self.door = Door(grants)

    def say(self, *parts: bytes) -> None:
        for part in parts:
            self.stream.said.put_nowait(part)

    @property
    def told(self) -> bytes:
        return b"".join(self.stream.written)

    def answer(self, password: str) -> bytes:
        return vnc_auth_response(password, CHALLENGE)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path)


async def test_who_was_let_in_before_shows_nothing(guest: Guest) -> None:
    guest.say(V38, CHOOSE_NONE, SHARED)
    grant, heard = await greet(guest.stream, rfb(), guest.door, TRUSTED)
    assert grant is TRUSTED
    assert heard == []
    assert guest.told == V38 + b"\x01\x01" + OK + SERVER_INIT


async def test_what_is_said_with_the_end_is_not_lost(guest: Guest) -> None:
    request = bytes.fromhex("03 00 0000 0000 0010 0010")
    guest.say(V38 + CHOOSE_NONE + SHARED + request + request[:3])
    _, heard = await greet(guest.stream, rfb(), guest.door, TRUSTED)
    assert heard == [UpdateRequest(False, Rect(0, 0, 16, 16))]


async def test_right_password_opens_for_its_grant(guest: Guest) -> None:
    password = guest.issued.password or ""
    guest.say(V38, CHOOSE_PASSWORD, guest.answer(password), SHARED)
    grant, _ = await greet(guest.stream, rfb(Security.password()), guest.door, None)
    assert grant.id == guest.issued.grant.id
    assert guest.told.endswith(OK + SERVER_INIT)


async def test_wrong_password_is_told_and_opens_nothing(guest: Guest) -> None:
    guest.say(V38, CHOOSE_PASSWORD, guest.answer("wrong"), SHARED)
    with pytest.raises(Denied) as caught:
        await greet(guest.stream, rfb(Security.password()), guest.door, None)
    assert caught.value.narrow_code == "wrong_password"
    assert FAILED in guest.told
    assert b"This password opens nothing" in guest.told
    assert SERVER_INIT not in guest.told


async def test_password_goes_the_old_way_too(guest: Guest) -> None:
    guest.say(V33, guest.answer(guest.issued.password or ""), SHARED)
    grant, _ = await greet(guest.stream, rfb(Security.password()), guest.door, None)
    assert grant.id == guest.issued.grant.id


async def test_who_finds_no_way_in_is_told_why(guest: Guest) -> None:
    guest.say(V38)
    with pytest.raises(Denied):
        await greet(guest.stream, rfb(Security.refused("not today")), guest.door, None)
    assert b"not today" in guest.told


async def test_who_leaves_early_is_no_fault_of_ours(guest: Guest) -> None:
    guest.say(V38, b"")
    with pytest.raises(ConnectionResetError):
        await greet(guest.stream, rfb(), guest.door, TRUSTED)


async def test_who_is_slow_is_sent_away(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GREETING_S", 0.02)
    guest.say(V38)
    with pytest.raises(TimedOut):
        await greet(guest.stream, rfb(), guest.door, TRUSTED)


async def test_who_is_asked_for_a_password_has_time_to_type_it(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GREETING_S", 60.0)
    monkeypatch.setattr(module, "PASSWORD_S", 0.02)
    guest.say(V38, b"\x02")
    # Only by the time for the password can it end so soon.
    with pytest.raises(TimedOut):
        await greet(guest.stream, rfb(Security.password()), guest.door, None)


async def test_who_speaks_before_the_encryption_is_not_heard(guest: Guest) -> None:
    security = Security.certificate(allow_unencrypted=False)
    guest.say(V38, b"\x13", b"\x00\x02", (262).to_bytes(4, "big") + b"too early")
    with pytest.raises(Denied, match="before its encryption"):
        await greet(guest.stream, rfb(security), guest.door, None)


async def test_cancelling_ends_it(guest: Guest) -> None:
    work = greet(guest.stream, rfb(), guest.door, TRUSTED)
    task = asyncio.create_task(work, name="greeting")  # noqa: TID251
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
