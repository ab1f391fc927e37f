"""What refuses a recording before it begins."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agentd.base.errors import Conflict, NoSpace
from agentd.base.events import EventBus
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.recording.recorder import Recorder, RecordingRequest, RecordingRun
from agentd.desktop.recording.recordings import EndReason, Recordings
from agentd.desktop.screen.frame import Frame, Rect

REQUEST = RecordingRequest("", "mp4", 60, 1 << 20, 70, 1.0, None, "shown")


class Desk:
    """A desktop of which only the screen is looked at."""

    def __init__(self) -> None:
        self.session = self
        self.curtain = Curtain()
        self.eyes: Any = SimpleNamespace(capture=self)

    def live(self) -> Any:
        return self.eyes

    def live_or_none(self) -> Any:
        return self.eyes

    async def shot(self) -> Any:
        pixels = np.zeros((48, 64, 4), dtype=np.uint8)
        return SimpleNamespace(frame=Frame(pixels, 1, 1, Rect(0, 0, 64, 48)))


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(
        tmp_path / "recordings",
        max_bytes=1 << 20,
        is_running=lambda _: False,
        removed=lambda _: None,
    )


async def test_full_disk_is_said_before_anything_is_written(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "has_disk", lambda: False)
    recorder = Recorder(Desk(), recordings, EventBus(), "/usr/bin")  # type: ignore[arg-type]
    with pytest.raises(NoSpace, match="too full"):
        await recorder.start(REQUEST)
    assert recordings.list() == []
    assert recorder.running_id == ""


@pytest.mark.parametrize(
    ("is_gone", "reason"), [(True, EndReason.DESKTOP_ENDED), (False, EndReason.FAULT)]
)
async def test_eyes_that_close_in_the_midst_are_no_mistake_of_ours(
    recordings: Recordings, is_gone: bool, reason: EndReason
) -> None:
    desk = Desk()
    run = RecordingRun(desk, desk.live(), recordings, REQUEST, "")  # type: ignore[arg-type]

    async def look() -> None:
        raise AssertionError("capture before open")

    desk.eyes = None if is_gone else desk.eyes
    await run._job(look())
    assert run._reason is reason


async def test_nothing_is_stopped_where_nothing_runs(recordings: Recordings) -> None:
    recorder = Recorder(Desk(), recordings, EventBus(), "/usr/bin")  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="nothing is being recorded"):
        await recorder.stop(None)
    await recorder.close()


async def test_recording_does_not_begin_with_what_a_person_withholds(
    recordings: Recordings,
) -> None:
    desk = Desk()
    desk.curtain.draw(lambda: Conflict("withheld", code="screen_withheld"))
    recorder = Recorder(desk, recordings, EventBus(), "/usr/bin")  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="withheld"):
        await recorder.start(REQUEST)
    assert recordings.list() == []
