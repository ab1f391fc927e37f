"""Recordings on disk: found again, measured, removed when there is no room."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from agentd.base.errors import NoSpace, NotFound, Unavailable
from agentd.desktop.recording.recordings import (
    RESERVE_BYTES,
    EndReason,
    Recording,
    Recordings,
    RecordingState,
    disk_error,
    read_part,
)


class Shelf(Recordings):
    """Recordings of which a test says which runs, and learns which went."""

    def __init__(self, folder: Path, max_bytes: int = 10_000) -> None:
        self.running = ""
        self.gone: list[str] = []
        super().__init__(
            folder,
            max_bytes=max_bytes,
            is_running=lambda one: one == self.running,
            removed=self.gone.append,
        )
        self.folder = folder

    def put(self, second: int, size_bytes: int = 1000) -> str:
        """Make a finished recording of a size, begun at a second."""
        made = self.create()
        name = f"20260101-0000{second:02}-{made[-4:]}"
        os.rename(self.folder / made, self.folder / name)
        state = RecordingState.FINISHED
        self.save(Recording(id=name, state=state, started=second, format="mp4"))
        self.actions(name).write_bytes(bytes(size_bytes))
        return name


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state" / "recordings")


def test_nothing_is_there_before_the_first(shelf: Shelf) -> None:
    assert shelf.list() == []
    assert not shelf.folder.exists()


def test_folders_are_the_daemons_alone(shelf: Shelf) -> None:
    made = shelf.create()
    for folder in (shelf.folder, shelf.folder / made):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_newest_is_first(shelf: Shelf) -> None:
    names = [shelf.put(second) for second in (1, 3, 2)]
    assert [one.id for one in shelf.list()] == [names[1], names[2], names[0]]


def test_newest_of_a_second_is_first(shelf: Shelf) -> None:
    names = [shelf.put(1) for _ in range(8)]
    for number, name in enumerate(names):
        shelf.save(msgspec.structs.replace(shelf.get(name), started=1 + number / 100))
    assert [one.id for one in shelf.list()] == names[::-1]


def test_size_is_what_is_on_the_disk(shelf: Shelf) -> None:
    name = shelf.put(1, 5000)
    assert shelf.get(name).size_bytes > 5000


@pytest.mark.parametrize("id", ["../../etc", "", "20260101-000000-zzzz", "20260101-000000-aaaa"])
def test_only_recordings_are_found(shelf: Shelf, id: str) -> None:
    shelf.put(1)
    with pytest.raises(NotFound):
        shelf.get(id)


def test_stranger_in_the_folder_is_not_listed(shelf: Shelf) -> None:
    name = shelf.put(1)
    (shelf.folder / "lost+found").mkdir()
    assert [one.id for one in shelf.list()] == [name]


def test_recording_of_a_daemon_that_crashed_is_interrupted(shelf: Shelf) -> None:
    made = shelf.create()
    shelf.save(Recording(id=made, state=RecordingState.RECORDING, started=1000.0, format="mp4"))
    os.utime(shelf.folder / made / "recording.json", (1007.5, 1007.5))
    found = shelf.get(made)
    assert found.state is RecordingState.INTERRUPTED
    assert found.duration_ms == 7500


def test_recording_that_runs_is_not_interrupted(shelf: Shelf) -> None:
    shelf.running = made = shelf.create()
    shelf.save(Recording(id=made, state=RecordingState.RECORDING))
    assert shelf.get(made).state is RecordingState.RECORDING


def test_recording_whose_description_is_lost_is_still_listed(shelf: Shelf) -> None:
    name = shelf.put(1)
    (shelf.folder / name / "recording.json").write_text("{")
    assert shelf.get(name).state is RecordingState.INTERRUPTED


def test_oldest_go_until_the_rest_fits(shelf: Shelf) -> None:
    names = [shelf.put(second, 4000) for second in (1, 2, 3)]
    assert shelf.make_room()
    assert shelf.gone == names[:1]
    assert [one.id for one in shelf.list()] == [names[2], names[1]]


def test_running_one_is_never_removed(shelf: Shelf) -> None:
    shelf.running = shelf.put(1, 20_000)
    other = shelf.put(2)
    assert not shelf.make_room()
    assert shelf.gone == [other]
    assert [one.id for one in shelf.list()] == [shelf.running]


def test_deleted_one_is_gone(shelf: Shelf) -> None:
    name = shelf.put(1)
    shelf.delete(name)
    assert shelf.list() == []
    with pytest.raises(Unavailable):
        shelf.delete(name)


def test_part_of_a_file_is_a_view_of_it(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(range(100)))
    assert bytes(read_part(path, 0, None)[0]) == bytes(range(100))
    assert read_part(path, 90, 50) == (memoryview(bytes(range(90, 100))), 100)
    assert bytes(read_part(path, 200, None)[0]) == b""


def test_part_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no video\.mp4"):
        read_part(tmp_path / "video.mp4", 0, None)
    (tmp_path / "video.mp4").touch()
    with pytest.raises(NotFound, match="nothing is in"):
        read_part(tmp_path / "video.mp4", 0, None)


def test_full_disk_is_told_from_other_errors() -> None:
    assert isinstance(disk_error("writing", OSError(28, "No space left on device")), NoSpace)
    assert isinstance(disk_error("writing", OSError(13, "Permission denied")), Unavailable)


@pytest.mark.parametrize(("free_bytes", "has_disk"), [(RESERVE_BYTES + 4096, True), (4096, False)])
def test_a_reserve_of_the_disk_stays_free(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, free_bytes: int, has_disk: bool
) -> None:
    found = SimpleNamespace(f_bavail=free_bytes // 4096, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    assert shelf.has_disk() is has_disk


def test_ends_that_nobody_wanted_are_failures() -> None:
    failures = {reason for reason in EndReason if reason.is_failure}
    assert failures == {EndReason.DISK_FULL, EndReason.ENCODER_FAILED, EndReason.FAULT}


def test_description_reads_back_as_it_was(shelf: Shelf) -> None:
    name = shelf.put(1)
    wanted = msgspec.structs.replace(
        shelf.get(name), label="order form", reason=EndReason.STOPPED, error="", size_bytes=0
    )
    shelf.save(wanted)
    assert msgspec.structs.replace(shelf.get(name), size_bytes=0) == wanted
