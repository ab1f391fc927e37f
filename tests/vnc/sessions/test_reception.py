"""Taking viewers in: who is listed, who is turned back, and what is closed."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agentd.vnc.access.grants import Right
from agentd.vnc.numbers import Encoding
from agentd.vnc.sessions import reception as module
from tests.fakes import until
from tests.vnc.sessions.played import PlayedViewer
from tests.vnc.sessions.room import SIZE, Room, opened

ALL = b"\x03\x00" + struct.pack(">HHHH", 0, 0, SIZE.width, SIZE.height)


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(tmp_path) as room:
        yield room


class TestComing:
    async def test_viewer_is_listed_until_it_leaves(self, room: Room) -> None:
        stream = await room.watch(Right.POINTER)
        (info,) = room.viewers.list()
        assert (info.label, info.transport, info.width) == ("Ada", "tcp", SIZE.width)
        stream.said.put_nowait(b"")
        assert await room.ended() is None
        assert len(room.viewers) == 0
        assert stream.is_closed

    async def test_who_leaves_early_may_come_again_without_another_use(self, room: Room) -> None:
        issued = room.grants.issue(rights=[], ttl_s=None, uses=1, label="Ada")
        for _ in range(3):
            stream = room.come(room.grants.admit(issued.token))
            stream.said.put_nowait(b"")
            await room.ended()
            assert stream.is_closed

    async def test_a_stop_in_the_midst_of_a_greeting_closes_it(self, room: Room) -> None:
        stream = room.come(room.grant())
        await until(lambda: bool(stream.written))
        room.tasks[-1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await room.tasks[-1]
        assert stream.is_closed

    async def test_crowd_at_the_door_has_to_come_again(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_MOST_GREETED", 1)
        first = room.come(room.grant())
        await until(lambda: bool(first.written))
        second = room.come(room.grant())
        await room.ended()
        assert second.is_closed
        assert not first.is_closed

    async def test_desktop_that_is_not_there_is_black(self, room: Room) -> None:
        stream = await room.watch()
        stream.said.put_nowait(ALL)
        await until(lambda: len(stream.written) == 3)
        viewer = PlayedViewer(SIZE.width, SIZE.height)
        assert viewer.take(stream.written[-1]) == [("update", Encoding.RAW)]
        assert not viewer.picture.any()
