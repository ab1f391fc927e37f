"""The official MCP client with a real desktop: over HTTP with a token, and through agentctl."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, TextContent
from PIL import Image
from Xlib.display import Display

from agentd.base.command import Scope
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.fakes import LIMIT_S, free_port, token_file
from tests.live.daemon import DaemonProcess, running_daemon

ROOT = Path(__file__).parents[2]
# The handshake, and requests that stand alone.
MODES = ("legacy", "2026-07-28")
WAYS = [(way, mode) for way in ("http", "stdio") for mode in (*MODES, "auto")]


class McpDaemon(DaemonProcess):
    """A daemon that listens on TCP, too."""

    port: int


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpDaemon]:
    folder = tmp_path_factory.mktemp("daemon")
    port = free_port()
    tokens = token_file(folder, {"full": list(Scope), "viewer": [Scope.VIEW]})
    config = f'[control.tcp]\nlisten = "127.0.0.1:{port}"\ntokens_file = "{tokens}"\n'
    config += "[desktop]\nwidth = 1920\nheight = 1080\n"
    with running_daemon(folder, config) as running:
        with running.client() as client:
            client.desktop.start()
        running.port = port  # type: ignore[attr-defined]
        yield running  # type: ignore[misc]


@pytest.fixture(scope="module")
def display(daemon: McpDaemon) -> Iterator[Display]:
    """A connection to the daemon's X server, to see which keys are down."""
    with daemon.client() as client:
        environment = client.desktop.status().environment
    address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
    with authority_environment(address):
        opened = Display(address.name)
    yield opened
    opened.close()


def held(display: Display) -> int:
    """How many keys are down."""
    return sum(byte.bit_count() for byte in display.query_keymap())


