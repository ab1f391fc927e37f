"""How an embedded X server is started: its cookie, its arguments, its leftovers.

It does not keep the server running and does not talk X; `display.py` does. Sources: Xvfb(1),
Xserver(1), Xauthority file format (Xau), xwd(1) for the frame buffer file.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import socket
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentd.base.config import DesktopConfig
from agentd.base.errors import Unavailable
from agentd.base.process import Child, User

logger = logging.getLogger(__name__)

_FAMILY_LOCAL = 256
_FAMILY_WILD = 65535
_START_S = 15.0


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The private folder of one desktop: everything its user and the daemon share."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The cookie file (XSECURITY(7))."""
        return self.folder / "Xauthority"

    @property
    def framebuffer(self) -> Path:
        """The file that Xvfb keeps its pixels in."""
        return self.folder / "Xvfb_screen0"

    @property
    def keymap(self) -> Path:
        """The source of our keyboard map."""
        return self.folder / "keyboard.xkb"

    def log(self, part: str) -> Path:
        """The output of one part."""
        return self.folder / f"{part}.log"


def desktop_folder(runtime_dir: Path, user: User) -> Path:
    """Return where the desktop's folder goes: below the runtime directory, if `user` gets there.

    A runtime directory in a place that is closed to the user (a home, a test's temporary folder)
    cannot hold what its programs must open; then the folder is below /tmp, named after it.
    """
    if can_pass(runtime_dir, user):
        return runtime_dir / "desktop"
    digest = hashlib.sha256(os.fsencode(runtime_dir.absolute())).hexdigest()[:12]
    return Path(f"/tmp/agentd-desktop-{user.uid}-{digest}")


def can_pass(folder: Path, user: User) -> bool:
    """Whether a user may enter a folder and all above it, by mode bits; missing ones are passed."""
    groups = set(os.getgrouplist(user.name, user.gid)) if user.uid != os.getuid() else set()
    for place in (folder, *folder.absolute().parents):
        try:
            status = place.stat()
        except FileNotFoundError:
            continue
        if user.uid in (0, status.st_uid):
            bit = stat.S_IXUSR
        else:
            bit = stat.S_IXGRP if status.st_gid in groups else stat.S_IXOTH
        if user.uid != 0 and not status.st_mode & bit:
            return False
    return True


def prepare_files(folder: Path, user: User) -> ServerFiles:
    """Make the folder, mode 0700, owned by the desktop's user.

    Raises: Unavailable when it cannot be made, or somebody else has put something there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.getuid(), user.uid):
            raise Unavailable(f"{folder} is somebody else's", code="folder_not_ours")
        folder.chmod(0o700)
        if user.uid != os.getuid():
            os.chown(folder, user.uid, user.gid)
    except OSError as exc:
        raise Unavailable(
            f"cannot prepare the folder {folder}: {exc.strerror}", code="folder_not_writable"
        ) from exc
    return ServerFiles(folder)


def write_private(path: Path, content: bytes, user: User) -> None:
    """Write a file that only `user` (and root) can read, replacing what was there."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if user.uid != os.getuid():
            os.fchown(file.fileno(), user.uid, user.gid)
        file.write(content)


def authority_content(cookie: bytes, number: str = "") -> bytes:
    """Return an Xauthority file with one cookie, good for any display number.

    libXau takes the wildcard, which survives a change of the host's name; python-xlib knows only
    the entries of the local host, and python3-xlib, on which pyautogui stands, only that of the
    display's very number.

    Args:
        number: of the display, once it is known.
    """
    host = socket.gethostname().encode()
    entries = [(_FAMILY_LOCAL, host, b""), (_FAMILY_WILD, b"", b"")]
    if number:
        entries.insert(0, (_FAMILY_LOCAL, host, number.encode()))
    return b"".join(
        struct.pack(">H", family)
        + b"".join(
            struct.pack(">H", len(item)) + item
            for item in (address, display, b"MIT-MAGIC-COOKIE-1", cookie)
        )
        for family, address, display in entries
    )


