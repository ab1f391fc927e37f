"""MCP sessions: who holds what, and when it is let go."""

from __future__ import annotations

import asyncio

import pytest

from agentd.control import mcp_sessions as module
from agentd.control.mcp_sessions import Session, Sessions
from tests.fakes import until

NAME = "0123456789abcdef" * 2


@pytest.fixture
def left() -> list[str]:
    return []


@pytest.fixture
def sessions(left: list[str]) -> Sessions:
    async def leave(caller_id: str) -> None:
        left.append(caller_id)

    return Sessions(leave)


def found(sessions: Sessions, name: str = NAME, connection: str = "c1") -> Session:
    session = sessions.find("token:a", name, connection)
    assert session is not None
    return session


async def test_unknown_name_begins_anew(sessions: Sessions) -> None:
    assert found(sessions) is found(sessions, connection="c2")
    assert found(sessions).connections == {"c1", "c2"}


async def test_name_of_another_client_is_another_session(sessions: Sessions) -> None:
    assert sessions.find("token:b", NAME, "c2") is not found(sessions)


@pytest.mark.parametrize("name", ["", "x", NAME.upper(), NAME + "0", "../../etc/passwd", "é" * 32])
async def test_what_is_no_name_is_not_found(sessions: Sessions, name: str) -> None:
    assert sessions.find("token:a", name, "c1") is None


async def test_closed_one_does_not_come_back(sessions: Sessions, left: list[str]) -> None:
    session = found(sessions)
    await sessions.close(session)
    assert sessions.find("token:a", NAME, "c1") is None
    assert left == [session.id]


async def test_end_is_told_once(sessions: Sessions, left: list[str]) -> None:
    session = found(sessions)
    await sessions.end(session)
    await sessions.end(session)
    assert left == [session.id]


async def test_end_cancels_its_calls(sessions: Sessions) -> None:
    session = found(sessions)
    async with asyncio.TaskGroup() as group:
        session.calls[1] = group.create_task(asyncio.Event().wait(), name="call")
        await asyncio.sleep(0)
        await sessions.end(session)
    assert session.calls[1].cancelled()


async def test_one_that_listened_ends_with_its_last_connection(
    sessions: Sessions, left: list[str]
) -> None:
    session = found(sessions)
    found(sessions, connection="c2")
    session.has_listened = True
    await sessions.connection_left("c1")
    assert left == []
    await sessions.connection_left("c2")
    assert left == [session.id]


async def test_one_that_did_not_listen_outlives_its_connections_for_a_moment(
    sessions: Sessions, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = found(sessions)
    await sessions.connection_left("c1")
    assert left == []
    assert found(sessions, connection="c2") is session
    monkeypatch.setattr(module, "_ALONE_S", 0.0)
    await sessions.connection_left("c2")
    await until(lambda: left == [session.id])


async def test_idle_one_ends(
    sessions: Sessions, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.0)
    session = found(sessions)
    await until(lambda: left == [session.id])


@pytest.mark.parametrize("busy", ["call", "stream"])
async def test_busy_one_is_not_idle(
    sessions: Sessions, left: list[str], monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    monkeypatch.setattr(module, "_IDLE_S", 0.001)
    session = found(sessions)
    async with asyncio.TaskGroup() as group:
        if busy == "call":
            session.calls[1] = group.create_task(asyncio.Event().wait(), name="call")
        else:
            session.listening.add("c1")
        timer = session.timer
        await until(lambda: session.timer is not timer)
        assert left == []
        for task in session.calls.values():
            task.cancel()
        session.calls.clear()
        session.listening.clear()
    await until(lambda: left == [session.id])


async def test_number_is_bounded_and_the_longest_silent_goes(
    sessions: Sessions, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SESSIONS_LIMIT", 2)
    names = [f"{number:032x}" for number in range(3)]
    first, second = (found(sessions, name) for name in names[:2])
    found(sessions, first.name)
    found(sessions, names[2])
    await until(lambda: left == [second.id])
    assert len(sessions) == 2


async def test_drain_ends_what_is_listened_on(sessions: Sessions) -> None:
    session = found(sessions)
    sessions.drain()
    assert session.closing.is_set()


async def test_new_ones_have_names_that_cannot_be_guessed(sessions: Sessions) -> None:
    names = {sessions.open("token:a", "c1").name for _ in range(50)}
    assert len(names) == 50
    assert all(len(name) == 32 for name in names)
