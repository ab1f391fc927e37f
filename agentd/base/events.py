"""The event bus: what happened, numbered, kept for a while, handed to whoever listens.

Bounded everywhere: the history is a ring, a slow subscriber loses its oldest events and is told
how many. Publishing never blocks and never fails. It does not store events on disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

import msgspec


class Event(msgspec.Struct, frozen=True):
    """One thing that happened: `seq` counts from 1, `time` is Unix time in seconds."""

    seq: int
    time: float
    type: str
    data: dict[str, Any]


class Subscription:
    """One listener's bounded queue of events."""

    def __init__(self, accepts: Callable[[str], bool], capacity: int) -> None:
        self._accepts = accepts
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._lost = 0
        self._lost_seq = 0

    def offer_nowait(self, event: Event) -> None:
        """Take an event if its type is wanted; over capacity the oldest goes."""
        if not self._accepts(event.type):
            return
        if len(self._events) >= self._capacity:
            self.lose(1, self._events.popleft().seq)
        self._events.append(event)
        self._arrived.set()

    def lose(self, count: int, seq: int) -> None:
        """Count events that this subscription will not see, the last of them numbered `seq`."""
        self._lost += count
        if count:
            self._lost_seq = seq
            self._arrived.set()

    async def next(self) -> Event:
        """Wait for the next event. Cancelling: no event is lost."""
        while not self._events and not self._lost:
            self._arrived.clear()
            await self._arrived.wait()
        if self._lost:
            lost, self._lost = self._lost, 0
            return Event(self._lost_seq, time.time(), "events.lost", {"count": lost})
        return self._events.popleft()


class EventStream:
    """A subscription as a stream that ends with its reader; `aclose` gives it back."""

    def __init__(self, bus: EventBus, subscription: Subscription) -> None:
        self._bus = bus
        self._subscription = subscription

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        return await self._subscription.next()

    async def aclose(self) -> None:
        """Leave the bus. Idempotent."""
        self._bus.unsubscribe(self._subscription)


class EventBus:
    """Numbers, keeps and hands on events. Event loop only.

    Args:
        history: how many events are kept for subscribers that ask from a number.
        capacity: how many events wait for one slow subscriber.
    """

    def __init__(self, *, history: int = 4096, capacity: int = 1024) -> None:
        self._history: deque[Event] = deque(maxlen=history)
        self._capacity = capacity
        # Weak: a stream that was opened and never read ends with its last reference.
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._seq = 0

    @property
    def last_seq(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._seq

    def publish(self, type_: str, /, **data: Any) -> Event:
        """Number an event and offer it to every subscriber."""
        self._seq += 1
        event = Event(self._seq, time.time(), type_, data)
        self._history.append(event)
        for subscription in self._subscriptions:
            subscription.offer_nowait(event)
        return event

    def subscribe(self, types: Sequence[str] = (), *, since: int | None = None) -> Subscription:
        """Open a subscription; the caller owes an `unsubscribe`.

        Args:
            types: wanted types; `desktop` and `desktop.*` take the whole namespace; none = all.
            since: also deliver the kept events with a higher number. What is older than the
                kept history is reported by one `events.lost`. A number above all of ours was
                given by an earlier daemon: everything that is kept is new to its holder.
        """
        subscription = Subscription(_filter(types), self._capacity)
        if since is not None:
            since = since if since <= self._seq else 0
            oldest = self._history[0].seq if self._history else self._seq + 1
            subscription.lose(max(0, oldest - since - 1), oldest - 1)
            for event in self._history:
                if event.seq > since:
                    subscription.offer_nowait(event)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Drop a subscription. Idempotent."""
        self._subscriptions.discard(subscription)

    def statistics(self) -> dict[str, int]:
        """Return how many events there were and who listens."""
        return {"events": self._seq, "subscribers": len(self._subscriptions)}


def _filter(types: Sequence[str]) -> Callable[[str], bool]:
    exact = frozenset(types)
    if not exact:
        return lambda type_: True
    prefixes = tuple(name.removesuffix(".*") + "." for name in types)
    return lambda type_: type_ in exact or type_.startswith(prefixes)
