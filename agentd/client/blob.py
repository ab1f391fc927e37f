"""Bytes as an answer, of any kind. Kept apart from pictures, whose types take time to import."""

from __future__ import annotations

import os
from typing import Any

import msgspec


class Blob(msgspec.Struct, frozen=True):
    """Bytes with their media type and metadata."""

    body: bytes
    media_type: str
    meta: dict[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bytes to a file."""
        write(path, self.body)


def write(path: str | os.PathLike[str], body: bytes) -> None:
    """Write bytes to a file."""
    with open(path, "wb") as file:
        file.write(body)
