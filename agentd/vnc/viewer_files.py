"""The files of the viewer page: our own, and noVNC's from where it is installed.

Every file that may be asked for is read once, when the first is wanted; a path is looked up among
their names and never opened, so that no path leads out. It knows no HTTP. Sources: RFC 9110
sections 8.4 (gzip) and 8.8.3 (entity tags).
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isal import igzip

from agentd.base.errors import NotFound

VIEWER_FOLDER = Path(__file__).with_name("viewer")

# What the page is made of; noVNC's package holds papers besides.
_SUFFIXES = frozenset({".html", ".css", ".js", ".svg"})
_COMPRESSION_LEVEL = 3
# Where index.html names noVNC's files; their version is in the path, so that they can be kept.
_MARK = b"@novnc@"


@dataclass(frozen=True, slots=True)
class ViewerFile:
    """One file as it is sent."""

    body: bytes
    gzipped: bytes
    media_type: str
    etag: str
    # Its path changes with its content.
    is_immutable: bool = False


class ViewerFiles:
    """What there is to be served.

    Args:
        novnc: the unpacked npm package `@novnc/novnc`; it may be absent, and come later.
        folder: our own part of the page.
    """

    def __init__(self, novnc: Path, *, folder: Path = VIEWER_FOLDER) -> None:
        self._novnc = novnc
        self._folder = folder
        self._own: dict[str, ViewerFile] = {}
        self._foreign: dict[str, ViewerFile] = {}

    @property
    def has_novnc(self) -> bool:
        """Whether noVNC was found when it was last looked for."""
        return bool(self._foreign)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that `load` could bring."""
        return self.has_novnc and bool(self._own)

    def load(self) -> None:
        """Read what is still missing from the disk. Thread: any, one call at a time."""
        if not self._foreign:
            self._foreign = _read_novnc(self._novnc)
        if not self._own or self._foreign:
            base = next(iter(self._foreign), "").partition("core/")[0]
            self._own = _read_folder(self._folder, "", {_MARK: base.encode()})

    def get(self, path: str) -> ViewerFile:
        """Return the file at a path below `/vnc/`.

        Raises: NotFound.
        """
        found = self._own.get(path) or self._foreign.get(path)
        if found is None:
            raise NotFound("there is no such file of the viewer page", code="no_such_path")
        return found


def _read_novnc(folder: Path) -> dict[str, ViewerFile]:
    """Read noVNC's modules; nothing if the package is not there whole."""
    try:
        version = json.loads((folder / "package.json").read_bytes())["version"]
        found: dict[str, ViewerFile] = {}
        for part in ("core", "vendor"):
            found |= _read_folder(folder / part, f"novnc/{version}/{part}/", {}, immutable=True)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if f"novnc/{version}/core/rfb.js" in found else {}


def _read_folder(
    folder: Path, prefix: str, changes: dict[bytes, bytes], *, immutable: bool = False
) -> dict[str, ViewerFile]:
    return {
        f"{prefix}{PurePosixPath(path.relative_to(folder))}": _file(
            path, changes, is_immutable=immutable
        )
        for path in sorted(folder.rglob("*"))
        if path.suffix in _SUFFIXES and path.is_file()
    }


def _file(path: Path, changes: dict[bytes, bytes], *, is_immutable: bool) -> ViewerFile:
    body = path.read_bytes()
    for mark, text in changes.items():
        body = body.replace(mark, text)
    media_type = mimetypes.types_map[path.suffix]
    return ViewerFile(
        body,
        igzip.compress(body, _COMPRESSION_LEVEL, mtime=0),
        f"{media_type}; charset=utf-8",
        # Weak: the same tag stands for the compressed file.
        f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
        is_immutable,
    )
