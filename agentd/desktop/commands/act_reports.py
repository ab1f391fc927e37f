"""What `desktop.act` answers: the course of a batch in our words, or in a vendor's.

It decides nothing about the batch: it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agentd.base.command import Blob
from agentd.base.errors import AgentdError, Problem, problem_of
from agentd.desktop.act import Batch, Course, Step
from agentd.desktop.actions import name_of
from agentd.desktop.commands.act_parameters import ActReport, StepReport
from agentd.desktop.commands.wait_commands import wait_report
from agentd.desktop.dialects.dialect import Dialect, Outcome, Picture, Read, View
from agentd.desktop.pictures.screenshot import PictureMeta
from agentd.desktop.screen.frame import Rect


def native_report(batch: Batch, course: Course) -> ActReport:
    """Return the report of a batch in our own words."""
    steps = [_step(read, step) for read, step in zip(batch.steps, course.steps, strict=True)]
    picture = course.picture
    return msgspec.structs.replace(
        _report(course, steps),
        image=_image(picture),
        media_type=picture.media_type if picture and picture.body else None,
    )


def vendor_report(
    dialect: Dialect,
    calls: Sequence[dict[str, Any]],
    reads: Sequence[Sequence[Read]],
    view: View,
    batch: Batch,
    course: Course,
) -> ActReport:
    """Return the report of a vendor's calls; the pictures are in `results` alone."""
    steps = iter(course.steps)
    outcomes = [[_outcome(next(steps)) for _ in group] for group in reads]
    final = _picture(course.picture) if course.picture and course.picture.body else None
    told = [
        msgspec.structs.replace(_step(read, step), image=None, media_type=None)
        for read, step in zip(batch.steps, course.steps, strict=True)
    ]
    results = dialect.answer(calls, outcomes, view, final)
    return msgspec.structs.replace(_report(course, told), results=results)


def weight_of(report: ActReport) -> int:
    """Return how much a report weighs, in bytes: its pictures, as they are or in base64."""
    images = [report.image, *(step.image for step in report.steps)]
    return sum(map(len, filter(None, images))) + len(msgspec.json.encode(report.results))


def _report(course: Course, steps: list[StepReport]) -> ActReport:
    return ActReport(
        completed=course.is_completed,
        steps=steps,
        settle=wait_report(course.settled) if course.settled else None,
        meta=_meta(course.picture),
        error=_problem(course.error),
    )


def _step(read: Read, step: Step) -> StepReport:
    picture = step.pictures[-1] if step.pictures else None
    result = step.results[-1] if step.results else None
    return StepReport(
        action=_action(read),
        status=step.status,
        elapsed_ms=round(step.elapsed_s * 1000, 3),
        result=msgspec.to_builtins(result) or None if result is not None else None,
        error=_problem(step.error),
        image=_image(picture),
        media_type=picture.media_type if picture else None,
        meta=_meta(picture),
    )


def _action(read: Read) -> str:
    """Return what a step is called; a vendor's call may ask for nothing but the final picture."""
    return ", ".join(map(name_of, read.actions)) or ("(refused)" if read.fault else "(none)")


def _outcome(step: Step) -> Outcome:
    return Outcome(
        step.status,
        error=_words(step.error) if step.error else "",
        results=tuple(step.results),
        pictures=tuple(_picture(blob) for blob in step.pictures),
    )


def _words(error: AgentdError) -> str:
    """Return an error for a model: what happened, and what it can do about it."""
    return f"{error.detail} ({error.hint})" if error.hint else error.detail


def _picture(blob: Blob) -> Picture:
    meta = _meta(blob)
    assert meta is not None, "a picture has metadata"
    space = meta.space
    rect = Rect(space.x, space.y, space.width, space.height)
    return Picture(bytes(blob.body), blob.media_type, rect)


def _meta(blob: Blob | None) -> PictureMeta | None:
    return msgspec.convert(blob.meta, PictureMeta) if blob else None


def _image(blob: Blob | None) -> bytes | None:
    return bytes(blob.body) if blob and blob.body else None


def _problem(error: AgentdError | None) -> Problem | None:
    return problem_of(error) if error else None
