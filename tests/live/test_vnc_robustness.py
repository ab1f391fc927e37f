"""Viewers that lag, talk nonsense, or are cut off, and a desktop that changes under the others."""

from __future__ import annotations

import asyncio
import struct
import time
from contextlib import AsyncExitStack, suppress

import pytest
import pytest_asyncio

from benchmarks import rfb_numbers as n
from benchmarks.rfb_client import RfbClient
from benchmarks.rfb_handshake import shake_hands
from benchmarks.rfb_pixels import Rect
from benchmarks.rfb_streams import open_stream
from tests.live.test_desktop import kill_and_wait_back
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import open_desk, until
from tests.live.vnc_plain import LIST, looking, until_current, until_seen, until_sent_away

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


async def until_sized(viewer: RfbClient, width: int, height: int) -> None:
    await viewer.until(lambda: viewer.picture.words.shape == (height, width), "the size")


async def test_a_viewer_that_stops_reading_delays_nobody(desk):
    password = desk.grant().password
    stream = await open_stream(desk.address)
    welcome = await shake_hands(stream, password=password)
    # It is never run: what it is sent fills the buffers of both ends.
    stuck = RfbClient(stream, welcome, encodings=n.RAW_LIST)
    try:
        stuck.begin()
        stuck.set_continuous(enable=True)
        async with looking(desk) as viewer:
            waits = []
            for seed in range(12):
                wanted = await desk.show("photo" if seed % 4 == 0 else "text", seed)
                began = time.monotonic()
                await until_seen(viewer, wanted)
                waits.append(time.monotonic() - began)
            assert sorted(waits)[len(waits) // 2] < 2.0, waits
            behind = desk.client.vnc.viewers()[0]
            assert 0 < behind.backlog_bytes < 32 << 20
    finally:
        await stream.close()


@pytest.mark.parametrize(
    "greeting",
    [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 12, b"RFB 9", bytes(range(256)) * 300, b""],
    ids=["http", "zeros", "half", "noise", "nothing"],
)
async def test_what_is_no_viewer_is_sent_away(desk, greeting):
    host, port = desk.address.split(":")
    async with looking(desk) as viewer:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(greeting)
        if len(greeting) < 12:
            writer.write_eof()
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                assert len(await reader.read()) < 200
        writer.close()
        await until_seen(viewer, await desk.show("text", 20))


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff" * 20,
        b"\x07" + b"\0" * 30,
        struct.pack("!BxH", 2, 0xFFFF) + b"\0\0\0\7" * 0xFFFF,
        struct.pack("!BxxxI", 6, 0x7FFFFFFF),
        struct.pack("!Bxxxi", 6, -0x7FFFFFFF),
        struct.pack("!Bxxxi", 6, -40) + struct.pack("!I", 0x10000001) + b"\x78\x9c" + b"\xff" * 34,
        b"\0\0\0\0" + struct.pack("!4B3H3B3x", 24, 24, 0, 1, 255, 255, 255, 16, 8, 0),
        b"\0\0\0\0" + struct.pack("!4B3H3B3x", 32, 24, 0, 1, 0, 0, 0, 16, 8, 0),
        struct.pack("!BxHHBx", 251, 0, 0, 0),
        struct.pack("!BBHII", 255, 9, 1, 2, 3),
        struct.pack("!BxxxIB", 248, 1 << 31, 255) + b"x" * 255,
    ],
    ids=[
        *("unknown", "file-transfer", "all-encodings", "long-text", "long-clipboard"),
        *("bad-zlib", "24-bits", "no-colours", "no-screens", "qemu", "long-fence"),
    ],
)
async def test_nonsense_ends_or_leaves_the_viewer_and_nobody_else(desk, nonsense):
    async with looking(desk) as other, looking(desk) as viewer:
        await viewer.until_painted()
        viewer.stream.write(nonsense + struct.pack("!BBHH", 5, 0, 3, 3))
        await until_seen(other, await desk.show("text", 21))
        if viewer._error is None:
            # Whoever is kept is served on.
            await until_current(desk, viewer)
    assert "Traceback" not in desk.daemon.log.read_text()


async def test_half_a_message_waits_for_its_other_half(desk):
    async with looking(desk) as other, looking(desk, asks=False, wants_continuous=False) as viewer:
        await viewer.until_painted()
        request = struct.pack("!BB4H", 3, 0, 0, 0, WIDTH, HEIGHT)
        viewer.stream.write(request[:7])
        wanted = await desk.show("text", 22)
        await until_seen(other, wanted)
        seen = viewer.updates
        viewer.stream.write(request[7:])
        await viewer.until(lambda: viewer.updates > seen)


