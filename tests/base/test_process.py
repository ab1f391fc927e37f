"""Children, with real ones: their group, their end, their last words, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agentd.base.errors import BadRequest, Unavailable
from agentd.base.process import PACKAGES, Child, ProcessId, User
from tests.fakes import until

ENV = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
LIMIT_S = 10.0

# Says it is up only when its traps are set.
STUBBORN = "trap '' TERM; echo up; while :; do sleep 100 & wait $!; done"
FAMILY = "sleep 1000 & echo $! > child; echo up; wait"
ORPHANING = "sleep 1000 & echo $! > child; exit 3"

Spawn = Callable[..., Child]


@pytest_asyncio.fixture
async def spawn(tmp_path: Path) -> AsyncIterator[Spawn]:
    """Spawn shell scripts that run in `tmp_path`; whatever is left is killed in the end."""
    children: list[Child] = []

    def spawn(script: str, **options: Any) -> Child:
        settings = {"env": ENV, "log": tmp_path / "log", "cwd": str(tmp_path), **options}
        children.append(Child.spawn("part", ["sh", "-c", script], **settings))
        return children[-1]

    yield spawn
    for child in children:
        await child.stop(grace_s=0)


async def wait_text(path: Path, text: str) -> None:
    await until(lambda: path.exists() and text in path.read_text())


def descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
    return {entry for entry in found if "pidfd" in entry or "pipe" in entry}


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def sleeper(*argv: str) -> subprocess.Popen[bytes]:
    """Start a process that is none of `Child`'s."""
    return subprocess.Popen(argv or ("sleep", "1000"), start_new_session=True)


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


async def within(awaitable: Any) -> Any:
    async with asyncio.timeout(LIMIT_S):
        return await awaitable


