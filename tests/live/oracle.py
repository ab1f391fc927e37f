"""Starts a real receiver program and hears what arrives in it.

An oracle is a program of a given toolkit with one text field that reports every event (see
`oracles/`). `Oracle` starts one on a display, waits until it has the focus, and lets a test wait
for an exact text or for events, always with a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadWindow

from agentd.desktop.xlink import DisplayAddress, authority_environment

HERE = Path(__file__).parent / "oracles"
PYTHON = "/usr/bin/python3"
NATIVE = ("tk", "gtk3", "gtk4", "qt", "xterm")
BROWSERS = ("chromium", "firefox")
EVERY = NATIVE + BROWSERS

Event = dict[str, Any]


class Oracle:
    """One running receiver. Made by `oracle()`; `events` holds what it told, oldest first."""

    def __init__(self, toolkit: str) -> None:
        self.toolkit = toolkit
        self.events: list[Event] = []
        self.text = ""
        self._news = asyncio.Event()
        self._commands: asyncio.Queue[str] = asyncio.Queue()

    def take(self, event: Event) -> None:
        """Note an event that the program told."""
        if event["event"] == "text":
            self.text = event["text"]
        self.events.append(event)
        self._news.set()

    def of(self, kind: str, **wanted: object) -> list[Event]:
        """Return the events of a kind that have the wanted values."""
        return [
            event
            for event in self.events
            if event["event"] == kind and all(event.get(k) == v for k, v in wanted.items())
        ]

    async def wait(self, condition: Callable[[], Any], *, timeout_s: float = 10.0) -> Any:
        """Wait until `condition()` is true and return its value; AssertionError at the deadline."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (value := condition()):
                    self._news.clear()
                    await self._news.wait()
                return value
        except TimeoutError:
            last = [e for e in self.events if e["event"] != "text"][-12:]
            raise AssertionError(f"{self.toolkit}: not in {timeout_s} s; last: {last}") from None

    async def wait_event(self, kind: str, **wanted: object) -> Event:
        """Wait for an event of a kind with the wanted values."""
        found: list[Event] = await self.wait(lambda: self.of(kind, **wanted))
        return found[0]

    async def wait_text(self, wanted: str, *, timeout_s: float = 10.0) -> None:
        """Wait until the field holds exactly this text."""
        try:
            await self.wait(lambda: self.text == wanted, timeout_s=timeout_s)
        except AssertionError:
            raise AssertionError(f"{self.toolkit}: {_difference(wanted, self.text)}") from None

    async def clear(self) -> None:
        """Empty the field and forget the events."""
        self.events.clear()
        self._commands.put_nowait("clear")
        await self.wait_event("cleared")
        self.events.clear()
        self.text = ""

    def order(self, command: str) -> None:
        """Send a command to the program: what it copies or pastes by itself, see its file."""
        self._commands.put_nowait(command)

    async def next_command(self) -> str:
        """Return the next command for the program."""
        return await self._commands.get()


def _difference(wanted: str, found: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b),
        min(len(wanted), len(found)),
    )
    return (
        f"wanted {len(wanted)} characters, found {len(found)}; they part at {at}: "
        f"{wanted[at : at + 12]!r} / {found[at : at + 12]!r}"
    )


