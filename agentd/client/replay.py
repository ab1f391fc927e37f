"""agentctl replay: does again what a recording tells, and says where the screen has drifted.

Before each action the part of the screen that it is about is compared with what was there then;
after it the screen is waited for. Speed is that of the recording, or none at all.
"""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

import msgspec

from agentd.base.errors import Conflict, Unavailable
from agentd.client.action_log import (
    DRIFT,
    Action,
    Anchor,
    check_replayable,
    drift,
    read_log,
    scaled,
)
from agentd.client.blob import Blob
from agentd.client.options import Scanned, usage
from agentd.client.session import Session

_SETTLE = {"quiet_ms": 150, "timeout_ms": 2000}


class _Wish(NamedTuple):
    speed: float
    check: str
    is_scaled: bool


def replay(session: Session, scanned: Scanned) -> int:
    """Replay a recording; the exit code is that of Conflict when `--check stop` stops it."""
    if len(scanned.words) != 1:
        raise usage("wanted one thing to replay: a file of an action log, or a recording's id")
    (name,) = scanned.words
    wish = _wish(scanned)
    actions = read_log(_content(session, name), name=name)
    display = session.call("desktop.status", {}).get("display")
    if display is None:
        raise Unavailable("the desktop is not running", code="desktop_not_running")
    size = display["width"], display["height"]
    check_replayable(actions, width=size[0], height=size[1], is_scaled=wish.is_scaled, name=name)
    drifted = 0
    began_s = time.monotonic()
    for number, action in enumerate(actions):
        if wish.speed:
            due_s = began_s + (action.at_ms - actions[0].at_ms) / 1000 / wish.speed
            time.sleep(max(0.0, due_s - time.monotonic()))
        found = _drift(session, action, size) if wish.check != "off" else 0.0
        is_drifted = found > DRIFT
        drifted += is_drifted
        _tell(session, number, action, found if is_drifted else 0.0, time.monotonic() - began_s)
        if is_drifted and wish.check == "stop":
            raise Conflict(
                f"stopped before action {number + 1}, {action.told()}: the screen there is not "
                f"what it was (it differs by {found:.0f} of 255)",
                code="drifted",
                hint="--check warn goes on all the same",
            )
        _do(session, number, action, size)
    if session.as_json:
        session.put_json({"actions": len(actions), "drifted": drifted})
    else:
        session.put(f"{len(actions)} actions done, {drifted} on a screen that differs")
    return 0


def _wish(scanned: Scanned) -> _Wish:
    check = scanned.text("check") or "warn"
    if check not in ("warn", "stop", "off"):
        raise usage(f"--check: wanted warn, stop or off, got {check!r}")
    try:
        speed = float(scanned.text("speed") or 1.0)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1000:
        raise usage(f"--speed: wanted 0.01 to 1000, got {scanned.text('speed')!r}")
    return _Wish(0.0 if scanned.has("fast") else speed, check, scanned.has("scale"))


def _content(session: Session, name: str) -> bytes:
    """Read a file, or ask the daemon for the log of a recording."""
    if os.path.exists(name):
        try:
            with open(name, "rb") as file:
                return file.read()
        except OSError as exc:
            raise usage(f"cannot read {name}: {exc.strerror}") from exc
    if "/" in name or name.endswith(".ndjson"):
        raise usage(f"there is no file {name}")
    blob = session.call("desktop.record_get", {"id": name, "part": "actions"})
    assert isinstance(blob, Blob), "a log is no JSON document"
    return blob.body


def _drift(session: Session, action: Action, size: tuple[int, int]) -> float:
    """Return how far the screen is from what it was; one that differs gets time to settle."""
    before = action.before
    if before is None or (action.width, action.height) != size:
        return 0.0
    region = {"x": before.x, "y": before.y, "width": before.width, "height": before.height}

    def now() -> float:
        report = session.call("desktop.anchor", {"region": region})
        return drift(before, msgspec.convert(report["anchor"], Anchor))

    found = now()
    if found > DRIFT:
        session.call("desktop.wait", _SETTLE)
        found = now()
    return found


def _do(session: Session, number: int, action: Action, size: tuple[int, int]) -> None:
    report: dict[str, Any] = session.call(
        "desktop.act",
        {"actions": [scaled(action, *size)], "settle": _SETTLE, "observe": None},
    )
    if not report["completed"]:
        error = report["steps"][0].get("error") or {}
        raise Conflict(
            f"action {number + 1}, {action.told()}, could not be done: {error.get('detail', '')}",
            code=error.get("code") or "not_done",
        )


def _tell(session: Session, number: int, action: Action, found: float, at_s: float) -> None:
    if session.as_json:
        return
    line = f"{at_s:7.2f} s  {number + 1:4}  {action.told()}"
    if found:
        note = f"the screen differs by {found:.0f} of 255"
        line += "  " + session.terminal.paint(note, "yellow")
    session.put(line)