class TestSpawn:
    async def test_leads_a_session_and_group_of_its_own(self, spawn: Spawn) -> None:
        child = spawn("sleep 1000")
        assert os.getpgid(child.pid) == os.getsid(child.pid) == child.pid != os.getpgid(0)

    async def test_inherits_nothing_of_our_environment(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn("env > environment", env={**ENV, "MINE": "1"})
        await within(child.wait())
        lines = (tmp_path / "environment").read_text().splitlines()
        # The shell adds PWD.
        assert {line.partition("=")[0] for line in lines} - {"PWD"} == {"PATH", "LANG", "MINE"}

    async def test_inherits_no_descriptor(self, spawn: Spawn, tmp_path: Path) -> None:
        mine = os.open("/dev/null", os.O_RDONLY)
        os.set_inheritable(mine, True)
        try:
            child = spawn("ls /proc/self/fd > descriptors")
            await within(child.wait())
        finally:
            os.close(mine)
        # `ls` itself opens one to read the folder.
        assert (tmp_path / "descriptors").read_text().split() == ["0", "1", "2", "3"]

    async def test_inherits_the_descriptors_that_it_is_given(
        self, spawn: Spawn, tmp_path: Path
    ) -> None:
        reader, writer = os.pipe()
        try:
            child = spawn(f"echo hello > /proc/self/fd/{writer}", pass_fds=[writer])
            assert await within(child.wait()) == 0
            assert os.read(reader, 10) == b"hello\n"
        finally:
            os.close(reader)
            os.close(writer)

    async def test_reads_nothing(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn("cat > said")
        assert await within(child.wait()) == 0
        assert (tmp_path / "said").read_text() == ""

    async def test_output_goes_to_the_log_that_only_we_read(
        self, spawn: Spawn, tmp_path: Path
    ) -> None:
        await within(spawn("echo out; echo err >&2").wait())
        assert (tmp_path / "log").read_text() == "out\nerr\n"
        assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600

    async def test_log_is_appended(self, spawn: Spawn, tmp_path: Path) -> None:
        await within(spawn("echo one").wait())
        await within(spawn("echo two").wait())
        assert (tmp_path / "log").read_text() == "one\ntwo\n"

    async def test_log_of_a_running_child_is_trimmed(
        self, spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agentd.base.process._TRIM_PERIOD_S", 0.01)
        spawn("head -c 1100000 /dev/zero; touch big; sleep 100")
        await until((tmp_path / "big").exists)
        await until(lambda: (tmp_path / "log").stat().st_size < 1024 * 1024)

    async def test_log_over_its_limit_starts_anew(self, spawn: Spawn, tmp_path: Path) -> None:
        (tmp_path / "log").write_bytes(b"x" * (1024 * 1024 + 1))
        await within(spawn("echo new").wait())
        assert (tmp_path / "log").read_text() == "new\n"

    async def test_without_log_the_output_is_thrown_away(self, spawn: Spawn) -> None:
        child = spawn("echo out", log=None)
        await within(child.wait())
        assert child.last_words() == ""

    async def test_files_of_the_child_are_private(self, spawn: Spawn, tmp_path: Path) -> None:
        await within(spawn("echo > made").wait())
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(("program", "package"), PACKAGES.items())
    async def test_missing_program_names_its_package(self, program: str, package: str) -> None:
        with pytest.raises(Unavailable) as caught:
            Child.spawn("part", [f"/nowhere/{program}"], env=ENV)
        assert caught.value.narrow_code == "program_missing"
        assert caught.value.hint == f"apt-get install {package}"

    async def test_missing_program_of_no_known_package_is_told(self) -> None:
        with pytest.raises(Unavailable, match="the program no-such-thing is not installed"):
            Child.spawn("part", ["no-such-thing"], env=ENV)

    async def test_missing_folder_is_told(self) -> None:
        with pytest.raises(Unavailable) as caught:
            Child.spawn("part", ["true"], env=ENV, cwd="/no/such/folder")
        assert caught.value.narrow_code == "no_such_folder"

    async def test_file_that_cannot_be_run_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("x")
        with pytest.raises(Unavailable) as caught:
            Child.spawn("part", [str(tmp_path / "text")], env=ENV)
        assert caught.value.narrow_code == "program_not_runnable"

    async def test_endless_arguments_are_told(self) -> None:
        with pytest.raises(Unavailable) as caught:
            Child.spawn("part", ["true", "x" * (1 << 22)], env=ENV)
        assert caught.value.narrow_code == "program_not_runnable"

    @pytest.mark.parametrize("argument", ["a\0b", "\ud800"], ids=["zero", "surrogate"])
    async def test_impossible_argument_is_the_callers_fault(self, argument: str) -> None:
        with pytest.raises(BadRequest):
            Child.spawn("part", ["true", argument], env=ENV)

    async def test_impossible_variable_is_the_callers_fault(self) -> None:
        with pytest.raises(BadRequest):
            Child.spawn("part", ["true"], env={**ENV, "A=B": "1"})

    async def test_failure_leaves_no_descriptor(self) -> None:
        before = descriptors()
        for _ in range(20):
            with pytest.raises(Unavailable):
                Child.spawn("part", ["no-such-thing"], env=ENV)
        assert descriptors() == before

    async def test_child_that_cannot_be_watched_does_not_live(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pids = []

        def pidfd_open(pid: int) -> int:
            pids.append(pid)
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(os, "pidfd_open", pidfd_open)
        with pytest.raises(Unavailable, match="cannot watch sleep"):
            Child.spawn("part", ["sleep", "1000"], env=ENV)
        assert not is_there(pids[0])


class TestWait:
    @pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7)])
    async def test_returns_the_exit_status(self, spawn: Spawn, script: str, status: int) -> None:
        assert await within(spawn(script).wait()) == status

    async def test_returns_the_signal_as_a_negative_number(self, spawn: Spawn) -> None:
        assert await within(spawn("kill -9 $$").wait()) == -9

    async def test_may_be_asked_again_and_by_many(self, spawn: Spawn) -> None:
        child = spawn("exit 4")
        assert await within(asyncio.gather(*(child.wait() for _ in range(5)))) == [4] * 5
        assert await within(child.wait()) == 4

    async def test_that_is_cancelled_leaves_the_child_alone(self, spawn: Spawn) -> None:
        child = spawn("sleep 1000")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await child.wait()
        assert child.is_alive
        assert is_running(child.pid)

    async def test_many_ends_at_once_leave_no_zombie_and_no_descriptor(self, spawn: Spawn) -> None:
        before = descriptors()
        children = [spawn("exit 1", log=None) for _ in range(40)]
        assert await within(asyncio.gather(*(child.wait() for child in children))) == [1] * 40
        assert not any(is_zombie(child.pid) for child in children)
        assert descriptors() == before

    async def test_end_is_seen_without_waiting(self, spawn: Spawn) -> None:
        child = spawn("exit 0")
        await until(lambda: not child.is_alive)
        assert not is_there(child.pid)


class TestStop:
    async def test_asks_politely_first(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn("trap 'echo bye; exit 0' TERM; echo up; while :; do :; done")
        await wait_text(tmp_path / "log", "up")
        await within(child.stop())
        assert await child.wait() == 0
        assert child.last_words() == "up | bye"

    async def test_kills_what_does_not_listen(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn(STUBBORN)
        await wait_text(tmp_path / "log", "up")
        await within(child.stop(grace_s=0.05))
        assert await child.wait() == -signal.SIGKILL

    async def test_waits_no_longer_than_needed(self, spawn: Spawn) -> None:
        child = spawn("exec sleep 1000")
        before = time.monotonic()
        await child.stop(grace_s=60)
        assert time.monotonic() - before < LIMIT_S

    async def test_ends_grandchildren(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn(FAMILY)
        await wait_text(tmp_path / "log", "up")
        grandchild = int((tmp_path / "child").read_text())
        await within(child.stop())
        await until(lambda: not is_running(grandchild))
        assert not child.is_alive

    async def test_ends_grandchildren_of_a_child_that_is_gone(
        self, spawn: Spawn, tmp_path: Path
    ) -> None:
        child = spawn(ORPHANING)
        assert await within(child.wait()) == 3
        grandchild = int((tmp_path / "child").read_text())
        assert is_running(grandchild)
        await within(child.stop())
        await until(lambda: not is_running(grandchild))

    async def test_ends_a_child_that_is_stopped(self, spawn: Spawn) -> None:
        child = spawn("exec sleep 1000")
        child.kill_group(signal.SIGSTOP)
        await within(child.stop(grace_s=60))
        assert await child.wait() == -signal.SIGTERM

    async def test_twice_is_nothing(self, spawn: Spawn) -> None:
        child = spawn("sleep 1000")
        await within(child.stop())
        await within(child.stop())
        assert not child.is_alive

    async def test_that_is_cancelled_kills_at_once(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn(STUBBORN)
        await wait_text(tmp_path / "log", "up")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await child.stop(grace_s=60)
        assert await within(child.wait()) == -signal.SIGKILL

    async def test_leaves_no_zombie_and_no_descriptor(self, spawn: Spawn) -> None:
        before = descriptors()
        child = spawn("sleep 1000")
        await within(child.stop())
        assert not is_there(child.pid)
        assert descriptors() == before

    async def test_does_not_hurt_a_stranger_with_the_same_number(self) -> None:
        with sleeper() as stranger:
            try:
                ours = Child("part", ProcessId(stranger.pid, 1), None)
                ours.kill_group(signal.SIGKILL)
                assert stranger.poll() is None
                assert is_running(stranger.pid)
            finally:
                stranger.kill()


class TestAdopt:
    def identity(self, pid: int) -> ProcessId:
        text = Path(f"/proc/{pid}/stat").read_text()
        return ProcessId(pid, int(text.rpartition(")")[2].split()[19]))

    async def test_takes_over_by_pid_and_start_time(self) -> None:
        with sleeper() as stranger:
            child = Child.adopt("part", self.identity(stranger.pid))
            assert child is not None
            assert child.is_alive
            await within(child.stop())
            assert not child.is_alive

    async def test_end_is_seen_with_unknown_status(self) -> None:
        with sleeper() as stranger:
            child = Child.adopt("part", self.identity(stranger.pid))
            assert child is not None
            stranger.kill()
            assert await within(child.wait()) is None

    async def test_identity_of_a_spawned_child_serves(self, spawn: Spawn) -> None:
        child = spawn("sleep 1000")
        adopted = Child.adopt("part", child.identity)
        assert adopted is not None
        await within(child.stop())
        await within(adopted.wait())

    async def test_other_process_with_the_same_number_is_refused(self) -> None:
        before = descriptors()
        mine = self.identity(os.getpid())
        assert Child.adopt("part", ProcessId(mine.pid, mine.start_ticks + 1)) is None
        assert descriptors() == before

    async def test_gone_process_is_refused(self, spawn: Spawn) -> None:
        child = spawn("exit 0")
        await within(child.wait())
        assert Child.adopt("part", child.identity) is None

    async def test_zombie_is_refused(self) -> None:
        before = descriptors()
        with sleeper() as stranger:
            identity = self.identity(stranger.pid)
            stranger.kill()
            await until(lambda: is_zombie(stranger.pid))
            assert Child.adopt("part", identity) is None
            assert not identity.is_alive()
        assert descriptors() == before

    async def test_name_full_of_brackets_does_not_confuse(self, tmp_path: Path) -> None:
        program = tmp_path / "a) S (b"
        program.symlink_to("/bin/sleep")
        with sleeper(str(program), "1000") as stranger:
            identity = self.identity(stranger.pid)
            assert identity.is_alive()
            stranger.kill()


class TestUser:
    needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")

    @needs_root
    async def test_child_runs_as_the_account_with_its_groups(self, tmp_path: Path) -> None:
        nobody = User.find("nobody")
        child = Child.spawn(
            "part",
            ["grep", "-E", "^[UG]id:", "/proc/self/status"],
            env=ENV,
            log=tmp_path / "log",
            user=nobody,
        )
        assert await within(child.wait()) == 0
        uid, gid = (f"{number}\t" * 4 for number in (nobody.uid, nobody.gid))
        assert child.last_words() == f"Uid:\t{uid}|Gid:\t{gid}".replace("\t|", " | ").rstrip()

    @needs_root
    async def test_child_keeps_none_of_our_groups(self, tmp_path: Path) -> None:
        nobody = User.find("nobody")
        child = Child.spawn("p", ["id", "-G"], env=ENV, log=tmp_path / "log", user=nobody)
        await within(child.wait())
        wanted = os.getgrouplist("nobody", nobody.gid)
        assert sorted(map(int, child.last_words().split())) == sorted(wanted)

    @needs_root
    async def test_child_of_another_user_can_be_stopped(self, tmp_path: Path) -> None:
        nobody = User.find("nobody")
        child = Child.spawn("p", ["sleep", "1000"], env=ENV, user=nobody)
        await within(child.stop())
        assert not child.is_alive

    async def test_own_account_changes_nothing(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn("id -u", user=User.current())
        await within(child.wait())
        assert child.last_words() == str(os.getuid())

    async def test_missing_account_is_told(self) -> None:
        with pytest.raises(Unavailable) as caught:
            User.find("no-such-account")
        assert caught.value.narrow_code == "no_such_user"

    async def test_current_without_an_entry_is_a_number(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "getuid", lambda: 54321)
        assert User.current().name == "54321"


class TestLastWords:
    async def test_are_the_last_lines(self, spawn: Spawn) -> None:
        child = spawn("seq 1 100")
        await within(child.wait())
        assert child.last_words(3) == "98 | 99 | 100"

    async def test_leave_out_empty_lines(self, spawn: Spawn) -> None:
        child = spawn("printf 'a\\n\\n  \\n b \\n'")
        await within(child.wait())
        assert child.last_words() == "a | b"

    async def test_survive_bytes_that_are_no_text(self, spawn: Spawn) -> None:
        child = spawn("printf '\\377\\376 x'")
        await within(child.wait())
        assert child.last_words() == "\ufffd\ufffd x"

    async def test_are_bounded(self, spawn: Spawn) -> None:
        child = spawn("head -c 100000 /dev/zero | tr '\\0' x")
        await within(child.wait())
        assert len(child.last_words()) == 8192

    async def test_are_none_without_a_log(self, spawn: Spawn, tmp_path: Path) -> None:
        child = spawn("true")
        await within(child.wait())
        (tmp_path / "log").unlink()
        assert child.last_words() == ""

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            (0, "part ended with status 0"),
            (3, "part ended with status 3"),
            (-9, "part was killed by SIGKILL"),
            (-40, "part was killed by signal 40"),
            (None, "part ended"),
        ],
    )
    async def test_end_is_described(self, status: int | None, text: str) -> None:
        assert Child("part", ProcessId(1, 1), None).describe_end(status) == text

    async def test_end_is_described_with_the_last_words(self, spawn: Spawn) -> None:
        child = spawn("echo no display; exit 1")
        status = await within(child.wait())
        assert child.describe_end(status) == "part ended with status 1; it said: no display"