@asynccontextmanager
async def oracle(toolkit: str, display: DisplayAddress) -> AsyncIterator[Oracle]:
    """Start the receiver of a toolkit, wait until it has the focus, and stop it at the end."""
    receiver = Oracle(toolkit)
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory:
        serve = _serve_browser if toolkit in BROWSERS else _serve_native
        async with serve(receiver, Path(directory)) as address:
            argv = _argv(toolkit, address, Path(directory))
            process = await asyncio.create_subprocess_exec(
                *argv,
                env=_environment(display, directory),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                await receiver.wait(lambda: receiver.of("ready"), timeout_s=40)
                await receiver.wait(lambda: receiver.of("focus"), timeout_s=20)
                await asyncio.to_thread(_wait_active, display)
                receiver.events.clear()
                yield receiver
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                shutil.rmtree(directory, ignore_errors=True)


def wait_managed(address: DisplayAddress, timeout_s: float = 10.0) -> None:
    """Wait until a window manager runs on the display."""
    _wait_root(address, "_NET_SUPPORTING_WM_CHECK", lambda _display, _window: True, timeout_s)


def _wait_active(address: DisplayAddress, timeout_s: float = 10.0) -> None:
    """Wait until the window manager says that an oracle's window is the active one."""

    def is_oracle(display: Display, window: int) -> bool:
        names = [display.intern_atom(name) for name in ("_NET_WM_NAME", "WM_NAME")]
        found = display.create_resource_object("window", window)
        # The window of an oracle that was just killed may still be named as active.
        with contextlib.suppress(BadWindow):
            titles = [found.get_full_property(name, X.AnyPropertyType) for name in names]
            return any(title and b"oracle" in bytes(title.value) for title in titles)
        return False

    _wait_root(address, "_NET_ACTIVE_WINDOW", is_oracle, timeout_s)


def _wait_root(
    address: DisplayAddress,
    name: str,
    condition: Callable[[Display, int], bool],
    timeout_s: float,
) -> None:
    """Wait until a root property names a window that meets a condition."""
    with authority_environment(address):
        display = Display(address.name)
    deadline = time.monotonic() + timeout_s
    try:
        root = display.screen().root
        root.change_attributes(event_mask=X.PropertyChangeMask)
        atom = display.intern_atom(name)
        while True:
            found = root.get_full_property(atom, X.AnyPropertyType)
            if found and found.value and found.value[0] and condition(display, found.value[0]):
                return
            # Round trips put events into the queue, where select does not see them.
            if not display.pending_events():
                left_s = max(0.0, deadline - time.monotonic())
                if not select.select([display], [], [], left_s)[0]:
                    raise AssertionError(f"{name} was not as wanted in {timeout_s} s")
            while display.pending_events():
                display.next_event()
    finally:
        display.close()


def _environment(display: DisplayAddress, home: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH",) if key in os.environ}
    return {
        **kept,
        "LANG": "C.UTF-8",
        "HOME": home,
        "XDG_RUNTIME_DIR": home,
        # No bus: libraries would start one of their own, which nobody would end.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "GDK_BACKEND": "x11",
        "GSK_RENDERER": "cairo",
        "QT_QPA_PLATFORM": "xcb",
        "NO_AT_BRIDGE": "1",
        "GTK_A11Y": "none",
        "PYTHONPATH": str(HERE),
        **display.environment(),
    }


def _argv(toolkit: str, address: str, directory: Path) -> list[str]:
    match toolkit:
        case "xterm":
            reader = [PYTHON, str(HERE / "terminal.py"), address]
            return [
                "xterm",
                "-T",
                "oracle xterm",
                "-fa",
                "DejaVu Sans Mono",
                "-fs",
                "9",
                "-u8",
                "-e",
                *reader,
            ]
        case "chromium":
            profile = f"--user-data-dir={directory}"
            options = ["--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"]
            options += ["--password-store=basic", "--disable-features=Translate"]
            return ["chromium", profile, *options, f"--app={address}"]
        case "firefox":
            _write_firefox_profile(directory)
            return ["firefox-esr", "--no-remote", "--profile", str(directory), "--kiosk", address]
        case _:
            return [PYTHON, str(HERE / f"{toolkit}.py"), address]


def _write_firefox_profile(directory: Path) -> None:
    settings = {
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "browser.aboutwelcome.enabled": False,
        "toolkit.telemetry.reportingpolicy.firstRun": False,
        "general.smoothScroll": False,
    }
    lines = [f'user_pref("{key}", {json.dumps(value)});' for key, value in settings.items()]
    (directory / "user.js").write_text("\n".join(lines))


@asynccontextmanager
async def _serve_native(receiver: Oracle, directory: Path) -> AsyncIterator[str]:
    path = str(directory / "wire")

    async def send(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(json.dumps(await receiver.next_command()).encode() + b"\n")
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(send(writer), name="oracle-commands")
            while line := await reader.readline():
                receiver.take(json.loads(line))
            sender.cancel()

    handlers = _Handlers(serve)
    async with await asyncio.start_unix_server(handlers, path, limit=1 << 24):
        yield path
        await handlers.close()


@asynccontextmanager
async def _serve_browser(receiver: Oracle, _: Path) -> AsyncIterator[str]:
    page = (HERE / "page.html").read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = b""
            if head.startswith(b"POST"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                for line in (await reader.readexactly(length)).splitlines():
                    receiver.take(json.loads(line))
            elif head.startswith(b"GET /command"):
                body = (await receiver.next_command()).encode()
            elif head.startswith(b"GET / "):
                body = page
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()

    handlers = _Handlers(answer)
    async with await asyncio.start_server(handlers, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await handlers.close()


class _Handlers:
    """Runs a server's connections so that they can be ended: asyncio's server forgets them."""

    def __init__(
        self, handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        self._handle = handle
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            await self._handle(reader, writer)
        self._tasks.discard(task)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def close(self) -> None:
        """End all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
