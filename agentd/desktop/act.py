"""Act, settle, observe: one batch of actions, run to its end or to its first failure.

The shell around `actions.py`: every action of the batch is known to be well formed, and points
are screen pixels. A picture in the midst or at the end is taken of a settled screen. It reads no
JSON and knows no vendor: `act_commands.py` and `dialects/` do.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

import msgspec

from agentd.base.command import Blob, Caller
from agentd.base.errors import AgentdError, Conflict, TimedOut, Unavailable
from agentd.desktop.actions import Action, Area, CursorPosition, Pause, TakePicture, Zoom, name_of
from agentd.desktop.dialects.dialect import Read, Status
from agentd.desktop.performer import Performer
from agentd.desktop.pictures.screenshot import PictureRequest, picture_size
from agentd.desktop.screen.changes import Follower
from agentd.desktop.screen.damage import changed_area
from agentd.desktop.screen.frame import MAX_SCALE, Rect, Size
from agentd.desktop.screen.settle import Settled, SettleRequest, settle
from agentd.desktop.session import Live


class Show(enum.StrEnum):
    """What the picture at the end shows."""

    WHOLE = "whole"
    IF_CHANGED = "if_changed"
    CHANGED_AREA = "changed_area"


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be done.

    Args:
        steps: in order; each is one action, or one vendor call of several.
        screen: the size that their points were computed for.
        settle: wait for the screen before each picture and at the end; None = do not.
        observe: the picture at the end, and the form of those in the midst; None = none.
        picture: the form of pictures in the midst where `observe` is None.
        step_timeout_s: each action at most.
        timeout_s: all of it at most.
    """

    steps: Sequence[Read]
    screen: Size
    settle: SettleRequest | None
    observe: PictureRequest | None
    show: Show = Show.WHOLE
    picture: PictureRequest = field(default_factory=PictureRequest)
    step_timeout_s: float = 300.0
    timeout_s: float = 600.0


@dataclass(slots=True)
class Step:
    """What became of one step; `results` has an answer for each action that was done."""

    status: Status = Status.NOT_RUN
    elapsed_s: float = 0.0
    error: AgentdError | None = None
    results: list[msgspec.Struct] = field(default_factory=list)
    pictures: list[Blob] = field(default_factory=list)


@dataclass(slots=True)
class Course:
    """What became of a batch. `error` is why there is no picture where one was wanted."""

    steps: list[Step]
    settled: Settled | None = None
    picture: Blob | None = None
    error: AgentdError | None = None

    @property
    def is_completed(self) -> bool:
        """Whether every step was done."""
        return all(step.status is Status.DONE for step in self.steps)


class BatchRun:
    """One batch on its way. Used once.

    Args:
        check: raises Conflict when the screen is no longer the one that the batch was made for.
    """

    def __init__(
        self,
        live: Live,
        performer: Performer,
        batch: Batch,
        caller: Caller,
        *,
        check: Callable[[], None],
    ) -> None:
        self._live = live
        self._check = check
        self._performer = performer
        self._batch = batch
        self._caller = caller
        self._deadline_s = time.monotonic() + batch.timeout_s
        self._follower: Follower | None = None
        self._settled: Settled | None = None
        # The hands have done something that the screen may still have to answer.
        self._is_stirred = False
        self._latest: Blob | None = None

    async def run(self) -> Course:
        """Run the steps, settle, observe.

        A failed batch lifts all that its caller holds: nobody knows what the rest would have let
        go. Raises: Unavailable before the first step. Cancelling: likewise lifted.
        """
        course = Course([Step() for _ in self._batch.steps])
        async with AsyncExitStack() as stack:
            if self._batch.settle is not None or self._batch.show is not Show.WHOLE:
                self._follower = await stack.enter_async_context(self._live.changes.follow())
            try:
                await self._run_steps(course.steps)
            finally:
                if not course.is_completed:
                    with suppress(Unavailable):  # A display that is gone holds nothing.
                        await self._live.input.release(self._caller.id)
            try:
                if self._is_stirred or self._latest is None:
                    await self._settle()
                course.picture = await self._observe()
            except AgentdError as exc:
                course.error = exc
        course.settled = self._settled
        return course

    async def _run_steps(self, steps: Sequence[Step]) -> None:
        """Run in order; what follows a failure stays NOT_RUN."""
        for read, step in zip(self._batch.steps, steps, strict=True):
            began_s = time.monotonic()
            try:
                if read.fault:
                    raise Conflict(read.fault, code="call_refused")
                for action in read.actions:
                    await self._run_action(action, step)
                step.status = Status.DONE
            except AgentdError as exc:
                step.status, step.error = Status.FAILED, exc
                return
            finally:
                step.elapsed_s = time.monotonic() - began_s

    async def _run_action(self, action: Action, step: Step) -> None:
        """Run one action within its time."""
        left_s = self._deadline_s - time.monotonic()
        limit_s = min(self._batch.step_timeout_s, left_s)
        self._check()
        try:
            async with asyncio.timeout(limit_s) as deadline:
                if isinstance(action, TakePicture | Zoom):
                    step.pictures.append(await self._picture(action))
                else:
                    if not isinstance(action, CursorPosition | Pause):
                        self._is_stirred, self._latest = True, None
                    step.results.append(await self._performer.perform(action, self._caller))
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            whose = "the batch's" if limit_s == left_s else "a step's"
            raise TimedOut(f"{name_of(action)} was not done when {whose} time was up") from exc

    async def _settle(self) -> None:
        request = self._batch.settle
        if request is not None and self._follower is not None:
            left_s = max(0.0, self._deadline_s - time.monotonic())
            request = replace(request, timeout_s=min(request.timeout_s, left_s))
            self._settled = await settle(self._follower, request)
        self._is_stirred = False

    async def _picture(self, action: TakePicture | Zoom) -> Blob:
        """Take a picture in the midst, of a screen that has answered the actions before."""
        if self._is_stirred:
            await self._settle()
        request = self._batch.observe or self._batch.picture
        if isinstance(action, Zoom):
            return await self._live.screenshots.take(self._zoomed(action.region, request))
        self._latest = await self._live.screenshots.take(request)
        return self._latest

    def _zoomed(self, region: Area, request: PictureRequest) -> PictureRequest:
        """A part of the screen in full detail, as large as a picture of all of it, aspect kept."""
        rect = Rect(int(region.x), int(region.y), int(region.width), int(region.height))
        screen = Rect(0, 0, self._batch.screen.width, self._batch.screen.height)
        whole = picture_size(screen, request)
        scale = min(whole.width / rect.width, whole.height / rect.height, MAX_SCALE)
        size = Size(max(1, round(rect.width * scale)), max(1, round(rect.height * scale)))
        return replace(request, region=rect, size=size)

    async def _observe(self) -> Blob | None:
        request, show = self._batch.observe, self._batch.show
        if request is None:
            return None
        if show is Show.WHOLE:
            return self._latest or await self._live.screenshots.take(request)
        assert self._follower is not None, "comparing needs what was there before"
        before, now = self._follower.baseline, (await self._live.capture.shot()).frame
        area = now.rect
        if before.generation == now.generation:
            # The cursor is not in these pixels: its moves alone are no change.
            found = changed_area(before.pixels, now.pixels)
            if found is None:
                return await self._live.screenshots.unchanged(request)
            area = found
        if show is Show.CHANGED_AREA:
            request = replace(request, region=area)
        return await self._live.screenshots.take(request)
