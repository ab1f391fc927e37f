"""Writes what was measured of VNC servers as Markdown: a table a subject, and the aims at the end.

Pure. An aim has two figures, what must be and what should be; its verdict names the better one that
was met. Aims are of the daemon alone, on a machine that does nothing else: a busy one misses them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.harness import figure, percentile, table
from benchmarks.vnc_loads import Figures

OURS = "agentd"


@dataclass(frozen=True)
class Key:
    """What was measured: all but the server."""

    kind: str
    encodings: str
    viewers: int = 1
    is_shaped: bool = False


Results = dict[Key, dict[str, list[Figures]]]
Read = Callable[[Figures], float | None]


@dataclass(frozen=True)
class Aim:
    """A figure to reach.

    Args:
        more: whether more is better.
        rate: of costs: what has to come so often that they count at all.
    """

    name: str
    key: Key
    read: Read
    must: float | None
    should: float | None = None
    more: bool = False
    rate: Read | None = None


# Of the thirty a second that are drawn.
_WHOLE_RATE = 27
# What the first viewer has to keep of its rate for the cost of others to count.
_SAME_RATE = 0.9


def p50(found: Figures) -> float | None:
    """The median latency."""
    return median(found.latencies_ms) if found.latencies_ms else None


def p95(found: Figures) -> float | None:
    """The latency that one in twenty exceeds."""
    return percentile(found.latencies_ms, 0.95) if found.latencies_ms else None


def cpu(found: Figures) -> float:
    """In percent of a core."""
    return found.cpu_percent


def kb_per_s(found: Figures) -> float:
    """In kB/s."""
    return found.kb_per_s


def frames(found: Figures) -> float:
    """Different pictures a second."""
    return found.frames_per_s


def updates(found: Figures) -> float:
    """Updates a second."""
    return found.updates_per_s


def settled(found: Figures) -> float | None:
    """Until the picture is exact, in ms; infinite where it never was."""
    return float("inf") if found.settle_ms is None else found.settle_ms


_TIMES = [
    *(
        Aim(f"paint, {name}, {which}", Key("paint", name), read, must, should)
        for name in ("raw", "tight", "noVNC")
        for which, read, must, should in (("p50 ms", p50, 6, 3), ("p95 ms", p95, 9, 6))
    ),
    *(
        Aim(f"key to glyph, {name}, p50 ms", Key("typing", name), p50, 8, 4)
        for name in ("zrle", "noVNC")
    ),
    *(
        Aim(f"image 1000x700, {name}, p50 ms", Key("image", name), p50, must, should)
        for name, must, should in (("raw", 17, 10), ("tight", 20, 12), ("noVNC", 20, 12))
    ),
]
_COSTS = [
    Aim("idle, CPU %", Key("idle", "noVNC"), cpu, 0.5, 0.1),
    Aim("scroll, noVNC, updates/s", Key("scroll", "noVNC"), updates, 29, more=True),
    Aim("scroll, noVNC, kB/s", Key("scroll", "noVNC"), kb_per_s, 2000, 1000, rate=updates),
    Aim("scroll, noVNC, CPU %", Key("scroll", "noVNC"), cpu, 40, 20, rate=updates),
    Aim("page, tight, kB/s", Key("page", "tight"), kb_per_s, 600, 150, rate=updates),
    Aim("page, tight, CPU %", Key("page", "tight"), cpu, 25, 12, rate=updates),
    Aim("video, noVNC, frames/s", Key("video", "noVNC"), frames, 29, more=True),
    Aim("video, noVNC, kB/s", Key("video", "noVNC"), kb_per_s, 10_000, rate=frames),
    Aim("video, noVNC, CPU %", Key("video", "noVNC"), cpu, 55, rate=frames),
    Aim("video, noVNC, age p50 ms", Key("video", "noVNC"), p50, None, 35),
    Aim("video, H.264, frames/s", Key("video", "H.264"), frames, 29, more=True),
    Aim("video, H.264, kB/s", Key("video", "H.264"), kb_per_s, 600, rate=frames),
    Aim("video, H.264, CPU %", Key("video", "H.264"), cpu, 55, 45, rate=frames),
    Aim("video, H.264, age p50 ms", Key("video", "H.264"), p50, None, 35),
]
_EXACT = [
    Aim(f"exact after {kind}, {name}, ms", Key(kind, name), settled, 500, 250)
    for kind, name in (
        *(("image", "noVNC"), ("photo", "noVNC"), ("scroll", "noVNC"), ("page", "tight")),
        *(("page", "noVNC"), ("drag", "noVNC"), ("video", "noVNC"), ("video", "H.264")),
    )
]
AIMS = [*_TIMES, *_COSTS, *_EXACT]


def merged(rounds: Sequence[Figures]) -> Figures:
    """Make one of several rounds: all latencies, the means of rates, the worst end."""
    seconds = sum(each.seconds for each in rounds)
    worst = max(rounds, key=lambda each: (settled(each), each.wrong_pixels or 0))
    return Figures(
        seconds=seconds,
        latencies_ms=[time for each in rounds for time in each.latencies_ms],
        drawn=sum(each.drawn for each in rounds),
        updates=sum(each.updates for each in rounds),
        bytes=sum(each.bytes for each in rounds),
        cpu_percent=median(each.cpu_percent for each in rounds),
        copied_percent=median(each.copied_percent for each in rounds),
        wrong_pixels=worst.wrong_pixels,
        largest_error=worst.largest_error,
        settle_ms=worst.settle_ms,
    )


def report(results: Results, servers: Sequence[str]) -> str:
    """Return all tables."""
    local = {key: found for key, found in results.items() if not key.is_shaped and key.viewers == 1}
    shaped = {key: found for key, found in results.items() if key.is_shaped}
    many = {key: found for key, found in results.items() if key.viewers > 1}
    parts = [
        ("Latency, ms, p50 / p95; the video's is the age of its frames:", local, _times_cell),
        ("Load: updates/s, kB/s, CPU % of a core (server and X server):", local, _load_cell),
        ("Exact so many ms after the last drawing; else what is wrong:", local, _exact_cell),
        ("Further viewers: updates/s and kB/s of the first, CPU % of all:", many, _load_cell),
        ("The line of 50 ms and 10 Mbit/s: latency, ms, p50 / p95:", shaped, _times_cell),
        ("The same: updates/s, kB/s, CPU %:", shaped, _load_cell),
        ("The same: exact after ms:", shaped, _exact_cell),
    ]
    written = []
    for title, chosen, cell in parts:
        rows = [
            [_name(key), *cells]
            for key, found in chosen.items()
            if any(cells := [cell(key, found.get(name)) for name in servers])
        ]
        if rows:
            written += [title, table(["", *servers], rows)]
    if any(OURS in found for found in results.values()):
        written += ["The aims:", aims(results)]
    return "\n\n".join(written)


def aims(results: Results) -> str:
    """Judge ours by the aims, beside the best of the others."""
    rows = []
    for aim in AIMS:
        found = {name: merged(each) for name, each in results.get(aim.key, {}).items()}
        ours = aim.read(found[OURS]) if OURS in found else None
        if ours is None:
            continue
        others = [
            value
            for name, each in found.items()
            if name != OURS and _keeps_up(aim, each) and (value := aim.read(each)) is not None
        ]
        best = (max if aim.more else min)(others, default=None)
        said = verdict(aim, ours) if _keeps_up(aim, found[OURS]) else "too slow to tell"
        rows.append([aim.name, *map(_said, (ours, best, aim.must, aim.should)), said])
    for key in results:
        if key.viewers > 1 and (row := _each_viewer(results, key)):
            rows.append(row)
    return table(["aim", OURS, "best of the others", "must", "should", "verdict"], rows)


def _keeps_up(aim: Aim, found: Figures) -> bool:
    return aim.rate is None or (aim.rate(found) or 0) >= _WHOLE_RATE


def _each_viewer(results: Results, key: Key) -> list[str] | None:
    """What each viewer beyond the first costs."""
    ours, alone = results[key].get(OURS), results.get(Key(key.kind, key.encodings), {}).get(OURS)
    if not ours or not alone:
        return None
    many, one = merged(ours), merged(alone)
    each = (many.cpu_percent - one.cpu_percent) / (key.viewers - 1)
    aim = Aim(f"{key.kind}, {key.encodings}, CPU % each of {key.viewers}", key, cpu, 10, 2)
    is_slow = many.updates_per_s < _SAME_RATE * one.updates_per_s
    said = "too slow to tell" if is_slow else verdict(aim, each)
    return [aim.name, figure(max(0.0, each)), "", "10", "2", said]


def verdict(aim: Aim, value: float) -> str:
    """Name the better of the two that was met."""

    def meets(bound: float | None) -> bool:
        return bound is not None and (value >= bound if aim.more else value <= bound)

    if meets(aim.should):
        return "should"
    if meets(aim.must):
        return "must"
    return "missed" if aim.must is not None else "not yet"


def _name(key: Key) -> str:
    viewers = f", {key.viewers} viewers" if key.viewers > 1 else ""
    return f"{key.kind}, {key.encodings}{viewers}"


def _said(value: float | None) -> str:
    if value is None:
        return ""
    return "never" if value == float("inf") else figure(value)


def _times_cell(key: Key, rounds: list[Figures] | None) -> str:
    found = merged(rounds) if rounds else Figures()
    middle, high = p50(found), p95(found)
    return "" if middle is None or high is None else f"{figure(middle)} / {figure(high)}"


def _load_cell(key: Key, rounds: list[Figures] | None) -> str:
    if not rounds or (key.kind in ("paint", "image", "photo") and not key.is_shaped):
        return ""
    found = merged(rounds)
    rate = f"{found.updates_per_s:.1f}"
    if key.kind == "video":
        rate += f" ({found.frames_per_s:.1f} frames)"
    return f"{rate}, {figure(found.kb_per_s)}, {figure(found.cpu_percent)}"


def _exact_cell(key: Key, rounds: list[Figures] | None) -> str:
    if not rounds or (found := merged(rounds)).wrong_pixels is None:
        return ""
    if found.settle_ms is None:
        return f"{found.wrong_pixels} wrong by {found.largest_error}"
    late = f" ({found.wrong_pixels} wrong at 500)" if found.wrong_pixels else ""
    return f"{found.settle_ms:.0f}{late}"
