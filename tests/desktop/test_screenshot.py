"""Pictures of a painted screen: who shares an encoding, what is kept, who waits for whom."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from PIL import Image

from agentd.base.command import Blob
from agentd.base.errors import Conflict, Unavailable
from agentd.desktop.pictures import image, png
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.pictures.image import ImageFormat
from agentd.desktop.pictures.png import PngBand
from agentd.desktop.pictures.screenshot import PictureRequest, Screenshots
from agentd.desktop.pictures.stripes import band_rows
from agentd.desktop.screen.capture import Shot
from agentd.desktop.screen.frame import Pixels, Rect, Size
from tests.desktop.screen import Screen

WIDTH, HEIGHT = 400, 2000

FULL = PictureRequest()


@pytest.fixture
def screen() -> Screen:
    screen = Screen(WIDTH, HEIGHT)
    screen.pixels[...] = np.random.default_rng(2).integers(0, 9, screen.pixels.shape, np.uint8)
    return screen


@pytest.fixture
def curtain() -> Curtain:
    return Curtain()


@pytest.fixture
async def screenshots(screen: Screen, curtain: Curtain) -> AsyncIterator[Screenshots]:
    screenshots = Screenshots(screen, curtain)  # type: ignore[arg-type]
    yield screenshots
    screenshots.close()


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The height of every band that is encoded."""
    heights: list[int] = []

    def counted(pixels: Pixels) -> PngBand:
        heights.append(len(pixels))
        return encode(pixels)

    encode = png.encode_band
    monkeypatch.setattr(png, "encode_band", counted)
    return heights


def shown(blob: Blob) -> Pixels:
    """The blue, green and red of a PNG."""
    return np.asarray(Image.open(io.BytesIO(blob.body)))[:, :, ::-1]


async def test_callers_at_once_share_one_encoding(
    screen: Screen, screenshots: Screenshots, encoded: list[int]
) -> None:
    blobs = await asyncio.gather(*(screenshots.take(FULL) for _ in range(10)))
    assert all(blob is blobs[0] for blob in blobs)
    assert sum(encoded) == HEIGHT
    assert np.array_equal(shown(blobs[0]), screen.pixels[:, :, :3])


async def test_a_quiet_screen_is_encoded_once(screenshots: Screenshots, encoded: list[int]) -> None:
    first = await screenshots.take(FULL)
    assert await screenshots.take(FULL) is first
    assert sum(encoded) == HEIGHT


async def test_a_changed_line_is_all_that_is_encoded(
    screen: Screen, screenshots: Screenshots, encoded: list[int]
) -> None:
    request = PictureRequest(region=Rect(10, 20, 300, 1900))
    await screenshots.take(request)
    encoded.clear()
    screen.fill(50, 1000, 200, width=90, height=10)
    changed = await screenshots.take(request)
    assert np.array_equal(shown(changed), screen.pixels[20:1920, 10:310, :3])
    assert sum(encoded) == band_rows(Size(300, 1900)) < 1900


async def test_caller_who_leaves_does_not_end_it_for_the_others(
    screenshots: Screenshots, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, loop, encode = asyncio.Event(), asyncio.get_running_loop(), png.encode_band

    def telling(pixels: Pixels) -> PngBand:
        loop.call_soon_threadsafe(begun.set)
        return encode(pixels)

    monkeypatch.setattr(png, "encode_band", telling)
    leaving = asyncio.create_task(screenshots.take(FULL), name="leaving")  # noqa: TID251
    staying = asyncio.create_task(screenshots.take(FULL), name="staying")  # noqa: TID251
    await begun.wait()
    leaving.cancel()
    assert (await staying).body
    assert leaving.cancelled()
    assert sum(encoded) == HEIGHT


async def test_slow_pictures_do_not_hold_up_a_quick_one(
    screenshots: Screenshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def slow(pixels: Pixels, quality: int) -> bytes:
        release.wait(30)
        return b"webp"

    monkeypatch.setattr(image, "encode_webp", slow)
    requests = [PictureRequest(ImageFormat.WEBP, quality) for quality in range(1, 20)]
    waiting = [
        asyncio.create_task(screenshots.take(request), name="slow")  # noqa: TID251
        for request in requests
    ]
    try:
        for _ in range(3):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert (await screenshots.take(FULL)).body
        assert not any(task.done() for task in waiting)
    finally:
        release.set()
    assert [blob.body for blob in await asyncio.gather(*waiting)] == [b"webp"] * 19


async def test_a_failed_picture_is_tried_again(
    screenshots: Screenshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pixels: Pixels) -> PngBand:
        raise MemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(png, "encode_band", fail)
        with pytest.raises(MemoryError):
            await screenshots.take(FULL)
    assert (await screenshots.take(FULL)).body


async def test_pictures_of_an_ended_desktop_are_unavailable(
    screenshots: Screenshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def slow(pixels: Pixels, quality: int) -> bytes:
        begun.release()
        release.wait(30)
        return b"webp"

    monkeypatch.setattr(image, "encode_webp", slow)
    monkeypatch.setattr(screenshots, "_slow", asyncio.Semaphore(99))
    requests = [PictureRequest(ImageFormat.WEBP, quality) for quality in range(1, 20)]
    waiting = [
        asyncio.create_task(screenshots.take(request), name="slow")  # noqa: TID251
        for request in requests
    ]
    try:
        await asyncio.to_thread(begun.acquire, timeout=20)
        screenshots.close()
    finally:
        release.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Blob, Unavailable}


async def test_no_picture_is_had_behind_the_curtain_not_even_a_kept_one(
    screenshots: Screenshots, curtain: Curtain
) -> None:
    meta = (await screenshots.take(FULL)).meta
    curtain.draw(lambda: Conflict("withheld", code="screen_withheld"))
    for since in (None, meta["frame"]):
        with pytest.raises(Conflict, match="withheld"):
            await screenshots.take(FULL, if_changed_since=since)
    with pytest.raises(Conflict, match="withheld"):
        await screenshots.unchanged(FULL)
    curtain.lift()
    assert (await screenshots.take(FULL)).body


async def test_picture_that_was_asked_for_before_the_curtain_is_not_given_behind_it(
    screenshots: Screenshots, screen: Screen, curtain: Curtain, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = screen.shot

    async def late() -> Shot:
        curtain.draw(lambda: Conflict("withheld"))
        return await shot()

    monkeypatch.setattr(screen, "shot", late)
    with pytest.raises(Conflict, match="withheld"):
        await screenshots.take(FULL)
