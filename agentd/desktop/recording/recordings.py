"""Recordings on disk: a folder each, within a number of bytes for all of them together.

`recordings/ID/{recording.json, actions.ndjson, video.mp4}`, folders 0700 and files 0600, the
daemon's own. Over the limit the oldest that is not running goes first: recording must not fail
one night because of the weeks before. It records nothing: `recorder.py` does.
"""

from __future__ import annotations

import enum
import errno
import logging
import mmap
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from agentd.base.errors import AgentdError, NoSpace, NotFound, Unavailable
from agentd.base.store import Store

logger = logging.getLogger(__name__)

# What is left to everybody else on the disk.
RESERVE_BYTES = 64 * 1024 * 1024

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_SECOND = len("20261123-233005")
_ACTIONS = "actions.ndjson"
_ABOUT = "recording.json"


class RecordingState(enum.StrEnum):
    """Where a recording is in its life; `interrupted` by the daemon's own crash."""

    RECORDING = "recording"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class EndReason(enum.StrEnum):
    """Why a recording ended."""

    STOPPED = "stopped"
    MAX_DURATION = "max_duration"
    MAX_BYTES = "max_bytes"
    DISK_FULL = "disk_full"
    DESKTOP_ENDED = "desktop_ended"
    DAEMON_STOPPED = "daemon_stopped"
    ENCODER_FAILED = "encoder_failed"
    FAULT = "fault"

    @property
    def is_failure(self) -> bool:
        """Whether nobody wanted this end."""
        return self in (EndReason.DISK_FULL, EndReason.ENCODER_FAILED, EndReason.FAULT)


class Recording(msgspec.Struct, frozen=True):
    """One recording; `started` is Unix time in seconds, `width` and `height` are the video's.

    `frames` and `actions` are counted when it ends; `reason` says why it ended, `error` how, if
    nobody wanted it to.
    """

    id: str = ""
    state: RecordingState = RecordingState.INTERRUPTED
    label: str = ""
    started: float = 0.0
    duration_ms: int = 0
    size_bytes: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    actions: int = 0
    keys: str = ""
    reason: EndReason | None = None
    error: str = ""


class Recordings:
    """All recordings of a state directory.

    Args:
        folder: made when the first recording begins.
        max_bytes: of all recordings together.
        is_running: whether a recording of this id is being made now.
        removed: told of a recording that had to go, with its id.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        is_running: Callable[[str], bool],
        removed: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self.max_bytes = max_bytes
        self._is_running = is_running
        self._removed = removed

    def create(self) -> str:
        """Make the folder of a new recording and return its id.

        Raises: NoSpace, Unavailable when it cannot be made.
        """
        new = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / new).mkdir(mode=0o700)
        except OSError as exc:
            raise disk_error(f"cannot make a recording in {self._folder}", exc) from exc
        return new

    def video(self, recording: Recording) -> Path:
        """Return where the video of a recording is, or would be."""
        return self._folder / recording.id / f"video.{recording.format}"

    def actions(self, id: str) -> Path:
        """Return where the action log of a recording is."""
        return self._folder / id / _ACTIONS

    def encoder_log(self, id: str) -> Path:
        """Return where the encoder of a recording says what went wrong."""
        return self._folder / id / "encoder.log"

    def save(self, recording: Recording) -> None:
        """Write what is known of a recording. Raises: NoSpace, Unavailable."""
        self._store(recording.id).save(recording)

    def get(self, id: str) -> Recording:
        """Return one recording as it is now. Raises: NotFound."""
        if not _ID.fullmatch(id) or not (self._folder / id).is_dir():
            raise NotFound(f"there is no recording {id[:64]!r}", code="no_such_recording")
        found = msgspec.structs.replace(self._store(id).load(), id=id)
        size_bytes, last_written = self._measure(id)
        if found.state is RecordingState.RECORDING:
            is_running = self._is_running(id)
            until = time.time() if is_running else last_written
            found = msgspec.structs.replace(
                found,
                state=found.state if is_running else RecordingState.INTERRUPTED,
                duration_ms=max(0, round((until - found.started) * 1000)),
            )
        return msgspec.structs.replace(found, size_bytes=size_bytes)

    def list(self) -> list[Recording]:
        """Return all recordings, the newest first."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        found = [self.get(name) for name in names if _ID.fullmatch(name)]
        # By the second in the name first: it is there even if the description is lost.
        return sorted(found, key=lambda one: (one.id[:_SECOND], one.started), reverse=True)

    def delete(self, id: str) -> None:
        """Remove a recording for good. Raises: Unavailable when it cannot be removed."""
        try:
            shutil.rmtree(self._folder / id)
        except OSError as exc:
            raise Unavailable(f"cannot delete recording {id}: {exc.strerror}") from exc

    def make_room(self) -> bool:
        """Remove the oldest until all fit; whether they do. What is running is never removed."""
        kept = self.list()
        total = sum(recording.size_bytes for recording in kept)
        while total >= self.max_bytes:
            oldest = next((one for one in reversed(kept) if not self._is_running(one.id)), None)
            if oldest is None:
                return False
            self.delete(oldest.id)
            kept.remove(oldest)
            total -= oldest.size_bytes
            logger.info("recording removed id=%s reason=recordings_max_bytes", oldest.id)
            self._removed(oldest.id)
        return True

    def size_bytes(self, id: str) -> int:
        """Return how much one recording takes now."""
        return self._measure(id)[0]

    def has_disk(self) -> bool:
        """Whether the disk has more left than everybody else may need."""
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize > RESERVE_BYTES

    def _store(self, id: str) -> Store[Recording]:
        return Store(self._folder / id / _ABOUT, Recording)

    def _measure(self, id: str) -> tuple[int, float]:
        """Return how many bytes a recording has, and when it was last written to."""
        size_bytes, last_written = 0, 0.0
        try:
            with os.scandir(self._folder / id) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    size_bytes += status.st_size
                    last_written = max(last_written, status.st_mtime)
        except OSError as exc:
            logger.debug("recording not measured id=%s reason=%s", id, exc)
        return size_bytes, last_written


def read_part(path: Path, offset: int, max_bytes: int | None) -> tuple[memoryview, int]:
    """Return a part of a file, mapped rather than read, and how long the whole is.

    Raises: NotFound when there is no such file, or nothing in it yet.
    """
    try:
        with open(path, "rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes == 0:
                raise NotFound(f"nothing is in {path.name} yet", code="empty_recording")
            mapped = mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise NotFound(f"this recording has no {path.name}", code="no_such_part") from None
    end = size_bytes if max_bytes is None else min(size_bytes, offset + max_bytes)
    return memoryview(mapped)[min(offset, size_bytes) : end], size_bytes


def disk_error(doing: str, exc: OSError) -> AgentdError:
    """Return the error for a write that failed."""
    text = f"{doing}: {exc.strerror}"
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(text)
    return Unavailable(text, code="state_not_writable")
