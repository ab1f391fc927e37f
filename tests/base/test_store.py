"""The state file: whole or not at all, and never the reason that the daemon does not start."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from agentd.base.errors import NoSpace, Unavailable
from agentd.base.store import Store


class State(msgspec.Struct):
    names: list[str] = []
    size: int = 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def store(path: Path) -> Store[State]:
    return Store(path, State)


def test_first_load_is_empty(store: Store[State], path: Path) -> None:
    assert store.load() == State()
    assert not path.exists()


def test_saved_state_comes_back(store: Store[State]) -> None:
    store.save(State(["größe"], 7))
    assert store.load() == State(["größe"], 7)


def test_second_save_replaces_the_first(store: Store[State]) -> None:
    store.save(State(["a"] * 1000))
    store.save(State(["b"]))
    assert store.load() == State(["b"])


def test_file_is_private(store: Store[State], path: Path) -> None:
    store.save(State())
    assert path.stat().st_mode & 0o777 == 0o600


def test_save_leaves_one_file(store: Store[State], path: Path) -> None:
    store.save(State())
    assert os.listdir(path.parent) == ["state.json"]


def test_crash_before_the_rename_keeps_the_old_state(store: Store[State], path: Path) -> None:
    store.save(State(["old"]))
    (path.parent / ".state.json.new").write_text('{"version": 1, "state": {"names": ["ne')
    assert store.load() == State(["old"])
    store.save(State(["next"]))
    assert store.load() == State(["next"])
    assert os.listdir(path.parent) == ["state.json"]


def test_old_file_is_whole_until_the_new_one_is(
    store: Store[State], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(State(["old"]))
    seen = []

    def fsync(descriptor: int) -> None:
        seen.append(msgspec.json.decode(path.read_bytes())["state"]["names"])

    monkeypatch.setattr(os, "fsync", fsync)
    store.save(State(["new"]))
    assert seen == [["old"], ["new"]]  # The file is synced before the rename, the folder after.


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version": 1}',
        b'{"version": 1, "state": {"names": 5}}',
        b'{"version": 1, "state": []}',
        b'{"version": 2, "state": {"names": []}}',
        b'{"version": "1", "state": {}}',
        b'{"state": {}}',
    ],
)
def test_unusable_file_is_moved_aside(store: Store[State], path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert store.load() == State()
    assert not path.exists()
    assert path.with_suffix(".unreadable").read_bytes() == content


def test_unusable_file_is_told(
    store: Store[State], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text('{"version": 2, "state": {}}')
    store.load()
    assert "version 2, wanted 1" in caplog.text
    assert str(path.with_suffix(".unreadable")) in caplog.text


def test_huge_file_is_moved_aside_unread(store: Store[State], path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    assert store.load() == State()
    assert path.with_suffix(".unreadable").exists()


def test_folder_in_the_way_is_moved_aside(store: Store[State], path: Path) -> None:
    path.mkdir()
    assert store.load() == State()
    store.save(State(["a"]))
    assert store.load() == State(["a"])


def test_file_that_cannot_be_moved_is_told(
    store: Store[State], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("{")
    path.with_suffix(".unreadable").mkdir()
    assert store.load() == State()
    assert "kept" in caplog.text


def test_unknown_keys_of_a_newer_daemon_are_taken(store: Store[State], path: Path) -> None:
    path.write_text('{"version": 1, "state": {"size": 3, "later": true}}')
    assert store.load() == State(size=3)


def test_version_is_kept(path: Path) -> None:
    Store(path, State, version=5).save(State(["a"]))
    assert Store(path, State, version=5).load() == State(["a"])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_told_and_keeps_the_old_state(
    store: Store[State], path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store.save(State(["old"]))

    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(NoSpace):
            store.save(State(["new"]))
    assert store.load() == State(["old"])
    assert os.listdir(path.parent) == ["state.json"]


def test_failed_write_keeps_the_old_state(store: Store[State], path: Path) -> None:
    # A real short write: no file of this process may grow over 100 bytes.
    store.save(State(["old"]))
    with file_size_limit(100), pytest.raises(Unavailable, match="cannot write state file"):
        store.save(State(["x" * 1000]))
    assert store.load() == State(["old"])
    assert os.listdir(path.parent) == ["state.json"]


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        Store(tmp_path / "none" / "state.json", State).save(State())
    assert caught.value.narrow_code == "state_not_writable"


def test_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "state.json", State)
    assert store.load() == State()
    with pytest.raises(Unavailable):
        store.save(State())


def test_state_that_is_no_json_leaves_the_file_alone(store: Store[State], path: Path) -> None:
    store.save(State(["old"]))
    with pytest.raises(TypeError):
        store.save(State([object()]))  # type: ignore[list-item]
    assert store.load() == State(["old"])
    assert os.listdir(path.parent) == ["state.json"]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    # Python ignores SIGXFSZ, so that the write fails with EFBIG.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
