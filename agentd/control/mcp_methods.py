"""MCP's methods: what a server says of itself, the list of tools, a tool's call, resources.

Every call goes through the dispatcher, as from any other face. A tool's failure is a result that
a model can read; a wrong request is an error. Source: Model Context Protocol, 2025-11-25 and
2026-07-28, server features.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import cached_property
from typing import Any

import msgspec

from agentd.base.command import Caller, Kind
from agentd.base.errors import AgentdError, Fault, problem_of
from agentd.base.schema import convert, nearest_name, shown
from agentd.control import mcp_content as content
from agentd.control import mcp_messages as messages
from agentd.control.dispatch import Call, Dispatcher, closing
from agentd.control.mcp_messages import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Request,
    RpcError,
)
from agentd.control.mcp_tools import Collecting, Tool, tools_of, with_model_defaults

logger = logging.getLogger(__name__)

_NAME = "agentd"
_CAPABILITIES = {"tools": {"listChanged": False}, "resources": {}}
# What a collected stream may weigh: as much as a picture does.
_COLLECTED_BYTES = 750_000

Handler = Callable[[Request, Caller], Awaitable[dict[str, Any]]]


class Methods:
    """Answers requests.

    Args:
        instructions: what a model should know of all tools together.
    """

    def __init__(self, dispatcher: Dispatcher, *, version: str, instructions: str) -> None:
        self._dispatcher = dispatcher
        self.server = {"name": _NAME, "title": _NAME, "version": version}
        self._about: dict[str, Any] = {"capabilities": _CAPABILITIES}
        if instructions:
            self._about["instructions"] = instructions
        both: dict[str, Handler] = {
            "ping": self._ping,
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": self._list_resources,
            "resources/templates/list": self._list_templates,
            "resources/read": self._read_resource,
        }
        self._of_handshake: dict[str, Handler] = {"initialize": self._initialize, **both}
        self._of_stateless: dict[str, Handler] = {"server/discover": self._discover, **both}

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in tools_of(self._dispatcher.registry)}

    async def answer(
        self, request: Request, caller: Caller, *, is_stateless: bool
    ) -> dict[str, Any]:
        """Return the result of a request.

        Raises: RpcError. Cancelling: cancels the command that was called.
        """
        known = self._of_stateless if is_stateless else self._of_handshake
        handler = known.get(request.method)
        if handler is None:
            text = f"there is no method {shown(request.method)}"
            raise RpcError(METHOD_NOT_FOUND, text)
        return await handler(request, caller)

    async def _initialize(self, request: Request, caller: Caller) -> dict[str, Any]:
        version = messages.negotiated(request.params.get("protocolVersion"))
        return {"protocolVersion": version, "serverInfo": self.server, **self._about}

    async def _discover(self, request: Request, caller: Caller) -> dict[str, Any]:
        return {"supportedVersions": list(messages.VERSIONS), **self._about}

    async def _ping(self, request: Request, caller: Caller) -> dict[str, Any]:
        return {}

    async def _list_tools(self, request: Request, caller: Caller) -> dict[str, Any]:
        _refuse_cursor(request)
        return {"tools": [tool.document for tool in self._allowed(caller)]}

    async def _list_resources(self, request: Request, caller: Caller) -> dict[str, Any]:
        _refuse_cursor(request)
        found = [tool for tool in self._allowed(caller) if tool.is_resource]
        return {"resources": [tool.resource_document for tool in found]}

    async def _list_templates(self, request: Request, caller: Caller) -> dict[str, Any]:
        return {"resourceTemplates": []}

    async def _call_tool(self, request: Request, caller: Caller) -> dict[str, Any]:
        name = request.params.get("name")
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            near = nearest_name(str(name), list(self._tools))
            hint = f"; did you mean {near!r}?" if near else ""
            raise RpcError(INVALID_PARAMS, f"Unknown tool: {shown(name)}{hint}")
        arguments = request.params.get("arguments")
        if arguments is not None and not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, "params.arguments: wanted an object")
        try:
            return content.result_of(await self._run(tool, arguments or {}, caller), uri=tool.uri)
        except AgentdError as exc:
            return content.failure_of(problem_of(exc, request_id=caller.request_id))
        except Exception:  # A result that is no JSON.
            logger.exception("fault tool=%s", tool.name)
            fault = problem_of(Fault("no answer"), request_id=caller.request_id)
            return content.failure_of(fault)

    async def _read_resource(self, request: Request, caller: Caller) -> dict[str, Any]:
        uri = request.params.get("uri")
        found = [tool for tool in self._tools.values() if tool.is_resource and tool.uri == uri]
        if not found:
            raise RpcError(INVALID_PARAMS, f"Resource not found: {shown(uri)}")
        try:
            value = await self._run(found[0], {}, caller)
        except AgentdError as exc:
            problem = problem_of(exc, request_id=caller.request_id)
            data = msgspec.to_builtins(problem)
            raise RpcError(INTERNAL_ERROR, problem.detail, data=data) from exc
        return {"contents": [content.contents_of(value, uri=found[0].uri)]}

    async def _run(self, tool: Tool, arguments: dict[str, Any], caller: Caller) -> Any:
        """Run a tool's command through the dispatcher. Raises: AgentdError."""
        command = tool.command
        collecting = Collecting()
        if command.kind is Kind.STREAM:
            names = Collecting.__struct_fields__
            given = {name: arguments[name] for name in names if name in arguments}
            collecting = convert(given, Collecting, what=command.name)
            arguments = {key: arguments[key] for key in arguments if key not in names}
        arguments = with_model_defaults(arguments, command.model_defaults)
        _, result = await self._dispatcher.run(Call(caller, command.name, arguments))
        if command.kind is Kind.STREAM:
            return await _collected(result, collecting)
        return result

    def _allowed(self, caller: Caller) -> list[Tool]:
        return [tool for tool in self._tools.values() if tool.command.scope in caller.scopes]


async def _collected(stream: AsyncIterator[Any], collecting: Collecting) -> dict[str, Any]:
    """Return the items of a stream until there are enough, and whether it has ended."""
    items: list[Any] = []
    room_bytes = _COLLECTED_BYTES
    has_ended = False
    async with aclosing(closing(stream)) as found:
        try:
            async with asyncio.timeout(collecting.collect_s) as deadline:
                async for item in found:
                    items.append(item)
                    room_bytes -= len(msgspec.json.encode(item))
                    if len(items) >= collecting.collect_items or room_bytes < 0:
                        break
                else:
                    has_ended = True
        except TimeoutError:
            if not deadline.expired():
                raise
    return {"items": items, "ended": has_ended}


def _refuse_cursor(request: Request) -> None:
    if request.params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "params.cursor: there are no further pages")