def xvfb_argv(config: DesktopConfig, files: ServerFiles, display_fd: int) -> list[str]:
    """Return the command line.

    The screen is made as large as it may ever become: RandR can only shrink it from there.
    `-nocursor` keeps the software cursor out of the frame buffer; XFixes still tells its shape.
    """
    number = [config.display] if config.display else []
    return [
        "Xvfb",
        *number,
        *("-displayfd", str(display_fd)),
        *("-screen", "0", f"{config.max_width}x{config.max_height}x24"),
        *("-dpi", str(config.dpi)),
        *("-auth", os.fspath(files.authority)),
        *("-fbdir", os.fspath(files.folder)),
        *("-nolisten", "tcp"),
        *("-s", "0"),
        "-nocursor",
        "-noreset",
    ]


async def start_xvfb(
    config: DesktopConfig, files: ServerFiles, user: User, environment: dict[str, str]
) -> tuple[Child, str]:
    """Start Xvfb and return it with its display name once it answers.

    Raises: Unavailable when the program is missing, or ends or stays silent before it is ready.
    Cancelling: the half-started server is killed.
    """
    if config.display:
        _remove_stale_lock(config.display)
    cookie = secrets.token_bytes(16)
    write_private(files.authority, authority_content(cookie), user)
    child, number = await start_by_line(
        lambda ready_fd: Child.spawn(
            "Xvfb",
            xvfb_argv(config, files, ready_fd),
            env=environment,
            log=files.log("xserver"),
            user=user,
            pass_fds=(ready_fd,),
        )
    )
    try:
        # Nobody has been told of the display: no client finds the file amid its change.
        write_private(files.authority, authority_content(cookie, number), user)
    except BaseException:
        await child.stop(grace_s=0)
        raise
    return child, f":{number}"


async def start_by_line(start: Callable[[int], Child]) -> tuple[Child, str]:
    """Start a child that writes a line to a descriptor when it is ready; return both.

    Args:
        start: spawns the child, which inherits the descriptor that it is given.

    Raises: as `read_line`; whatever `start` raises.
    Cancelling: the half-started child is killed.
    """
    read_fd, write_fd = os.pipe()
    try:
        try:
            child = start(write_fd)
        finally:
            os.close(write_fd)
        try:
            return child, (await read_line(read_fd, child, _START_S)).strip()
        except BaseException:
            await child.stop(grace_s=0)
            raise
    finally:
        os.close(read_fd)


async def read_line(descriptor: int, child: Child, timeout_s: float) -> str:
    """Read the line by which a child says that it is ready.

    Raises: Unavailable with the child's last words when it ends or says nothing in time.
    """
    loop = asyncio.get_running_loop()
    received = bytearray()
    complete: asyncio.Future[None] = loop.create_future()

    def take() -> None:
        part = os.read(descriptor, 256)
        received.extend(part)
        if (not part or b"\n" in received) and not complete.done():
            complete.set_result(None)

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, take)
    try:
        async with asyncio.timeout(timeout_s):
            await complete
    except TimeoutError:
        raise Unavailable(
            f"{child.name} was not ready after {timeout_s:g} s; it said: {child.last_words()}",
            code="start_timed_out",
        ) from None
    finally:
        loop.remove_reader(descriptor)
    if b"\n" not in received:
        # The pipe closed without a word: the child is about to end.
        status = await child.wait()
        raise Unavailable(child.describe_end(status), code="start_failed")
    return received.decode(errors="replace")


def is_display_served(name: str) -> bool:
    """Whether something accepts connections at a local display name such as `:1`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(f"/tmp/.X11-unix/X{name.removeprefix(':')}")
        except OSError:
            return False
    return True


def _remove_stale_lock(name: str) -> None:
    """Remove the lock of a display that nobody serves.

    The server itself removes a lock whose process is gone. After a container's restart the pid in
    it often belongs to somebody else, and the server would refuse to start for ever.
    """
    number = name.removeprefix(":")
    for path in (Path(f"/tmp/.X{number}-lock"), Path(f"/tmp/.X11-unix/X{number}")):
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise Unavailable(
                f"the leftover {path} cannot be removed: {exc.strerror}", code="display_taken"
            ) from exc
