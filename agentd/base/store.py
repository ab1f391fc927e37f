"""An atomic, versioned JSON file: a state that survives a crash at any moment.

A write goes to a temporary file that is synced and renamed over the old one, and the folder is
synced too. A file that cannot be read is moved aside, never overwritten and never fatal. It
does not lock: one daemon owns its state directory.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from agentd.base.errors import NoSpace, Unavailable
from agentd.base.schema import SchemaError, convert

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

_SIZE_LIMIT = 16 * 1024 * 1024


class Store(Generic[T]):
    """One state file.

    Args:
        path: the file; its folder must exist.
        kind: the Struct that is stored; `kind()` must be a valid empty state.
        version: of the format; a file of another version is moved aside.
    """

    def __init__(self, path: Path, kind: type[T], *, version: int = 1) -> None:
        self._path = path
        self._kind = kind
        self._version = version

    def load(self) -> T:
        """Return the stored state, or an empty one when there is none that can be read."""
        try:
            if self._path.stat().st_size > _SIZE_LIMIT:
                raise ValueError(f"larger than {_SIZE_LIMIT} bytes")
            document = msgspec.json.decode(self._path.read_bytes(), type=dict[str, object])
            if document.get("version") != self._version:
                raise ValueError(f"version {document.get('version')!r}, wanted {self._version}")
            return convert(document.get("state"), self._kind, what=str(self._path))
        except FileNotFoundError:
            return self._kind()
        except (OSError, ValueError, RecursionError, msgspec.DecodeError, SchemaError) as exc:
            self._move_aside(exc)
            return self._kind()

    def save(self, state: T) -> None:
        """Replace the stored state.

        Raises: NoSpace when the disk is full; Unavailable when the folder cannot be written.
        """
        document = msgspec.json.encode({"version": self._version, "state": state})
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
            _sync_folder(self._path.parent)
        except OSError as exc:
            with suppress(OSError):  # It may be what cannot be written; the first error is told.
                temporary.unlink(missing_ok=True)
            text = f"cannot write state file {self._path}: {exc.strerror}"
            if exc.errno in (28, 122):  # ENOSPC, EDQUOT
                raise NoSpace(text) from exc
            raise Unavailable(text, code="state_not_writable") from exc

    def _move_aside(self, reason: Exception) -> None:
        aside = self._path.with_suffix(".unreadable")
        try:
            os.replace(self._path, aside)
        except OSError as exc:
            logger.error(
                "state file unreadable path=%s reason=%s kept: %s", self._path, reason, exc
            )
            return
        logger.error(
            "state file unreadable path=%s reason=%s moved_to=%s", self._path, reason, aside
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