async def test_a_viewer_that_leaves_in_the_midst_is_forgotten(desk):
    stream = await open_stream(desk.address)
    await shake_hands(stream, password=desk.grant().password)
    stream.write(b"\x03\0\0")
    await until_viewers(desk, 1)
    await stream.close()
    await until_viewers(desk, 0)


async def until_viewers(desk, count: int) -> None:
    def viewers() -> int:
        return len(desk.client.vnc.viewers())

    await until(viewers, lambda found: found == count, f"{count} viewers")


async def test_two_viewers_of_different_kinds_see_the_same(desk):
    kinds = (LIST, (n.ZRLE, *LIST[1:]), (*n.RAW_LIST, n.VMWARE_CURSOR_POSITION), LIST)
    async with AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(looking(desk, kind)) for kind in kinds]
        for command, number in (("photo", 30), ("scroll", 9), ("cells", 50), ("text", 31)):
            wanted = await desk.show(command, number)
            for viewer in viewers:
                await until_seen(viewer, wanted)


async def test_the_desktop_takes_another_size_under_a_viewer(desk):
    async with looking(desk) as viewer:
        await until_seen(viewer, await desk.show("text", 32))
        for width, height in ((801, 603), (1280, 900), (WIDTH, HEIGHT)):
            await asyncio.to_thread(desk.client.desktop.resize, width=width, height=height)
            await until_sized(viewer, width, height)
            await until_current(desk, viewer)


async def test_a_viewer_gives_the_desktop_another_size(desk):
    async with looking(desk) as viewer:
        await viewer.until_painted()
        for width, height in ((900, 700), (WIDTH, HEIGHT)):
            viewer.set_desktop_size(width, height)
            await viewer.until(lambda: (1, 0, width, height) in viewer.told.resizes)  # noqa: B023
            await until_current(desk, viewer)
        viewer.set_desktop_size(30_000, 20_000)
        await viewer.until(
            lambda: any(told[:2] == (1, 3) or told[:2] == (1, 2) for told in viewer.told.resizes)
        )
        assert viewer.picture.width == WIDTH


async def test_the_picture_comes_back_when_the_x_server_was_killed(desk):
    async with looking(desk) as viewer:
        await until_seen(viewer, await desk.show("photo", 33))
        await desk.take_away()
        await asyncio.to_thread(kill_and_wait_back, desk.daemon, "xserver")
        await desk.put_up()
        await until_seen(viewer, await desk.show("text", 34))


async def test_the_picture_comes_back_when_the_desktop_was_stopped(desk):
    async with looking(desk) as viewer, looking(desk, n.NOVNC_LIST) as other:
        await until_seen(viewer, await desk.show("photo", 35))
        await desk.take_away()
        await asyncio.to_thread(desk.client.desktop.stop)
        await desk.put_up()
        await until_seen(viewer, await desk.show("text", 36))
        other.pointer(*desk.screen.pointer())
        await until_current(desk, other)


async def test_the_daemon_ends_at_once_whoever_looks(tmp_path):
    async with open_desk(tmp_path) as desk, looking(desk) as viewer:
        stream = await open_stream(desk.address)
        try:
            welcome = await shake_hands(stream, password=desk.grant().password)
            stuck = RfbClient(stream, welcome, encodings=n.RAW_LIST)
            stuck.begin()
            await viewer.until_painted()
            began = time.monotonic()
            await desk.take_away()
            assert await asyncio.to_thread(desk.daemon.stop) == 0
            assert time.monotonic() - began < 5.0
            await until_sent_away(viewer)
        finally:
            await stream.close()


async def test_who_asks_for_a_part_is_sent_it_at_once_though_nothing_changed(desk):
    async with looking(
        desk, (*LIST[:2], n.VMWARE_CURSOR, n.VMWARE_CURSOR_POSITION), asks=False
    ) as viewer:
        wanted = await desk.show("photo", 38)
        viewer.request(incremental=False)
        await until_seen(viewer, wanted)
        viewer.picture.words[:] = 0
        part = Rect(37, 41, 301, 207)
        for rect in (part, Rect(WIDTH - 5, HEIGHT - 5, 900, 900), Rect(60_000, 0, 5, 5)):
            seen = viewer.updates
            viewer.request(incremental=False, rect=rect)
            if rect.x < WIDTH:
                await viewer.until(lambda: viewer.updates > seen)  # noqa: B023
        shown = viewer.colours()
        inside = (slice(41, 41 + 207), slice(37, 37 + 301))
        assert (shown[inside] == wanted[inside]).all()
        assert (shown[-5:, -5:] == wanted[-5:, -5:]).all()
