"""Records the desktop: what the screen showed, and what hands did, on one clock.

One recording at a time: everything that happens is in it, and a second encoder would take a core
from the desktop to hold the same again. It follows the shared stream of changes, so that a still
screen costs nothing; the encoder holds up nobody: while it is slow, pictures are left out and the
newest wins. It encodes nothing (`encoder.py`) and keeps no files (`recordings.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from agentd.base.errors import AgentdError, Conflict, NoSpace, Unavailable
from agentd.base.events import EventBus
from agentd.desktop.desktop import Desktop
from agentd.desktop.recording.action_log import ActionLog, Handover, KeyPolicy, LogHead
from agentd.desktop.recording.demonstrator import Demonstrator
from agentd.desktop.recording.encoder import (
    PACE_MS,
    Encoder,
    EncoderLost,
    VideoFormat,
    VideoRequest,
    video_size,
)
from agentd.desktop.recording.recordings import (
    EndReason,
    Recording,
    Recordings,
    RecordingState,
    disk_error,
)
from agentd.desktop.screen.capture import Shot
from agentd.desktop.screen.frame import Size
from agentd.desktop.session import Live

logger = logging.getLogger(__name__)

# A still screen is sent again this often: so much is missing at the end after a crash of ours.
_HEARTBEAT_S = 5.0
# An encoder that takes no pictures is given this long to end and say why.
_LAST_WORDS_S = 2.0
# The disk is looked at this often.
_LIMITS_PERIOD_S = 1.0


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """What is to be recorded. Without a format there is no video."""

    label: str
    format: VideoFormat | None
    max_duration_s: float
    max_bytes: int
    quality: int
    scale: float
    max_long_edge: int | None
    keys: KeyPolicy


class Recorder:
    """Starts and stops recordings; at most one runs.

    Args:
        path: where ffmpeg is looked for.
    """

    def __init__(self, desktop: Desktop, recordings: Recordings, bus: EventBus, path: str) -> None:
        self._desktop = desktop
        self._recordings = recordings
        self._bus = bus
        self._path = path
        self._running: RecordingRun | None = None
        self._changing = asyncio.Lock()

    @property
    def running_id(self) -> str:
        """The id of the recording that is being made; empty while there is none."""
        return self._running.recording.id if self._running is not None else ""

    async def start(self, request: RecordingRequest) -> Recording:
        """Begin a recording; its first picture is what the screen shows now.

        Raises: Conflict when one is being made; Unavailable without a desktop or ffmpeg; NoSpace.
        Cancelling: nothing is left behind but an empty recording.
        """
        async with self._changing:
            if self._running is not None:
                raise Conflict(
                    f"recording {self.running_id} is being made, and one is made at a time",
                    code="already_recording",
                    hint="desktop.record_stop ends it",
                )
            live = self._desktop.live()
            self._recordings.make_room()
            run = RecordingRun(self._desktop, live, self._recordings, request, self._path)
            self._running = run
            try:
                await run.begin()
            except BaseException:
                self._running = None
                raise
            run.task = asyncio.create_task(  # noqa: TID251 - outlives the call that started it
                self._keep(run), name=f"recording-{run.recording.id}"
            )
            self._bus.publish("recording.started", id=run.recording.id, label=run.recording.label)
            logger.info("recording started id=%s", run.recording.id)
            return self._recordings.get(run.recording.id)

    async def stop(self, id: str | None) -> Recording:
        """End the running recording and wait until its files are whole.

        Args:
            id: of the one that is meant; None for whichever runs. One that has ended is no error.

        Raises: NotFound for an unknown one; Conflict when none runs and none is named.
        Cancelling: it ends all the same.
        """
        async with self._changing:  # One that is just beginning has begun then.
            run = self._running
        if id is None and run is None:
            raise Conflict("nothing is being recorded", code="not_recording")
        if run is not None and id in (None, run.recording.id):
            await run.stop(EndReason.STOPPED)
            return self._recordings.get(run.recording.id)
        assert id is not None, "one was named, or one was running"
        return self._recordings.get(id)

    def note_control(self, handover: Handover) -> None:
        """Write into the recording that is being made who has the desktop now."""
        if self._running is not None:
            self._running.note_control(handover)

    async def close(self) -> None:
        """End what is being recorded, as the daemon stops. Idempotent."""
        async with self._changing:
            run = self._running
        if run is not None:
            await run.stop(EndReason.DAEMON_STOPPED)

    async def _keep(self, run: RecordingRun) -> None:
        try:
            await run.run()
        finally:
            self._running = None
            ended = run.recording
            failed = ended.state is RecordingState.FAILED
            self._bus.publish(
                "recording.failed" if failed else "recording.stopped",
                id=ended.id,
                reason=ended.reason,
                duration_ms=ended.duration_ms,
                error=ended.error,
            )
            logger.log(
                logging.WARNING if failed else logging.INFO,
                "recording ended id=%s reason=%s duration_ms=%d frames=%d actions=%d error=%s",
                *(ended.id, ended.reason, ended.duration_ms, ended.frames, ended.actions),
                ended.error,
            )


class RecordingRun:
    """One recording on its way. Used once."""

    def __init__(
        self,
        desktop: Desktop,
        live: Live,
        recordings: Recordings,
        request: RecordingRequest,
        path: str,
    ) -> None:
        self.recording = Recording()
        self.task: asyncio.Task[None] | None = None
        self._desktop = desktop
        self._live = live
        self._recordings = recordings
        self._request = request
        self._path = path
        self._began_s = 0.0
        self._encoder: Encoder | None = None
        self._log: ActionLog | None = None
        self._demonstrator: Demonstrator | None = None
        # The newest picture that was sent, or would have been.
        self._shot: Shot | None = None
        self._stirred = asyncio.Event()
        self._ending = asyncio.Event()
        self._reason: EndReason | None = None
        self._error = ""

    async def begin(self) -> None:
        """Open everything.

        Raises: Unavailable, NoSpace, Conflict; what was opened is closed again.
        """
        self._desktop.curtain.check()
        self._shot = shot = await self._live.capture.shot()
        self._desktop.curtain.check()
        screen = Size(shot.frame.rect.width, shot.frame.rect.height)
        request = self._request
        size = video_size(screen, scale=request.scale, max_long_edge=request.max_long_edge)
        new = self._recordings.create()
        if not self._recordings.has_disk():
            self._recordings.delete(new)
            raise NoSpace("the disk is too full to record on", code="disk_full")
        self._began_s = time.monotonic()
        self.recording = Recording(
            id=new,
            state=RecordingState.RECORDING,
            label=request.label,
            started=time.time(),
            format=request.format or "",
            width=size.width if request.format else 0,
            height=size.height if request.format else 0,
            keys=request.keys,
        )
        try:
            self._recordings.save(self.recording)
            await self._open_log(shot)
            if request.format is not None:
                video = VideoRequest(
                    self._recordings.video(self.recording),
                    request.format,
                    screen,
                    size,
                    request.quality,
                )
                log = self._recordings.encoder_log(new)
                self._encoder = await Encoder.start(video, path=self._path, log=log)
        except BaseException:
            await self._close(EndReason.FAULT)
            self._recordings.delete(new)
            raise

    async def run(self) -> None:
        """Record until something ends it; the files are whole afterwards."""
        jobs: list[Awaitable[None]] = [self._watch_display(), self._watch_limits()]
        if self._encoder is not None:
            jobs += [self._follow(), self._film(self._encoder), self._watch(self._encoder)]
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._job(job), name="recording") for job in jobs]
                await self._ending.wait()
                for task in running:
                    task.cancel()
        finally:
            await self._close(self._reason or EndReason.FAULT)

    async def stop(self, reason: EndReason) -> None:
        """End it and wait until it has. Cancelling: it ends all the same."""
        self.end(reason)
        if self.task is not None:
            await asyncio.shield(self.task)

    def end(self, reason: EndReason, error: str = "") -> None:
        """Let it end; the first reason holds."""
        if self._reason is None:
            self._reason, self._error = reason, error
            self._ending.set()

    def note_control(self, handover: Handover) -> None:
        """Write down who has the desktop now."""
        if self._log is not None:
            self._log.note_control(handover)

    async def _open_log(self, shot: Shot) -> None:
        """Begin the action log. Raises: NoSpace, Unavailable."""
        recording, frame = self.recording, shot.frame
        self._log = log = ActionLog(
            self._recordings.actions(recording.id),
            self._live,
            keys=self._request.keys,
            began_s=self._began_s,
            curtain=self._desktop.curtain,
            failed=self._log_failed,
            heard_own=self._hear_own,
        )
        self._demonstrator = demonstrator = Demonstrator(
            self._live,
            log,
            seen=lambda: self._shot if self._encoder is not None else None,
            moved=self._stirred.set,
        )
        await demonstrator.open()
        head = LogHead(
            id=recording.id,
            label=recording.label,
            started=recording.started,
            keys=self._request.keys,
            generation=frame.generation,
            width=frame.rect.width,
            height=frame.rect.height,
            human=demonstrator.is_listening,
        )
        try:
            log.open(head)
        except OSError as exc:
            raise disk_error("cannot write the action log", exc) from exc
        self._desktop.performer.add(log, outermost=True)

    def _hear_own(self, requests: Sequence[bytes]) -> None:
        """Thread: the input lane's."""
        if self._demonstrator is not None:
            self._demonstrator.expect(requests)

    def _log_failed(self, exc: OSError) -> None:
        self.end(EndReason.DISK_FULL, f"cannot write the action log: {exc.strerror}")

    async def _job(self, job: Awaitable[None]) -> None:
        """Run a part; whatever ends it ends the recording, and nothing but that."""
        try:
            await job
        except EncoderLost as exc:
            # It closes its end first and dies then: whoever watches it knows how.
            await asyncio.sleep(_LAST_WORDS_S)
            self.end(EndReason.ENCODER_FAILED, exc.detail)
        except AgentdError as exc:
            self.end(EndReason.DESKTOP_ENDED, exc.detail)
        except Exception as exc:
            if self._desktop.session.live_or_none() is not self._live:
                # Eyes that are closed in the midst of a look say so in any words.
                logger.debug("recording part ended with the desktop reason=%r", exc)
                self.end(EndReason.DESKTOP_ENDED)
                return
            logger.exception("recording failed id=%s", self.recording.id)
            self.end(EndReason.FAULT, "the daemon made a mistake; its log tells more")

    async def _follow(self) -> None:
        """Wake the film whenever the screen has changed."""
        async with self._live.changes.follow() as follower:
            while True:
                await follower.next(None)
                self._stirred.set()

    async def _film(self, encoder: Encoder) -> None:
        """Send what the screen shows, when it shows something else."""
        assert self._shot is not None, "the first picture was taken on beginning"
        # ffmpeg counts from the first picture on, and so do the actions.
        await encoder.write(self._shot, 0)
        sent_s = self._began_s
        while True:
            began_s = time.monotonic()
            self._stirred.clear()
            shot = await self._live.capture.shot()
            if self._desktop.curtain.was_drawn_since(began_s):
                # The film stands still, at what was there before.
                shot = self._shot
            is_new = not _looks_like(shot, self._shot)
            self._shot = shot
            if is_new or began_s - sent_s >= _HEARTBEAT_S:
                await encoder.write(shot, round((began_s - self._began_s) * 1000))
                sent_s = began_s
            await asyncio.sleep(max(0.0, began_s + PACE_MS / 1000 - time.monotonic()))
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._stirred.wait()

    async def _watch(self, encoder: Encoder) -> None:
        how = await encoder.wait_ended()
        has_disk = self._recordings.has_disk()
        self.end(EndReason.ENCODER_FAILED if has_disk else EndReason.DISK_FULL, how)

    async def _watch_display(self) -> None:
        await self._live.capture_link.wait_lost()
        self.end(EndReason.DESKTOP_ENDED)

    async def _watch_limits(self) -> None:
        """End when the time is over or the room is used up."""
        recordings, request = self._recordings, self._request
        while True:
            left_s = self._began_s + request.max_duration_s - time.monotonic()
            if left_s <= 0:
                self.end(EndReason.MAX_DURATION)
            elif not recordings.has_disk():
                self.end(EndReason.DISK_FULL, "the disk is full")
            elif (
                recordings.size_bytes(self.recording.id) >= request.max_bytes
                or not recordings.make_room()
            ):
                self.end(EndReason.MAX_BYTES)
            await asyncio.sleep(min(_LIMITS_PERIOD_S, max(0.0, left_s)))

    async def _close(self, reason: EndReason) -> None:
        """End the files, and write down how it went. Idempotent."""
        duration_ms = round((time.monotonic() - self._began_s) * 1000)
        if self._log is not None:
            with suppress(ValueError):  # It may not have come to that.
                self._desktop.performer.remove(self._log)
        if self._demonstrator is not None:
            await self._demonstrator.close()
        if self._log is not None:
            self._log.close(reason)
        frames = 0
        if self._encoder is not None:
            problem = await self._encoder.finish(self._shot, duration_ms)
            self._error = self._error or problem
            frames = self._encoder.frames
            if problem and not reason.is_failure and reason is not EndReason.DESKTOP_ENDED:
                reason = EndReason.ENCODER_FAILED
        self.recording = msgspec.structs.replace(
            self.recording,
            state=RecordingState.FAILED if reason.is_failure else RecordingState.FINISHED,
            duration_ms=duration_ms,
            frames=frames,
            actions=0 if self._log is None else self._log.count,
            reason=reason,
            error=self._error,
        )
        try:
            self._recordings.save(self.recording)
        except (NoSpace, Unavailable) as exc:
            logger.error("recording not written id=%s error=%s", self.recording.id, exc)


def _looks_like(shot: Shot, other: Shot) -> bool:
    """Whether both would be the same picture."""
    return shot.frame.pixels is other.frame.pixels and shot.cursor.looks_like(other.cursor)