@asynccontextmanager
async def over_http(daemon: McpDaemon, mode: str, *, token: str = "full") -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=LIMIT_S) as http:
        transport = streamable_http_client(f"http://127.0.0.1:{daemon.port}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@asynccontextmanager
async def over_stdio(daemon: DaemonProcess, mode: str) -> AsyncIterator[Client]:
    words = bridge_words(daemon)
    server = StdioServerParameters(command=sys.executable, args=words, cwd=ROOT)
    async with Client(server, mode=mode) as client:
        yield client


def bridge_words(daemon: DaemonProcess) -> list[str]:
    return ["-m", "agentd.client.cli", "--socket", os.fspath(daemon.socket), "mcp"]


def connect(daemon: McpDaemon, way: str, mode: str) -> Any:
    return over_http(daemon, mode) if way == "http" else over_stdio(daemon, mode)


def words(result: CallToolResult) -> str:
    block = result.content[-1]
    assert isinstance(block, TextContent)
    return block.text


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, words(result)
    return dict(result.structured_content or {})


each_way = pytest.mark.parametrize(("way", "mode"), WAYS)


@each_way
async def test_a_client_sees_and_acts(daemon: McpDaemon, way: str, mode: str) -> None:
    async with connect(daemon, way, mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"desktop_screenshot", "desktop_click", "windows_list"} <= tools
        result = await client.call_tool("desktop_screenshot")
        picture = result.content[0]
        assert isinstance(picture, ImageContent)
        size = Image.open(io.BytesIO(base64.b64decode(picture.data))).size
        assert (picture.mime_type, size) == ("image/png", (1430, 804))
        assert '"screen_width":1920' in words(result)
        await call(client, "desktop_click", x=123, y=45)
        assert await call(client, "desktop_cursor") == {"x": 123, "y": 45}


@each_way
async def test_wrong_argument_says_what_is_right(daemon: McpDaemon, way: str, mode: str) -> None:
    async with connect(daemon, way, mode) as client:
        result = await client.call_tool("desktop_click", {"x": 5000, "z": 1})
    assert result.is_error
    assert "z: wanted one of" in words(result)


async def test_larger_picture_is_had_by_asking(daemon: McpDaemon) -> None:
    async with over_http(daemon, "auto") as client:
        wanted = {"max_long_edge": 1920, "max_pixels": 3_000_000, "format": "jpeg"}
        result = await client.call_tool("desktop_screenshot", wanted)
    picture = result.content[0]
    assert isinstance(picture, ImageContent)
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (1920, 1080)


@each_way
async def test_a_batch_ends_with_a_picture_in_whose_pixels_the_next_one_speaks(
    daemon: McpDaemon, way: str, mode: str
) -> None:
    async with connect(daemon, way, mode) as client:
        actions = [{"action": "move", "x": 10, "y": 10}, {"action": "scroll", "dy": 1}]
        result = await client.call_tool("desktop_act", {"actions": actions})
        picture = next(block for block in result.content if isinstance(block, ImageContent))
        size = Image.open(io.BytesIO(base64.b64decode(picture.data))).size
        assert (picture.mime_type, size) == ("image/png", (1430, 804))
        frame = re.search(r'"frame":(\d+)', words(result))
        assert frame is not None
        corner = [{"action": "move", "x": 1429, "y": 803}]
        more = {"space": "image", "frame": int(frame[1]), "settle": None, "observe": None}
        await client.call_tool("desktop_act", {"actions": corner, **more})
        assert await call(client, "desktop_cursor") == {"x": 1919, "y": 1079}


@pytest.mark.parametrize("mode", MODES)
async def test_scopes_of_the_token_hold(daemon: McpDaemon, mode: str) -> None:
    async with over_http(daemon, mode, token="viewer") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "desktop_screenshot" in tools
        assert "desktop_click" not in tools
        result = await client.call_tool("desktop_click", {"x": 1, "y": 1})
    assert result.is_error
    assert "desktop.click needs the scope input" in words(result)


@each_way
async def test_resource_is_the_screen(daemon: McpDaemon, way: str, mode: str) -> None:
    async with connect(daemon, way, mode) as client:
        read = await client.read_resource("agentd://desktop/screenshot")
    assert read.contents[0].mime_type == "image/png"


@each_way
async def test_cancelled_call_ends_the_command(daemon: McpDaemon, way: str, mode: str) -> None:
    before = ended(daemon, "cancelled")
    async with connect(daemon, way, mode) as client:
        progressed = asyncio.Event()

        async def progress(done: float, total: float | None, message: str | None) -> None:
            assert "desktop_wait is running" in str(message)
            progressed.set()

        arguments = {"quiet_ms": 60_000, "timeout_ms": 600_000}
        waiting = asyncio.create_task(  # noqa: TID251
            client.call_tool("desktop_wait", arguments, progress_callback=progress)
        )
        async with asyncio.timeout(LIMIT_S):
            await progressed.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await became(daemon, lambda: ended(daemon, "cancelled") == before + 1)
        assert (await call(client, "daemon_version"))["pid"]


@each_way
async def test_calls_run_beside_each_other(daemon: McpDaemon, way: str, mode: str) -> None:
    async with connect(daemon, way, mode) as client:
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(call(client, "desktop_wait", quiet_ms=500), name="slow")
            await call(client, "daemon_version")
            assert not slow.done()
        assert slow.result()["stable"]


async def test_two_clients_hold_keys_of_their_own(daemon: McpDaemon, display: Display) -> None:
    async with over_http(daemon, "legacy") as staying:
        await call(staying, "desktop_key_down", key="shift")
        async with over_stdio(daemon, "legacy") as leaving:
            await call(leaving, "desktop_key_down", key="ctrl")
            assert held(display) == 2
        await became(daemon, lambda: held(display) == 1)
        await call(staying, "desktop_key_up", key="shift")
        assert held(display) == 0


@pytest.mark.parametrize("way", ["http", "stdio"])
async def test_keys_go_up_when_the_session_ends(
    daemon: McpDaemon, display: Display, way: str
) -> None:
    async with connect(daemon, way, "legacy") as client:
        await call(client, "desktop_key_down", key="shift")
        assert held(display) == 1
    await became(daemon, lambda: held(display) == 0)


def test_keys_go_up_when_agentctl_is_killed(daemon: McpDaemon, display: Display) -> None:
    argv = [sys.executable, *bridge_words(daemon)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        params = {"name": "desktop_key_down", "arguments": {"key": "shift"}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        bridge.stdin.write(json.dumps(request).encode() + b"\n")
        bridge.stdin.flush()
        assert b'"isError":false' in bridge.stdout.readline()
        assert held(display) == 1
        bridge.kill()
    daemon.wait_until(lambda: held(display) == 0, "the key is up")


@pytest.mark.parametrize("mode", MODES)
async def test_killed_daemon_is_found_again(tmp_path: Path, mode: str) -> None:
    with running_daemon(tmp_path, "[desktop]\nautostart = false\n") as daemon:
        async with over_stdio(daemon, mode) as client:
            first = await call(client, "daemon_version")
            daemon.kill()
            gone = await client.call_tool("daemon_version", {})
            assert gone.is_error
            assert "agentd is not running" in words(gone)
            assert "start it again" in words(gone)
            daemon.start()
            assert (await call(client, "daemon_version"))["pid"] != first["pid"]


@pytest.mark.parametrize("mode", MODES)
async def test_agentctl_starts_without_a_daemon(tmp_path: Path, mode: str) -> None:
    daemon = DaemonProcess(tmp_path, "[desktop]\nautostart = false\n")
    async with over_stdio(daemon, mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "desktop_screenshot" in tools
        result = await client.call_tool("desktop_screenshot", {})
        assert result.is_error
        assert "there is no socket" in words(result)
        daemon.start()
        try:
            assert (await call(client, "daemon_version"))["pid"]
        finally:
            daemon.stop()


async def became(daemon: DaemonProcess, condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(daemon.wait_until, condition, "what the test waits for")


def ended(daemon: DaemonProcess, code: str) -> int:
    """How many waits ended so, by the daemon's log."""
    return len(re.findall(rf"call command=desktop\.wait .*code={code}", daemon.log.read_text()))
