"""The recording commands: start, stop, list, get, delete, and the anchor that a replay compares.

Scopes: a recording holds what everybody typed, which is more than the screen shows, so that making,
reading and deleting one is for `admin`; the list tells labels and sizes alone and is for `view`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.base.command import Blob, Scope, command
from agentd.base.errors import BadRequest, Conflict, FieldError
from agentd.base.events import EventBus
from agentd.desktop.desktop import Desktop
from agentd.desktop.parameters import Done, MaxLongEdge, Region
from agentd.desktop.recording.action_log import Handover, WindowName, focused_window
from agentd.desktop.recording.anchor import Anchor, anchor_of, area_around
from agentd.desktop.recording.encoder import VideoFormat
from agentd.desktop.recording.recorder import Recorder, RecordingRequest
from agentd.desktop.recording.recordings import Recording, Recordings, read_part
from agentd.desktop.screen.frame import Rect

# Not x-ndjson: as such a stream is answered, which a log of the past is not.
_MEDIA_TYPES = {"mp4": "video/mp4", "webm": "video/webm", "ndjson": "application/jsonl"}

RecordingId = Annotated[
    str,
    Meta(max_length=64, description="A recording's id", examples=["20261123-233005-7f3a"]),
]


class RecordingPart(msgspec.Struct, frozen=True):
    """What a part of a recording is: `size_bytes` of the whole, `offset` of this piece."""

    id: str
    part: str
    offset: int
    size_bytes: int


class AnchorReport(msgspec.Struct, frozen=True):
    """What is on the screen where an action would be."""

    generation: int
    width: int
    height: int
    anchor: Anchor
    window: WindowName | None


class RecordCommands:
    """`desktop.record_*` and `desktop.anchor`."""

    def __init__(
        self, desktop: Desktop, bus: EventBus, *, folder: Path, max_bytes: int, path: str
    ) -> None:
        self._desktop = desktop
        self._recordings = Recordings(
            folder,
            max_bytes=max_bytes,
            is_running=self._is_running,
            removed=self._removed,
        )
        self._bus = bus
        self._recorder = Recorder(desktop, self._recordings, bus, path)

    @command("desktop.record_start", scope=Scope.ADMIN, positional=("label",))
    async def record_start(
        self,
        *,
        label: Annotated[
            str, Meta(max_length=200, description="For people", examples=["order form"])
        ] = "",
        format: Annotated[
            VideoFormat, Meta(description="mp4 is H.264, webm is VP9, which is more work")
        ] = "mp4",
        video: Annotated[bool, Meta(description="false: the action log alone")] = True,
        max_duration_s: Annotated[
            float, Meta(gt=0, le=86_400, description="It ends by then", examples=[600])
        ] = 3600,
        max_bytes: Annotated[
            int,
            Meta(ge=65_536, description="It ends when it is this large", examples=[100_000_000]),
        ]
        | None = None,
        quality: Annotated[int, Meta(ge=1, le=100, description="Of the video", examples=[80])] = 70,
        scale: Annotated[
            float,
            Meta(gt=0, le=1, description="Video pixels per screen pixel", examples=[0.5]),
        ] = 1.0,
        max_long_edge: MaxLongEdge | None = None,
        keys: Annotated[
            Literal["shown", "hidden"],
            Meta(description="hidden: the action log has *** for what is typed and pressed"),
        ] = "shown",
    ) -> Recording:
        """Record the screen, and what is done on it, until desktop.record_stop.

        The video shows every change, up to 15 a second, with the real times and the cursor. The
        action log has one line of JSON for each action of an agent or a person, and for each
        handover of the desktop; while a person withholds the screen, nothing shown or typed is in
        it. One recording is made at a time. It ends by itself at its limits and when the desktop
        ends, whole and playable; the event recording.stopped or recording.failed says so.
        """
        return await self._recorder.start(
            RecordingRequest(
                label=label,
                format=format if video else None,
                max_duration_s=max_duration_s,
                max_bytes=min(max_bytes or self._recordings.max_bytes, self._recordings.max_bytes),
                quality=quality,
                scale=scale,
                max_long_edge=max_long_edge,
                keys=keys,
            )
        )

    @command("desktop.record_stop", scope=Scope.ADMIN, positional=("id",))
    async def record_stop(self, *, id: RecordingId | None = None) -> Recording:
        """End the recording that is being made, and wait until its files are whole.

        Without an id it is whichever runs. One that has ended already is answered as it is.
        """
        return await self._recorder.stop(id)

    @command("desktop.record_list", scope=Scope.VIEW, read_only=True)
    async def record_list(self) -> list[Recording]:
        """List all recordings, the newest first.

        `state` is recording, finished, failed, or interrupted by the daemon's crash; what there
        is of a failed or interrupted one can be played all the same.
        """
        return self._recordings.list()

    @command("desktop.record_get", scope=Scope.ADMIN, positional=("id",), deadline_s=600)
    async def record_get(
        self,
        *,
        id: RecordingId,
        part: Annotated[
            Literal["video", "actions"], Meta(description="actions: the log, JSON line by line")
        ] = "video",
        offset: Annotated[int, Meta(ge=0, description="From this byte on", examples=[0])] = 0,
        max_bytes: Annotated[
            int, Meta(ge=1, description="At most so much of it", examples=[1_000_000])
        ]
        | None = None,
    ) -> Blob:
        """Get the video of a recording, or its action log, also while it is being made.

        The metadata are `{id, part, offset, size_bytes}`.
        """
        recording = self._recordings.get(id)
        if part == "actions":
            path, kind = self._recordings.actions(id), "ndjson"
        elif not recording.format:
            raise Conflict(f"recording {id} has no video", code="no_video")
        else:
            path, kind = self._recordings.video(recording), recording.format
        body, size_bytes = read_part(path, offset, max_bytes)
        meta = RecordingPart(id, part, offset, size_bytes)
        return Blob(body, _MEDIA_TYPES[kind], msgspec.to_builtins(meta))

    @command("desktop.record_delete", scope=Scope.ADMIN, destructive=True, positional=("id",))
    async def record_delete(self, *, id: RecordingId) -> Done:
        """Delete a recording for good; one that is being made must be stopped first."""
        self._recordings.get(id)
        if id == self._recorder.running_id:
            raise Conflict(
                f"recording {id} is being made",
                code="still_recording",
                hint="desktop.record_stop ends it",
            )
        self._recordings.delete(id)
        return Done()

    @command("desktop.anchor", scope=Scope.VIEW, read_only=True)
    async def anchor(
        self,
        *,
        region: Annotated[
            Region | None,
            Meta(
                description="The part of the screen; none: the square around the cursor",
                examples=[{"x": 600, "y": 360, "width": 96, "height": 96}],
            ),
        ] = None,
    ) -> AnchorReport:
        """Tell what a part of the screen looks like, to compare with a recording.

        `hash` is of its pixels; `look` is 8 x 8 shades of grey, two hexadecimal digits each, as
        in the `before` of an action log's lines.
        """
        live, curtain = self._desktop.live(), self._desktop.curtain
        curtain.check()
        shot = await live.capture.shot()
        curtain.check()
        frame = shot.frame
        area = region.rect() if region else area_around(shot.cursor.x, shot.cursor.y, frame.rect)
        try:
            anchor = anchor_of(frame, area)
        except ValueError as exc:
            screen = f"a part of the screen of {frame.rect.width}x{frame.rect.height}"
            fault = FieldError("region", screen, _shown(area))
            raise BadRequest(str(fault), code="off_screen", errors=[fault]) from exc
        return AnchorReport(
            frame.generation,
            frame.rect.width,
            frame.rect.height,
            anchor,
            focused_window(live),
        )

    def note_control(self, handover: Handover) -> None:
        """Write into the recording that is being made who has the desktop now."""
        self._recorder.note_control(handover)

    async def close(self) -> None:
        """End what is being recorded, as the daemon stops. Idempotent."""
        await self._recorder.close()

    def _is_running(self, id: str) -> bool:
        return id == self._recorder.running_id

    def _removed(self, id: str) -> None:
        self._bus.publish("recording.removed", id=id, reason="recordings_max_bytes")


def _shown(area: Rect) -> str:
    return f"{area.width}x{area.height} at {area.x},{area.y}"
