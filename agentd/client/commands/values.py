"""The values that commands take and give.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class ActReport(msgspec.Struct, frozen=True):
    """What became of a batch: `completed` when every step was done.

    `image` is the picture at the end; it is null when none was wanted or nothing has changed
    (`meta.unchanged`), or when it could not be taken (`error`). `results` are a vendor's answers.
    """

    completed: bool
    steps: list[StepReport]
    settle: WaitReport | None = None
    image: bytes | None = None
    media_type: str | None = None
    meta: PictureMeta | None = None
    error: Problem | None = None
    results: list[dict[str, Any]] | None = None


class Anchor(msgspec.Struct, frozen=True):
    """A part of the screen: `hash` of its pixels, `look` as 64 shades of grey in hexadecimal."""

    x: int
    y: int
    width: int
    height: int
    hash: str
    look: str


class AnchorReport(msgspec.Struct, frozen=True):
    """What is on the screen where an action would be."""

    generation: int
    width: int
    height: int
    anchor: Anchor
    window: WindowName | None


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


class CursorPosition(msgspec.Struct, frozen=True):
    """The cursor's hot spot, in screen pixels."""

    x: int
    y: int


class DeclaredDisplay(msgspec.Struct, frozen=True):
    """The size of the display that the vendor's tool was declared with, in pixels."""

    width: int
    height: int


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


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with one value.

    `path` is the key path (`region.width`, `vnc.listen[1]`), `found` and `wanted` are short
    texts, `nearest` is the known name that an unknown name most resembles.
    """

    path: str
    wanted: str
    found: str = ""
    nearest: str = ""


class Frame(msgspec.Struct, frozen=True):
    """What the window manager draws around a window, in pixels a side."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


class GrantInfo(msgspec.Struct, frozen=True):
    """A grant without its secrets; times are Unix time in seconds, null is no limit."""

    id: str
    label: str
    rights: list[str]
    created_at: float
    expires_at: float | None
    uses_left: int | None


class Granted(msgspec.Struct, frozen=True):
    """A new grant. `token` and `password` are told this once.

    `url` is the viewer page with the token behind the `#`, which no server and no log sees;
    empty where no page is served. `password` is for plain VNC clients, which find us at `address`.
    `hint` is for whoever passes the link on: what it takes where the page is on loopback alone.
    """

    id: str
    token: str
    url: str
    rights: list[str]
    label: str = ""
    expires_at: float | None = None
    uses: int | None = None
    password: str | None = None
    address: str = ""
    hint: str = ""


class Health(msgspec.Struct, frozen=True):
    """`status` is ok when every wanted part runs, starting, degraded, or failed."""

    status: str
    ready: bool
    version: str
    uptime_s: float
    services: list[ServiceStatus]


class HelpAnswer(msgspec.Struct, frozen=True):
    """Whether a person has seen to it, and who; without, they may still."""

    done: bool
    elapsed_s: float
    by: str = ""


class HelpInfo(msgspec.Struct, frozen=True):
    """What an agent asks a person to do; `since` is Unix time in seconds."""

    reason: str
    since: float


class HolderInfo(msgspec.Struct, frozen=True):
    """Who has the desktop. Times are Unix time in seconds.

    `kind` is viewer, or operator: all viewers then; `taken` by taking over, not by a touch;
    `until` it ends by itself; `away`: the viewer's connection was lost and may come back.
    """

    kind: str
    label: str
    viewer: str
    since: float
    taken: bool
    until: float | None = None
    away: bool = False


# How the pixels of a picture are written down.
ImageFormat = Literal["jpeg", "png", "raw", "webp"]


class Launched(msgspec.Struct, frozen=True):
    """A started program; `window` is its first one, if it was waited for."""

    pid: int
    window: Window | None = None


# Who acts while nobody has taken over.  agent: viewers look on. human: agents do. shared: both act.
# human_first: both act, and an agent waits while a person acts.
Mode = Literal["agent", "human", "human_first", "shared"]


class Observe(msgspec.Struct, frozen=True):
    """What picture is taken. `show` if_changed: none where the batch has changed no pixel;
    changed_area: only the rectangle that it has changed, which `meta.space` tells.
    """

    show: Literal["changed_area", "if_changed", "whole"] = "whole"
    region: Region | None = None
    scale: float = 1.0
    max_long_edge: int | None = None
    max_pixels: int | None = None
    max_bytes: int | None = None
    format: ImageFormat = "png"
    quality: int = 80
    cursor: bool = True


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


class PictureMeta(msgspec.Struct, frozen=True):
    """What a picture is of. `width` and `height` are the picture's, `quality` what was spent."""

    frame: int
    generation: int
    width: int
    height: int
    space: ScreenSpace
    cursor: CursorPosition
    format: str
    unchanged: bool
    quality: int | None = None


