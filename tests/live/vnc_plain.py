"""Our own plain client before a desk: how tests connect it, and wait for what it shows."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from benchmarks import rfb_numbers as n
from benchmarks.rfb_client import RfbClient, viewing
from benchmarks.rfb_streams import Closed
from tests.live.vnc_desk import Colours, Desk, difference, reduced, until

# The pointer is told, so that it is not in the picture.
LIST = (n.COPY_RECT, n.TIGHT, n.quality(6), *n.TIGHT_LIST[3:], n.VMWARE_CURSOR_POSITION)
MORE = (*LIST, n.LED_STATE, n.QEMU_KEY, n.EXTENDED_MOUSE_BUTTONS)
APPEARS_S = 15.0


def looking(
    desk: Desk, encodings: tuple[int, ...] = LIST, **more: Any
) -> AbstractAsyncContextManager[RfbClient]:
    """Connect a viewer with every right; see `viewing`."""
    return viewing(desk.address, password=desk.grant().password, encodings=encodings, **more)


async def until_seen(viewer: RfbClient, wanted: Colours) -> None:
    """Wait until a viewer's picture is the wanted one, in its pixel format."""
    wanted = reduced(wanted, viewer.format.maxima)
    try:
        await viewer.until(
            lambda: not difference(wanted, viewer.colours()), "the picture", limit_s=APPEARS_S
        )
    except AssertionError as exc:
        raise AssertionError(f"{exc}: {difference(wanted, viewer.colours())}") from None


async def until_current(desk: Desk, viewer: RfbClient) -> None:
    """Wait until a viewer's picture is the screen's, whatever that is by then."""

    def differ() -> str:
        return difference(desk.screen.look(), viewer.colours())

    await until(differ, lambda said: not said, "the screen's picture")


async def until_sent_away(viewer: RfbClient) -> None:
    """Wait until the server ends the connection."""
    with pytest.raises((Closed, ConnectionError)):
        await viewer.until(lambda: False, "the end")
