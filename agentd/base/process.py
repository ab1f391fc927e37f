"""Child processes: spawn in a group of their own, keep their last words, stop, reap, adopt.

A child writes to a log file, not to a pipe of ours, so that it outlives the daemon and can be
adopted by pid and start time after a restart. It does not restart anything: that is the
supervisor's. Source: pidfd_open(2), setsid(2), proc(5).
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from agentd.base.errors import BadRequest, Unavailable

logger = logging.getLogger(__name__)

_LOG_LIMIT = 1024 * 1024
_TRIM_PERIOD_S = 30.0

# Programs whose absence has a known cure, by the Debian package that brings them.
PACKAGES = {
    "Xvfb": "xvfb",
    "xkbcomp": "x11-xkb-utils",
    "openbox": "openbox",
    "dbus-daemon": "dbus",
    "xdg-open": "xdg-utils",
    "xterm": "xterm",
    "ffmpeg": "ffmpeg",
}


class ProcessId(msgspec.Struct, frozen=True):
    """A process that cannot be mistaken for a later one with the same pid.

    `start_ticks` is field 22 of /proc/PID/stat.
    """

    pid: int
    start_ticks: int

    def is_alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return _start_ticks(self.pid) == self.start_ticks


class User(msgspec.Struct, frozen=True):
    """Whom a child runs as; all the account's groups go along."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str

    @classmethod
    def find(cls, name: str) -> User:
        """Look an account up. Raises: Unavailable when there is none of that name."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Unavailable(
                f"there is no user {name!r} to run programs as",
                code="no_such_user",
                hint=f"create it with `useradd --create-home {name}`, or name another one",
            ) from None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell)

    @classmethod
    def current(cls) -> User:
        """The account that the daemon runs as; one without an entry gets its number as name."""
        uid = os.getuid()
        try:
            return cls.find(pwd.getpwuid(uid).pw_name)
        except KeyError:
            return cls(str(uid), uid, os.getgid(), "/", "/bin/sh")


class Child:
    """One child process and the group that it leads; made by `spawn` or `adopt`."""

    def __init__(self, name: str, identity: ProcessId, log: Path | None) -> None:
        self.name = name
        self.identity = identity
        self._log = log
        self._popen: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._trimming: asyncio.TimerHandle | None = None
        self._exited: asyncio.Future[int | None] | None = None

    @classmethod
    def spawn(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path | None = None,
        cwd: str | None = None,
        user: User | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Child:
        """Start a program in a session and group of its own.

        Args:
            env: the whole environment; nothing of the daemon's is inherited.
            log: takes stdout and stderr, appended; None throws them away.
            user: whom to become; None or the daemon's own account changes nothing.

        Raises: Unavailable when the program is missing or cannot be run; BadRequest for an
            argument that no program can take.
        """
        become = user if user is not None and user.uid != os.getuid() else None
        with open(log or os.devnull, "ab", opener=_open_private) as output:
            if log is not None:
                _trim(output.fileno())
            try:
                popen = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(env),
                    cwd=cwd,
                    pass_fds=tuple(pass_fds),
                    start_new_session=True,
                    umask=0o077 if become is None else 0o022,
                    user=become.uid if become else None,
                    group=become.gid if become else None,
                    extra_groups=os.getgrouplist(become.name, become.gid) if become else None,
                )
            except FileNotFoundError as exc:
                raise _missing(argv[0], cwd) from exc
            except OSError as exc:
                raise Unavailable(
                    f"cannot run {argv[0]}: {exc.strerror}", code="program_not_runnable"
                ) from exc
            except ValueError as exc:  # A zero byte, or a character that cannot be encoded.
                raise BadRequest(f"cannot run {argv[0]!r}: {exc}", code="bad_argument") from exc
        ticks = _start_ticks(popen.pid)
        child = cls(name, ProcessId(popen.pid, ticks or 0), log)
        child._popen = popen
        try:
            child._watch()
        except OSError as exc:  # No descriptor left: a child that nobody watches must not live.
            child.kill_group(signal.SIGKILL)
            popen.wait()
            raise Unavailable(f"cannot watch {argv[0]}: {exc.strerror}") from exc
        logger.debug("child started name=%s pid=%d", name, popen.pid)
        return child

    @classmethod
    def adopt(cls, name: str, identity: ProcessId, *, log: Path | None = None) -> Child | None:
        """Take over a process that an earlier daemon started; None when it is gone."""
        child = cls(name, identity, log)
        try:
            child._watch()
        except OSError:
            return None
        # Asked after the descriptor is open: from here on the pid cannot be reused unnoticed.
        if not identity.is_alive():
            child._forget()
            return None
        logger.info("child adopted name=%s pid=%d", name, identity.pid)
        return child

    @property
    def pid(self) -> int:
        """The process number, which is also that of its group."""
        return self.identity.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child has not been seen to end."""
        return self._exited is not None and not self._exited.done()

    async def wait(self) -> int | None:
        """Wait for the end; returns the exit status as subprocess does (-N = killed by signal N).

        The status of an adopted process is not known: None. Cancelling is safe.
        """
        assert self._exited is not None
        return await asyncio.shield(self._exited)

    def kill_group(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; a group that is gone is no error."""
        # While a member of the group lives, the number of its leader is given to nobody else.
        ticks = _start_ticks(self.pid)
        if ticks is not None and ticks != self.identity.start_ticks:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def stop(self, grace_s: float = 3.0) -> None:
        """End the group: TERM, then KILL after the grace, then KILL what the leader left behind.

        Cancelling: the group is killed at once.
        """
        try:
            if self.is_alive:
                self.kill_group(signal.SIGTERM)
                # A stopped process would see TERM only after it goes on.
                self.kill_group(signal.SIGCONT)
                with suppress(TimeoutError):
                    async with asyncio.timeout(grace_s):
                        await self.wait()
        finally:
            self.kill_group(signal.SIGKILL)
        if self.is_alive:
            await self.wait()

    def last_words(self, lines: int = 8) -> str:
        """Return the last lines of the child's output, joined by ` | `, for an error text."""
        if self._log is None:
            return ""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        kept = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(kept[-lines:])

    def describe_end(self, status: int | None) -> str:
        """Return in words how the child ended, with its last words."""
        if status is None:
            how = "ended"
        elif status < 0:
            how = f"was killed by {_signal_name(-status)}"
        else:
            how = f"ended with status {status}"
        words = self.last_words()
        return f"{self.name} {how}" + (f"; it said: {words}" if words else "")

    def _watch(self) -> None:
        """Open the pidfd and learn of the end through the event loop."""
        loop = asyncio.get_running_loop()
        self._exited = loop.create_future()
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._pidfd, self._reap)
        if self._log is not None:
            self._trimming = loop.call_later(_TRIM_PERIOD_S, self._trim_log)

    def _trim_log(self) -> None:
        """Keep a talkative child from filling the disk: over its limit the log begins anew."""
        assert self._log is not None
        with suppress(OSError), open(self._log, "ab", opener=_open_private) as file:
            _trim(file.fileno())
        loop = asyncio.get_running_loop()
        self._trimming = loop.call_later(_TRIM_PERIOD_S, self._trim_log)

    def _reap(self) -> None:
        status = self._popen.poll() if self._popen is not None else None
        self._forget()
        if self._exited is not None and not self._exited.done():
            self._exited.set_result(status)
        logger.debug("child ended name=%s pid=%d status=%s", self.name, self.pid, status)

    def _forget(self) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


def _start_ticks(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat, or None when the process is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field, the name in brackets, may hold blanks and brackets itself.
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Most real-time signals have no name.
        return f"signal {number}"


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _trim(descriptor: int) -> None:
    if os.fstat(descriptor).st_size > _LOG_LIMIT:
        os.ftruncate(descriptor, 0)


def _missing(program: str, cwd: str | None) -> Unavailable:
    if cwd is not None and not os.path.isdir(cwd):
        return Unavailable(f"the folder {cwd} does not exist", code="no_such_folder")
    package = PACKAGES.get(os.path.basename(program))
    return Unavailable(
        f"the program {program} is not installed",
        code="program_missing",
        hint=f"apt-get install {package}" if package else "",
    )
