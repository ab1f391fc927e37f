"""Logging: one line per operation, the request id on every line it causes, secrets hidden.

Lines are `time level logger message`, the message as key=value pairs. It does not decide what is
logged, and writes to standard error alone: systemd or the terminal keeps it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

_request_id: ContextVar[str] = ContextVar("request_id", default="")

# What must never reach a log even if a careless message holds it: the value behind such a name.
# Bounded, so that a hostile text costs no more than its length. `principal=token:ci` names a token
# and shows nothing of it.
_SECRET = re.compile(
    r"(?i)(?<!principal=)((?:token|password|secret|authorization|cookie|signature|credential|api_?key)"
    r"[\w-]{0,32}[\"']?\s{0,4}[=:]\s{0,4})"
    r"(?:\"[^\"]*\"?|'[^']*'?|(?:bearer\s+|basic\s+)?[^\s\"',;&]+)"
)
# The password in a URL: scheme://user:password@host.
_URL_PASSWORD = re.compile(r"(://[^/\s:@]{0,64}:)[^/\s@]+(?=@)")
# What would break or hide a line on a terminal: the control characters, and other line ends.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_CONTROLS |= {10: "\\n", 13: "\\r", 9: "\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_JOURNAL_LEVELS = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


def redact(text: str) -> str:
    """Return `text` with the values of secret-sounding names replaced by `***`."""
    return _URL_PASSWORD.sub(r"\1***", _SECRET.sub(r"\1***", text))


@contextmanager
def request_context(request_id: str) -> Iterator[None]:
    """Put a request id on every line that is logged inside this block, tasks included."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class LineFormatter(logging.Formatter):
    """Formats a record as one line; under the journal with a priority and without the time."""

    def __init__(self, *, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows indented, so that a line stays a record."""
        text = redact(record.getMessage()).translate(_CONTROLS)
        if request_id := _request_id.get():
            text += f" request_id={request_id}"
        if record.exc_info:
            text += "\n" + redact(self.formatException(record.exc_info)).replace("\n", "\n    ")
        if self._journal:
            return f"<{_JOURNAL_LEVELS.get(record.levelno, 6)}>{record.name} {text}"
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return f"{stamp}.{int(record.msecs):03d} {record.levelname:<7} {record.name} {text}"


def set_up(level: str, *, stream: TextIO | None = None, journal: bool = False) -> None:
    """Send all logging of the process to `stream` (standard error), in our format.

    Args:
        level: debug, info, warning or error.
        journal: whether the stream ends in systemd's journal (sd-daemon(3) prefixes).
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(journal=journal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries that narrate: their warnings are enough.
    for name in ("asyncio", "aiohttp", "asyncssh", "PIL"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
