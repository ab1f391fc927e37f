"""An X connection that is there only while somebody follows what it tells.

Opened for the first who follows, closed behind the last: nothing is selected, and no thread waits,
for nobody. Owners say what to select and what an event means (`cursor_news.py`,
`keyboard_news.py`); it knows neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from Xlib.display import Display

from agentd.desktop.xlink import DisplayAddress, XLink

OnNews = Callable[[], None]


class Following:
    """The followers of one kind of news.

    Args:
        name: of the lane, as `x-cursor`.
        begin: selects the events and reads how it stands. Thread: the lane's.
        read: takes the events that are here and reads what they tell; returns whether there is
            anything new. Thread: the lane's.
    """

    def __init__(
        self,
        address: DisplayAddress,
        name: str,
        *,
        begin: Callable[[Display], None],
        read: Callable[[Display], bool],
    ) -> None:
        self._address = address
        self._name = name
        self._begin = begin
        self._read_events = read
        self._link: XLink | None = None
        self._changing = asyncio.Lock()
        self._followers: list[OnNews] = []

    @asynccontextmanager
    async def follow(self, on_news: OnNews) -> AsyncIterator[None]:
        """Call `on_news` on the event loop whenever there is news; inside, it has begun.

        Raises: DisplayLost, or what `begin` does where the server lacks something.
        """
        async with self._changing:
            if self._link is None:
                self._link = await self._opened()
            self._followers.append(on_news)
        try:
            yield
        finally:
            self._followers.remove(on_news)
            if not self._followers:
                self.close()

    def close(self) -> None:
        """Tell nobody of anything any more. Idempotent."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _opened(self) -> XLink:
        link = XLink(self._address, self._name, read=lambda: self._read(link))
        await link.open()
        try:
            await link.call(self._begin)
        except BaseException:
            link.close()
            raise
        return link

    async def _read(self, link: XLink) -> None:
        if await link.call(self._read_events):
            for on_news in tuple(self._followers):
                on_news()
