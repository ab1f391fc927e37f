"""One X connection: what it does when the server is gone, and whose descriptors it touches."""

from __future__ import annotations

import asyncio
import os

import pytest

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
