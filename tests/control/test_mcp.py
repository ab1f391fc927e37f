"""The MCP face over real sockets: requests as clients of every version send them."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from agentd.control import mcp as module
from agentd.control import mcp_messages as messages
from tests.fakes import LIMIT_S, Answer, ControlServer, Wire, until

BOTH = "application/json, text/event-stream"
SESSION = "0123456789abcdef" * 2
META = {messages.VERSION_KEY: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def rpc(method: str, id: object = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def tool(name: str, id: object = 1, *, meta: object = None, **arguments: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": name, "arguments": arguments}
    return rpc("tools/call", id, **params, **({"_meta": meta} if meta else {}))


async def ask(
    server: ControlServer, document: object, path: str = "/mcp", **headers: str
) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.post(path, document, headers={"Accept": BOTH, **given})


async def result(server: ControlServer, document: object, **headers: str) -> dict[str, Any]:
    answer = await ask(server, document, **headers)
    assert answer.status == 200, answer.body
    return dict(answer.document["result"])


async def stateless(server: ControlServer, method: str, **params: Any) -> Answer:
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return await ask(server, rpc(method, **params, _meta=META), **headers)


def words(result: dict[str, Any]) -> str:
    return str(result["content"][-1]["text"])


def events(text: bytes) -> list[dict[str, Any]]:
    lines = text.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def raw(document: object, **headers: str) -> str:
    body = json.dumps(document)
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = ["POST /mcp HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *lines]
    return "\n".join(head) + "\n\n" + body


class TestHandshake:
    @pytest.mark.parametrize("version", messages.HANDSHAKE_VERSIONS)
    async def test_version_of_the_client_is_agreed_on(
        self, server: ControlServer, version: str
    ) -> None:
        answer = await ask(server, rpc("initialize", protocolVersion=version, capabilities={}))
        found = answer.document["result"]
        assert found["protocolVersion"] == version
        assert found["serverInfo"]["version"] == "1.2.3"
        assert found["capabilities"] == {"tools": {"listChanged": False}, "resources": {}}
        assert len(answer.headers["Mcp-Session-Id"]) == 32

    @pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
    async def test_path_may_end_in_a_slash(self, server: ControlServer, path: str) -> None:
        assert (await ask(server, rpc("ping"), path)).document["result"] == {}

    @pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html", BOTH])
    async def test_accept_is_read_leniently(self, server: ControlServer, accept: str) -> None:
        answer = await server.post("/mcp", rpc("ping"), headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"

    async def test_notification_is_accepted(self, server: ControlServer) -> None:
        answer = await ask(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (answer.status, answer.body) == (202, b"")

    async def test_response_that_nobody_asked_for_is_accepted(self, server: ControlServer) -> None:
        assert (await ask(server, {"jsonrpc": "2.0", "id": 1, "result": {}})).status == 202

    @pytest.mark.parametrize(
        "method",
        ["logging/setLevel", "prompts/list", "completion/complete", "server/discover", "x"],
    )
    async def test_what_is_not_claimed_is_not_there(
        self, server: ControlServer, method: str
    ) -> None:
        answer = await ask(server, rpc(method))
        assert (answer.status, answer.document["error"]["code"]) == (200, -32601)

    async def test_what_is_no_message_is_refused(self, server: ControlServer) -> None:
        answer = await server.ask("POST", "/mcp", data=b"{")
        assert (answer.status, answer.document["error"]["code"]) == (400, -32700)

    async def test_too_much_is_refused(self, server: ControlServer) -> None:
        answer = await server.ask("POST", "/mcp", data=io.BytesIO(b" " * ((1 << 20) + 1)))
        assert (answer.status, answer.code) == (413, "body_too_large")

    async def test_version_that_is_not_spoken_is_refused(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("ping"), MCP_Protocol_Version="2030-01-01")
        assert (answer.status, answer.document["error"]["code"]) == (400, -32022)

    @pytest.mark.parametrize("method", ["PUT", "OPTIONS", "GET", "DELETE"])
    async def test_other_methods_are_refused(self, server: ControlServer, method: str) -> None:
        answer = await server.ask(method, "/mcp")
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


class TestBatches:
    async def test_answers_come_in_order(self, server: ControlServer) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        batch = [tool("sample_echo", 1, text="a"), note, 7, rpc("nope", 2), rpc("ping", 3)]
        answer = await ask(server, batch)
        assert [item["id"] for item in answer.document] == [1, None, 2, 3]
        assert [item["error"]["code"] for item in answer.document[1:3]] == [-32600, -32601]

    async def test_notifications_alone_are_accepted(self, server: ControlServer) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await ask(server, [note, note])).status == 202

    async def test_call_of_one_is_cancelled_alone(self, server: ControlServer) -> None:
        batch = [tool("sample_wait", 1), rpc("ping", 2)]
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(server, batch, Mcp_Session_Id=SESSION))
            await server.room.begun.wait()
            cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
            params = {"params": {"requestId": 1}}
            await ask(server, {**cancel, **params}, Mcp_Session_Id=SESSION)
        cancelled, ping = asking.result().document
        assert cancelled["error"]["code"] == messages.CANCELLED
        assert ping["result"] == {}


class TestStateless:
    async def test_discovery_tells_every_version(self, server: ControlServer) -> None:
        found = (await stateless(server, "server/discover")).document["result"]
        assert found["supportedVersions"] == list(messages.VERSIONS)
        assert found["resultType"] == "complete"
        assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "agentd"

    async def test_call_needs_no_handshake(self, server: ControlServer) -> None:
        answer = await stateless(server, "tools/call", name="sample_echo", arguments={"text": "a"})
        assert answer.document["result"]["structuredContent"]["text"] == "a"
        assert "Mcp-Session-Id" not in answer.headers

    async def test_unknown_method_has_its_status(self, server: ControlServer) -> None:
        answer = await stateless(server, "initialize")
        assert (answer.status, answer.document["error"]["code"]) == (404, -32601)

    async def test_header_that_says_otherwise_is_refused(self, server: ControlServer) -> None:
        document = rpc("tools/list", _meta=META)
        headers = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call"}
        answer = await ask(server, document, **headers)
        assert (answer.status, answer.document["error"]["code"]) == (400, -32020)
        assert answer.document["id"] == 1

    async def test_there_is_no_stream_to_open(self, server: ControlServer) -> None:
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Session-Id": SESSION}
        assert (await server.get("/mcp", headers=headers)).status == 405

    async def test_caller_is_the_connection(self, server: ControlServer) -> None:
        answer = await stateless(server, "tools/call", name="sample_who", arguments={})
        assert answer.document["result"]["structuredContent"]["id"].startswith("c")


class TestTools:
    async def test_list_is_of_what_the_caller_may(self, tcp_server: ControlServer) -> None:
        names = {}
        for token in ("full", "viewer"):
            async with await tcp_server.connect(tcp=True) as wire:
                await wire.send(raw(rpc("tools/list"), Authorization=f"Bearer {token}"))
                tools = (await wire.answer()).document["result"]["tools"]
                names[token] = {item["name"] for item in tools}
        assert "sample_poke" in names["full"] - names["viewer"]
        assert "sample_echo" in names["viewer"]

    async def test_call_without_the_scope_is_refused(self, tcp_server: ControlServer) -> None:
        async with await tcp_server.connect(tcp=True) as wire:
            await wire.send(raw(tool("sample_poke"), Authorization="Bearer viewer"))
            found = (await wire.answer()).document["result"]
        assert found["isError"]
        assert "error: sample.poke needs the scope input" in words(found)
        assert "hint: token:viewer has: view" in words(found)

    async def test_without_a_token_there_is_nothing(self, tcp_server: ControlServer) -> None:
        async with await tcp_server.connect(tcp=True) as wire:
            await wire.send(raw(rpc("initialize")))
            answer = await wire.answer()
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="agentd"')

    async def test_page_of_a_stranger_is_refused(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("ping"), Origin="https://evil.example")
        assert (answer.status, answer.code) == (403, "origin_refused")

    async def test_wrong_argument_is_told_to_the_model(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_echo", txt="a", count=10))
        assert found["isError"]
        assert "did you mean 'text'?" in words(found)
        assert "count: wanted an integer 0..9, got 10" in words(found)
        assert found["_meta"]["agentd/problem"]["code"] == "invalid"

    async def test_failure_is_told_to_the_model(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_fail", how="conflict"))
        assert words(found).startswith("error: it is taken\nhint: wait\nhint: try again in 2.4 s")

    @pytest.mark.parametrize("how", ["bug", "unprintable"])
    async def test_fault_tells_its_id_alone(self, server: ControlServer, how: str) -> None:
        answer = await ask(server, tool("sample_fail", how=how))
        found = answer.document["result"]
        assert words(found).startswith("error: the daemon made a mistake")
        assert answer.headers["X-Request-Id"] in words(found)
        assert "secret" not in words(found)

    @pytest.mark.parametrize("name", ["sample_ehco", "sample.echo", "", None, 7, "x" * 10_000])
    async def test_unknown_tool_is_an_error(self, server: ControlServer, name: object) -> None:
        answer = await ask(server, rpc("tools/call", name=name))
        assert answer.document["error"]["code"] == -32602
        assert len(answer.document["error"]["message"]) < 200

    async def test_arguments_that_are_no_object_are_an_error(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("tools/call", name="sample_echo", arguments=[1]))
        assert answer.document["error"]["code"] == -32602

    async def test_further_pages_are_not_there(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("tools/list", cursor="x"))
        assert answer.document["error"]["code"] == -32602

    async def test_default_for_models_is_filled_in(self, server: ControlServer) -> None:
        by_tool = await result(server, tool("sample_snap"))
        assert json.loads(words(by_tool))["width"] == 7
        assert (await server.post("/v1/sample/snap")).document["width"] == 1000
        given = await result(server, tool("sample_snap", width=9))
        assert json.loads(words(given))["width"] == 9

    async def test_picture_within_an_answer_is_shown(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_snap"))
        assert [block["type"] for block in found["content"]] == ["image", "text"]

    async def test_calls_are_counted_and_logged_as_from_any_face(
        self, server: ControlServer, lines: list[str]
    ) -> None:
        answer = await ask(server, tool("sample_echo"))
        assert 'command="sample.echo"' in server.metrics.exposition().decode()
        assert any(answer.headers["X-Request-Id"] in line for line in lines)


class TestStreams:
    async def test_items_are_collected_to_the_end(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_count", to=3))
        assert found["structuredContent"] == {
            "items": [{"seq": 1}, {"seq": 2}, {"seq": 3}],
            "ended": True,
        }

    async def test_enough_items_are_enough(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_count", to=9, then="wait", collect_items=2))
        assert len(found["structuredContent"]["items"]) == 2
        assert server.room.ended.is_set()

    async def test_time_is_up(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_count", then="wait", collect_s=0.01))
        assert found["structuredContent"]["ended"] is False
        assert server.room.running == 0

    async def test_failure_on_the_way_is_a_failure(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_count", then="conflict"))
        assert "it is taken" in words(found)

    async def test_wrong_bound_is_told(self, server: ControlServer) -> None:
        found = await result(server, tool("sample_count", collect_s=0))
        assert "collect_s: wanted a number above 0" in words(found)


class TestResources:
    async def test_reading_is_a_call(self, server: ControlServer) -> None:
        found = await result(server, rpc("resources/read", uri="agentd://sample/who"))
        assert json.loads(found["contents"][0]["text"])["principal"].startswith("uid:")

    async def test_list_holds_what_can_be_read(self, server: ControlServer) -> None:
        found = await result(server, rpc("resources/list"))
        assert "agentd://sample/picture" in {item["uri"] for item in found["resources"]}
        assert await result(server, rpc("resources/templates/list")) == {"resourceTemplates": []}

    @pytest.mark.parametrize("uri", ["agentd://sample/poke", "file:///etc/passwd", None])
    async def test_unknown_one_is_an_error(self, server: ControlServer, uri: object) -> None:
        answer = await ask(server, rpc("resources/read", uri=uri))
        assert answer.document["error"]["code"] == -32602

    async def test_failure_is_an_error(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("resources/read", uri="agentd://sample/fail"))
        assert answer.document["error"]["data"]["code"] == "taken"


class TestProgress:
    async def test_long_call_tells_that_it_runs(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_PROGRESS_S", 0.001)
        async with await server.connect() as wire:
            document = tool("sample_wait", meta={"progressToken": "p"})
            await wire.send(raw(document, Accept=BOTH))
            status, headers = await wire.head()
            assert (status, headers["Content-Type"]) == (200, "text/event-stream")
            told = [events(await wire.chunk())[0]["params"] for _ in range(3)]
            server.room.go_on.set()
            rest = b""
            while chunk := await wire.chunk():
                rest += chunk
        assert {item["progressToken"] for item in told} == {"p"}
        assert told[0]["progress"] < told[1]["progress"] < told[2]["progress"]
        assert told[0]["message"].startswith("sample_wait is running")
        assert words(events(rest)[-1]["result"]) == '"went on"'

    async def test_short_call_is_answered_in_json(self, server: ControlServer) -> None:
        answer = await ask(server, tool("sample_echo", meta={"progressToken": 1}))
        assert answer.headers["Content-Type"] == "application/json"

    async def test_client_that_reads_events_alone_gets_them(self, server: ControlServer) -> None:
        answer = await server.post("/mcp", rpc("ping"), headers={"Accept": "text/event-stream"})
        assert events(answer.body)[-1]["result"] == {}

    async def test_silent_call_shows_that_it_lives(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.001)
        async with await server.connect() as wire:
            await wire.send(raw(tool("sample_wait"), Accept=BOTH))
            await wire.head()
            assert await wire.chunk() == b": \n\n"


class TestCancelling:
    async def cancel(self, server: ControlServer, **headers: str) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        assert (await ask(server, note, **headers)).status == 202

    async def test_notification_cancels_the_command(self, server: ControlServer) -> None:
        async with asyncio.TaskGroup() as group:
            document = tool("sample_wait")
            asking = group.create_task(ask(server, document, Mcp_Session_Id=SESSION))
            await server.room.begun.wait()
            await self.cancel(server, Mcp_Session_Id=SESSION)
        assert asking.result().document["error"]["code"] == messages.CANCELLED
        assert server.room.ended.is_set()

    async def test_notification_of_another_session_does_nothing(
        self, server: ControlServer
    ) -> None:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(server, tool("sample_wait"), Mcp_Session_Id=SESSION))
            await server.room.begun.wait()
            await self.cancel(server, Mcp_Session_Id=SESSION[::-1])
            await self.cancel(server)
            server.room.go_on.set()
        assert words(asking.result().document["result"]) == '"went on"'

    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    async def test_closed_connection_cancels_the_command(
        self, server: ControlServer, accept: str
    ) -> None:
        async with await server.connect() as wire:
            await wire.send(raw(tool("sample_wait"), Accept=accept))
            await server.room.begun.wait()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()


class TestSessions:
    async def test_caller_is_the_session(self, server: ControlServer) -> None:
        answer = await ask(server, rpc("initialize"))
        session = answer.headers["Mcp-Session-Id"]
        who = [await result(server, tool("sample_who"), Mcp_Session_Id=session) for _ in "ab"]
        ids = {item["structuredContent"]["id"] for item in who}
        assert len(ids) == 1
        assert ids.pop().startswith("mcp")

    async def test_deleted_one_is_gone(self, server: ControlServer) -> None:
        session = (await ask(server, rpc("initialize"))).headers["Mcp-Session-Id"]
        deleted = await server.ask("DELETE", "/mcp", headers={"Mcp-Session-Id": session})
        assert deleted.status == 204
        assert [name[:3] for name in server.told] == ["mcp"]
        assert (await ask(server, rpc("ping"), Mcp_Session_Id=session)).status == 404
        again = await server.ask("DELETE", "/mcp", headers={"Mcp-Session-Id": session})
        assert again.status == 404

    async def test_client_that_listened_has_left_when_its_connections_end(
        self, server: ControlServer
    ) -> None:
        listening, calling = await server.connect(), await server.connect()
        await listen(listening)
        await calling.send(raw(tool("sample_who"), Mcp_Session_Id=SESSION))
        found = (await calling.answer()).document["result"]
        calling.close()
        await until(lambda: len(server.told) == 1)
        listening.close()
        await until(lambda: found["structuredContent"]["id"] in server.told)

    async def test_client_that_goes_at_once_is_no_error(
        self, server: ControlServer, lines: list[str]
    ) -> None:
        for _ in range(20):
            wire = await server.connect()
            await wire.send(f"GET /mcp HTTP/1.1\nHost: localhost\nMcp-Session-Id: {SESSION}\n\n")
            wire.close()
        await until(lambda: len(server.left) == 20)
        assert [line for line in lines if " ERROR " in line] == []

    async def test_stopping_daemon_ends_the_stream(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await listen(wire)
            server.face.drain()
            assert await wire.chunk() == b""

    async def test_stream_shows_that_it_lives(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HEARTBEAT_S", 0.001)
        async with await server.connect() as wire:
            await listen(wire)
            assert await wire.chunk() == b": \n\n"


async def listen(wire: Wire) -> None:
    await wire.send(f"GET /mcp HTTP/1.1\nHost: localhost\nMcp-Session-Id: {SESSION}\n\n")
    status, headers = await wire.head()
    assert (status, headers["Content-Type"]) == (200, "text/event-stream")
    assert await wire.chunk() == b": \n\n"


async def test_session_of_before_a_restart_goes_on(tmp_path: Path) -> None:
    async with ControlServer(tmp_path) as server:
        session = (await ask(server, rpc("initialize"))).headers["Mcp-Session-Id"]
    async with ControlServer(tmp_path) as server:
        found = await result(server, tool("sample_who"), Mcp_Session_Id=session)
    assert found["structuredContent"]["id"].startswith("mcp")


async def test_instructions_are_told(tmp_path: Path) -> None:
    async with ControlServer(tmp_path, instructions="Look first.") as server:
        assert (await result(server, rpc("initialize")))["instructions"] == "Look first."
