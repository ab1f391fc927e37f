"""The action log of a recording: a line of JSON for each thing that hands did, whosever.

A witness of the performer. What it cannot see or write costs no action: a full disk ends the
recording, never the work. It is not the daemon's log, and nothing of it goes there. Who the human
is and what they did comes from `demonstration.py`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from agentd.base.command import Caller
from agentd.base.errors import AgentdError, BadRequest, Conflict, Denied, Unauthorized
from agentd.desktop.actions import Drag, HandAction, Hold, KeyDown, KeyUp, Press, Type
from agentd.desktop.hands.injection import heard
from agentd.desktop.pictures.curtain import Curtain
from agentd.desktop.recording.anchor import Anchor, anchor_of, area_around
from agentd.desktop.screen.capture import Shot
from agentd.desktop.screen.frame import Frame, Rect
from agentd.desktop.session import Live

logger = logging.getLogger(__name__)

HIDDEN = "***"
HUMAN = "human"

# Hashing more than this takes longer than a turn of the event loop should.
_QUICK_PIXELS = 128 * 128

KeyPolicy = Literal["shown", "hidden"]


class WindowName(msgspec.Struct, frozen=True):
    """The window that had the focus."""

    title: str
    class_name: str = msgspec.field(name="class")


class LogHead(msgspec.Struct, frozen=True, tag_field="line", tag="head"):
    """The first line: `started` is Unix time in seconds, all later times count from it.

    `human`: whether a person's hands are heard, too.
    """

    id: str
    label: str
    started: float
    keys: KeyPolicy
    generation: int
    width: int
    height: int
    human: bool
    version: int = 1


class LogAction(msgspec.Struct, frozen=True, tag_field="line", tag="action"):
    """One action: by whom, what in screen pixels, what became of it, and what was there.

    `outcome` is done, refused (nothing was done) or failed, with the error's `code`; `before` and
    `after` are of the area around the point, or of the focused window for keys.
    """

    at_ms: int
    who: str
    action: HandAction
    outcome: str
    duration_ms: int
    generation: int
    width: int
    height: int
    code: str = ""
    window: WindowName | None = None
    before: Anchor | None = None
    after: Anchor | None = None


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The desktop was handed over, or back: `holder` is who has it now, empty for nobody.

    `why` is takeover, touch, release and the like; `withheld`: the screen is not recorded.
    """

    why: str
    mode: str
    holder: str
    kind: str
    withheld: bool


class LogControl(Handover, frozen=True, kw_only=True, tag_field="line", tag="control"):
    """A line about a handover."""

    at_ms: int


class LogTail(msgspec.Struct, frozen=True, tag_field="line", tag="tail"):
    """The last line of a recording that ended by itself or by command."""

    at_ms: int
    reason: str


