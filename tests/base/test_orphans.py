"""Reaping what nobody waits for, and leaving alone what somebody does."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from agentd.base.orphans import OrphanReaper
from tests.fakes import until


def zombie() -> int:
    """Make a child that has ended and that nobody waits for."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_zombie_seen_twice_is_reaped() -> None:
    reaper, pid = OrphanReaper(), zombie()
    reaper.look()
    reaper.look()
    assert (is_there(pid), reaper.reaped) == (False, 1)


def test_zombie_seen_once_is_left_to_its_owner() -> None:
    reaper, pid = OrphanReaper(), zombie()
    reaper.look()
    assert os.waitpid(pid, os.WNOHANG) == (pid, 0)
    reaper.look()
    assert reaper.reaped == 0


def test_living_child_is_left_alone() -> None:
    reaper = OrphanReaper()
    with subprocess.Popen(["sleep", "1000"]) as child:
        reaper.look()
        reaper.look()
        assert child.poll() is None
        child.kill()
    assert (reaper.reaped, child.returncode) == (0, -9)


async def test_looks_again_and_again() -> None:
    reaper, pid, ready = OrphanReaper(period_s=0.001), zombie(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reaper.run(ready.set))
        await until(lambda: not is_there(pid))
        task.cancel()
    assert ready.is_set()
