"""One X connection: what it does when the server is gone, and whose descriptors it touches."""

from __future__ import annotations

import asyncio
import os

import pytest
from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import BadDrawable

from agentd.desktop.windows.ewmh import Ewmh
from agentd.desktop.xlink import DisplayAddress, DisplayLost, XLink


def find_server_gone(display):
    """What python-xlib does on the lane when the server has ended."""
    display.display.close_internal("server")
    raise OSError("the server is gone")


async def test_link_reports_the_loss_of_its_server(display: DisplayAddress):
    link = XLink(display, "x-test")
    await link.open()
    with pytest.raises(DisplayLost, match="gone"):
        await link.call(find_server_gone)
    assert "gone" in await link.wait_lost()
    link.close()
    assert await link.lane.wait_closed()


async def test_closing_a_lost_link_leaves_the_next_owner_of_its_descriptor_alone(
    display: DisplayAddress,
):
    link = XLink(display, "x-test")
    await link.open()
    with pytest.raises(DisplayLost):
        await link.call(find_server_gone)
    # The numbers that the library has freed go to whoever opens something next.
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    read_fd, write_fd = os.pipe()
    try:
        loop.add_reader(read_fd, heard.set)
        link.close()
        assert await link.lane.wait_closed()
        os.write(write_fd, b"x")
        async with asyncio.timeout(5):
            await heard.wait()
        loop.remove_reader(read_fd)
    finally:
        os.close(read_fd)
        os.close(write_fd)


async def test_link_that_is_closed_gives_all_its_descriptors_back(display: DisplayAddress):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        link = XLink(display, "x-test")
        await link.open()
        link.close()
        link.close()
        assert await link.lane.wait_closed()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_events_that_came_before_an_error_are_handed_on(display: DisplayAddress):
    heard = asyncio.Event()

    def map_a_window_and_fail(connection):
        root = connection.screen().root
        window = root.create_window(0, 0, 9, 9, 0, 0, event_mask=X.StructureNotifyMask)
        window.map()
        connection.create_resource_object("window", 1).get_geometry()

    link = XLink(display, "x-test", on_events=lambda events: heard.set())
    await link.open()
    try:
        with pytest.raises(BadDrawable):
            await link.call(map_a_window_and_fail)
        async with asyncio.timeout(5):
            await heard.wait()
    finally:
        link.close()
        assert await link.lane.wait_closed()


async def test_window_that_takes_over_a_number_is_watched(display: DisplayAddress):
    heard: asyncio.Queue[object] = asyncio.Queue()
    link = XLink(display, "x-test", on_events=lambda events: [heard.put_nowait(e) for e in events])
    await link.open()
    other, ewmh, numbers = Display(display.name), Ewmh(), set()
    try:
        for title in ("first", "second"):
            window = other.screen().root.create_window(0, 0, 9, 9, 0, 0)
            other.sync()
            await link.call(ewmh._window, window.id, 0)
            window.set_wm_name(title)
            other.sync()
            async with asyncio.timeout(5):
                while getattr(await heard.get(), "atom", None) != Xatom.WM_NAME:
                    pass
            window.destroy()  # The next window has the same number.
            numbers.add(window.id)
        assert len(numbers) == 1
    finally:
        other.close()
        link.close()
        assert await link.lane.wait_closed()
