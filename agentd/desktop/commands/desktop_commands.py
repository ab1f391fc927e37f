"""The desktop's commands: life, size and pictures. A table of contents for agents.

Speaks JSON types on one side and the room's types on the other; decides nothing. Keys and pointer
are in `input_commands.py`, waiting in `wait_commands.py`, windows and programs in
`window_commands.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Blob, Scope, command
from agentd.base.errors import BadRequest, FieldError
from agentd.base.service import ServiceStatus
from agentd.desktop.desktop import Desktop
from agentd.desktop.parameters import (
    MODEL_PICTURE,
    Format,
    MaxBytes,
    MaxLongEdge,
    MaxPixels,
    Quality,
    Region,
    Scale,
    ScreenEdge,
    WindowId,
    WithCursor,
)
from agentd.desktop.pictures.image import ImageFormat
from agentd.desktop.pictures.screenshot import PictureRequest
from agentd.desktop.screen.frame import Rect
from agentd.desktop.server.display import DisplayState

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

    @command(
        "desktop.screenshot",
        scope=Scope.VIEW,
        read_only=True,
        model_defaults=MODEL_PICTURE,
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
        scale: Scale = 1.0,
        max_long_edge: MaxLongEdge | None = None,
        max_pixels: MaxPixels | None = None,
        max_bytes: MaxBytes | None = None,
        format: Format = ImageFormat.PNG,
        quality: Quality = 80,
        cursor: WithCursor = True,
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
        the screen, with what covers it. While a person withholds the screen, the answer is
        screen_withheld.
        """
        if region is not None and window is not None:
            raise BadRequest(
                "a screenshot is of a region or of a window",
                errors=[FieldError("window", "no region beside it", "both")],
            )
        live = self._desktop.live()
        area = None
        if region is not None:
            area = region.rect()
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


def _display_info(state: DisplayState) -> DisplayInfo:
    return DisplayInfo(state.address.name, state.mode, state.generation, state.width, state.height)
