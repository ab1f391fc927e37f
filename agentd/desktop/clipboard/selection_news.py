"""What happens to the selections, told on the event bus: who owns them now, who was given what.

Never content, and of others not even its types: they would have to be asked. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from agentd.base.events import EventBus
from agentd.desktop.clipboard.icccm import Icccm, Owner
from agentd.desktop.clipboard.selection_content import Selection
from agentd.desktop.clipboard.selection_owner import Offer
from agentd.desktop.clipboard.selection_record import SelectionRecord
from agentd.desktop.windows.ewmh import Window
from agentd.desktop.xlink import XLink


class SelectionNews:
    """Finds out whose windows they are, and publishes `clipboard.changed` and `clipboard.fetched`.

    Args:
        link: the connection that `icccm` belongs to.
        window_of: finds the topmost window of a process, to tell who a hidden window belongs to.
        serve: has a step taken when those before it are done; False when too many wait.
    """

    def __init__(
        self,
        bus: EventBus,
        records: dict[Selection, SelectionRecord],
        link: XLink,
        icccm: Icccm,
        *,
        window_of: Callable[[int], Window | None],
        serve: Callable[[Callable[[], Awaitable[None]]], bool],
    ) -> None:
        self._bus = bus
        self._records = records
        self._link = link
        self._icccm = icccm
        self._window_of = window_of
        self._serve = serve
        # Selections whose change waits to be told.
        self._untold: set[Selection] = set()

    async def identify(self, window: int) -> Owner:
        """Tell whose a window is; hidden windows are known by the visible one of their process.

        Raises: DisplayLost. Cancelling is safe.
        """
        owner = await self._link.call(self._icccm.identify, window)
        shown = self._window_of(owner.pid) if owner.pid and not owner.agentd else None
        if shown is None:
            return owner
        return Owner(False, window, shown.class_name, shown.title, owner.pid)

    def tell_changed(self, selection: Selection) -> None:
        """Publish soon; of changes that come quicker than that, the last is told."""
        if selection not in self._untold and self._serve(lambda: self._publish_changed(selection)):
            self._untold.add(selection)

    def tell_fetched(self, selection: Selection, offer: Offer, target: str, window: int) -> None:
        """Note in the record and publish that a window was given content."""
        self._serve(lambda: self._publish_fetched(selection, offer, target, window))

    async def _publish_changed(self, selection: Selection) -> None:
        self._untold.discard(selection)
        record = self._records[selection]
        serial, offer = record.serial, record.offer
        owner = await self.identify(record.owner) if record.owner else None
        self._bus.publish(
            "clipboard.changed",
            selection=str(selection),
            serial=serial,
            types=[str(kind) for kind in offer.content.types] if offer else None,
            owner=msgspec.to_builtins(owner),
        )

    async def _publish_fetched(
        self, selection: Selection, offer: Offer, target: str, window: int
    ) -> None:
        by = await self.identify(window)
        self._records[selection].note_fetched(offer, target, by)
        self._bus.publish(
            "clipboard.fetched",
            selection=str(selection),
            serial=offer.serial,
            target=target,
            by=msgspec.to_builtins(by),
        )
