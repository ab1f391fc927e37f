"""Selections as X messages: whom we listen to, and how the server's time is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from Xlib import X
from Xlib.display import Display

from agentd.desktop.clipboard.icccm import Icccm, Owner
from agentd.desktop.clipboard.selection_request import Requestor
from agentd.desktop.xlink import DisplayAddress, XLink


@asynccontextmanager
async def requestor(display: DisplayAddress) -> AsyncIterator[tuple[XLink, Icccm, Requestor]]:
    heard: list[Requestor] = []
    watching: list[Icccm] = []
    link = XLink(
        display,
        "x-test",
        on_events=lambda events: [asker.hear(event) for event in events for asker in heard],
        on_lane_events=lambda events: [icccm.on_lane_events(events) for icccm in watching],
    )
    await link.open()
    icccm = await link.call(Icccm)
    watching.append(icccm)
    heard.append(Requestor(link, icccm))
    try:
        yield link, icccm, heard[0]
    finally:
        heard[0].close()
        link.close()
        assert await link.lane.wait_closed()


async def test_our_own_window_is_heard_whoever_is_no_longer_watched(display: DisplayAddress):
    async with requestor(display) as (link, icccm, asker):
        # As when a selection goes from us to another program while it is looked at.
        watch = await link.call(icccm.watch, icccm.window)
        await link.call(icccm.unwatch, icccm.window, watch)
        async with asyncio.timeout(5):
            assert await asker.now() > 0


async def test_time_is_told_to_all_who_ask_also_after_one_has_left(display: DisplayAddress):
    async with requestor(display) as (_, _, asker):
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(asker.now(), name=f"asks-{n}") for n in range(5)]
            asking[0].cancel()
        assert all(task.result() > 0 for task in asking[1:])
        async with asyncio.timeout(5):
            assert await asker.now() > 0


@asynccontextmanager
async def program(display: DisplayAddress) -> AsyncIterator[tuple[XLink, int]]:
    link = XLink(display, "x-program")
    await link.open()
    try:
        yield link, await link.call(_create_window)
    finally:
        link.close()
        assert await link.lane.wait_closed()


def _create_window(display: Display) -> int:
    window = display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
    display.sync()
    return int(window.id)


def _event_mask(display: Display, window: int) -> int:
    attributes = display.create_resource_object("window", window).get_attributes()
    return int(attributes.your_event_mask)


async def test_number_of_a_window_that_has_gone_may_come_again(display: DisplayAddress):
    async with requestor(display) as (link, icccm, _):
        async with program(display) as (_, window):
            stale = await link.call(icccm.watch, window)
        # The next program gets the numbers of the one that has ended.
        async with program(display) as (_, again):
            assert again == window
            watch = await link.call(icccm.watch, again)
            await link.call(icccm.unwatch, again, stale)
            assert await link.call(_event_mask, again) == X.PropertyChangeMask | (
                X.StructureNotifyMask
            )
            await link.call(icccm.unwatch, again, watch)
            assert await link.call(_event_mask, again) == 0


async def test_window_that_has_gone_is_nobody(display: DisplayAddress):
    async with requestor(display) as (link, icccm, _):
        gone = 0x3FFFFF
        assert await link.call(icccm.identify, gone) == Owner(window=gone)
        assert await link.call(icccm.read, icccm.known("INCR"), 100, window=gone) is None


async def test_number_that_is_no_atom_has_no_name(display: DisplayAddress):
    async with requestor(display) as (link, icccm, _):
        assert await link.call(icccm.names, [icccm.known("INCR"), 0x1FFFFFFF]) == ["INCR"]
