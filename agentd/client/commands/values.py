"""The values that commands take and give.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ClipboardContent(msgspec.Struct, frozen=True):
    """What a selection holds as one type; it is under the name of the type."""

    type: str
    selection: str
    serial: int
    owner: Owner
    text: str | None = None
    html: str | None = None
    png: bytes | None = None
    files: list[str] | None = None


class ClipboardSerial(msgspec.Struct, frozen=True):
    """The number of a selection's content; the next content has a higher one."""

    selection: str
    serial: int


class ClipboardTypes(msgspec.Struct, frozen=True):
    """What can be had from a selection: as types, and as the X targets behind them."""

    selection: str
    serial: int
    owner: Owner
    types: list[str]
    targets: list[str]


# The kinds of content that are told apart.
ContentType = Literal["files", "html", "png", "text"]


class CursorAt(msgspec.Struct, frozen=True):
    """Where the pointer is, in screen pixels."""

    x: int
    y: int


class DesktopStatus(msgspec.Struct, frozen=True):
    """What state the desktop is in. `running` is true when every part runs."""

    running: bool
    user: str
    parts: list[ServiceStatus]
    display: DisplayInfo | None = None
    environment: dict[str, str] = {}


class DisplayInfo(msgspec.Struct, frozen=True):
    """The screen. `mode` is embedded (our own server) or attached; `name` as in DISPLAY."""

    name: str
    mode: str
    generation: int
    width: int
    height: int


class Done(msgspec.Struct, frozen=True):
    """It is done; there is nothing else to say."""


class Event(msgspec.Struct, frozen=True):
    """One thing that happened: `seq` counts from 1, `time` is Unix time in seconds."""

    seq: int
    time: float
    type: str
    data: dict[str, Any]


class Fetch(msgspec.Struct, frozen=True):
    """A program has been given the content: when (Unix time), as which X target, and who."""

    time: float
    target: str
    by: Owner


class Fetched(msgspec.Struct, frozen=True):
    """Who was given the content, the first first."""

    selection: str
    serial: int
    fetches: list[Fetch]


class Frame(msgspec.Struct, frozen=True):
    """What the window manager draws around a window, in pixels a side."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class Health(msgspec.Struct, frozen=True):
    """`status` is ok when every wanted part runs, starting, degraded, or failed."""

    status: str
    ready: bool
    version: str
    uptime_s: float
    services: list[ServiceStatus]


# How the pixels of a picture are written down.
ImageFormat = Literal["jpeg", "png", "raw", "webp"]


class Launched(msgspec.Struct, frozen=True):
    """A started program; `window` is its first one, if it was waited for."""

    pid: int
    window: Window | None = None


class Owner(msgspec.Struct, frozen=True):
    """Who holds a selection, or takes from it. `agentd` is true when that is this daemon.

    `class` and `title` are those of the window, or of the topmost one of its process; `pid` is 0
    when it is not known.
    """

    agentd: bool = False
    window: int = 0
    class_name: str = msgspec.field(name="class", default="")
    title: str = ""
    pid: int = 0


class Point(msgspec.Struct, frozen=True):
    """A point of the screen, in screen pixels."""

    x: int
    y: int


class Region(msgspec.Struct, frozen=True):
    """A part of the screen, in screen pixels; what lies off the screen is cut away."""

    x: int
    y: int
    width: int
    height: int


class Released(msgspec.Struct, frozen=True):
    """How many keys and buttons were lifted."""

    released: int


class Reloaded(msgspec.Struct, frozen=True):
    """Which keys of the configuration took effect, and which need a restart of the daemon."""

    applied: list[str]
    needs_restart: list[str]


class Scrolled(msgspec.Struct, frozen=True):
    """The wheel ticks that were sent, right and down; the rest waits for the next scroll."""

    ticks_right: int
    ticks_down: int


# The two selections: what Ctrl+C takes, and what the mouse has marked.
Selection = Literal["clipboard", "primary"]


class ServiceStatus(msgspec.Struct, frozen=True):
    """A snapshot of one service; `since` is Unix time in seconds."""

    name: str
    state: str
    wanted: bool
    since: float
    restarts: int
    error: str = ""


class TypeReport(msgspec.Struct, frozen=True):
    """What was delivered and how.

    `bound` characters got a key of their own, in `rounds` of binding; `confirmed` tells how the
    program was known to have the new keys: not_needed, ping, selection, editres or assumed.
    `disturbed` rounds saw somebody else change the keyboard: characters of theirs may be wrong.
    """

    characters: int
    rounds: int
    bound: int
    confirmed: str
    disturbed: int


class Version(msgspec.Struct, frozen=True):
    """The daemon's version and process."""

    version: str
    pid: int


class WaitReport(msgspec.Struct, frozen=True):
    """How the screen settled; `changing` is where it last changed if it did not."""

    stable: bool
    timed_out: bool
    elapsed_ms: int
    changing: list[Region]


class Window(msgspec.Struct, frozen=True):
    """One window. `x y width height` are its contents in screen pixels; `frame` lies around them.

    `class` is the second part of WM_CLASS; `pid` is 0 and `desktop` -1 when not known.
    """

    id: int
    title: str
    class_name: str = msgspec.field(name="class")
    pid: int
    x: int
    y: int
    width: int
    height: int
    desktop: int
    focused: bool
    minimized: bool
    maximized: bool
    fullscreen: bool
    frame: Frame