class ActionLog:
    """Writes the log of one recording; stands around every action while it is open.

    Args:
        live: the eyes of the desktop.
        began_s: the moment (monotonic) that times are counted from.
        curtain: behind it keys are hidden, and nothing that was seen is written down.
        failed: told, once, that nothing can be written any more.
        heard_own: told of every packed request by which an action moves or presses something.
    """

    def __init__(
        self,
        path: Path,
        live: Live,
        *,
        keys: KeyPolicy,
        began_s: float,
        curtain: Curtain,
        failed: Callable[[OSError], None],
        heard_own: Callable[[Sequence[bytes]], None],
    ) -> None:
        self._live = live
        self._keys = keys
        self._began_s = began_s
        self._curtain = curtain
        self._failed = failed
        self._heard_own = heard_own
        self._path = path
        self._file = -1
        self.count = 0

    def open(self, head: LogHead) -> None:
        """Begin the file. Raises: OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        os.write(self._file, msgspec.json.encode(head) + b"\n")

    def close(self, reason: str) -> None:
        """End the file. Idempotent."""
        if self._file >= 0:
            self._write(LogTail(self.now_ms(), reason))
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def now_ms(self) -> int:
        """Return the time in the recording."""
        return round((time.monotonic() - self._began_s) * 1000)

    def around(self, action: HandAction, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Write down an action and what becomes of it; it is never refused here."""
        return self._around(action, caller)

    def note_control(self, handover: Handover) -> None:
        """Write down who has the desktop now."""
        self._write(LogControl(at_ms=self.now_ms(), **msgspec.structs.asdict(handover)))

    async def note_human(
        self, action: HandAction, *, began_ms: int, ended_ms: int, before: Before
    ) -> None:
        """Write down what a person has done."""
        line = self._line(HUMAN, action, began_ms, before, max(0, ended_ms - began_ms))
        await self._write_action(line, before, None)

    async def before(self, action: HandAction | None) -> Before:
        """Return what is there, for an action that is about to begin."""
        shot = await self._shot()
        area = None if shot is None else self.area(action, shot)
        return Before(None if shot is None else shot.frame, area, self.window())

    def window(self) -> WindowName | None:
        """Return the focused window as it is known; nothing is asked for."""
        return focused_window(self._live)

    def area(self, action: HandAction | None, shot: Shot) -> Rect:
        """Return the part of the screen that matters to an action."""
        screen = shot.frame.rect
        if isinstance(action, Press | Hold | KeyDown | KeyUp | Type):
            focused = next((one for one in self._live.windows.known if one.focused), None)
            if focused is None:
                return screen
            own = Rect(focused.x, focused.y, focused.width, focused.height).intersect(screen)
            return own if own.area else screen
        spot = action.path[0] if isinstance(action, Drag) and len(action.path) > 1 else action
        x, y = getattr(spot, "x", None), getattr(spot, "y", None)
        if x is None or y is None:
            x, y = shot.cursor.x, shot.cursor.y
        return area_around(int(x), int(y), screen)

    @asynccontextmanager
    async def _around(self, action: HandAction, caller: Caller) -> AsyncIterator[None]:
        before = await self.before(action)
        at_ms = self.now_ms()
        outcome, code = "done", ""
        token = heard.set(self._heard_own)
        try:
            yield
        except AgentdError as exc:
            is_refusal = isinstance(exc, BadRequest | Conflict | Denied | Unauthorized)
            outcome, code = "refused" if is_refusal else "failed", exc.narrow_code
            raise
        except asyncio.CancelledError:
            outcome, code = "failed", "cancelled"
            raise
        finally:
            heard.reset(token)
            line = self._line(caller.principal, action, at_ms, before, self.now_ms() - at_ms)
            line = msgspec.structs.replace(line, outcome=outcome, code=code)
            shot = await self._shot() if outcome == "done" else None
            await self._write_action(line, before, None if shot is None else shot.frame)

    def _line(
        self, who: str, action: HandAction, at_ms: int, before: Before, duration_ms: int
    ) -> LogAction:
        frame = before.frame
        screen = Rect(0, 0, 0, 0) if frame is None else frame.rect
        return LogAction(
            at_ms=at_ms,
            who=who,
            action=masked(action) if self._is_hidden(at_ms) else action,
            outcome="done",
            duration_ms=duration_ms,
            generation=0 if frame is None else frame.generation,
            width=screen.width,
            height=screen.height,
            window=before.window,
        )

    def _is_hidden(self, at_ms: int) -> bool:
        """Whether the keys of what began then are hidden."""
        return self._keys == "hidden" or self._is_behind(at_ms)

    def _is_behind(self, at_ms: int) -> bool:
        return self._curtain.was_drawn_since(self._began_s + at_ms / 1000)

    async def _shot(self) -> Shot | None:
        try:
            return await self._live.capture.shot()
        except AgentdError as exc:
            logger.debug("action without anchor reason=%s", exc)
            return None

    async def _write_action(self, line: LogAction, before: Before, after: Frame | None) -> None:
        """Append an action with its anchors; those of large areas are made beside the loop."""
        self.count += 1
        frames = (before.frame, after) if not self._is_behind(line.at_ms) else (None, None)
        if before.area is None or before.area.area <= _QUICK_PIXELS:
            first, last = (_anchor(frame, before.area) for frame in frames)
        else:
            first, last = await asyncio.gather(
                *(asyncio.to_thread(_anchor, frame, before.area) for frame in frames)
            )
        self._write(msgspec.structs.replace(line, before=first, after=last))

    def _write(self, line: LogAction | LogControl | LogTail) -> None:
        """Append a line whole, or end the log where nothing can be written."""
        if self._file < 0:
            return
        text = msgspec.json.encode(line) + b"\n"
        try:
            if os.write(self._file, text) < len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as exc:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1
            self._failed(exc)


class Before(msgspec.Struct, frozen=True):
    """What was there before an action: the frame, the part of it that matters, the window."""

    frame: Frame | None
    area: Rect | None
    window: WindowName | None = None


def focused_window(live: Live) -> WindowName | None:
    """Return the focused window as it is known; the X server is not asked."""
    found = next((one for one in live.windows.known if one.focused), None)
    return None if found is None else WindowName(found.title, found.class_name)


def _anchor(frame: Frame | None, area: Rect | None) -> Anchor | None:
    """Return the anchor; None where nothing could be seen."""
    if frame is None or area is None:
        return None
    with suppress(ValueError):  # The screen is smaller by now.
        return anchor_of(frame, area)
    return None


def masked(action: HandAction) -> HandAction:
    """Return an action without what was typed or pressed, not even how long it was."""
    match action:
        case Type():
            return Type(text=HIDDEN)
        case Press():
            return Press(keys=HIDDEN)
        case Hold():
            return msgspec.structs.replace(action, keys=HIDDEN)
        case KeyDown() | KeyUp():
            return msgspec.structs.replace(action, key=HIDDEN)
        case _:
            return action
