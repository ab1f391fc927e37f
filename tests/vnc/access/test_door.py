"""The door: right keys at once, wrong ones later and later, all alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentd.base.errors import Unauthorized
from agentd.base.store import Store
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grants, Issued, Right, StoredGrants


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for instead of being waited."""
    waited: list[float] = []

    async def sleep(delay_s: float) -> None:
        waited.append(delay_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return waited


@pytest.fixture
def grants(tmp_path: Path) -> Grants:
    store = Store(tmp_path / "grants.json", StoredGrants)
    return Grants(store, vnc_response=lambda password, _: password.encode() * 2)


@pytest.fixture
def issued(grants: Grants) -> Issued:
    return grants.issue(rights=[Right.VIEW], ttl_s=None, uses=None, label="Ada", with_password=True)


async def test_every_wrong_key_waits_longer(grants: Grants, delays: list[float]) -> None:
    door = Door(grants)
    for attempt in (door.admit, door.peek, door.admit, door.peek):
        with pytest.raises(Unauthorized):
            await attempt("wrong", "10.0.0.1")
    assert await door.admit_password(b"", b"wrong", "10.0.0.1") is None
    assert await door.admit_plain("nobody", "wrong", "10.0.0.1") is None
    assert delays == [0.5, 1.0, 2.0, 4.0]


async def test_right_key_never_waits(grants: Grants, issued: Issued, delays: list[float]) -> None:
    door = Door(grants)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            await door.admit("wrong", "10.0.0.1")
    delays.clear()
    password = issued.password or ""
    assert await door.admit(issued.token, "10.0.0.1") == issued.grant
    assert await door.peek(issued.token, "10.0.0.1") == issued.grant
    assert await door.admit_plain(issued.grant.id, password, "10.0.0.1") == issued.grant
    response = password.encode() * 2
    assert await door.admit_password(b"", response, "10.0.0.1") == issued.grant
    assert delays == []


async def test_no_key_is_logged(
    grants: Grants, delays: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(Unauthorized):
        await Door(grants).admit("hush-hush", "10.0.0.1")
    assert "10.0.0.1" in caplog.text
    assert "hush" not in caplog.text
