"""The roof: reads the configuration, builds every room by constructor, runs, stops in reverse.

The only module that knows all rooms. What one room needs of another is passed in here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import msgspec

from agentd.base import log
from agentd.base.builtins import Builtins, Reloaded
from agentd.base.command import Registry
from agentd.base.config import Environment, load, resolve_paths
from agentd.base.errors import Unavailable
from agentd.base.events import EventBus
from agentd.base.metrics import MEDIA_TYPE, Metrics
from agentd.base.notify import Notifier
from agentd.base.orphans import OrphanReaper
from agentd.base.service import Supervisor
from agentd.control import describe
from agentd.control.auth import Tokens
from agentd.control.dispatch import Dispatcher
from agentd.control.http import LOOPBACK_HOSTS, HttpFace, HttpLimits
from agentd.control.listeners import Listeners
from agentd.desktop.commands.act_commands import ActCommands
from agentd.desktop.commands.clipboard_commands import ClipboardCommands
from agentd.desktop.commands.desktop_commands import DesktopCommands
from agentd.desktop.commands.input_commands import InputCommands
from agentd.desktop.commands.record_commands import RecordCommands
from agentd.desktop.commands.wait_commands import WaitCommands
from agentd.desktop.commands.window_commands import AppCommands, WindowCommands
from agentd.desktop.desktop import Desktop
from agentd.vnc.server import VncServer

logger = logging.getLogger(__name__)

VERSION = package_version("agentd")

# What a language model is told of all tools together (MCP).
INSTRUCTIONS = """\
A Linux desktop of your own. Look with desktop_screenshot; act with desktop_act, which does several
actions in order, waits until the screen is quiet and shows it; start programs with apps_launch.
Points are screen pixels, unless you give `space: "image"` and the `frame` of the picture in which
you found them. For keys held during an action use its modifiers: what key_down leaves pressed goes
up when your connection ends. An error says what was wrong and what would be right. A person may
take the desktop: human_in_control, and desktop_wait_turn waits for its return. For what only a
person can do, as a captcha, ask with desktop_request_help."""


class Daemon:
    """Everything that runs, from the configuration to the last child.

    Args:
        config_path: the file, or None for the embedded defaults.
    """

    def __init__(self, config_path: Path | None, environment: Environment) -> None:
        self._config_path = config_path
        self._config = load(config_path)
        self._environment = environment
        self.paths = resolve_paths(self._config, environment)
        self._bus = EventBus()
        self._metrics = Metrics()
        self._supervisor = Supervisor(self._bus)
        self._notifier = Notifier(environment.notify_socket, environment.watchdog_s)
        self._orphans = OrphanReaper()
        if self._notifier.is_watched:
            self._supervisor.add(self._notifier)
        if os.getpid() == 1:
            self._supervisor.add(self._orphans)
        self._desktop = Desktop(
            self._config.desktop,
            environment,
            self._supervisor,
            self._bus,
            runtime_dir=self.paths.runtime_dir,
            state_dir=self.paths.state_dir,
        )
        self._recordings = RecordCommands(
            self._desktop,
            self._bus,
            folder=self.paths.state_dir / "recordings",
            max_bytes=self._config.desktop.recordings_max_bytes,
            path=environment.path,
        )
        self._vnc = VncServer(
            self._config.vnc,
            self._desktop,
            self._supervisor,
            self._bus,
            state_dir=self.paths.state_dir,
            novnc=environment.prefix / "share" / "novnc",
            note=self._recordings.note_control,
        )
        self.registry = Registry()
        self._builtins = Builtins(
            self._supervisor,
            self._bus,
            version=VERSION,
            statistics=self._statistics,
            reload=self._reload,
            describe=self.description,
        )
        for room in (
            self._builtins,
            DesktopCommands(self._desktop),
            InputCommands(self._desktop),
            WaitCommands(self._desktop),
            WindowCommands(self._desktop),
            AppCommands(self._desktop),
            ActCommands(self._desktop),
            self._recordings,
            ClipboardCommands(self._desktop),
            *self._vnc.commands(),
        ):
            self.registry.add(room)
        self._dispatcher = Dispatcher(self.registry, self._metrics)
        self._dispatcher.on_leave(self._desktop.caller_left)
        self._dispatcher.on_leave(self._vnc.access.gate.caller_left)
        self._metrics.add_gauges(
            "service_up", "Whether a wanted service runs", "service", self._services_up
        )

    def description(self) -> dict[str, Any]:
        """Return the registry's description."""
        return describe.description(self.registry, VERSION)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop everything.

        Raises: AgentdError when the daemon cannot start.
        """
        log.set_up(self._config.daemon.log_level, journal=self._environment.in_journal)
        _make_folders(self.paths.runtime_dir, self.paths.state_dir, self.paths.socket.parent)
        leaving = _LeavingConnections(self._dispatcher)
        face = self._face()
        listeners = Listeners(
            self._config.control,
            self.paths.socket,
            face.handle,
            ended=leaving.add,
            passed_fds=self._environment.listen_fds,
        )
        stop = _stop_signal()
        try:
            await listeners.open()
            self._desktop.begin()
            self._vnc.begin()
            if self._notifier.is_watched:
                self._supervisor.start(self._notifier.name)
            if os.getpid() == 1:
                self._supervisor.start(self._orphans.name)
            self._notifier.notify("READY=1")
            logger.info("ready version=%s pid=%d", VERSION, os.getpid())
            logger.info("stopping signal=%s", (await stop).name)
        finally:
            self._notifier.notify("STOPPING=1")
            face.drain()
            self._vnc.drain()
            await listeners.drain()
            await self._vnc.close()
            await self._recordings.close()
            await self._desktop.close()
            await self._supervisor.close()
            await leaving.wait()
            listeners.close()
        logger.info("stopped")

    def _face(self) -> HttpFace:
        tcp = self._config.control.tcp
        limits = HttpLimits(
            max_body_bytes=self._config.control.max_body_bytes,
            hosts=LOOPBACK_HOSTS | {host.lower() for host in tcp.allow_hosts},
            origins=frozenset(tcp.allow_origins),
        )
        return HttpFace(
            self._dispatcher,
            version=VERSION,
            health=self._health,
            metrics=lambda: (self._metrics.exposition(), MEDIA_TYPE),
            limits=limits,
            tokens=Tokens(Path(tcp.tokens_file)) if tcp.listen else None,
            instructions=INSTRUCTIONS,
            doors={"/vnc": self._vnc.handle},
        )

    def _health(self) -> tuple[dict[str, Any], bool]:
        health = self._builtins.health_now()
        return dict(msgspec.to_builtins(health)), health.ready

    def _services_up(self) -> dict[str, float]:
        return {
            status.name: float(status.state == "running")
            for status in self._supervisor.statuses()
            if status.wanted
        }

    def _statistics(self) -> dict[str, Any]:
        return {"desktop": self._desktop.statistics(), "vnc": self._vnc.statistics()}

    def _reload(self) -> Reloaded:
        """Take over what can change while running: the log level."""
        new = load(self._config_path)
        changed = _changed_keys(self._config, new)
        applied = [key for key in changed if key == "daemon.log_level"]
        if applied:
            log.set_up(new.daemon.log_level, journal=self._environment.in_journal)
            daemon = msgspec.structs.replace(self._config.daemon, log_level=new.daemon.log_level)
            self._config = msgspec.structs.replace(self._config, daemon=daemon)
        needs_restart = [key for key in changed if key not in applied]
        logger.info("reloaded applied=%s needs_restart=%s", applied, needs_restart)
        return Reloaded(applied, needs_restart)


class _LeavingConnections:
    """Tells the dispatcher of ended connections, one task each, waited for at the end."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, caller_id: str) -> None:
        task = asyncio.create_task(  # noqa: TID251
            self._dispatcher.leave(caller_id), name=f"leave-{caller_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _stop_signal() -> asyncio.Future[signal.Signals]:
    """Return a future that a SIGTERM or SIGINT completes."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[signal.Signals] = loop.create_future()

    def stop(number: signal.Signals) -> None:
        if not future.done():
            future.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return future


def _make_folders(runtime_dir: Path, state_dir: Path, socket_dir: Path) -> None:
    """Make the daemon's folders. The runtime folder is passed through by the desktop's user.

    A state folder that cannot be made is not fatal: commands that must remember will say so.
    """
    for folder, mode in ((runtime_dir, 0o755), (socket_dir, 0o755)):
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as exc:
            raise Unavailable(
                f"cannot make the folder {folder}: {exc.strerror}",
                code="folder_not_writable",
                hint="set daemon.runtime_dir to a folder of your own",
            ) from exc
        if folder.stat().st_uid not in (0, os.geteuid()):
            # Below /tmp anybody may have made it before us.
            raise Unavailable(f"the folder {folder} is somebody else's", code="folder_not_ours")
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        logger.error("state folder unusable path=%s error=%s", state_dir, exc.strerror)


def _changed_keys(old: msgspec.Struct, new: msgspec.Struct, prefix: str = "") -> list[str]:
    """Return the key paths whose values differ."""
    changed = []
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, msgspec.Struct):
            changed += _changed_keys(before, after, f"{prefix}{name}.")
        elif before != after:
            changed.append(f"{prefix}{name}")
    return changed
