"""One viewer: its rights, its messages, and how it is sent away."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentd.vnc.access.control import Person
from agentd.vnc.access.grants import Right
from agentd.vnc.numbers import Encoding
from tests.fakes import until
from tests.vnc.sessions.played import PlayedStream, PlayedViewer
from tests.vnc.sessions.room import SIZE, Room, opened

A_DOWN = b"\x04\x01\x00\x00\x00\x00\x00\x61"
CLICK = b"\x05\x01\x00\x05\x00\x06"
ALL = b"\x03\x00" + struct.pack(">HHHH", 0, 0, SIZE.width, SIZE.height)


FENCE = b"\xf8\x00\x00\x00\x80\x00\x00\x01\x03abc"


def encodings(*numbers: int) -> bytes:
    return struct.pack(f">BxH{len(numbers)}i", 2, len(numbers), *numbers)


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(tmp_path) as room:
        yield room


def messages(stream: PlayedStream, *, skip: int) -> list[tuple[Any, ...]]:
    """What a viewer was told since so many writes."""
    return PlayedViewer(SIZE.width, SIZE.height).take(b"".join(stream.written[skip:]))


class TestHands:
    async def test_go_to_the_desktop(self, room: Room) -> None:
        room.desktop.begin()
        stream = await room.watch(Right.POINTER, Right.KEY)
        stream.said.put_nowait(A_DOWN + CLICK)
        await until(lambda: len(room.desktop.hands.done) == 2)
        assert room.desktop.hands.done == [("key", 0x61, True), ("pointer", 5, 6, 1)]
        holder = room.desk.state().holder
        assert holder is not None
        assert holder.label == "Ada"
        stream.said.put_nowait(b"")
        await room.ended()
        assert room.desktop.hands.done[-1] == ("release",)

    @pytest.mark.parametrize(
        ("right", "said", "done"),
        [
            (Right.KEY, CLICK + A_DOWN, ("key", 0x61, True)),
            (Right.POINTER, A_DOWN + CLICK, ("pointer", 5, 6, 1)),
        ],
    )
    async def test_what_the_grant_does_not_allow_is_passed_over(
        self, room: Room, right: Right, said: bytes, done: tuple[object, ...]
    ) -> None:
        room.desktop.begin()
        stream = await room.watch(right)
        stream.said.put_nowait(said)
        await until(lambda: bool(room.desktop.hands.done))
        assert room.desktop.hands.done == [done]

    async def test_who_may_look_on_alone_does_nothing(self, room: Room) -> None:
        room.desktop.begin()
        stream = await room.watch()
        stream.said.put_nowait(A_DOWN + CLICK)
        stream.said.put_nowait(FENCE)
        await until(lambda: len(stream.written) == 3)
        assert room.desktop.hands.done == []
        assert room.desk.state().holder is None

    async def test_what_is_held_goes_up_when_another_takes_the_desktop(self, room: Room) -> None:
        room.desktop.begin()
        stream = await room.watch(Right.KEY)
        stream.said.put_nowait(A_DOWN)
        await until(lambda: bool(room.desktop.hands.done))
        await room.desk.takeover_as_operator("ops", person=Person("v9", "g-9", "Bob"))
        await until(lambda: room.desktop.hands.done[-1] == ("release",))
        stream.said.put_nowait(A_DOWN)
        stream.said.put_nowait(b"")
        await room.ended()
        assert [one for one in room.desktop.hands.done if one[0] == "key"] == [("key", 0x61, True)]

    async def test_what_is_held_goes_up_when_the_right_goes(self, room: Room) -> None:
        room.desktop.begin()
        stream = await room.watch(Right.KEY)
        stream.said.put_nowait(A_DOWN)
        await until(lambda: bool(room.desktop.hands.done))
        viewer = room.viewers.get(room.viewers.list()[0].id)
        viewer.rights_changed(frozenset({Right.VIEW}))
        await until(lambda: room.desktop.hands.done[-1] == ("release",))
        assert room.viewers.list()[0].rights == [Right.VIEW]


class TestSizes:
    WANTED = b"\xfb\x00" + struct.pack(">HHBxIHHHHI", 80, 60, 1, 0, 0, 0, 80, 60, 0)

    async def status(self, room: Room, *rights: Right) -> int:
        stream = await room.watch(*rights)
        skip = len(stream.written)
        stream.said.put_nowait(encodings(Encoding.EXTENDED_DESKTOP_SIZE) + ALL)
        await until(lambda: len(stream.written) > skip)
        skip = len(stream.written)
        stream.said.put_nowait(self.WANTED + b"\x03\x01" + ALL[2:])
        await until(lambda: len(stream.written) > skip)
        reason, status = struct.unpack(">HH", stream.written[skip][4:8])
        assert reason == 1
        return int(status)

    async def test_who_has_the_right_sets_them(self, room: Room) -> None:
        assert await self.status(room, Right.RESIZE) == 0
        assert room.desktop.sizes == [(80, 60)]

    async def test_who_has_it_not_is_told(self, room: Room) -> None:
        assert await self.status(room) == 1
        assert room.desktop.sizes == []

    async def test_too_large_a_one_is_told(self, room: Room) -> None:
        room.desktop.too_large = True
        assert await self.status(room, Right.RESIZE) == 2


class TestClipboard:
    async def test_is_told_to_those_alone_who_have_the_right(self, room: Room) -> None:
        known = encodings(Encoding.RAW, Encoding.EXTENDED_CLIPBOARD)
        without, with_right = await room.watch(), await room.watch(Right.CLIPBOARD)
        for stream in (without, with_right):
            stream.said.put_nowait(known)
        await until(lambda: len(with_right.written) == 3)
        room.bus.publish(
            "clipboard.changed", selection="clipboard", serial=9, types=None, owner="xterm"
        )
        await until(lambda: len(with_right.written) == 4)
        assert len(without.written) == 2


class TestEnd:
    async def test_who_is_sent_away_is_told_why(self, room: Room) -> None:
        events = room.bus.subscribe(["vnc.viewer_left"])
        stream = await room.watch()
        room.viewers.kick(room.viewers.list()[0].id)
        assert await room.ended() == "kicked"
        assert stream.is_closed
        assert (await events.next()).data["reason"] == "kicked"

    async def test_who_breaks_the_rules_is_sent_away(self, room: Room) -> None:
        events = room.bus.subscribe(["vnc.viewer_left"])
        stream = await room.watch()
        stream.said.put_nowait(b"\xee" * 20)
        assert await room.ended() is None
        assert stream.is_closed
        assert (await events.next()).data["reason"] not in ("left", "fault")

    async def test_who_never_reads_is_sent_away_when_it_must_be(self, room: Room) -> None:
        stream = await room.watch()
        stream.is_free.clear()
        stream.said.put_nowait(ALL)
        await until(lambda: len(stream.written) == 3)
        room.viewers.kick(room.viewers.list()[0].id)
        assert await room.ended() == "kicked"

    async def test_fault_of_a_part_is_logged_and_ends_the_viewer_alone(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        await room.watch()
        other = room.tasks[-1]
        room.house.updates.whole = None  # type: ignore[assignment, method-assign]
        stream = await room.watch()
        stream.said.put_nowait(ALL)
        await room.ended()
        assert "fault viewer=v2 task=update-v2" in caplog.text
        assert not other.done()

    async def test_fences_are_answered(self, room: Room) -> None:
        stream = await room.watch()
        skip = len(stream.written)
        stream.said.put_nowait(FENCE)
        await until(lambda: len(stream.written) > skip)
        assert messages(stream, skip=skip) == [("fence", b"abc")]


async def test_name_says_who_has_control(room: Room) -> None:
    stream = await room.watch()
    stream.said.put_nowait(encodings(Encoding.RAW, Encoding.DESKTOP_NAME) + ALL)
    await until(lambda: len(stream.written) == 3)
    await room.desk.takeover_as_operator("ops")
    stream.said.put_nowait(b"\x03\x01" + ALL[2:])
    await until(lambda: len(stream.written) == 4)
    assert b"(ops has control)" in stream.written[-1]
