"""Measures VNC servers side by side: latency, cost, bytes, and whether the picture becomes right.

Run `.venv/bin/python -m benchmarks vnc [--quick] [--only KIND ...] [--servers NAME ...]`; all of it
takes two hours, `--quick` twenty minutes. All servers run at the same time, and each subject is
measured of one after the other, so that a slow moment of the machine meets them alike; those that
nobody looks at cost next to nothing. With a line in between (`link`) the servers are started anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.rfb_numbers import LISTS
from benchmarks.vnc_link import Link, NoLink, shaped
from benchmarks.vnc_loads import Figures, Load, measure
from benchmarks.vnc_programs import terminal
from benchmarks.vnc_report import Key, Results, report
from benchmarks.vnc_servers import SERVERS, Server, servers

KINDS = ("idle", "paint", "typing", "image", "photo", "scroll", "page", "drag", "video")
SPECIAL = ("viewers", "link")
LIMIT_S = 90.0

_NEEDED = {
    "idle": ("noVNC",),
    "paint": ("raw", "tight", "noVNC"),
    "typing": ("zrle", "noVNC"),
    "image": ("raw", "tight", "noVNC"),
    "photo": ("noVNC",),
    "scroll": ("noVNC",),
    "page": ("tight", "noVNC"),
    "drag": ("noVNC",),
    "video": ("noVNC", "H.264"),
}
_MANY = (("page", "tight"), ("video", "noVNC"))
_SHAPED = (
    *(("paint", "noVNC"), ("image", "noVNC"), ("page", "noVNC"), ("video", "noVNC")),
    ("video", "H.264"),
)


def keys(kinds: Sequence[str], *, quick: bool) -> list[Key]:
    """List what is measured without a line in between."""
    found = []
    for kind in filter(KINDS.__contains__, kinds):
        lists = _NEEDED.get(kind, ()) if quick or kind in ("idle", "typing") else tuple(LISTS)
        found += [Key(kind, name) for name in lists]
    if "viewers" in kinds:
        counts = (4,) if quick else (4, 16)
        found += [Key(kind, name, count) for kind, name in _MANY for count in counts]
    return found


async def measure_all(
    chosen: Sequence[Key],
    running: Sequence[Server],
    *,
    seconds: float,
    rounds: int,
    link: Link | None = None,
    tell: Callable[[str], None],
) -> tuple[Results, list[str]]:
    """Measure in rounds, the servers in turn; return what was found, and what failed."""
    results: Results = {key: {} for key in chosen}
    failures = []
    for number in range(rounds):
        for key in chosen:
            load = Load(key.kind, key.encodings, seconds, key.viewers, link)
            for server in random.Random(number).sample(running, len(running)):
                if key.encodings == "H.264" and not server.has_h264:
                    continue
                try:
                    found = await _measured(server, load)
                except Exception as exc:  # One that breaks must not hide the others.
                    reason = (str(exc) or type(exc).__name__).splitlines()[0]
                    failures.append(f"{server.name}: {key.kind}, {key.encodings}: {reason}")
                    continue
                results[key].setdefault(server.name, []).append(found)
            tell(f"{number + 1}/{rounds} {key.kind}, {key.encodings}, {key.viewers}")
    return results, failures


async def _measured(server: Server, load: Load) -> Figures:
    async with AsyncExitStack() as stack:
        if load.kind == "typing":
            await stack.enter_async_context(terminal(server))
        async with asyncio.timeout(LIMIT_S):
            return await measure(server, load)


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks vnc")
    parser.add_argument("--quick", action="store_true", help="shorter, one round, fewer lists")
    parser.add_argument("--only", nargs="+", choices=(*KINDS, *SPECIAL), metavar="KIND")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, metavar="NAME")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--seconds", type=float, help="how long each time")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    return parser.parse_args(argv)


def run(argv: Sequence[str] = ()) -> None:
    """Measure and print."""
    asked = parsed(argv)
    kinds = asked.only or (*KINDS, *SPECIAL)
    names = asked.servers or list(SERVERS)
    seconds = asked.seconds or (3.0 if asked.quick else 5.0)
    rounds = asked.rounds or (1 if asked.quick else 2)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    results: Results = {}
    remarks: list[str] = []
    present: list[str] = []

    def collect(running: list[Server], chosen: list[Key], link: Link | None) -> None:
        found, failures = asyncio.run(
            measure_all(chosen, running, seconds=seconds, rounds=rounds, link=link, tell=tell)
        )
        results.update(found)
        remarks.extend(failures)
        present.extend(each.name for each in running if each.name not in present)

    if chosen := keys(kinds, quick=asked.quick):
        with servers(names) as (running, missing):
            remarks += missing
            collect(running, chosen, None)
    if "link" in kinds:
        line = Link()
        try:
            with shaped(line) as host, servers(names, host) as (running, _):
                collect(running, [Key(*each, is_shaped=True) for each in _SHAPED], line)
        except NoLink as exc:
            remarks.append(f"the shaped line was left out: {exc}")
    if asked.json:
        asked.json.write_text(json.dumps(_plain(results), indent=1))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{rounds} round(s) of {seconds:g} s; 1920 x 1080; load average after: {load}.")
    print(f"The viewer waited for a core in {waited(results):.1f} % of the time (median).\n")
    print(report(results, present))
    for remark in remarks:
        print(f"\n- {remark}")


def waited(results: Results) -> float:
    """How busy the machine was with others' work, as the viewer felt it."""
    each = [
        figures.waited_percent
        for found in results.values()
        for rounds in found.values()
        for figures in rounds
    ]
    return median(each) if each else 0.0


def _plain(results: Results) -> list[dict[str, object]]:
    return [
        {**asdict(key), "server": name, **asdict(figures)}
        for key, found in results.items()
        for name, rounds in found.items()
        for figures in rounds
    ]


if __name__ == "__main__":
    run(sys.argv[1:])
