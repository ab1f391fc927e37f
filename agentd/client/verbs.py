"""The verbs that are agentctl's own: health, events, replay, version, token, mcp and others.

Each is a function of what was found on the command line; it returns an exit code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agentd.base.errors import FACES, Busy, Unavailable
from agentd.client.options import Option, Scanned, usage
from agentd.client.terminal import clock, duration, table

if TYPE_CHECKING:
    from agentd.client.session import Session

SCOPES = ("view", "input", "exec", "files", "network", "admin")

_COLOURS = {"running": "green", "ok": "green", "starting": "yellow", "backoff": "yellow"}
_COLOURS |= {"degraded": "yellow", "failed": "red", "fatal": "red", "stopping": "yellow"}
_MARKS = {"running": "●", "stopped": "○", "fatal": "✗"}


class Verb(NamedTuple):
    """One verb: `words` are what it takes by position, `choices` what completion offers there."""

    run: Callable[[Session, Scanned], int]
    words: str
    summary: str
    options: tuple[Option, ...] = ()
    choices: tuple[str, ...] = ()


def health(session: Session, scanned: Scanned) -> int:
    """Tell how the daemon is; the exit code says it too."""
    _take_words(scanned, 0)
    found = session.call("daemon.health", {})
    if session.as_json:
        session.put_json(found)
    else:
        session.put(_health_page(found, session))
    if found["ready"]:
        return 0
    return FACES[Busy if found["status"] == "starting" else Unavailable].exit_code


def status(session: Session, scanned: Scanned) -> int:
    """Tell the state of the desktop."""
    _take_words(scanned, 0)
    session.put_value(session.call("desktop.status", {}))
    return 0


def events(session: Session, scanned: Scanned) -> int:
    """Print events as they come, until Ctrl-C."""
    parameters: dict[str, object] = {"types": scanned.words}
    if since := scanned.text("since"):
        if not since.isdigit():
            raise usage(f"--since: wanted a number of an event, got {since!r}")
        parameters["since"] = int(since)
    session.follow("events.subscribe", parameters)
    return 0


def version(session: Session, scanned: Scanned) -> int:
    """Tell the versions of agentctl and of the daemon, if one runs."""
    _take_words(scanned, 0)
    own = session.catalogue.version
    try:
        running = session.call("daemon.version", {})
    except Unavailable:
        running = None
    if session.as_json:
        session.put_json({"agentctl": own, "agentd": running})
    else:
        told = f"{running['version']} (pid {running['pid']})" if running else "not running"
        session.put(f"agentctl {own}\nagentd   {told}")
    return 0


def token(session: Session, scanned: Scanned) -> int:
    """Make a token for the TCP listener: shown once, stored as its hash."""
    import hashlib
    import secrets

    (name,) = _take_words(scanned, 1, "a name for the token")
    scopes = [scope for text in scanned.values.get("scopes", []) for scope in text.split(",")]
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        problem = f"there is no scope {wrong[0]!r}" if wrong else "what may its holder do?"
        raise usage(problem, f"--scopes takes some of {','.join(SCOPES)}")
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if session.as_json:
        document = {"token": secret, "name": name, "scopes": scopes, "sha256": digest}
        session.put_json(document)
        return 0
    # A JSON list or string of these characters is TOML as well.
    entry = [f"{key} = {_toml(value)}" for key, value in (("name", name), ("scopes", scopes))]
    lines = "\n".join(["[[tokens]]", *entry, f'sha256 = "{digest}"'])
    session.put(
        f"{session.terminal.paint('# The token, shown this once:', 'dim')}\n{secret}\n\n"
        f"{session.terminal.paint('# For the file control.tcp.tokens_file, mode 0600:', 'dim')}\n"
        f"{lines}"
    )
    return 0


def mcp(session: Session, scanned: Scanned) -> int:
    """Serve an MCP client, as the program that it started."""
    _take_words(scanned, 0)
    import sys

    from agentd.client.mcp_bridge import serve

    if sys.stdin.isatty():
        print("waiting for MCP messages: a client starts this, see --help", file=sys.stderr)
    return serve(session.address)


def completion(session: Session, scanned: Scanned) -> int:
    """Print the completion script of a shell."""
    from agentd.client.completion import SCRIPTS

    (shell,) = _take_words(scanned, 1, "a shell: " + ", ".join(SCRIPTS))
    if shell not in SCRIPTS:
        raise usage(f"there is no completion for {shell!r}", f"one of {', '.join(SCRIPTS)}")
    session.put(SCRIPTS[shell].rstrip("\n"))
    return 0


def replay(session: Session, scanned: Scanned) -> int:
    """Do again what a recording tells."""
    from agentd.client.replay import replay as do

    return do(session, scanned)


VERBS = {
    "health": Verb(health, "", "Tell how the daemon and its parts are; the exit code says it too"),
    "status": Verb(status, "", "Tell the state of the desktop; short for desktop status"),
    "events": Verb(
        events,
        "[TYPE...]",
        "Print events as they come; TYPE window takes all of window.*",
        (Option("since", ("--since",), "SEQ", "First those kept with a higher number"),),
        ("desktop", "window", "service"),
    ),
    "replay": Verb(
        replay,
        "FILE|ID",
        "Do again what a recording tells, and say where the screen differs",
        (
            Option("speed", ("--speed",), "X", "Times the recorded speed; 1.0 unless said"),
            Option("fast", ("--as-fast-as-possible",), "", "Wait for the screen, not the clock"),
            Option("check", ("--check",), "HOW", "Where the screen differs: warn, stop or off"),
            Option("scale", ("--scale",), "", "Fit points to a screen of another size"),
        ),
    ),
    "version": Verb(version, "", "Tell the versions of agentctl and of the running daemon"),
    "token": Verb(
        token,
        "NAME --scopes SCOPES",
        "Make a token for the TCP listener, and the lines for its token file",
        (Option("scopes", ("--scopes",), "SCOPES", f"Some of {','.join(SCOPES)}", True),),
    ),
    "mcp": Verb(mcp, "", "Serve MCP on standard input and output, for a client that starts us"),
    "completion": Verb(
        completion, "bash|zsh|fish", "Print a completion script", (), ("bash", "zsh", "fish")
    ),
}


def _health_page(found: dict[str, Any], session: Session) -> str:
    """Return the health as a sentence and a table."""
    state = session.terminal.paint(found["status"], _COLOURS.get(found["status"], ""))
    lines = [f"agentd {found['version']} is {state}, up {duration(found['uptime_s'])}"]
    services = found["services"]
    if services:
        rows = [
            {
                "service": f"{_MARKS.get(item['state'], '◐')} {item['name']}",
                "state": item["state"] if item["wanted"] else f"{item['state']}, not wanted",
                "since": clock(item["since"]),
                "restarts": str(item["restarts"] or ""),
                "error": item.get("error", ""),
            }
            for item in services
        ]
        head, *body = table(rows, session.terminal).splitlines()
        lines += ["", head]
        for item, line in zip(services, body, strict=True):
            colour = _COLOURS.get(item["state"], "") if item["wanted"] else "dim"
            lines.append(session.terminal.paint(line[0], colour) + line[1:])
    return "\n".join(lines)


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode().replace('","', '", "')


def _take_words(scanned: Scanned, count: int, wanted: str = "") -> Sequence[str]:
    if len(scanned.words) > count:
        raise usage(f"{scanned.words[count]!r} is one word too many")
    if len(scanned.words) < count:
        raise usage(f"wanted {wanted}")
    return scanned.words
