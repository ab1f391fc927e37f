"""What a person reads: values as tables and lines, times as clock, colours where there are any.

It does not print. Reads the clock for one thing: whether a time is of today.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}
_GAP = "  "
_NARROWEST = 8
_GEOMETRY = ("x", "y", "width", "height")
_MOMENTS = frozenset({"since", "until", "time", "started", "created_at", "expires_at"})


class Terminal(NamedTuple):
    """Where the text goes: how wide it is, and whether it shows colours; width 0 does not end."""

    width: int = 0
    has_colour: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Return text in a colour (ECMA-48 SGR), where there are colours."""
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self.has_colour and colour else text


def rendered(value: Any, terminal: Terminal) -> str:
    """Return any JSON value as lines for a person; nothing for an empty answer."""
    if isinstance(value, Mapping):
        return _record(value, terminal)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        rows = _rows(value)
        if _fits(rows, terminal):
            return table(rows, terminal)
        return "\n\n".join(_record(item, terminal) for item in value)
    if isinstance(value, list):
        return "\n".join(cell(item) for item in value) or "none"
    return "none" if value is None else cell(value)


def table(rows: Sequence[Mapping[str, str]], terminal: Terminal) -> str:
    """Return rows of texts as a table; too wide a one has its longest column cut.

    Columns without any text are left out.
    """
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    widths = {name: max(len_shown(name), *(len_shown(row[name]) for row in rows)) for name in names}
    while terminal.width and sum(widths.values()) + len(_GAP) * (len(names) - 1) > terminal.width:
        widest = max(widths, key=lambda name: widths[name])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    last = names[-1]

    def line(texts: Mapping[str, str]) -> str:
        parts = (_fitted(texts[n], widths[n], is_last=n == last) for n in names)
        return _GAP.join(parts).rstrip()

    head = line({name: name.replace("_", " ").upper() for name in names})
    return "\n".join([terminal.paint(head, "dim"), *map(line, rows)])


def _fits(rows: Sequence[Mapping[str, str]], terminal: Terminal) -> bool:
    """Whether a table can be cut to the terminal's width at all."""
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    longest = (max(len_shown(name), *(len_shown(row[name]) for row in rows)) for name in names)
    least = sum(min(width, _NARROWEST) for width in longest) + len(_GAP) * (len(names) - 1)
    return not terminal.width or least <= terminal.width


def cell(value: Any, name: str = "") -> str:
    """Return a value in few characters, for a column or a line called `name`."""
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return size(len(value))
    if isinstance(value, int | float) and name in _MOMENTS and value > 1e9:
        return clock(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return value if value.isprintable() else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        if set(value) == set(_GEOMETRY):
            return _geometry(value)
        texts = {key: cell(item, key) for key, item in value.items()}
        return " ".join(f"{key}={text}" for key, text in texts.items() if text)
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    return str(value)


def clock(moment: float) -> str:
    """Return a Unix time as local time; with its date unless it is today."""
    then = time.localtime(moment)
    is_today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S", then)


def duration(seconds: float) -> str:
    """Return a span of time as `4.2 s`, `3 min 12 s`, `5 h 3 min` or `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} {seconds % size // part:.0f} {smaller}"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def size(count: int) -> str:
    """Return a number of bytes as `512 bytes`, `123 kB` or `4.5 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def len_shown(text: str) -> int:
    """Return how many columns a text takes: East Asian wide characters take two (UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _record(value: Mapping[str, Any], terminal: Terminal) -> str:
    """Return an object as lines of name and value, lists of objects as tables below."""
    lines: dict[str, str] = {}
    tables: list[str] = []
    for name, item in _with_geometry(value).items():
        if isinstance(item, list) and item and isinstance(item[0], Mapping):
            head = terminal.paint(name.replace("_", " "), "bold")
            tables.append(f"{head}\n{table(_rows(item), terminal)}")
        elif isinstance(item, Mapping) and set(item) != set(_GEOMETRY):
            parts = _with_geometry(item).items()
            lines |= {f"{name}.{key}": cell(part, key) for key, part in parts}
        else:
            lines[name] = cell(item, name)
    width = max(map(len, lines), default=0)
    texts = [
        terminal.paint(f"{name:<{width}}", "dim") + _GAP + text
        for name, text in lines.items()
        if text
    ]
    return "\n\n".join(filter(None, ["\n".join(texts), *tables]))


def _rows(items: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return objects as rows: a rectangle is one column, several booleans are one."""
    items = [_with_geometry(item) for item in items]
    keys = list(dict.fromkeys(key for item in items for key in item))
    switches = [key for key in keys if all(isinstance(item.get(key), bool) for item in items)]
    switches = switches if len(switches) > 1 else []
    rows = []
    for item in items:
        row: dict[str, str] = {}
        for key in keys:
            if key in switches:
                row["flags"] = ", ".join(name for name in switches if item[name])
            else:
                row[key] = cell(item.get(key), key)
        rows.append(row)
    return rows


def _with_geometry(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its rectangle, if it has one beside other things, as one value."""
    if not set(_GEOMETRY) < set(value):
        return dict(value)
    joined: dict[str, Any] = {}
    for key, item in value.items():
        joined |= {"geometry": _geometry(value)} if key in _GEOMETRY else {key: item}
    return joined


def _geometry(value: Mapping[str, Any]) -> str:
    """Return a rectangle as X writes it: `640x400+10-5`."""
    return f"{value['width']}x{value['height']}{value['x']:+d}{value['y']:+d}"


def _fitted(text: str, width: int, *, is_last: bool) -> str:
    if len_shown(text) > width:
        while len_shown(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text if is_last else text + " " * (width - len_shown(text))


def event_line(event: dict[str, Any], terminal: Terminal) -> str:
    """Return an event as one line: time, type, what it tells."""
    moment = terminal.paint(clock(event["time"]), "dim")
    return f"{moment}  {terminal.paint(event['type'], 'bold')}  {cell(event['data'])}".rstrip()
