"""The event bus: numbered, kept, filtered, and never held up by who does not listen."""

from __future__ import annotations

import asyncio

import pytest

from agentd.base.events import Event, EventBus, EventStream, Subscription


def drain(subscription: Subscription) -> list[tuple[str, int]]:
    """Take everything that is there now, as (type, seq)."""
    found = []
    while subscription._events or subscription._lost:
        step = subscription.next()
        with pytest.raises(StopIteration) as caught:
            step.send(None)
        event: Event = caught.value.value
        found.append((event.type, event.data.get("count", event.seq)))
    return found


def publish(bus: EventBus, *types: str) -> None:
    for name in types:
        bus.publish(name)


def test_numbers_count_from_one() -> None:
    bus = EventBus()
    assert [bus.publish("a").seq, bus.publish("b").seq, bus.last_seq] == [1, 2, 2]


def test_event_carries_its_values() -> None:
    event = EventBus().publish("a", type_="x", name="n")
    assert (event.type, event.data) == ("a", {"type_": "x", "name": "n"})


def test_subscriber_gets_what_comes_later() -> None:
    bus = EventBus()
    bus.publish("before")
    subscription = bus.subscribe()
    publish(bus, "a", "b")
    assert drain(subscription) == [("a", 2), ("b", 3)]


def test_each_subscriber_gets_everything() -> None:
    bus = EventBus()
    both = [bus.subscribe(), bus.subscribe()]
    bus.publish("a")
    assert [drain(subscription) for subscription in both] == [[("a", 1)]] * 2


def test_since_repeats_what_is_kept() -> None:
    bus = EventBus()
    publish(bus, "a", "b", "c")
    assert drain(bus.subscribe(since=1)) == [("b", 2), ("c", 3)]


def test_since_the_newest_repeats_nothing() -> None:
    bus = EventBus()
    publish(bus, "a", "b")
    assert drain(bus.subscribe(since=2)) == []


def test_since_before_the_history_counts_what_is_gone() -> None:
    bus = EventBus(history=2)
    publish(bus, "a", "b", "c", "d")
    assert drain(bus.subscribe(since=1)) == [("events.lost", 1), ("c", 3), ("d", 4)]


async def test_lost_event_has_the_number_of_the_last_that_is_gone() -> None:
    bus = EventBus(history=2)
    publish(bus, "a", "b", "c", "d")
    lost = await bus.subscribe(["nothing"], since=0).next()
    assert (lost.type, lost.seq, lost.data) == ("events.lost", 2, {"count": 2})


def test_since_a_number_of_an_earlier_daemon_repeats_everything() -> None:
    bus = EventBus()
    publish(bus, "a", "b")
    assert drain(bus.subscribe(since=5000)) == [("a", 1), ("b", 2)]


def test_since_on_an_empty_bus_is_no_loss() -> None:
    assert drain(EventBus().subscribe(since=0)) == []


def test_slow_subscriber_loses_the_oldest_and_is_told() -> None:
    bus = EventBus(capacity=2)
    subscription = bus.subscribe()
    publish(bus, "a", "b", "c", "d", "e")
    assert drain(subscription) == [("events.lost", 3), ("d", 4), ("e", 5)]


def test_slow_subscriber_is_told_once_a_gap() -> None:
    bus = EventBus(capacity=1)
    subscription = bus.subscribe()
    publish(bus, "a", "b")
    first = drain(subscription)
    publish(bus, "c", "d")
    assert (first, drain(subscription)) == (
        [("events.lost", 1), ("b", 2)],
        [("events.lost", 1), ("d", 4)],
    )


def test_slow_subscriber_costs_the_others_nothing() -> None:
    bus = EventBus(capacity=3)
    bus.subscribe()
    quick = bus.subscribe()
    found = []
    for _ in range(10):
        bus.publish("a")
        found += drain(quick)
    assert found == [("a", number) for number in range(1, 11)]


def test_repeating_more_than_fits_counts_the_rest() -> None:
    bus = EventBus(history=10, capacity=2)
    publish(bus, *"abcde")
    assert drain(bus.subscribe(since=0)) == [("events.lost", 3), ("d", 4), ("e", 5)]


def test_unwanted_events_take_no_place() -> None:
    bus = EventBus(capacity=2)
    subscription = bus.subscribe(["a"])
    publish(bus, "a", "b", "b", "b", "a")
    assert drain(subscription) == [("a", 1), ("a", 5)]


@pytest.mark.parametrize(
    ("types", "found"),
    [
        ([], ["window.opened", "windows.x", "window", "desktop.started"]),
        (["window"], ["window.opened", "window"]),
        (["window.*"], ["window.opened"]),
        (["window.opened"], ["window.opened"]),
        (["window.opened", "desktop"], ["window.opened", "desktop.started"]),
        (["wind"], []),
        ([""], []),
    ],
)
def test_filter(types: list[str], found: list[str]) -> None:
    bus = EventBus()
    subscription = bus.subscribe(types)
    publish(bus, "window.opened", "windows.x", "window", "desktop.started")
    assert [name for name, _ in drain(subscription)] == found


async def test_next_waits_for_an_event() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish("a")
    assert waiting.result().type == "a"


async def test_cancelled_wait_loses_nothing() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.next())
        await asyncio.sleep(0)
        bus.publish("a")
        waiting.cancel()
    assert (await subscription.next()).type == "a"


async def test_stream_gives_event_after_event_until_it_is_closed() -> None:
    bus = EventBus()
    stream = EventStream(bus, bus.subscribe())
    publish(bus, "a", "b")
    assert [(await anext(stream)).type for _ in range(2)] == ["a", "b"]
    await stream.aclose()
    assert bus.statistics()["subscribers"] == 0


def test_stream_that_nobody_reads_leaves_the_bus_with_its_last_reference() -> None:
    bus = EventBus()
    stream = EventStream(bus, bus.subscribe())
    assert bus.statistics()["subscribers"] == 1
    del stream
    assert bus.statistics()["subscribers"] == 0


def test_unsubscribed_gets_nothing_more() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    bus.unsubscribe(subscription)
    bus.unsubscribe(subscription)
    bus.publish("a")
    assert drain(subscription) == []


def test_statistics_count_events_and_subscribers() -> None:
    bus = EventBus()
    subscription = bus.subscribe()
    bus.publish("a")
    assert bus.statistics() == {"events": 1, "subscribers": 1}
    bus.unsubscribe(subscription)
