"""The HTTP face over real sockets, with clients that keep to the rules and with others."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from agentd.base.command import Scope
from agentd.base.errors import Denied
from agentd.control import bodies
from tests.fakes import LIMIT_S, Answer, ControlServer, Wire, until

HEAD = "Host: localhost\nConnection: close\n"


def told(answer: Answer) -> list[dict[str, str]]:
    return list(answer.document["errors"])


class TestPaths:
    async def test_command_is_posted(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/echo", {"text": "größe", "point": {"x": 3}})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.document["text"] == "größe"
        assert answer.document["point"] == {"x": 3, "y": 0}

    async def test_empty_body_means_no_parameters(self, server: ControlServer) -> None:
        assert (await server.post("/v1/sample/echo")).document["count"] == 1

    async def test_command_without_result_answers_an_empty_object(
        self, server: ControlServer
    ) -> None:
        assert (await server.post("/v1/sample/poke")).document == {}

    @pytest.mark.parametrize(
        "path",
        ["/", "/v1", "/v1/sample", "/v1/sample/", "/v2/sample/echo", "/v1/sample/echo/x", "/v1//x"],
    )
    async def test_unknown_path_is_not_found(self, server: ControlServer, path: str) -> None:
        assert (await server.post(path)).status == 404

    async def test_unknown_command_is_told_with_the_nearest(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/ehco")
        assert (answer.status, answer.code) == (404, "unknown_command")
        assert answer.document["hint"] == "did you mean 'sample.echo'?"

    @pytest.mark.parametrize(
        ("method", "path", "hint"),
        [
            ("GET", "/v1/sample/poke", "use POST"),
            ("HEAD", "/v1/sample/poke", ""),
            ("PUT", "/v1/sample/echo", "use POST or GET or HEAD"),
            ("DELETE", "/v1/sample/echo", "use POST or GET or HEAD"),
            ("OPTIONS", "/v1/sample/echo", "use POST or GET or HEAD"),
            ("POST", "/v1/openapi.json", "use GET or HEAD"),
            ("POST", "/metrics", "use GET or HEAD"),
        ],
    )
    async def test_wrong_method_is_told(
        self, server: ControlServer, method: str, path: str, hint: str
    ) -> None:
        answer = await server.ask(method, path)
        assert answer.status == 400
        if method != "HEAD":
            assert (answer.code, answer.document["hint"]) == ("method_not_allowed", hint)

    async def test_reading_by_get_changes_nothing_on_the_way(self, server: ControlServer) -> None:
        await server.get("/v1/sample/poke")
        assert 'command="sample.poke"' not in server.metrics.exposition().decode()

    async def test_percent_signs_are_read(self, server: ControlServer) -> None:
        assert (await server.send(f"GET /v1/sample/%65cho HTTP/1.1\n{HEAD}\n")).status == 200

    async def test_whole_url_as_target_is_read(self, server: ControlServer) -> None:
        text = f"GET http://localhost/v1/sample/echo HTTP/1.1\n{HEAD}\n"
        assert (await server.send(text)).status == 200

    async def test_head_sends_no_body(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("HEAD /v1/sample/echo HTTP/1.1\nHost: localhost\n\n")
            answer = await wire.answer(head_only=True)
            assert int(answer.headers["Content-Length"]) > 0
            await wire.send(f"GET /healthz HTTP/1.1\n{HEAD}\n")
            assert (await wire.answer()).document == {"alive": True}


class TestOtherPaths:
    async def test_healthz_is_alive(self, server: ControlServer) -> None:
        assert (await server.get("/healthz")).document == {"alive": True}

    @pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
    async def test_readyz_tells_whether_all_parts_run(
        self, server: ControlServer, healthy: bool, status: int
    ) -> None:
        server.healthy = healthy
        answer = await server.get("/readyz")
        assert (answer.status, "status" in answer.document) == (status, True)

    async def test_metrics_are_in_text_form(self, server: ControlServer) -> None:
        await server.post("/v1/sample/echo")
        answer = await server.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b'agentd_calls_total{code="ok",command="sample.echo"} 1.0' in answer.body

    async def test_openapi_is_served(self, server: ControlServer) -> None:
        document = (await server.get("/v1/openapi.json")).document
        assert "/v1/sample/echo" in document["paths"]

    async def test_description_is_served(self, server: ControlServer) -> None:
        document = (await server.get("/v1/describe")).document
        assert "sample.echo" in [item["name"] for item in document["commands"]]


class TestBody:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"{'a': 1}",
            b"nonsense",
            b"{} {}",
            b"\xff\xfe",
            b'{"text": "\xff"}',
            b'{"text": "\\ud800"}',
            b"[" * 100_000,
            b'{"a": NaN}',
        ],
    )
    async def test_that_is_no_json_is_told(self, server: ControlServer, body: bytes) -> None:
        answer = await server.ask("POST", "/v1/sample/echo", data=body)
        assert (answer.status, answer.code) == (400, "bad_json")

    @pytest.mark.parametrize(
        ("body", "found"),
        [(b"[1]", "a list of 1"), (b"null", "null"), (b'"x"', '"x"'), (b"5", "5")],
    )
    async def test_that_is_no_object_is_told(
        self, server: ControlServer, body: bytes, found: str
    ) -> None:
        answer = await server.ask("POST", "/v1/sample/echo", data=body)
        assert (answer.status, answer.code) == (400, "bad_json")
        assert told(answer)[0]["found"] == found

    async def test_unknown_parameter_is_told_with_the_nearest(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/echo", {"cuont": 1})
        assert (answer.status, answer.code) == (400, "invalid")
        assert told(answer)[0]["path"] == "cuont"
        assert told(answer)[0]["nearest"] == "count"

    async def test_all_wrong_parameters_are_told(self, server: ControlServer) -> None:
        document = {"text": 5, "count": 10, "ratio": 0, "point": {"x": "1"}, "tags": ["a", 1]}
        answer = await server.post("/v1/sample/echo", document)
        assert {error["path"]: error["wanted"] for error in told(answer)} == {
            "text": "text of at most 20 characters",
            "count": "an integer 0..9",
            "ratio": "a number above 0 and at most 8",
            "point.x": "an integer 0..99",
            "tags[1]": "text",
        }

    async def test_of_a_million_unknown_names_gets_a_short_answer(self, tmp_path: Path) -> None:
        async with ControlServer(tmp_path, max_body_bytes=1 << 25) as server:
            body = json.dumps({str(number): 1 for number in range(1_000_000)}).encode()
            answer = await server.ask("POST", "/v1/sample/echo", data=io.BytesIO(body))
            assert answer.status == 400
            assert len(answer.body) < 20_000

    async def test_may_come_in_chunks(self, server: ControlServer) -> None:
        text = f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Transfer-Encoding: chunked\n\n"
        answer = await server.send(text + '4\n{"te\n9\nxt": "a"}\n0\n\n')
        assert answer.document["text"] == "a"

    async def test_may_come_byte_by_byte(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            text = f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Content-Length: 13\n\n" + '{"text": "a"}'
            for byte in text.replace("\n", "\r\n").encode():
                await wire.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await wire.answer()).document["text"] == "a"

    async def test_over_the_limit_by_its_length_is_refused_unread(
        self, server: ControlServer
    ) -> None:
        text = f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Content-Length: 1048577\n\n"
        answer = await server.send(text)
        assert (answer.status, answer.code) == (413, "body_too_large")

    async def test_of_absurd_length_is_refused(self, server: ControlServer) -> None:
        text = f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Content-Length: {10**18}\n\n"
        assert (await server.send(text)).status == 413

    async def test_over_the_limit_in_chunks_is_refused(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send(f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Transfer-Encoding: chunked\n\n")
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            for _ in range(17):
                await wire.send(chunk)
            answer = await wire.answer()
        assert (answer.status, answer.code) == (413, "body_too_large")

    async def test_of_exactly_the_limit_is_read(self, server: ControlServer) -> None:
        body = b"{}" + b" " * ((1 << 20) - 2)
        assert (await server.ask("POST", "/v1/sample/echo", data=body)).status == 200

    async def test_that_does_not_come_is_given_up(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bodies, "_BODY_S", 0.02)
        text = f"POST /v1/sample/echo HTTP/1.1\n{HEAD}Content-Length: 10\n\n" + "{"
        answer = await server.send(text)
        assert (answer.status, answer.code) == (504, "timed_out")

    async def test_that_is_compressed_is_refused(self, server: ControlServer) -> None:
        headers = {"Content-Encoding": "gzip"}
        answer = await server.ask("POST", "/v1/sample/echo", data=b"{}", headers=headers)
        assert (answer.status, answer.code) == (400, "encoding_refused")

    async def test_that_ends_early_runs_nothing(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send(f"POST /v1/sample/poke HTTP/1.1\n{HEAD}Content-Length: 10\n\n" + "{}")
            wire.close()
        await until(lambda: len(server.left) == 1)
        assert 'command="sample.poke"' not in server.metrics.exposition().decode()

    async def test_after_a_wrong_one_the_connection_still_serves(
        self, server: ControlServer
    ) -> None:
        async with await server.connect() as wire:
            for body, status in (("[]", 400), ("{}", 200), ("{", 400), ("{}", 200)):
                await wire.send(
                    f"POST /v1/sample/echo HTTP/1.1\nHost: x\nContent-Length: {len(body)}\n\n{body}"
                )
                assert (await wire.answer()).status == status


class TestQuery:
    async def test_values_are_converted(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/echo?text=a%20b&count=3&ratio=0.5&flag=true")
        assert answer.document["text"] == "a b"
        assert answer.document["count"] == 3
        assert answer.document["ratio"] == 0.5
        assert answer.document["flag"] is True

    async def test_objects_and_lists_are_json(self, server: ControlServer) -> None:
        query = {"point": '{"x": 1}', "tags": '["a"]'}
        answer = await server.get("/v1/sample/echo", params=query)
        assert (answer.document["point"], answer.document["tags"]) == ({"x": 1, "y": 0}, ["a"])

    @pytest.mark.parametrize("text", ["[x", "{a}", "[]", "{"])
    async def test_text_that_looks_like_json_stays_text(
        self, server: ControlServer, text: str
    ) -> None:
        answer = await server.get("/v1/sample/echo", params={"text": text})
        assert answer.document["text"] == text

    @pytest.mark.parametrize("value", ['{"x": 1', "[" * 1100, "{]"])
    async def test_bad_json_is_told(self, server: ControlServer, value: str) -> None:
        answer = await server.get("/v1/sample/echo", params={"point": value})
        assert (answer.status, answer.code) == (400, "bad_query")

    async def test_name_given_twice_is_told(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/echo?text=a&text=b")
        assert (answer.status, answer.code) == (400, "bad_query")

    @pytest.mark.parametrize("query", ["count=", "count=x", "count=1.5", "flag=perhaps", "cuont=1"])
    async def test_wrong_value_is_told(self, server: ControlServer, query: str) -> None:
        answer = await server.get(f"/v1/sample/echo?{query}")
        assert (answer.status, answer.code) == (400, "invalid")
        assert told(answer)[0]["path"] == query.partition("=")[0]

    async def test_bytes_that_are_no_text_do_no_harm(self, server: ControlServer) -> None:
        text = f"GET /v1/sample/echo?point=%7b%ff%ed%a0%80 HTTP/1.1\n{HEAD}\n"
        assert (await server.send(text)).status == 400


class TestRequestId:
    async def ask(self, server: ControlServer, headers: dict[str, str]) -> str:
        answer = await server.get("/v1/sample/who", headers=headers)
        assert answer.headers["X-Request-Id"] == answer.document["request_id"]
        return str(answer.document["request_id"])

    async def test_of_the_caller_is_kept(self, server: ControlServer) -> None:
        assert await self.ask(server, {"X-Request-Id": "abc-123"}) == "abc-123"

    async def test_may_be_a_trace_id(self, server: ControlServer) -> None:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        assert await self.ask(server, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}) == trace

    async def test_of_its_own_wins_over_the_trace(self, server: ControlServer) -> None:
        headers = {"X-Request-Id": "abc", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        assert await self.ask(server, headers) == "abc"

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-Request-Id": ""},
            {"X-Request-Id": "a" * 65},
            {"X-Request-Id": "a b"},
            {"X-Request-Id": "a=b"},
            {"X-Request-Id": "é"},
            {"traceparent": "00-xyz-1-01"},
            {"traceparent": f"00-{'0' * 32}-{'b' * 16}-01"},
            {"traceparent": f"00-{'g' * 32}-{'b' * 16}-01"},
            {"traceparent": f"00-{'é' * 32}-{'b' * 16}-01"},
        ],
    )
    async def test_is_made_when_there_is_no_good_one(
        self, server: ControlServer, headers: dict[str, str]
    ) -> None:
        assert re.fullmatch("[0-9a-f]{16}", await self.ask(server, headers))

    async def test_is_in_the_problem(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/fail", headers={"X-Request-Id": "r77"})
        assert answer.document["request_id"] == answer.headers["X-Request-Id"] == "r77"


class TestErrors:
    async def test_own_error_is_a_problem_document(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/fail", headers={"X-Request-Id": "r1"})
        assert answer.status == 409
        assert answer.headers["Retry-After"] == "2"
        assert answer.document == {
            "type": "urn:agentd:error:conflict",
            "title": "Conflict",
            "status": 409,
            "code": "taken",
            "detail": "it is taken",
            "hint": "wait",
            "retry_after_s": 2.4,
            "request_id": "r1",
        }

    @pytest.mark.parametrize("how", ["bug", "reset", "timeout", "unprintable"])
    async def test_fault_tells_nothing(
        self, server: ControlServer, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        answer = await server.post("/v1/sample/fail", {"how": how})
        assert (answer.status, answer.code) == (500, "fault")
        for secret in (b"secret", b"Error", b"Traceback", b"sample", b".py"):
            assert secret not in answer.body
        assert "Traceback" in caplog.text

    async def test_fault_outside_of_commands_tells_nothing(
        self, server: ControlServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server.face, "_health", lambda: 1 / 0)
        answer = await server.get("/readyz")
        assert (answer.status, answer.code) == (500, "fault")
        assert b"division" not in answer.body

    async def test_connection_serves_on_after_a_fault(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            for _ in range(2):
                await wire.send("GET /v1/sample/fail?how=bug HTTP/1.1\nHost: x\n\n")
                assert (await wire.answer()).status == 500


class TestDeadline:
    async def test_ends_the_command(self, server: ControlServer) -> None:
        answer = await server.post("/v1/sample/wait", headers={"Agentd-Deadline": "0.01"})
        assert (answer.status, answer.code) == (504, "timed_out")
        assert server.room.ended.is_set()

    @pytest.mark.parametrize("text", ["", "soon", "0", "-1", "nan", "inf", "3601", "1e99"])
    async def test_without_sense_is_told(self, server: ControlServer, text: str) -> None:
        answer = await server.post("/v1/sample/echo", headers={"Agentd-Deadline": text})
        assert answer.status == 400
        assert told(answer)[0]["path"] == "Agentd-Deadline"


class TestWire:
    """Bytes that no well-meaning client sends."""

    @pytest.mark.parametrize(
        "text",
        [
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nContent-Length: 2\n"
            "Transfer-Encoding: chunked\n\n{}",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nContent-Length: 2\nContent-Length: 3\n\n{}",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nContent-Length: -1\n\n",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nContent-Length: +2\n\n{}",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nContent-Length: 2x\n\n{}",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nTransfer-Encoding: gzip\n\n{}",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n{}\n0\n\n",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\n Folded: 1\n\n",
            "POST /v1/sample/poke HTTP/1.1\nHost x\n\n",
            "POST /v1/sample/poke HTTP/1.1\nHo st: x\n\n",
            "POST /v1/sample/poke HTTP/1.1\nHost: x\0y\n\n",
            "POST /v1/sample/poke HTTP/9.9\nHost: x\n\n",
            "nonsense\n\n",
            "\x16\x03\x01\x02\x00\x01\x00",
            "GET /" + "a" * 10_000 + " HTTP/1.1\nHost: x\n\n",
            "GET /healthz HTTP/1.1\nHost: x\nBig: " + "a" * 10_000 + "\n\n",
            "GET /healthz HTTP/1.1\nHost: x\n" + "A: b\n" * 10_000 + "\n",
        ],
        ids=range(17),
    )
    async def test_is_refused_and_runs_nothing(self, server: ControlServer, text: str) -> None:
        async with await server.connect() as wire:
            await wire.send(text)
            answer = await wire.answer()
            assert answer.status in (400, 405, 411, 413, 431, 501)
            assert b"Traceback" not in answer.body
            assert await wire.is_closed()
        assert 'command="sample.poke"' not in server.metrics.exposition().decode()
        assert (await server.get("/healthz")).status == 200

    async def test_half_closed_connection_gets_its_answer(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /v1/sample/echo HTTP/1.1\nHost: x\n\n")
            answer = await wire.answer()
            wire.writer.write_eof()
            assert answer.status == 200
            assert await wire.is_closed()

    async def test_pipelined_requests_are_answered_in_order(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            for number in range(50):
                await wire.send(f"GET /v1/sample/echo?text={number} HTTP/1.1\nHost: x\n\n")
            found = [(await wire.answer()).document["text"] for _ in range(50)]
        assert found == [str(number) for number in range(50)]

    async def test_connection_that_goes_at_once_does_no_harm(self, server: ControlServer) -> None:
        for _ in range(20):
            (await server.connect()).close()
        await until(lambda: len(server.left) == 20)
        assert (await server.get("/healthz")).status == 200


class TestDisconnect:
    async def test_cancels_the_command(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
            await server.room.begun.wait()
        async with asyncio.timeout(LIMIT_S):
            await server.room.ended.wait()

    async def test_is_told_when_the_command_has_ended(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n")
            await server.room.begun.wait()
        await until(lambda: bool(server.left))
        assert server.running_then == [0]

    async def test_of_one_does_not_disturb_another(self, server: ControlServer) -> None:
        text = "POST /v1/sample/wait HTTP/1.1\nHost: x\nContent-Length: 0\n\n"
        async with await server.connect() as stays:
            await stays.send(text)
            async with await server.connect() as goes:
                await goes.send(text)
                await until(lambda: server.room.running == 2)
            await until(lambda: server.room.running == 1)
            server.room.go_on.set()
            assert (await stays.answer()).body == b'"went on"'


class TestDrain:
    async def test_new_work_is_refused(self, server: ControlServer) -> None:
        server.face.drain()
        answer = await server.post("/v1/sample/echo")
        assert (answer.status, answer.code) == (503, "stopping")
        assert answer.headers["Retry-After"] == "1"

    async def test_health_is_still_told(self, server: ControlServer) -> None:
        server.face.drain()
        assert (await server.get("/healthz")).status == 200

    async def test_running_work_is_finished(self, server: ControlServer) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(server.post("/v1/sample/wait"))
            await server.room.begun.wait()
            server.face.drain()
            server.room.go_on.set()
        assert waiting.result().body == b'"went on"'

    async def test_streams_end(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /v1/sample/count?then=wait HTTP/1.1\nHost: x\n\n")
            await wire.head()
            await server.room.begun.wait()
            server.face.drain()
            assert await wire.is_closed()
        assert server.room.ended.is_set()


class TestUnixCaller:
    async def test_is_its_user_with_every_scope(self, server: ControlServer) -> None:
        document = (await server.get("/v1/sample/who")).document
        assert document["principal"].startswith("uid:")
        assert document["scopes"] == sorted(Scope)

    async def test_keeps_its_id_over_requests(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            ids = set()
            for _ in range(2):
                await wire.send("GET /v1/sample/who HTTP/1.1\nHost: x\n\n")
                ids.add((await wire.answer()).document["id"])
        assert len(ids) == 1

    @pytest.mark.parametrize("host", ["Host: evil.example\n", "Host: \n", ""])
    async def test_may_call_us_anything(self, server: ControlServer, host: str) -> None:
        text = f"GET /v1/sample/who HTTP/1.{'1' if host else '0'}\n{host}Connection: close\n\n"
        assert (await server.send(text)).status == 200

    async def test_that_is_a_browser_is_refused(self, server: ControlServer) -> None:
        answer = await server.get("/v1/sample/who", headers={"Origin": "http://localhost"})
        assert (answer.status, answer.code) == (403, "origin_refused")

    async def test_of_another_user_is_refused(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n\n")
            await wire.answer()
            server.connections[-1].denied = Denied("user 5000 may not use this socket")
            await wire.send(f"GET /v1/sample/who HTTP/1.1\n{HEAD}\n")
            answer = await wire.answer()
        assert (answer.status, answer.code) == (403, "denied")

    async def test_that_the_system_does_not_name_is_refused(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /healthz HTTP/1.1\nHost: x\n\n")
            await wire.answer()
            server.connections[-1].identity = None
            await wire.send(f"GET /v1/sample/who HTTP/1.1\n{HEAD}\n")
            assert (await wire.answer()).status == 401


def tcp_request(
    *headers: str, host: str = "localhost", path: str = "/v1/sample/who", method: str = "GET"
) -> str:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\n".join(lines) + "\n\n"


FULL = "Authorization: Bearer full"


class TestTcpCaller:
    async def ask(self, server: ControlServer, *headers: str, **options: Any) -> Answer:
        return await server.send(tcp_request(*headers, **options), tcp=True)

    async def test_is_named_by_the_token(self, tcp_server: ControlServer) -> None:
        answer = await self.ask(tcp_server, FULL)
        assert answer.document["principal"] == "token:full"
        assert answer.document["scopes"] == sorted(Scope)

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            ["Authorization: Bearer wrong"],
            ["Authorization: Basic full"],
            ["Authorization: full"],
            ["Authorization: Bearer \xff"],
            ["X-Token: full"],
        ],
    )
    async def test_without_a_token_is_unknown(
        self, tcp_server: ControlServer, headers: list[str]
    ) -> None:
        text = tcp_request(*headers).replace("\n", "\r\n").encode("latin-1")
        answer = await tcp_server.send(text, tcp=True)
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="agentd"'

    @pytest.mark.parametrize("path", ["/metrics", "/readyz", "/v1/openapi.json", "/v1/ws", "/x"])
    async def test_is_asked_for_on_every_path(self, tcp_server: ControlServer, path: str) -> None:
        assert (await self.ask(tcp_server, path=path)).status == 401

    async def test_is_not_asked_whether_we_live(self, tcp_server: ControlServer) -> None:
        assert (await self.ask(tcp_server, path="/healthz")).status == 200

    async def test_has_the_scopes_of_the_token_alone(self, tcp_server: ControlServer) -> None:
        viewer = "Authorization: Bearer viewer"
        answer = await self.ask(tcp_server, viewer, path="/v1/sample/poke", method="POST")
        assert (answer.status, answer.code) == (403, "scope_missing")

    @pytest.mark.parametrize(
        "path", ["/metrics", "/readyz", "/v1/openapi.json", "/v1/describe", "/v1/events"]
    )
    async def test_without_the_scope_view_sees_nothing(
        self, tcp_server: ControlServer, path: str
    ) -> None:
        answer = await self.ask(tcp_server, "Authorization: Bearer none", path=path)
        assert (answer.status, answer.code) == (403, "scope_missing")

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "desk.example.org",
            "desk.example.org:443",
        ],
    )
    async def test_may_call_us_by_our_names(self, tcp_server: ControlServer, host: str) -> None:
        assert (await self.ask(tcp_server, FULL, host=host)).status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "[::2]",
            "localhost:80:80",
            "localhost@evil.example",
        ],
    )
    async def test_may_not_call_us_by_another_name(
        self, tcp_server: ControlServer, host: str
    ) -> None:
        answer = await self.ask(tcp_server, FULL, host=host)
        assert answer.status in (400, 403)

    async def test_that_does_not_say_the_host_is_refused(self, tcp_server: ControlServer) -> None:
        text = f"GET /v1/sample/who HTTP/1.0\n{FULL}\n\n"
        answer = await tcp_server.send(text, tcp=True)
        assert (answer.status, answer.code) == (403, "host_refused")

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost", ""])
    async def test_from_a_page_is_refused(self, tcp_server: ControlServer, origin: str) -> None:
        answer = await self.ask(tcp_server, FULL, f"Origin: {origin}")
        assert (answer.status, answer.code) == (403, "origin_refused")

    async def test_from_an_allowed_page_is_taken(self, tmp_path: Path) -> None:
        origins = frozenset({"https://desk.example.org"})
        async with ControlServer(tmp_path, tcp=True, origins=origins) as server:
            answer = await self.ask(server, FULL, "Origin: https://desk.example.org")
            assert answer.status == 200

    async def test_from_an_allowed_page_still_needs_a_token(self, tmp_path: Path) -> None:
        origins = frozenset({"https://desk.example.org"})
        async with ControlServer(tmp_path, tcp=True, origins=origins) as server:
            answer = await self.ask(server, "Origin: https://desk.example.org")
            assert answer.status == 401

    async def test_on_the_unix_socket_needs_no_token(self, tcp_server: ControlServer) -> None:
        assert (await tcp_server.get("/v1/sample/who")).status == 200


class TestEvents:
    async def first(self, wire: Wire) -> Any:
        """The first item behind the line that says that the stream is open."""
        assert (await wire.head())[0] == 200
        assert await wire.chunk() == b"\n"
        return json.loads(await wire.chunk())

    async def test_are_streamed(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /v1/events HTTP/1.1\nHost: x\n\n")
            assert (await wire.head())[0] == 200
            assert await wire.chunk() == b"\n"
            server.bus.publish("a", size=1)
            event = json.loads(await wire.chunk())
        assert (event["seq"], event["type"], event["data"]) == (1, "a", {"size": 1})

    async def test_are_filtered(self, server: ControlServer) -> None:
        server.bus.publish("a")
        server.bus.publish("b.c")
        async with await server.connect() as wire:
            await wire.send('GET /v1/events?since=0&types=["b"] HTTP/1.1\nHost: x\n\n')
            assert (await self.first(wire))["type"] == "b.c"

    async def test_go_on_behind_the_last_one_seen(self, server: ControlServer) -> None:
        for name in "abc":
            server.bus.publish(name)
        async with await server.connect() as wire:
            await wire.send("GET /v1/events HTTP/1.1\nHost: x\nLast-Event-ID: 2\n\n")
            assert (await self.first(wire))["type"] == "c"

    async def test_since_wins_over_the_last_one_seen(self, server: ControlServer) -> None:
        for name in "abc":
            server.bus.publish(name)
        async with await server.connect() as wire:
            await wire.send("GET /v1/events?since=1 HTTP/1.1\nHost: x\nLast-Event-ID: 2\n\n")
            assert (await self.first(wire))["type"] == "b"

    @pytest.mark.parametrize("text", ["x", "-1", "²", ""])
    async def test_last_one_without_sense_is_not_minded(
        self, server: ControlServer, text: str
    ) -> None:
        async with await server.connect() as wire:
            await wire.send(f"GET /v1/events HTTP/1.1\nHost: x\nLast-Event-ID: {text}\n\n")
            assert (await wire.head())[0] == 200

    async def test_subscription_ends_with_the_connection(self, server: ControlServer) -> None:
        async with await server.connect() as wire:
            await wire.send("GET /v1/events HTTP/1.1\nHost: x\n\n")
            await wire.head()
            await wire.chunk()
            await until(lambda: server.bus.statistics()["subscribers"] == 1)
        await until(lambda: server.bus.statistics()["subscribers"] == 0)

    async def test_wrong_parameter_is_told(self, server: ControlServer) -> None:
        answer = await server.get("/v1/events?sinse=1")
        assert told(answer)[0]["nearest"] == "since"