class PixelColor(msgspec.Struct, frozen=True):
    """A pixel of the screen and the colour that it is to have."""

    x: int
    y: int
    color: str
    tolerance: int = 0


class Point(msgspec.Struct, frozen=True):
    """A point of the screen, in screen pixels."""

    x: int
    y: int


class Problem(msgspec.Struct, frozen=True):
    """An error on the wire: problem details, RFC 9457 section 3, with our extension members."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str = ""
    errors: list[FieldError] = []
    retry_after_s: float | None = None
    data: dict[str, Any] = {}
    request_id: str = ""


class Recording(msgspec.Struct, frozen=True):
    """One recording; `started` is Unix time in seconds, `width` and `height` are the video's.

    `frames` and `actions` are counted when it ends; `reason` says why it ended, `error` how, if
    nobody wanted it to.
    """

    id: str = ""
    state: str = "interrupted"
    label: str = ""
    started: float = 0.0
    duration_ms: int = 0
    size_bytes: int = 0
    format: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    actions: int = 0
    keys: str = ""
    reason: str | None = None
    error: str = ""


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


class Revoked(msgspec.Struct, frozen=True):
    """A grant that has ended, and how many viewers were sent away with it."""

    id: str
    viewers: int


# What a viewer may do; the server ignores what it may not.
Right = Literal["clipboard", "key", "pointer", "resize", "view"]


class ScreenSpace(msgspec.Struct, frozen=True):
    """Where a picture lies on the screen: screen = origin + picture / scale.

    `x y width height` are the part of the screen that is shown.
    """

    x: int
    y: int
    width: int
    height: int
    scale: float
    screen_width: int
    screen_height: int


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


class Settle(msgspec.Struct, frozen=True):
    """When the screen counts as settled. `until` change: something must have changed first."""

    quiet_ms: int = 150
    timeout_ms: int = 5000
    region: Region | None = None
    ignore: list[Region] = []
    until: Literal["change", "stable"] = "stable"


class StepReport(msgspec.Struct, frozen=True):
    """What became of one action: `status` is done, failed or not_run.

    `result` is what the action's own command answers; `image` and `meta` are a screenshot's.
    """

    action: str
    status: str
    elapsed_ms: float = 0.0
    result: dict[str, Any] | None = None
    error: Problem | None = None
    image: bytes | None = None
    media_type: str | None = None
    meta: PictureMeta | None = None


class Turn(msgspec.Struct, frozen=True):
    """Whether agents may act now; `holder` is the person who has the desktop otherwise."""

    free: bool
    elapsed_ms: int
    holder: HolderInfo | None = None


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


class ViewerInfo(msgspec.Struct, frozen=True):
    """One viewer. `since` is Unix time; `encodings` are what it takes, the best liked first.

    `updates` were sent so far, `fps` and `bytes_per_s` are of the last seconds; `backlog_bytes`
    wait to be sent; `is_exact`: what it shows now is the screen, pixel for pixel.
    """

    id: str
    grant: str
    label: str
    rights: list[str]
    address: str
    transport: str
    since: float
    encodings: list[str] = []
    width: int = 0
    height: int = 0
    updates: int = 0
    fps: float = 0.0
    bytes_per_s: float = 0.0
    round_trip_ms: float | None = None
    backlog_bytes: int = 0
    is_exact: bool = False


class VncStatus(msgspec.Struct, frozen=True):
    """Who acts and who looks on.

    `mode` is who acts while nobody has taken over; `holder` is the person who has the desktop,
    if one has; `withheld`: agents get no pictures; `help` is what an agent asks of people;
    `viewers` is how many are here; `addresses` is where they come in.
    """

    mode: str
    since: float
    holder: HolderInfo | None
    withheld: bool
    help: HelpInfo | None
    viewers: int
    addresses: list[str]


class WaitReport(msgspec.Struct, frozen=True):
    """How the waiting ended.

    `outcome` is stable: it is as was asked; timed_out: the time was up and what was asked for had
    not come; still_changing: the time was up and the screen went on changing. `changing` is where
    it changed last, if it is not stable; `periodic` is what keeps changing by itself, as a caret or
    a clock, and was not waited for; `window` is the one that was waited for.
    """

    stable: bool
    timed_out: bool
    elapsed_ms: int
    changing: list[Region]
    outcome: str
    periodic: list[Region] = []
    window: Window | None = None


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


class WindowName(msgspec.Struct, frozen=True):
    """The window that had the focus."""

    title: str
    class_name: str = msgspec.field(name="class")
