"""The record of a selection: serial numbers, and who has fetched what."""

from __future__ import annotations

import asyncio

import pytest

from agentd.base.errors import Conflict, TimedOut
from agentd.desktop.clipboard.icccm import Owner
from agentd.desktop.clipboard.selection_content import Selection, content_of
from agentd.desktop.clipboard.selection_record import SelectionRecord

OURS, OTHERS = 7, 9


def owned(text: str = "x") -> SelectionRecord:
    record = SelectionRecord(Selection.CLIPBOARD)
    record.want(content_of(text=text), 100)
    assert record.note_ours(OURS, 100)
    return record


def test_serial_grows_with_each_change_of_hands():
    record = owned()
    assert record.serial == 1
    record.note_others(OTHERS)
    record.note_others(0)
    assert (record.serial, record.owner, record.offer) == (3, 0, None)


def test_content_that_is_offered_again_keeps_its_serial():
    record = owned()
    record.want(record.offer.content, 5, serial=record.offer.serial)
    assert not record.note_ours(8, 5)
    assert (record.serial, record.owner, record.offer.time) == (1, 8, 5)


def test_content_is_dropped_when_another_program_copies():
    record = owned()
    record.note_others(OTHERS)
    assert record.offer is None


def test_request_from_before_our_ownership_is_known_as_such():
    offer = owned().offer
    assert offer.is_asked_before(99)
    assert not offer.is_asked_before(100)
    assert not offer.is_asked_before(0)
    # The server's clock runs over every 49 days.
    assert offer.is_asked_before((1 << 32) - 5)


async def test_fetch_that_came_before_the_wait_counts():
    record = owned()
    record.note_fetched(record.offer, "UTF8_STRING", Owner(window=3))
    record.note_others(OTHERS)
    (fetch,) = await record.wait_fetched(1, 0.01)
    assert (fetch.target, fetch.by.window) == ("UTF8_STRING", 3)


async def test_wait_ends_with_the_fetch():
    record = owned()
    async with asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(record.wait_fetched(1, 5), name="waiter")
        tasks.create_task(_fetch(record), name="fetcher")
    assert len(waiter.result()) == 1


async def _fetch(record: SelectionRecord) -> None:
    record.note_fetched(record.offer, "STRING", Owner())


async def test_wait_for_content_that_was_replaced_says_so():
    record = owned()
    record.want(content_of(text="y"), 200)
    record.note_ours(OURS, 200)
    with pytest.raises(Conflict, match="our content 1; it is at 2"):
        await record.wait_fetched(1, 5)


async def test_wait_for_a_fetch_has_an_end():
    with pytest.raises(TimedOut, match="no program has fetched"):
        await owned().wait_fetched(1, 0.01)


def test_fetch_of_older_content_does_not_count():
    record = owned()
    old = record.offer
    record.want(content_of(text="y"), 200)
    record.note_ours(OURS, 200)
    record.note_fetched(old, "STRING", Owner())
    assert not record._fetches
