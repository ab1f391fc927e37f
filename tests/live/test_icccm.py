"""Selections as X messages: whom we listen to, and how the server's time is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentd.desktop.icccm import Icccm, Owner
from agentd.desktop.selection_request import Requestor
from agentd.desktop.xlink import DisplayAddress, XLink


@asynccontextmanager
async def requestor(display: DisplayAddress) -> AsyncIterator[tuple[XLink, Icccm, Requestor]]:
    heard: list[Requestor] = []
    link = XLink(
        display, "x-test", on_events=lambda events: [heard[0].hear(event) for event in events]
    )
    await link.open()
    icccm = await link.call(Icccm)
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
        await link.call(icccm.watch, icccm.window)
        await link.call(icccm.unwatch, icccm.window)
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


async def test_window_that_has_gone_is_nobody(display: DisplayAddress):
    async with requestor(display) as (link, icccm, _):
        gone = 0x3FFFFF
        assert await link.call(icccm.identify, gone) == Owner(window=gone)
        assert await link.call(icccm.read, icccm.known("INCR"), 100, window=gone) is None


async def test_number_that_is_no_atom_has_no_name(display: DisplayAddress):
    async with requestor(display) as (link, icccm, _):
        assert await link.call(icccm.names, [icccm.known("INCR"), 0x1FFFFFFF]) == ["INCR"]
