"""What `desktop.act` takes and answers beside the actions themselves.

`settle` and `observe` are the parameters of desktop.wait and desktop.screenshot as objects.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agentd.base.errors import Problem
from agentd.desktop.commands.wait_commands import WaitReport
from agentd.desktop.dialects.dialect import Status
from agentd.desktop.parameters import (
    Format,
    MaxBytes,
    MaxLongEdge,
    MaxPixels,
    Quality,
    QuietMs,
    Region,
    Scale,
    ScreenEdge,
    WaitMs,
    WithCursor,
)
from agentd.desktop.pictures.image import ImageFormat
from agentd.desktop.pictures.screenshot import PictureMeta, PictureRequest
from agentd.desktop.screen.settle import SettleRequest, Until


class Settle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the screen counts as settled. `until` change: something must have changed first."""

    quiet_ms: QuietMs = 150
    timeout_ms: WaitMs = 5000
    region: Region | None = None
    ignore: Annotated[list[Region], Meta(max_length=64)] = []
    until: Literal["stable", "change"] = "stable"

    def request(self) -> SettleRequest:
        """Return it in the room's own words."""
        return SettleRequest(
            quiet_s=self.quiet_ms / 1000,
            timeout_s=self.timeout_ms / 1000,
            region=self.region.rect() if self.region else None,
            ignore=[part.rect() for part in self.ignore],
            until=Until(self.until),
        )


class Observe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What picture is taken. `show` if_changed: none where the batch has changed no pixel;
    changed_area: only the rectangle that it has changed, which `meta.space` tells."""

    show: Literal["whole", "if_changed", "changed_area"] = "whole"
    region: Region | None = None
    scale: Scale = 1.0
    max_long_edge: MaxLongEdge | None = None
    max_pixels: MaxPixels | None = None
    max_bytes: MaxBytes | None = None
    format: Format = ImageFormat.PNG
    quality: Quality = 80
    cursor: WithCursor = True

    def request(self) -> PictureRequest:
        """Return it in the room's own words."""
        return PictureRequest(
            format=self.format,
            quality=self.quality,
            region=self.region.rect() if self.region else None,
            scale=self.scale,
            max_long_edge=self.max_long_edge,
            max_pixels=self.max_pixels,
            max_bytes=self.max_bytes,
            cursor=self.cursor,
        )


class DeclaredDisplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The size of the display that the vendor's tool was declared with, in pixels."""

    width: ScreenEdge
    height: ScreenEdge


class StepReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one action: `status` is done, failed or not_run.

    `result` is what the action's own command answers; `image` and `meta` are a screenshot's.
    """

    action: str
    status: Status
    elapsed_ms: float = 0.0
    result: dict[str, Any] | None = None
    error: Problem | None = None
    image: bytes | None = None
    media_type: str | None = None
    meta: PictureMeta | None = None


class ActReport(msgspec.Struct, frozen=True):
    """What became of a batch: `completed` when every step was done.

    `image` is the picture at the end; it is null when none was wanted or nothing has changed
    (`meta.unchanged`), or when it could not be taken (`error`). `results` are a vendor's answers.
    """

    completed: bool
    steps: list[StepReport]
    settle: WaitReport | None = None
    image: bytes | None = None
    media_type: str | None = None
    meta: PictureMeta | None = None
    error: Problem | None = None
    results: list[dict[str, Any]] | None = None
