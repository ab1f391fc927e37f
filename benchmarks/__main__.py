"""Runs the benchmarks and prints one report: `python -m benchmarks [NAME ...]`.

Names are `encode input screenshot settle act record typing clipboard mcp start idle vnc`; without
one, all but the last, which takes long and has options of its own. The report is Markdown: date,
machine, versions and load first, as a time says nothing without them. A benchmark that breaks is
named in the report and in the exit code; the others still run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.harness import NOT_INSTALLED, has_program

NAMES = (
    "encode",
    "input",
    "screenshot",
    "settle",
    "act",
    "record",
    "typing",
    "clipboard",
    "mcp",
    "start",
    "idle",
)
WITH_OPTIONS = ("vnc",)

_PACKAGES = ("aiohttp", "uvloop", "msgspec", "python-xlib", "numpy", "Pillow", "mss", "pynput")
_PACKAGES += ("mcp",)
_PROGRAMS = ("openbox", "xterm", "xdotool", "xclip", "scrot", "imagemagick", "ffmpeg", "xvfb")


def machine() -> str:
    """Describe where and when this runs, and who else was running."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average before: {load}",
            f"- {os.cpu_count()} cores, {model}; {platform.system()} {platform.release()}",
            f"- Python {platform.python_version()}; " + ", ".join(map(_package, _PACKAGES)),
            "- " + ", ".join(map(_program, _PROGRAMS)),
        )
    )


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} {NOT_INSTALLED}"


def _program(package: str) -> str:
    """Ask Debian, which knows the version of everything that came from it."""
    if not has_program("dpkg-query"):
        return f"{package} ?"
    argv = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return f"{package} {answer.stdout.strip() or NOT_INSTALLED}"


def main() -> int:
    """Run what was asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    known = (*NAMES, *WITH_OPTIONS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of: " + " ".join(known))
    words = sys.argv[1:]
    options = words[1:] if words and words[0] in WITH_OPTIONS else []
    names = parser.parse_args(words[: len(words) - len(options)]).names or list(NAMES)
    if unknown := set(names) - set(known):
        parser.error(f"there is no benchmark {min(unknown)}; one of {' '.join(known)}")
    print(f"# agentd, measured\n\n{machine()}", flush=True)
    broken = []
    for name in names:
        print(f"\n## {name}\n", flush=True)
        try:
            module = importlib.import_module(f"benchmarks.bench_{name}")
            module.run(options) if name in WITH_OPTIONS else module.run()
        except Exception:  # One broken benchmark must not hide the others.
            traceback.print_exc()
            print(f"BROKEN: bench_{name} ended with an error.")
            broken.append(name)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
