"""The configuration: frozen values from one TOML file, and the only reading of the environment.

`config.example.toml` tells the same story in the same order; a test compares them. An empty file
is valid. Every problem of a file is reported together. It does not watch the file and holds no
secret: keys and tokens are named by file.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import SchemaError, convert
from agentd.base.storage_config import StorageConfig

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class DaemonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the daemon keeps things and how much it says."""

    state_dir: str = ""
    runtime_dir: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class TcpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The optional TCP listener; off while `listen` is empty."""

    listen: Annotated[str, Meta(pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")] = ""
    tokens_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()


class ControlConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The control socket and who may use it."""

    socket: str = ""
    socket_mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = "0660"
    allow_uids: tuple[int, ...] = ()
    allow_gids: tuple[int | str, ...] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 16 * 1024 * 1024
    tcp: TcpConfig = TcpConfig()


class DesktopConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The desktop that the daemon starts or attaches to."""

    autostart: bool = True
    display: Annotated[str, Meta(pattern=r"^$|^:\d{1,5}$")] = ""
    authority: str = ""
    width: Annotated[int, Meta(ge=64, le=16384)] = 1280
    height: Annotated[int, Meta(ge=64, le=16384)] = 800
    dpi: Annotated[int, Meta(ge=48, le=480)] = 96
    max_width: Annotated[int, Meta(ge=64, le=16384)] = 2560
    max_height: Annotated[int, Meta(ge=64, le=16384)] = 1600
    user: str = ""
    wallpaper: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}(-#[0-9a-fA-F]{6})?$")] = (
        "#26415f-#0f1b2b"
    )
    recordings_max_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 44)] = 2 * 1024**3


class VncConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where viewers come in, and who has the desktop while they do."""

    listen: Annotated[str, Meta(pattern=r"^$|^unix:/.+$|^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")] = (
        ""
    )
    websocket: bool | Annotated[str, Meta(pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")] = (
        "127.0.0.1:0"
    )
    certificate_file: str = ""
    key_file: str = ""
    plain: bool = False
    allow_origins: tuple[str, ...] = ()
    mode: Literal["agent", "human", "shared", "human_first"] = "human_first"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    daemon: DaemonConfig = DaemonConfig()
    control: ControlConfig = ControlConfig()
    desktop: DesktopConfig = DesktopConfig()
    vnc: VncConfig = VncConfig()
    storage: StorageConfig = StorageConfig()


class Environment(msgspec.Struct, frozen=True):
    """What the daemon takes from its environment, read once at start."""

    state_home: str = ""
    runtime_home: str = ""
    home: str = "/"
    path: str = "/usr/local/bin:/usr/bin:/bin"
    lang: str = "C.UTF-8"
    listen_fds: int = 0
    notify_socket: str = ""
    watchdog_s: float = 0.0
    in_journal: bool = False
    is_root: bool = False
    # Where this Python's own files are: noVNC is installed beside them.
    prefix: Path = Path(sys.prefix)

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Environment:
        """Read the process's own variables, or those given (systemd.exec(5), sd_notify(3))."""
        env = os.environ if variables is None else variables
        is_root = os.geteuid() == 0
        home = env.get("HOME", "/")
        own_pid = env.get("LISTEN_PID", "") == str(os.getpid())
        watched = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        state_home = env.get("XDG_STATE_HOME") or f"{home}/.local/state"
        runtime_home = env.get("XDG_RUNTIME_DIR") or f"/tmp/agentd-{os.getuid()}"
        return cls(
            # systemd joins several folders by colons; the first is ours.
            state_home=env.get("STATE_DIRECTORY", "").partition(":")[0]
            or ("/var/lib/agentd" if is_root else f"{state_home}/agentd"),
            runtime_home=env.get("RUNTIME_DIRECTORY", "").partition(":")[0]
            or ("/run/agentd" if is_root else f"{runtime_home}/agentd"),
            home=home,
            path=env.get("PATH", cls.path),
            lang=env.get("LANG", cls.lang),
            listen_fds=_number(env.get("LISTEN_FDS", "")) if own_pid else 0,
            notify_socket=env.get("NOTIFY_SOCKET", ""),
            watchdog_s=_number(env.get("WATCHDOG_USEC", "")) / 1e6 if watched else 0.0,
            in_journal="JOURNAL_STREAM" in env,
            is_root=is_root,
        )


def _number(text: str) -> int:
    """A variable that is no number counts as not set, as sd_listen_fds(3) has it."""
    return int(text) if text.isascii() and text.isdigit() else 0


class Paths(msgspec.Struct, frozen=True):
    """The places on disk, resolved."""

    state_dir: Path
    runtime_dir: Path
    socket: Path


def resolve_paths(config: Config, environment: Environment) -> Paths:
    """Return the places that a configuration and an environment lead to."""
    runtime_dir = Path(config.daemon.runtime_dir or environment.runtime_home)
    return Paths(
        state_dir=Path(config.daemon.state_dir or environment.state_home),
        runtime_dir=runtime_dir,
        socket=Path(config.control.socket or runtime_dir / "agentd.sock"),
    )


class ConfigError(BadRequest):
    """The file cannot be used; `errors` lists every problem, the text is for a terminal."""

    def __init__(self, path: Path | None, errors: list[FieldError]) -> None:
        name = path or "configuration"
        super().__init__(
            "\n".join(f"{name}: {error}" for error in errors), code="bad_config", errors=errors
        )


def load(path: Path | None) -> Config:
    """Read and check a file; None means the embedded defaults.

    Raises: ConfigError with all problems of the file.
    """
    if path is None:
        return Config()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(
            path, [FieldError("(file)", "a readable file", exc.strerror or "")]
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise ConfigError(path, [FieldError("(file)", "TOML in UTF-8", str(exc))]) from exc
    return check(document, path)


def check(document: Mapping[str, object], path: Path | None = None) -> Config:
    """Convert a parsed document. Raises: ConfigError with all its problems."""
    errors: list[FieldError] = []
    try:
        config = convert(document, Config, what=str(path))
    except SchemaError as exc:
        raise ConfigError(path, list(exc.errors)) from exc
    errors += _contradictions(config)
    if errors:
        raise ConfigError(path, errors)
    return config


def _contradictions(config: Config) -> list[FieldError]:
    """Problems between keys that are each valid alone."""
    errors = []
    desktop, tcp = config.desktop, config.control.tcp
    for side in ("width", "height"):
        value, limit = getattr(desktop, side), getattr(desktop, f"max_{side}")
        if value > limit:
            errors.append(
                FieldError(f"desktop.{side}", f"at most desktop.max_{side} ({limit})", str(value))
            )
    if tcp.listen:
        host, _, port = tcp.listen.rpartition(":")
        if not 1 <= int(port) <= 65535:
            errors.append(FieldError("control.tcp.listen", "a port 1..65535", port))
        if not tcp.tokens_file:
            errors.append(
                FieldError("control.tcp.tokens_file", "a file of tokens, as listen is set", "")
            )
        if host not in _LOOPBACK and not tcp.certificate_file:
            errors.append(
                FieldError(
                    "control.tcp.certificate_file", "TLS, as listen is not a loopback address", ""
                )
            )
    if bool(tcp.certificate_file) != bool(tcp.key_file):
        errors.append(
            FieldError("control.tcp.key_file", "both certificate_file and key_file, or none", "one")
        )
    return errors + _vnc_contradictions(config.vnc)


def _vnc_contradictions(vnc: VncConfig) -> list[FieldError]:
    errors = []
    if bool(vnc.certificate_file) != bool(vnc.key_file):
        errors.append(
            FieldError("vnc.key_file", "both certificate_file and key_file, or none", "one")
        )
    for key, address in (("listen", vnc.listen), ("websocket", vnc.websocket)):
        if isinstance(address, bool) or not address or address.startswith("unix:"):
            continue
        host, _, port = address.rpartition(":")
        if int(port) > 65535:
            errors.append(FieldError(f"vnc.{key}", "a port 0..65535", port))
        is_safe = host in _LOOPBACK or vnc.certificate_file or vnc.plain
        if not is_safe:
            errors.append(
                FieldError(
                    "vnc.certificate_file",
                    f"TLS, as vnc.{key} is not a loopback address; or vnc.plain = true where "
                    "something in front of us encrypts",
                )
            )
    return errors
