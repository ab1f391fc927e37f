"""The files of the viewer page: what is there, under which name, and what is not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from agentd.base.errors import NotFound
from agentd.vnc.viewer_files import VIEWER_FOLDER, ViewerFiles


@pytest.fixture
def novnc(tmp_path: Path) -> Path:
    return make_novnc(tmp_path / "novnc")


def make_novnc(folder: Path, version: str = "1.7.0") -> Path:
    """What an unpacked package looks like, as far as it matters here."""
    (folder / "core/util").mkdir(parents=True)
    (folder / "vendor/pako").mkdir(parents=True)
    (folder / "docs").mkdir()
    (folder / "package.json").write_text(json.dumps({"version": version}))
    (folder / "core/rfb.js").write_text("export default class RFB {}")
    (folder / "core/util/log.js").write_text("// log")
    (folder / "vendor/pako/inflate.js").write_text("// pako")
    (folder / "docs/API.md").write_text("# API")
    (folder / "secret.js").write_text("// not below core or vendor")
    return folder


@pytest.fixture
def files(novnc: Path) -> ViewerFiles:
    files = ViewerFiles(novnc)
    files.load()
    return files


@pytest.mark.parametrize("name", ["core/rfb.js", "core/util/log.js", "vendor/pako/inflate.js"])
def test_modules_of_novnc_lie_under_their_version(files: ViewerFiles, name: str) -> None:
    file = files.get(f"novnc/1.7.0/{name}")
    assert file.media_type == "text/javascript; charset=utf-8"
    assert file.is_immutable


def test_every_file_of_ours_is_there(files: ViewerFiles) -> None:
    names = [path.name for path in VIEWER_FOLDER.iterdir()]
    assert "index.html" in names
    for name in names:
        assert not files.get(name).is_immutable


def test_the_page_names_the_version_that_is_installed(files: ViewerFiles) -> None:
    page = files.get("index.html").body
    assert b'data-novnc="novnc/1.7.0/"' in page
    assert b"@novnc@" not in page


@pytest.mark.parametrize(
    "path",
    [
        "novnc/1.7.0/docs/API.md",
        "novnc/1.7.0/package.json",
        "novnc/1.7.0/secret.js",
        "novnc/1.7.0/core/../secret.js",
        "novnc/1.6.0/core/rfb.js",
        "novnc/1.7.0/core",
        "../pages.py",
        "/etc/passwd",
        "viewer.css/",
        "\x00",
    ],
)
def test_nothing_else_is_there(files: ViewerFiles, path: str) -> None:
    with pytest.raises(NotFound):
        files.get(path)


def test_compressed_is_the_same(files: ViewerFiles) -> None:
    file = files.get("viewer.css")
    assert gzip.decompress(file.gzipped) == file.body
    assert len(file.gzipped) < len(file.body) / 2


def test_other_content_has_another_tag(files: ViewerFiles) -> None:
    tags = [files.get(path.name).etag for path in VIEWER_FOLDER.iterdir()]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("missing", ["", "package.json", "core/rfb.js"])
def test_without_novnc_our_own_files_are_there(novnc: Path, missing: str) -> None:
    files = ViewerFiles(novnc / "elsewhere" if not missing else novnc)
    if missing:
        (novnc / missing).unlink()
    files.load()
    assert not files.has_novnc
    assert b"noVNC is missing" in files.get("missing.html").body


def test_novnc_may_come_later(tmp_path: Path) -> None:
    files = ViewerFiles(tmp_path / "novnc")
    files.load()
    assert not files.is_complete
    make_novnc(tmp_path / "novnc", "1.7.3")
    files.load()
    assert files.is_complete
    assert b'data-novnc="novnc/1.7.3/"' in files.get("index.html").body
