"""Errors as agentctl tells them: a line or two for a person, a problem document for a program."""

from __future__ import annotations

import sys

import msgspec

from agentd.base.errors import AgentdError, Fault, Problem, problem_of

_REQUEST = "request id "


def tell(error: AgentdError, *, as_json: bool) -> None:
    """Print an error: the document to standard output, the lines to standard error."""
    if as_json:
        document = msgspec.json.encode(document_of(error))
        print(msgspec.json.format(document, indent=2).decode(), flush=True)
    else:
        print("\n".join(lines_of(error)), file=sys.stderr)


def lines_of(error: AgentdError) -> list[str]:
    """Return what a person is told: what happened, every fault once, what helps."""
    # The detail of a wrong call names its first faults already.
    faults = [text for text in map(str, error.errors) if text not in error.detail]
    if len(faults) == 1:
        lines = [f"error: {error.detail}: {faults[0]}"]
    else:
        lines = [f"error: {error.detail}", *(f"  {text}" for text in faults)]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    if error.retry_after_s is not None:
        lines.append(f"hint: try again in {error.retry_after_s:g} s")
    if isinstance(error, Fault) and (request_id := _request_id(error)):
        lines.append(f"hint: the log of the daemon tells more of request {request_id}")
    return lines


def document_of(error: AgentdError) -> Problem:
    """Return an error as the problem document that the daemon sent, or would have sent."""
    # Of a Fault the daemon tells its callers nothing; what has come here may be shown.
    return msgspec.structs.replace(
        problem_of(error, request_id=_request_id(error)), detail=error.detail, hint=error.hint
    )


def _request_id(error: AgentdError) -> str:
    notes = getattr(error, "__notes__", [])
    return next((note.removeprefix(_REQUEST) for note in notes if note.startswith(_REQUEST)), "")
