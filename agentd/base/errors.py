"""The errors of agentd: each class is one reaction that is asked of the receiver.

Pure. Does not know HTTP, exit codes of programs, or how a face prints an error: the table
`FACES` gives the numbers, the faces carry them.

    AgentdError
    ├── BadRequest      fix the call                         400
    ├── Unauthorized    say who you are                      401
    ├── Denied          you may not do this                  403
    ├── NotFound        it does not exist                    404
    ├── Conflict        the state forbids it now             409
    ├── TooLarge        send or ask for less                 413
    ├── Busy            too much at once, try again          429
    ├── Fault           our own bug; the log has the story   500
    ├── Unavailable     a part is not running, try again     503
    ├── TimedOut        it did not happen in time            504
    └── NoSpace         the disk is full                     507

A narrower `code` than the class's own says which case it was; codes are stable, texts are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import msgspec


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with one value.

    `path` is the key path (`region.width`, `vnc.listen[1]`), `found` and `wanted` are short
    texts, `nearest` is the known name that an unknown name most resembles.
    """

    path: str
    wanted: str
    found: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        text = f"{self.path or '(value)'}: wanted {self.wanted}"
        if self.found:
            text += f", got {self.found}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return text


class AgentdError(Exception):
    """The base of every error that a caller can meet.

    Args:
        detail: what was being done, on what, what happened; one sentence, no secrets.
        code: a narrower stable code than the class's own.
        hint: what the reader can do about it; one sentence.
        errors: the single faults behind this error, for bad requests and bad files.
        retry_after_s: when trying again makes sense, in seconds.
        data: further values for the receiver (JSON values only).
    """

    code: ClassVar[str] = "fault"
    title: ClassVar[str] = "Internal fault"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        hint: str = "",
        errors: Sequence[FieldError] = (),
        retry_after_s: float | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.narrow_code = code or self.code
        self.hint = hint
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        self.data = data or {}

    def __str__(self) -> str:
        return f"{self.detail} ({self.hint})" if self.hint else self.detail


class BadRequest(AgentdError):
    """The call itself is wrong: unknown name, wrong type, out of range."""

    code = "bad_request"
    title = "Bad request"


class Unauthorized(AgentdError):
    """Nobody we know: no credentials, or wrong ones."""

    code = "unauthorized"
    title = "Not authenticated"


class Denied(AgentdError):
    """The caller is known, but this is not allowed to them."""

    code = "denied"
    title = "Not allowed"


class NotFound(AgentdError):
    """The named thing does not exist."""

    code = "not_found"
    title = "Not found"


class Conflict(AgentdError):
    """The state of the thing forbids the operation now."""

    code = "conflict"
    title = "Conflict"


class TooLarge(AgentdError):
    """A body, a picture or a list is over its limit."""

    code = "too_large"
    title = "Too large"


class Busy(AgentdError):
    """Too many calls at once; try again after `retry_after_s`."""

    code = "busy"
    title = "Busy"


class Fault(AgentdError):
    """Our own bug. The caller gets an id and nothing else; the log has the traceback."""

    code = "fault"
    title = "Internal fault"


class Unavailable(AgentdError):
    """A part that is needed is not running, or a program is missing; it may come back."""

    code = "unavailable"
    title = "Not available"


class TimedOut(AgentdError):
    """The deadline passed before the work was done."""

    code = "timed_out"
    title = "Timed out"


class NoSpace(AgentdError):
    """A write failed because the disk or a quota is full."""

    code = "no_space"
    title = "No space"


class Numbers(NamedTuple):
    """How the outer world numbers an error: HTTP status, agentctl exit code, JSON-RPC code."""

    status: int
    exit_code: int
    rpc: int


# The one table that maps an error to the numbers of every face. Exit codes 1 and 2 are left to
# "something else" and to the shell's usage errors, 69 and 77 follow sysexits(3).
FACES: dict[type[AgentdError], Numbers] = {
    BadRequest: Numbers(400, 2, -32602),
    Unauthorized: Numbers(401, 77, -32001),
    Denied: Numbers(403, 77, -32003),
    NotFound: Numbers(404, 4, -32004),
    Conflict: Numbers(409, 5, -32009),
    TooLarge: Numbers(413, 6, -32013),
    Busy: Numbers(429, 75, -32029),
    Fault: Numbers(500, 70, -32603),
    Unavailable: Numbers(503, 69, -32053),
    TimedOut: Numbers(504, 7, -32054),
    NoSpace: Numbers(507, 8, -32057),
}

CLASSES: dict[str, type[AgentdError]] = {cls.code: cls for cls in FACES}


def numbers_of(error: AgentdError) -> Numbers:
    """Return the numbers of an error's class, or of the nearest class above it."""
    for cls in type(error).__mro__:
        if issubclass(cls, AgentdError) and cls in FACES:
            return FACES[cls]
    return FACES[Fault]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error on the wire: problem details, RFC 9457 section 3, with our extension members."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()
    retry_after_s: float | None = None
    data: dict[str, object] = {}
    request_id: str = ""


def problem_of(error: AgentdError, *, request_id: str = "") -> Problem:
    """Return what a caller may see of an error; of a Fault that is its id alone."""
    if isinstance(error, Fault):
        error = Fault("the daemon made a mistake; its log tells more")
    return Problem(
        type=f"urn:agentd:error:{error.code}",
        title=error.title,
        status=numbers_of(error).status,
        code=error.narrow_code,
        detail=error.detail,
        hint=error.hint,
        errors=error.errors,
        retry_after_s=error.retry_after_s,
        data=error.data,
        request_id=request_id,
    )


def error_of(problem: Problem) -> AgentdError:
    """Return the error that a problem from the wire stands for (the client's side)."""
    cls = CLASSES.get(problem.type.rpartition(":")[2], AgentdError)
    return cls(
        problem.detail,
        code=problem.code,
        hint=problem.hint,
        errors=problem.errors,
        retry_after_s=problem.retry_after_s,
        data=problem.data,
    )
