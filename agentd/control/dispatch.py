"""The one path of every command, whatever face it came through.

Look up, check the scope, convert, start the deadline, run, map errors, count, log one line.
It does not read or write bytes of a protocol.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from agentd.base.command import Caller, Command, Kind, Registry
from agentd.base.errors import AgentdError, Busy, Denied, Fault, TimedOut, Unavailable
from agentd.base.log import request_context
from agentd.base.metrics import Metrics
from agentd.base.schema import convert, shown
from agentd.base.service import is_cancelled

logger = logging.getLogger(__name__)

DEADLINE_LIMIT_S = 3600.0

Leave = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a face understood it.

    `parameters` is the JSON object; `lax` says that its values came as text (a query string);
    `deadline_s` replaces the command's own.
    """

    caller: Caller
    name: str
    parameters: dict[str, Any]
    lax: bool = False
    deadline_s: float | None = None


@dataclass(slots=True)
class _Outcome:
    """How a call ended so far; a stream that was opened is still `is_open`."""

    started: float
    code: str = "cancelled"
    is_open: bool = False


class Dispatcher:
    """Runs calls.

    Args:
        limit: how many calls may run at once; one more is refused with Busy.
    """

    def __init__(self, registry: Registry, metrics: Metrics, *, limit: int = 256) -> None:
        self.registry = registry
        self._metrics = metrics
        self._limit = limit
        self._running = 0
        self._leave: list[Leave] = []

    def on_leave(self, callback: Leave) -> None:
        """Have a callback awaited with the id of every connection that has ended."""
        self._leave.append(callback)

    async def leave(self, caller_id: str) -> None:
        """Tell everybody who asked that a connection has ended."""
        for callback in self._leave:
            try:
                await callback(caller_id)
            except AgentdError as exc:
                logger.debug("leave callback failed caller=%s error=%s", caller_id, exc)
            except Exception:
                logger.exception("leave callback failed caller=%s", caller_id)

    async def run(self, call: Call) -> tuple[Command, Any]:
        """Run a call to its end and return the command with its result.

        A stream's result is an async iterator that has not begun; the face iterates and closes
        it; it is counted and logged when it ends, and it has no deadline.
        Raises: AgentdError, and nothing else, Fault standing for every unexpected exception; so
            does a stream while it is iterated.
        Cancelling: the command is cancelled; what it holds for the caller it lets go.
        """
        with request_context(call.caller.request_id):
            with self._noted(call) as outcome:
                command, result = await self._run(call)
                outcome.is_open = command.kind is Kind.STREAM
            if command.kind is Kind.STREAM:
                return command, self._follow(call, result)
            return command, result

    async def _follow(self, call: Call, stream: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Iterate a command's stream to its end, as `run` runs a command."""
        with self._noted(call):
            async with aclosing(closing(stream)) as items:
                async for item in items:
                    yield item

    @contextmanager
    def _noted(self, call: Call) -> Iterator[_Outcome]:
        """Map what the block raises to AgentdError; count the call and log its line."""
        outcome = _Outcome(time.monotonic())
        try:
            yield outcome
            outcome.code = "ok"
        except AgentdError as exc:
            outcome.code = exc.narrow_code
            if isinstance(exc, Fault):
                logger.error("fault command=%s error=%s", call.name, exc, exc_info=exc)
            raise
        except asyncio.CancelledError as exc:
            if is_cancelled():
                raise
            # Not the caller has gone, but something that the command waited for.
            outcome.code = "interrupted"
            raise Unavailable(
                f"{call.name} was interrupted: what it worked with has been closed",
                code=outcome.code,
                retry_after_s=0.5,
            ) from exc
        except Exception as exc:
            outcome.code = Fault.code
            logger.exception("fault command=%s", call.name)
            raise Fault(f"{call.name} failed: {type(exc).__name__}") from exc
        finally:
            if not outcome.is_open:
                self._note(call, outcome.code, time.monotonic() - outcome.started)

    async def _run(self, call: Call) -> tuple[Command, Any]:
        command = self.registry.get(call.name)
        if command.scope not in call.caller.scopes:
            raise Denied(
                f"{call.name} needs the scope {command.scope!s}",
                code="scope_missing",
                hint=f"{call.caller.principal} has: "
                + (", ".join(sorted(call.caller.scopes)) or "none"),
            )
        parameters = convert(call.parameters, command.parameters, what=call.name, lax=call.lax)
        if command.kind is Kind.STREAM:
            return command, command.call(call.caller, parameters)
        if self._running >= self._limit:
            raise Busy(f"{self._running} calls are running already", retry_after_s=0.1)
        limit_s = min(call.deadline_s or command.deadline_s, DEADLINE_LIMIT_S)
        self._running += 1
        try:
            async with asyncio.timeout(limit_s) as deadline:
                return command, await command.call(call.caller, parameters)
        except TimeoutError as exc:
            if not deadline.expired():
                raise
            raise TimedOut(f"{call.name} was not done within {limit_s:g} s") from exc
        finally:
            self._running -= 1

    def _note(self, call: Call, code: str, duration_s: float) -> None:
        known = code != "unknown_command"
        self._metrics.count_call(call.name if known else "(unknown)", code, duration_s)
        logger.info(
            "call command=%s principal=%s code=%s ms=%.1f",
            call.name if known else shown(call.name),
            call.caller.principal,
            code,
            duration_s * 1000,
        )


async def closing(stream: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Iterate a command's stream and close it however the iteration ends."""
    try:
        async for item in stream:
            yield item
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def new_request_id() -> str:
    """Return a request id of our own: 16 hexadecimal digits."""
    return secrets.token_hex(8)
