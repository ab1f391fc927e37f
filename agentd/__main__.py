"""`python -m agentd`: parse the flags, run the daemon in the foreground.

Exit codes: 0 after SIGTERM, 2 for a wrong flag or configuration, 69 when the daemon cannot start.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import json
import sys
from pathlib import Path
from typing import Any

# Imports make no garbage, and looking for it takes a tenth of the start.
gc.disable()

import uvloop  # noqa: E402

from agentd.base.config import ConfigError, Environment  # noqa: E402
from agentd.base.errors import AgentdError  # noqa: E402
from agentd.control import describe, describe_python  # noqa: E402
from agentd.control.mcp_tools import offline_document  # noqa: E402
from agentd.daemon import INSTRUCTIONS, VERSION, Daemon  # noqa: E402

_MODULES = "agentd/client/commands"


def main() -> int:
    """Run the command line and return the exit code."""
    # What was imported stays for ever: no collection needs to look at it again.
    gc.freeze()
    gc.enable()
    # A crash inside a library leaves the Python stack in the log.
    faulthandler.enable()
    arguments = _parser().parse_args()
    try:
        daemon = Daemon(arguments.config, Environment.read())
        if arguments.describe:
            print(_described(daemon, arguments.describe), end="")
            return 0
        if arguments.write_generated:
            _write_generated(daemon, arguments.write_generated)
            return 0
        if arguments.check:
            print("the configuration is valid")
            return 0
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(daemon.run())
    except ConfigError as exc:
        print(exc.detail, file=sys.stderr)
        return 2
    except AgentdError as exc:
        print(f"agentd: {exc}", file=sys.stderr)
        return 69
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentd",
        description="One daemon that gives a computer-use agent a desktop and a guarded way in "
        "and out. Runs in the foreground and logs to standard error; SIGTERM stops it.",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; without it the defaults hold"
    )
    parser.add_argument("--check", action="store_true", help="check the configuration and exit")
    parser.add_argument(
        "--describe",
        choices=("json", "openapi", "markdown", "python"),
        help="print the commands of this daemon and exit",
    )
    parser.add_argument(
        "--write-generated",
        type=Path,
        metavar="ROOT",
        help="write what the source tree at ROOT derives from the commands, and exit",
    )
    parser.add_argument("--version", action="version", version=f"agentd {VERSION}")
    return parser


def generated_files(daemon: Daemon) -> dict[str, str]:
    """Return the files of the source tree that are derived from the commands, by path."""
    modules = describe_python.sources(daemon.description())
    return {
        "docs/commands.md": _described(daemon, "markdown"),
        "agentd/client/description.json": _described(daemon, "json"),
        "agentd/client/mcp.json": _json(
            offline_document(daemon.registry, version=VERSION, instructions=INSTRUCTIONS)
        ),
        **{f"{_MODULES}/{path}": text for path, text in modules.items()},
    }


def _write_generated(daemon: Daemon, root: Path) -> None:
    """Write the derived files, and remove the modules of namespaces that are gone."""
    files = generated_files(daemon)
    for path in (root / _MODULES).rglob("*.py"):
        if str(path.relative_to(root)) not in files:
            path.unlink()
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _described(daemon: Daemon, form: str) -> str:
    if form == "markdown":
        return describe.markdown(daemon.registry)
    if form == "python":
        modules = describe_python.sources(daemon.description())
        return "\n\n".join(f"# {path}\n{text}" for path, text in modules.items())
    document = (
        describe.openapi(daemon.registry, VERSION) if form == "openapi" else daemon.description()
    )
    return _json(document)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
