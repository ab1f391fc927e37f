"""What a plain client sees of the desktop, by each encoding and pixel format: exactly."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from benchmarks import rfb_numbers as n
from benchmarks.rfb_client import viewing
from benchmarks.rfb_pixels import BGR233, NATIVE, RGB565, PixelFormat
from tests.live.vnc_content import HEIGHT, WIDTH
from tests.live.vnc_desk import difference, open_desk, reduced
from tests.live.vnc_plain import looking, until_seen

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The pointer is told, so that it is not in the picture.
TOLD = (n.VMWARE_CURSOR, n.VMWARE_CURSOR_POSITION, n.LAST_RECT)
PUSHED = (*TOLD, n.FENCE, n.CONTINUOUS_UPDATES, n.EXTENDED_DESKTOP_SIZE)
# Here it is in the picture, as nobody moves it but the agent.
PAINTED = (n.CURSOR, n.FENCE, n.CONTINUOUS_UPDATES)
LISTS = {
    "raw": (n.RAW,),
    "rre": (n.RRE, n.COPY_RECT),
    "hextile": (n.HEXTILE, n.COPY_RECT),
    "zlib": (n.ZLIB,),
    "tight": (n.TIGHT, n.COPY_RECT, n.compression(2)),
    "tight-9": (n.TIGHT, n.COPY_RECT, n.compression(9)),
    "zrle": (n.ZRLE, n.COPY_RECT),
    "novnc": (n.COPY_RECT, n.TIGHT, n.TIGHT_PNG, n.ZRLE, n.quality(6), n.compression(2)),
    "jpeg-0": (n.TIGHT, n.COPY_RECT, n.quality(0)),
    "h264": (n.COPY_RECT, n.H264, n.TIGHT, n.TIGHT_PNG, n.quality(6), n.compression(2)),
    "h264-wide": (n.COPY_RECT, n.H264, n.TIGHT, n.quality(6), n.compression(2)),
}
BGRX_BIG = PixelFormat(32, 24, True, (255, 255, 255), (16, 8, 0))
RGB555_BIG = PixelFormat(16, 15, True, (31, 31, 31), (10, 5, 0))
FORMATS = {
    "32": NATIVE,
    "32-rgb-big": BGRX_BIG,
    "16-565": RGB565,
    "16-555-big": RGB555_BIG,
    "8": BGR233,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest.mark.parametrize("pushed", [True, False], ids=["pushed", "asked"])
@pytest.mark.parametrize("encodings", LISTS)
async def test_each_encoding_shows_the_screen_exactly(desk, encodings, pushed):
    password = desk.grant().password
    async with viewing(
        desk.address,
        password=password,
        encodings=(*LISTS[encodings], *(PUSHED if pushed else TOLD)),
        wants_continuous=pushed,
    ) as viewer:
        for command, *numbers in (
            ("text", 1),
            ("photo", 2),
            ("scroll", 20),
            ("text", 3),
            ("cells", 60),
            ("film", 4, 0.3),
            ("scroll", 5),
        ):
            await until_seen(viewer, await desk.show(command, *numbers))
        main = n.TIGHT if n.TIGHT in LISTS[encodings] else LISTS[encodings][0]
        assert viewer.rects[main] > 0
        assert viewer.is_continuous == pushed


@pytest.mark.parametrize("encodings", ["novnc", "h264", "h264-wide"])
async def test_a_film_that_has_stopped_is_exact(desk, encodings):
    password = desk.grant().password
    async with viewing(
        desk.address, password=password, encodings=(*LISTS[encodings], *PUSHED)
    ) as viewer:
        await viewer.until_painted()
        wanted = await desk.show("film", 7, 2.0)
        # Where the machine is busy with something else, it is no film before it is shown smoothly.
        for _ in range(5):
            if n.H264 not in LISTS[encodings] or viewer.rects[n.H264]:
                break
            wanted = await desk.show("film", 7, 2.0)
        await until_seen(viewer, wanted)
        assert (viewer.rects[n.H264] > 0) == encodings.startswith("h264")
        await until_seen(viewer, await desk.show("text", 8))


EVERY_KIND = ["raw", "rre", "hextile", "zlib", "tight", "zrle", "novnc"]
PAIRS = [(kind, name) for kind in EVERY_KIND for name in ("16-565", "8")]
PAIRS.remove(("rre", "8"))  # The same pixels as Hextile's, and slow to read.
PAIRS += [
    (kind, name) for kind in ("raw", "tight", "zrle") for name in ("32-rgb-big", "16-555-big")
]


@pytest.mark.parametrize(("encodings", "name"), PAIRS)
async def test_each_pixel_format_shows_the_screen_as_exactly_as_it_can(desk, encodings, name):
    password = desk.grant().password
    async with viewing(
        desk.address,
        password=password,
        encodings=(*LISTS[encodings], *PUSHED),
        format=FORMATS[name],
    ) as viewer:
        for command, *numbers in (("text", 5), ("photo", 6), ("scroll", 3), ("cells", 40)):
            if command == "photo" and encodings == "rre":
                continue  # Makes each pixel a rectangle.
            await until_seen(viewer, await desk.show(command, *numbers))


async def test_encoding_and_format_change_in_the_midst(desk):
    password = desk.grant().password
    async with viewing(
        desk.address, password=password, encodings=(n.ZRLE, *TOLD), asks=False
    ) as viewer:
        await viewer.next_update()
        seed = 10
        for encodings in ("zrle", "tight", "zlib", "zrle", "hextile", "zlib", "raw"):
            for name in ("8", "32", "16-565"):
                viewer.set_format(FORMATS[name])
                viewer.set_encodings((*LISTS[encodings], *TOLD))
                seed += 1
                wanted = reduced(await desk.show("cells", seed), viewer.format.maxima)
                viewer.request(incremental=False)
                await viewer.next_update()
                # What was drawn a moment ago may come with the update after.
                while difference(wanted, viewer.colours()):
                    viewer.request()
                    await viewer.next_update()


async def test_many_viewers_that_change_their_minds_see_the_same_in_the_end(desk):
    choices = random.Random(4)
    every = {encoding for encodings in LISTS.values() for encoding in encodings}
    async with AsyncExitStack() as stack:
        viewers = [
            await stack.enter_async_context(looking(desk, (*LISTS[name], *more)))
            for name in ("novnc", "tight", "h264", "zrle")
            for more in (PUSHED, PAINTED)
        ]
        for _ in range(6):
            for _ in range(choices.randint(1, 4)):
                command = choices.choice(("scroll", "scroll", "cells", "text", "photo"))
                wanted = await desk.show(command, choices.randint(1, 9))
                x, y = choices.randrange(WIDTH), choices.randrange(HEIGHT)
                await asyncio.to_thread(desk.client.desktop.move, x=x, y=y)
                number = choices.randrange(len(viewers))
                more = PAINTED if number % 2 else PUSHED
                viewers[number].set_encodings((*choices.choice([*LISTS.values()]), *more))
                # What is on its way was encoded as before.
                viewers[number].encodings = (*every, *more)
            painted = desk.look_with_pointer()
            for number, viewer in enumerate(viewers):
                await until_seen(viewer, painted if number % 2 else wanted)
