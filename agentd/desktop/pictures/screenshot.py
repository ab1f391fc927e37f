"""A screenshot: shot, crop, cursor, size, bytes, and the metadata that leads back to the screen.

Encoding runs in a small pool. Callers who ask for the same picture of the same frame share one
encoding, and one that was made is kept; of a PNG or JPEG of another frame only the bands that show
something else are made anew. It does not touch the X server: `capture.py` and `cursor.py` do.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import msgspec
import numpy as np

from agentd.base.command import Blob
from agentd.base.errors import BadRequest, FieldError, Unavailable
from agentd.desktop.pictures import jpeg, png
from agentd.desktop.pictures.bands import Bands, View, make_bands
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.pictures.image import Encoded, ImageFormat, encode
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.pictures.shelf import Shelf
from agentd.desktop.pictures.spaces import Spaces
from agentd.desktop.screen.capture import Capture, Shot
from agentd.desktop.screen.frame import Frame, Rect, Size, Space, fit

_KEPT_PICTURES_BYTES = 16 * 1024 * 1024
_KEPT_BANDS_BYTES = 24 * 1024 * 1024

# Two even on one core: beside one that takes long, another is still made.
_FEWEST_THREADS = 2
_MOST_THREADS = 8

# Their encoding is known by their key on the shelf.
_Bands: TypeAlias = Bands[Any]
_BandsKey: TypeAlias = tuple[Rect, Size, ImageFormat, int]


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """What picture is wanted; limits of None do not limit. `region` is in screen pixels."""

    format: ImageFormat = ImageFormat.PNG
    quality: int = 80
    region: Rect | None = None
    scale: float = 1.0
    max_long_edge: int | None = None
    max_pixels: int | None = None
    max_bytes: int | None = None
    cursor: bool = True
    # Exactly this large, the aspect aside; then scale and limits do not count.
    size: Size | None = None


class ScreenSpace(msgspec.Struct, frozen=True):
    """Where a picture lies on the screen: screen = origin + picture / scale.

    `x y width height` are the part of the screen that is shown.
    """

    x: int
    y: int
    width: int
    height: int
    scale: float
    screen_width: int
    screen_height: int


class CursorPosition(msgspec.Struct, frozen=True):
    """The cursor's hot spot, in screen pixels."""

    x: int
    y: int


class PictureMeta(msgspec.Struct, frozen=True):
    """What a picture is of. `width` and `height` are the picture's, `quality` what was spent."""

    frame: int
    generation: int
    width: int
    height: int
    space: ScreenSpace
    cursor: CursorPosition
    format: str
    unchanged: bool
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    """A picture, and its bands where it has some."""

    blob: Blob
    space: Space
    bands: _Bands | None = None


