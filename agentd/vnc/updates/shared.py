"""One encoding of a change for all viewers that want the same.

What is small is planned and encoded at once, on the event loop: handing it to a thread would take
longer. What is large goes to the pool, in two halves where the encoder allows it. Whoever asks for
what is being made, or was made a moment ago, gets the same bytes. It holds no frame longer than it
takes to encode it. It sends nothing, and does not decide when.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Generic, TypeAlias, TypeVar

import numpy as np

from agentd.base.errors import Unavailable
from agentd.desktop.pictures.shelf import Shelf
from agentd.desktop.pictures.stripes import share_each
from agentd.desktop.screen.comparing import TILE, Tiles
from agentd.desktop.screen.damage import rectangles
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.encodings.profile import EncodedRect, Encoder, Profile
from agentd.vnc.updates.plan import Copy, Plan, plan

T = TypeVar("T")

# What has fewer pixels is done on the event loop: a fraction of a millisecond.
_SMALL_PIXELS = 20_000

# What has more is encoded by several threads, ...
_LARGE_PIXELS = 128 * 1024
# ... in stripes of about so many pixels, at least two, ...
_STRIPE_PIXELS = 512 * 1024
# ... whose rows are whole blocks of a JPEG.
_STRIPE_ROWS = 16

# What was made a moment ago is kept for viewers that are a little behind: so many plans, ...
_KEPT_PLANS = 4
# ... and updates of so many bytes. Larger ones are shared only while they are made.
_KEPT_BYTES = 4 * 1024 * 1024
# What an update takes besides its bodies; it bounds how many are kept.
_UPDATE_BYTES = 16 * 1024

_Key: TypeAlias = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """What is sent to a viewer for a change.

    Args:
        copies: first, in this order.
        rects: then these, in this order.
        encode_s: how long it took to make, with the wait for a thread.
    """

    copies: tuple[Copy, ...]
    rects: tuple[EncodedRect, ...]
    encode_s: float

    @property
    def size_bytes(self) -> int:
        """The size of all bodies."""
        return sum(len(rect.body) for rect in self.rects)


class SharedUpdates:
    """Makes the updates of one desktop's viewers.

    Args:
        pool: threads for what takes long; whoever gives them takes them back, after `close`.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._plans = _Shared[Plan]("plan", _KEPT_PLANS, lambda made: 1)
        self._updates = _Shared[Update](
            "update", _KEPT_BYTES, lambda made: made.size_bytes + _UPDATE_BYTES
        )

    async def between(
        self,
        profile: Profile,
        encoder: Encoder,
        before: Frame,
        after: Frame,
        tiles: Tiles,
    ) -> Update:
        """Return what brings a viewer from one frame to another of the same size.

        Args:
            profile: of the viewer.
            encoder: the viewer's own, made for the profile. Where it is stateless, another
                viewer's may be used instead.
            before: what the viewer shows.
            after: what it is to show.
            tiles: of the whole screen, those that may differ.

        Raises: Unavailable when `close` was called meanwhile; whatever the encoder raises.
        Cancelling: what others may want is made to its end. What an encoder with a state has begun
            is lost: its stream is broken, and its viewer has to end.
        """
        change = (before.generation, before.id, after.generation, after.id, tiles.tobytes())

        async def planned() -> Plan:
            work = partial(plan, before, after, tiles, copies=profile.copies)
            return await self._run(work, _pixels(tiles))

        async def made() -> Update:
            began = time.perf_counter()
            way = await self._plans.get((profile.copies, *change), planned)
            return await self._encoded(encoder, after.pixels, way, began)

        if encoder.is_stateless:
            return await self._updates.get((profile, *change), made)
        return await made()

    async def whole(self, profile: Profile, encoder: Encoder, frame: Frame, tiles: Tiles) -> Update:
        """Return these tiles, and no pixel else, as a frame shows them; nothing is compared.

        Args: as for `between`.
        Raises: as for `between`.
        Cancelling: as for `between`.
        """

        async def made() -> Update:
            began = time.perf_counter()
            height, width = frame.pixels.shape[:2]
            way = Plan((), tuple(rectangles(tiles, width, height)))
            return await self._encoded(encoder, frame.pixels, way, began)

        if encoder.is_stateless:
            key = (profile, frame.generation, frame.id, tiles.tobytes())
            return await self._updates.get(key, made)
        return await made()

    async def close(self) -> None:
        """End what is being made; whoever waits for it is told. Idempotent."""
        await self._updates.close()
        await self._plans.close()

    async def _encoded(self, encoder: Encoder, pixels: Pixels, way: Plan, began: float) -> Update:
        size = sum(rect.area for rect in way.rects)
        helpers = self._pool if encoder.is_stateless and size >= _LARGE_PIXELS else None
        rects = await self._run(partial(_encode, encoder, pixels, way.rects, helpers), size)
        return Update(way.copies, rects, time.perf_counter() - began)

    async def _run(self, work: Callable[[], T], pixels: int) -> T:
        if pixels < _SMALL_PIXELS:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class _Shared(Generic[T]):
    """What several want is made once: one task for each key, and the last few results.

    Args:
        name: of the tasks.
        limit: of all that is kept.
        size: how much of that limit a result takes.
    """

    def __init__(self, name: str, limit: int, size: Callable[[T], int]) -> None:
        self._name = name
        self._size = size
        self._kept = Shelf[_Key, T](limit)
        self._making: dict[_Key, asyncio.Task[T]] = {}

    async def get(self, key: _Key, make: Callable[[], Awaitable[T]]) -> T:
        """Return what is kept, what somebody else has begun to make, or what `make` makes.

        Raises: Unavailable when it was ended by `close`; what `make` raises, and then the next who
            asks has it made again.
        Cancelling is safe: the making goes on, for others.
        """
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(  # noqa: TID251 - outlives its callers
                _awaited(make), name=self._name
            )
            making.add_done_callback(partial(self._note, key))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if making.cancelled() and caller is not None and not caller.cancelling():
                raise Unavailable(f"the {self._name} was given up: the desktop ends") from None
            raise

    async def close(self) -> None:
        """End what is being made, and keep nothing."""
        for task in (ending := list(self._making.values())):
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._kept.clear()

    def _note(self, key: _Key, task: asyncio.Task[T]) -> None:
        """Keep what was made; look at its error if nobody waits any more."""
        del self._making[key]
        if not task.cancelled() and task.exception() is None:
            self._kept.put(key, task.result(), self._size(task.result()))


async def _awaited(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def _pixels(tiles: Tiles) -> int:
    return int(np.count_nonzero(tiles)) * TILE * TILE


def _encode(
    encoder: Encoder, pixels: Pixels, rects: Sequence[Rect], helpers: Executor | None
) -> tuple[EncodedRect, ...]:
    """Encode rectangles, some of them by helpers if there are any. Thread: any."""
    if helpers is None:
        return tuple(made for rect in rects for made in encoder.encode(pixels, rect))
    size = sum(rect.area for rect in rects)
    limit = min(_STRIPE_PIXELS, size // 2)
    parts = [stripe for rect in rects for stripe in _stripes(rect, limit)]
    encoded = share_each(partial(encoder.encode, pixels), parts, helpers)
    return tuple(chain.from_iterable(encoded))


def _stripes(rect: Rect, limit: int) -> list[Rect]:
    """Cut a rectangle to stripes of about so many pixels."""
    rows = max(1, limit // rect.width // _STRIPE_ROWS) * _STRIPE_ROWS
    tops = range(rect.y, rect.bottom, rows)
    return [Rect(rect.x, top, rect.width, min(rows, rect.bottom - top)) for top in tops]
