"""A screenshot: shot, crop, cursor, size, bytes, and the metadata that leads back to the screen.

Encoding runs in a small pool; the same picture of the same frame is encoded once and kept. It
does not touch the X server: `capture.py` and `cursor.py` do.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from agentd.base.command import Blob
from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.capture import Capture, Shot
from agentd.desktop.frame import Frame, Rect, Size, Space, fit
from agentd.desktop.image import ImageFormat, blend_cursor, encode, scale_pixels
from agentd.desktop.spaces import Spaces

_KEPT_PICTURES = 4
_KEPT_BYTES = 8 * 1024 * 1024
_POOL_THREADS = 2


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


class Screenshots:
    """Makes pictures of one display's capture."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        # Two pools: a task of the first waits for shares that run on the second.
        self._encoders = ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="encode")
        self._helpers = ThreadPoolExecutor(_POOL_THREADS, thread_name_prefix="encode-share")
        self._pictures: OrderedDict[tuple[int, PictureRequest], Blob] = OrderedDict()
        self.spaces = Spaces()

    async def take(self, request: PictureRequest, *, if_changed_since: int | None = None) -> Blob:
        """Return the picture; with an empty body when nothing changed since that frame.

        Raises: BadRequest for a region off the screen or a budget that cannot be met.
        Cancelling: an encoding that has begun runs to its end and is thrown away.
        """
        shot = await self._capture.shot()
        area = _area(shot.frame, request.region)
        if if_changed_since is not None and shot.frame.id == if_changed_since:
            return _unchanged(shot, area, request)
        key = (shot.frame.id, request)
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        loop = asyncio.get_running_loop()
        blob, space = await loop.run_in_executor(self._encoders, self._make, shot, area, request)
        self.spaces.note(shot.frame.id, shot.frame.generation, space)
        if len(blob.body) <= _KEPT_BYTES:
            self._pictures[key] = blob
            if len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return blob

    async def unchanged(self, request: PictureRequest) -> Blob:
        """Return the metadata of the picture that would be taken now, without a body."""
        shot = await self._capture.shot()
        return _unchanged(shot, _area(shot.frame, request.region), request)

    def close(self) -> None:
        """Give the threads back."""
        self._encoders.shutdown(wait=False, cancel_futures=True)
        self._helpers.shutdown(wait=False, cancel_futures=True)

    def _make(self, shot: Shot, area: Rect, request: PictureRequest) -> tuple[Blob, Space]:
        """Thread: an encoder's."""
        pixels = shot.frame.crop(area).pixels
        if request.cursor:
            cursor = shot.cursor
            pixels = blend_cursor(pixels, cursor.image, cursor.x - area.x, cursor.y - area.y)
        size = picture_size(area, request)
        if size != Size(area.width, area.height):
            pixels = scale_pixels(pixels, size, executor=self._helpers)
        if request.format is ImageFormat.RAW and request.max_bytes is None:
            # The array itself is the body: nothing is copied on the way out.
            space = _space(shot.frame, area, size)
            meta = _meta(shot, space, request, quality=None)
            return Blob(pixels.reshape(-1).data, ImageFormat.RAW.media_type, meta), space
        try:
            encoded = encode(
                pixels,
                request.format,
                request.quality,
                max_bytes=request.max_bytes,
                executor=self._helpers,
            )
        except ValueError as exc:
            raise BadRequest(f"cannot make the picture: {exc}", code="picture_impossible") from exc
        space = _space(shot.frame, area, Size(encoded.width, encoded.height))
        meta = _meta(shot, space, request, quality=encoded.quality)
        return Blob(encoded.body, encoded.media_type, meta), space


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
