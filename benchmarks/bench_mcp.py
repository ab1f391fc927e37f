"""Times a tool's call over MCP beside the same command over plain HTTP, and weighs the tools.

Run `.venv/bin/python -m benchmarks.bench_mcp`. Kept connections on the daemon's Unix socket; for
`agentctl mcp` its pipes. Beside stands the server of the official SDK with one tool that answers
at once, on a Unix socket too: what MCP costs there before any work is done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import (
    Contender,
    Daemon,
    RawClient,
    has_module,
    measure,
    running,
    running_daemon,
    table,
    temporary_folder,
    times_table,
    wait_until,
    with_bytecode,
)

ROUNDS = 100
PLAIN = "HTTP: daemon.version"
PICTURE = "desktop.screenshot"

_ROOT = Path(__file__).parents[1]
_ACCEPT = "application/json, text/event-stream"
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_SDK = """
import sys
import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
server = MCPServer("peer")
@server.tool()
def version() -> dict[str, str]:
    return {"version": "1"}
security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
app = server.streamable_http_app(json_response=True, transport_security=security)
uvicorn.run(app, uds=sys.argv[1], log_level="critical")
"""

_ids = count(1)

Post = Callable[[dict[str, Any], dict[str, str]], bytes]


def request(tool: str, meta: dict[str, Any] | None = None, **arguments: object) -> dict[str, Any]:
    """Return a tool's call."""
    params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
    return {"jsonrpc": "2.0", "id": next(_ids), "method": "tools/call", "params": params}


def initialize(client: RawClient) -> dict[str, str]:
    """Begin a session and return the headers of its requests."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}}
    params["clientInfo"] = {"name": "bench", "version": "1"}
    document = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    answer, _ = client.post("/mcp", document, {"Accept": _ACCEPT})
    names = {name.lower(): value for name, value in answer.items()}
    return {
        "Accept": _ACCEPT,
        "MCP-Protocol-Version": "2025-11-25",
        "Mcp-Session-Id": names["mcp-session-id"],
    }


def stateless(tool: str) -> dict[str, str]:
    """Return the headers of a call that stands alone."""
    version = str(_META["io.modelcontextprotocol/protocolVersion"])
    return {
        "Accept": _ACCEPT,
        "MCP-Protocol-Version": version,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }


def checked(answer: bytes) -> int:
    """Return the size of a tool's answer, once it is seen to be a good one."""
    if b'"isError":true' in answer or b'"error":{' in answer:
        raise RuntimeError(answer.decode())
    return len(answer)


class Stdio:
    """A process of `agentctl mcp`."""

    def __init__(self, daemon: Daemon) -> None:
        words = ["-m", "agentd.client.cli", "--socket", os.fspath(daemon.socket), "mcp"]
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=_ROOT,
            env=with_bytecode(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, document: dict[str, Any]) -> bytes:
        """Send a message and return the next one that comes."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(document).encode() + b"\n")
        stdin.flush()
        return stdout.readline()

    def close(self) -> None:
        """End it as a client does: there is nothing more to say."""
        self._process.communicate()


def of_command(client: RawClient, stdio: Stdio, name: str, **arguments: object) -> list[Contender]:
    """One command by every way that there is."""
    tool, session = name.replace(".", "_"), initialize(client)
    alone = stateless(tool)
    ways: dict[str, Callable[[], int]] = {
        "HTTP": lambda: len(client.call(name, **arguments)[1]),
        "/mcp, session": lambda: checked(
            client.post("/mcp", request(tool, **arguments), session)[1]
        ),
        "/mcp, stateless": lambda: checked(
            client.post("/mcp", request(tool, _META, **arguments), alone)[1]
        ),
        "agentctl mcp": lambda: checked(stdio.ask(request(tool, **arguments))),
    }
    return [Contender(f"{way}: {name}", act) for way, act in ways.items()]


@contextmanager
def sdk() -> Iterator[list[Contender]]:
    """The official SDK's server with a tool that answers at once."""
    name = "SDK's server: a constant"
    if not has_module("mcp"):
        yield [Contender(name, lambda: None, is_here=False)]
        return
    with ExitStack() as stack:
        path = stack.enter_context(temporary_folder()) / "peer.sock"
        argv = [sys.executable, "-c", _SDK, os.fspath(path)]
        stack.enter_context(running(argv, env=with_bytecode()))
        wait_until(path.exists, "the SDK's server listens")
        client = RawClient(path)
        stack.callback(client.close)
        session = initialize(client)
        yield [
            Contender(name, lambda: checked(client.post("/mcp", request("version"), session)[1]))
        ]


def tools(client: RawClient, session: dict[str, str]) -> bytes:
    """Return the answer to the question which tools there are."""
    document = {"jsonrpc": "2.0", "id": 0, "method": "tools/list", "params": {}}
    return client.post("/mcp", document, session)[1]


def weights(answer: bytes) -> str:
    """Return a table of what the list of tools weighs."""
    tools = json.loads(answer)["result"]["tools"]

    def weight(*keys: str) -> str:
        parts = [{key: tool[key] for key in keys if key in tool} for tool in tools]
        return f"{sum(len(json.dumps(part, separators=(',', ':'))) for part in parts)}"

    largest = max(tools, key=lambda tool: len(json.dumps(tool)))
    rows = [
        [f"tools/list, {len(tools)} tools", f"{len(answer)}"],
        ["of it descriptions and input schemas", weight("name", "description", "inputSchema")],
        ["of it output schemas", weight("outputSchema")],
        [f"the largest, {largest['name']}", f"{len(json.dumps(largest, separators=(',', ':')))}"],
    ]
    return table(["answer", "bytes"], rows)


def run() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        daemon, client = stack.enter_context(running_daemon())
        stdio = Stdio(daemon)
        stack.callback(stdio.close)
        session = initialize(client)
        small = [
            *of_command(client, stdio, "daemon.version"),
            *of_command(client, stdio, "desktop.cursor"),
            *stack.enter_context(sdk()),
        ]
        large = of_command(client, stdio, PICTURE, max_long_edge=1280)
        large.append(Contender("/mcp: tools/list", lambda: len(tools(client, session))))
        measure(small, ROUNDS)
        measure(large, ROUNDS)
        weighed = weights(tools(client, session))
        added_ms = median(small[1].samples_ms) - median(small[0].samples_ms)
    print(f"A round trip, {ROUNDS} samples, in streaks of 5; ratio to plain HTTP.\n")
    print(times_table(small, PLAIN))
    print(f"\nMCP adds {added_ms:.2f} ms to a call. Larger answers, of a quiet screen:\n")
    print(times_table(large, f"HTTP: {PICTURE}", with_bytes=True))
    print(f"\n{weighed}")


if __name__ == "__main__":
    run()
