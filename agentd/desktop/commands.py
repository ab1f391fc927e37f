"""The desktop's commands: life, size and pictures. A table of contents for agents.

Speaks JSON types on one side and the room's types on the other; decides nothing. Keys and pointer
are in `input_commands.py`, windows and programs in `window_commands.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Blob, Scope, command
from agentd.base.errors import BadRequest, FieldError
from agentd.base.service import ServiceStatus
from agentd.desktop.desktop import Desktop
from agentd.desktop.display import DisplayState
from agentd.desktop.frame import MAX_SCALE, Rect
from agentd.desktop.image import ImageFormat
from agentd.desktop.parameters import MAX_EDGE, Region, ScreenEdge, WindowId
from agentd.desktop.screenshot import PictureRequest
from agentd.desktop.settle import wait_quiet

Part = Annotated[
    str,
    Meta(
        description="One part: xserver, session_bus, session or window_manager; none = all",
        examples=["window_manager"],
    ),
]


class DisplayInfo(msgspec.Struct, frozen=True):
    """The screen. `mode` is embedded (our own server) or attached; `name` as in DISPLAY."""

    name: str
    mode: str
    generation: int
    width: int
    height: int


class DesktopStatus(msgspec.Struct, frozen=True):
    """What state the desktop is in. `running` is true when every part runs."""

    running: bool
    user: str
    parts: list[ServiceStatus]
    display: DisplayInfo | None = None
    environment: dict[str, str] = {}


class WaitReport(msgspec.Struct, frozen=True):
    """How the screen settled; `changing` is where it last changed if it did not."""

    stable: bool
    timed_out: bool
    elapsed_ms: int
    changing: list[Region]


class DesktopCommands:
    """`desktop.*` but for the hands."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @command("desktop.start", scope=Scope.ADMIN, deadline_s=60)
    async def start(self) -> DesktopStatus:
        """Start the desktop and wait until it can be used.

        A running desktop stays as it is. What is started here starts again with the daemon.
        """
        await self._desktop.start()
        return await self.status()

    @command("desktop.stop", scope=Scope.ADMIN, destructive=True, deadline_s=60)
    async def stop(self) -> DesktopStatus:
        """Stop the desktop with every program on it.

        It stays stopped, over restarts of the daemon too, until desktop.start.
        """
        await self._desktop.stop()
        return await self.status()

    @command("desktop.status", scope=Scope.VIEW, read_only=True)
    async def status(self) -> DesktopStatus:
        """Tell the screen's size and generation, and the state of every part.

        `environment` holds the variables by which a program of the desktop's user reaches it.
        """
        desktop = self._desktop
        parts = desktop.statuses()
        state = desktop.display.state
        return DesktopStatus(
            running=all(part.state == "running" for part in parts),
            user=desktop.user.name,
            parts=parts,
            display=_display_info(state) if state else None,
            environment=state.address.environment() if state else {},
        )

    @command(
        "desktop.restart",
        scope=Scope.ADMIN,
        destructive=True,
        deadline_s=60,
        positional=("part",),
    )
    async def restart(self, *, part: Part | None = None) -> DesktopStatus:
        """Restart the whole desktop, or one part of it, and wait until all run.

        A restarted window manager keeps the windows; a restarted X server loses them and comes
        back as a new generation.
        """
        await self._desktop.restart(part)
        return await self.status()

    @command("desktop.resize", scope=Scope.ADMIN, positional=("width", "height"))
    async def resize(self, *, width: ScreenEdge, height: ScreenEdge) -> DisplayInfo:
        """Change the size of the screen while it runs, in steps of one pixel.

        Up to desktop.max_width x desktop.max_height of the configuration. A new generation
        begins: points computed on older pictures no longer fit.
        """
        return _display_info(await self._desktop.resize(width, height))

    # What models and their clients take: larger pictures are scaled down there, unseen, so that
    # points no longer fit; answers over a megabyte, base64 and all, are refused.
    @command(
        "desktop.screenshot",
        scope=Scope.VIEW,
        read_only=True,
        model_defaults={"max_long_edge": 1568, "max_pixels": 1_150_000, "max_bytes": 750_000},
    )
    async def screenshot(
        self,
        *,
        region: Annotated[
            Region | None,
            Meta(
                description="Only this part of the screen",
                examples=[{"x": 0, "y": 0, "width": 640, "height": 400}],
            ),
        ] = None,
        window: WindowId | None = None,
        scale: Annotated[
            float,
            Meta(
                gt=0,
                le=MAX_SCALE,
                description="Picture pixels per screen pixel",
                examples=[0.5],
            ),
        ] = 1.0,
        max_long_edge: Annotated[
            int,
            Meta(ge=1, le=MAX_EDGE, description="Longer edge at most, pixels", examples=[1568]),
        ]
        | None = None,
        max_pixels: Annotated[
            int,
            Meta(ge=1, description="Width times height at most, pixels", examples=[1150000]),
        ]
        | None = None,
        max_bytes: Annotated[
            int,
            Meta(
                ge=64,
                description="Body at most, bytes: first quality gives way, then size",
                examples=[500000],
            ),
        ]
        | None = None,
        format: Annotated[
            ImageFormat,
            Meta(description="raw is BGRX, 4 bytes a pixel, row by row", examples=["jpeg"]),
        ] = ImageFormat.PNG,
        quality: Annotated[
            int, Meta(ge=1, le=100, description="Of jpeg and webp", examples=[80])
        ] = 80,
        cursor: Annotated[
            bool, Meta(description="Draw the real cursor into it", examples=[False])
        ] = True,
        if_changed_since: Annotated[
            int,
            Meta(
                ge=0,
                description="Frame number of an earlier picture: if nothing on the screen has "
                "changed since, the body is empty and the metadata say unchanged",
                examples=[17],
            ),
        ]
        | None = None,
    ) -> Blob:
        """Take a picture of the screen, a part of it, or a window.

        The body is the picture. The metadata (header Agentd-Meta) are `{frame, generation,
        width, height, space:{x,y,width,height,scale,screen_width,screen_height}, cursor:{x,y},
        format, unchanged, quality}`; a point (px, py) of the picture lies on the screen at
        (space.x + px / space.scale, space.y + py / space.scale). A window is shown as it lies on
        the screen, with what covers it.
        """
        if region is not None and window is not None:
            raise BadRequest(
                "a screenshot is of a region or of a window",
                errors=[FieldError("window", "no region beside it", "both")],
            )
        live = self._desktop.live()
        area = None
        if region is not None:
            area = _rect(region)
        elif window is not None:
            found = await live.windows.get(window)
            area = Rect(found.x, found.y, found.width, found.height)
        request = PictureRequest(
            format=format,
            quality=quality,
            region=area,
            scale=scale,
            max_long_edge=max_long_edge,
            max_pixels=max_pixels,
            max_bytes=max_bytes,
            cursor=cursor,
        )
        return await live.screenshots.take(request, if_changed_since=if_changed_since)

    @command("desktop.wait", scope=Scope.VIEW, read_only=True, deadline_s=610)
    async def wait(
        self,
        *,
        quiet_ms: Annotated[
            int, Meta(ge=20, le=60_000, description="This long unchanged, ms", examples=[150])
        ] = 150,
        timeout_ms: Annotated[
            int, Meta(ge=0, le=600_000, description="Wait at most, ms", examples=[5000])
        ] = 5000,
        region: Annotated[
            Region | None,
            Meta(
                description="Look at this part of the screen only",
                examples=[{"x": 0, "y": 0, "width": 640, "height": 400}],
            ),
        ] = None,
        ignore: Annotated[
            list[Region],
            Meta(
                max_length=64,
                description="Parts that may change, as a clock",
                examples=[[{"x": 1200, "y": 0, "width": 80, "height": 24}]],
            ),
        ] = [],
    ) -> WaitReport:
        """Wait until the screen is quiet: no pixel changed for a while.

        A screen that does not become quiet is no error: `timed_out` and `changing` say so.
        """
        settled = await wait_quiet(
            self._desktop.live().capture,
            quiet_s=quiet_ms / 1000,
            timeout_s=timeout_ms / 1000,
            region=_rect(region) if region else None,
            ignore=[_rect(part) for part in ignore],
        )
        return WaitReport(
            settled.stable,
            settled.timed_out,
            round(settled.elapsed_s * 1000),
            [Region(part.x, part.y, part.width, part.height) for part in settled.changing],
        )


def _rect(region: Region) -> Rect:
    return Rect(region.x, region.y, region.width, region.height)


def _display_info(state: DisplayState) -> DisplayInfo:
    return DisplayInfo(state.address.name, state.mode, state.generation, state.width, state.height)