class Screenshots:
    """Makes pictures of one display's capture, while no curtain is drawn."""

    def __init__(self, capture: Capture, curtain: Curtain) -> None:
        self._capture = capture
        self._curtain = curtain
        threads = min(_MOST_THREADS, max(_FEWEST_THREADS, len(os.sched_getaffinity(0))))
        self._encoders = ThreadPoolExecutor(threads, thread_name_prefix="encode")
        # What takes long leaves a thread to the others.
        self._slow = asyncio.Semaphore(threads - 1)
        self._making: dict[tuple[int, PictureRequest], asyncio.Task[Blob]] = {}
        # Of the newest frame alone: nobody can ask for an older one any more.
        self._pictures = Shelf[PictureRequest, Blob](_KEPT_PICTURES_BYTES)
        self._newest = 0
        self._bands = Shelf[_BandsKey, _Bands](_KEPT_BANDS_BYTES)
        self.spaces = Spaces()

    async def take(self, request: PictureRequest, *, if_changed_since: int | None = None) -> Blob:
        """Return the picture; with an empty body when nothing changed since that frame.

        Raises: BadRequest for a region off the screen or a budget that cannot be met; Conflict
            while a person withholds the screen.
        Cancelling is safe: an encoding that has begun runs to its end, for others who want it.
        """
        shot = await self._shot()
        area = _area(shot.frame, request.region)
        if if_changed_since is not None and shot.frame.id == if_changed_since:
            return _unchanged(shot, area, request)
        if shot.frame.id > self._newest:
            self._newest = shot.frame.id
            self._pictures.clear()
        kept = self._pictures.get(request) if shot.frame.id == self._newest else None
        if kept is not None:
            return kept
        key = shot.frame.id, request
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(  # noqa: TID251 - outlives its callers
                self._picture(shot, area, request), name="picture"
            )
            making.add_done_callback(partial(self._note, key))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if making.cancelled() and caller is not None and not caller.cancelling():
                raise Unavailable(
                    "the desktop ended while the picture was made", code="desktop_not_running"
                ) from None
            raise

    async def unchanged(self, request: PictureRequest) -> Blob:
        """Return the metadata of the picture that would be taken now, without a body."""
        shot = await self._shot()
        return _unchanged(shot, _area(shot.frame, request.region), request)

    def close(self) -> None:
        """Give the threads back."""
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _shot(self) -> Shot:
        """Look at the screen, unless it must not be seen. Raises: Conflict."""
        self._curtain.check()
        shot = await self._capture.shot()
        # It may have been drawn meanwhile, and this be what is behind it.
        self._curtain.check()
        return shot

    async def _picture(self, shot: Shot, area: Rect, request: PictureRequest) -> Blob:
        """Make a picture in the pool, with what is kept of others like it."""
        view = View(
            shot.frame,
            shot.since,
            shot.cursor if request.cursor else None,
            area,
            picture_size(area, request),
        )
        bands_key = area, view.size, request.format, request.quality
        kept = self._bands.get(bands_key)
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as turn:
            if request.format is ImageFormat.WEBP or request.max_bytes is not None:
                await turn.enter_async_context(self._slow)
            made = await loop.run_in_executor(self._encoders, self._make, view, shot, request, kept)
        if made.bands is not None:
            self._bands.put(bands_key, made.bands, made.bands.size_bytes)
        self.spaces.note(shot.frame.id, shot.frame.generation, made.space)
        return made.blob

    def _note(self, key: tuple[int, PictureRequest], task: asyncio.Task[Blob]) -> None:
        """Keep a picture that was made; look at its error if nobody waits any more."""
        del self._making[key]
        frame, request = key
        if not task.cancelled() and task.exception() is None and frame == self._newest:
            self._pictures.put(request, task.result(), len(task.result().body))

    def _make(self, view: View, shot: Shot, request: PictureRequest, kept: _Bands | None) -> _Made:
        """Thread: an encoder's."""
        bands = None
        if request.max_bytes is None and request.format in (ImageFormat.PNG, ImageFormat.JPEG):
            encoded, bands = self._encode_bands(view, request, kept)
        else:
            encoded = self._encode_whole(view, request)
        space = _space(shot.frame, view.area, Size(encoded.width, encoded.height))
        meta = _meta(shot, space, request, quality=encoded.quality)
        return _Made(Blob(encoded.body, encoded.media_type, meta), space, bands)

    def _encode_bands(
        self, view: View, request: PictureRequest, kept: _Bands | None
    ) -> tuple[Encoded, _Bands]:
        """Encode what shows something else than the bands that are kept."""
        size, helpers = view.size, self._encoders
        bands: _Bands
        if request.format is ImageFormat.PNG:
            quality = None
            bands = make_bands(view, png.encode_band, kept, executor=helpers)
            body = png.join_bands(size, bands.encoded)
        else:
            quality = request.quality
            encode_band = partial(jpeg.encode_band, quality=quality)
            bands = make_bands(view, encode_band, kept, executor=helpers)
            body = jpeg.join_bands(size, quality, bands.encoded)
        return Encoded(body, request.format.media_type, size.width, size.height, quality), bands

    def _encode_whole(self, view: View, request: PictureRequest) -> Encoded:
        """Encode all at once, what has no bands."""
        size, media_type = view.size, request.format.media_type
        pixels = scale_pixels(view.pixels(view.area), size, executor=self._encoders)
        if request.format is ImageFormat.RAW and request.max_bytes is None:
            # The array itself is the body: nothing is copied on the way out.
            body = np.ascontiguousarray(pixels).reshape(-1).data
            return Encoded(body, media_type, size.width, size.height, None)
        try:
            return encode(
                pixels,
                request.format,
                request.quality,
                max_bytes=request.max_bytes,
                executor=self._encoders,
            )
        except ValueError as exc:
            raise BadRequest(f"cannot make the picture: {exc}", code="picture_impossible") from exc


def _area(frame: Frame, region: Rect | None) -> Rect:
    """Return the wanted part of the screen, cut at its edges."""
    if region is None:
        return frame.rect
    area = region.intersect(frame.rect)
    if area.area == 0:
        screen = f"{frame.rect.width}x{frame.rect.height}"
        raise BadRequest(
            "the region shows nothing of the screen",
            code="off_screen",
            errors=[
                FieldError(
                    "region",
                    f"a part of the screen of {screen}",
                    f"{region.width}x{region.height} at {region.x},{region.y}",
                )
            ],
        )
    return area


def picture_size(area: Rect, request: PictureRequest) -> Size:
    """Return how large the picture of a part of the screen is before `max_bytes` counts."""
    if request.size is not None:
        return request.size
    return fit(
        Size(area.width, area.height),
        request.scale,
        max_long_edge=request.max_long_edge,
        max_pixels=request.max_pixels,
    )


def _unchanged(shot: Shot, area: Rect, request: PictureRequest) -> Blob:
    space = _space(shot.frame, area, picture_size(area, request))
    meta = _meta(shot, space, request, quality=None, unchanged=True)
    return Blob(b"", request.format.media_type, meta)


def _space(frame: Frame, area: Rect, size: Size) -> Space:
    return Space(area, size, Size(frame.rect.width, frame.rect.height))


def _meta(
    shot: Shot,
    space: Space,
    request: PictureRequest,
    *,
    quality: int | None,
    unchanged: bool = False,
) -> dict[str, object]:
    meta = PictureMeta(
        frame=shot.frame.id,
        generation=shot.frame.generation,
        width=space.picture.width,
        height=space.picture.height,
        space=ScreenSpace(
            space.x,
            space.y,
            space.crop.width,
            space.crop.height,
            space.scale,
            space.screen_width,
            space.screen_height,
        ),
        cursor=CursorPosition(shot.cursor.x, shot.cursor.y),
        format=str(request.format),
        unchanged=unchanged,
        quality=quality,
    )
    return dict(msgspec.to_builtins(meta))
