"""MCP's messages: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.control import mcp_messages as messages
from agentd.control.mcp_messages import Request, RpcError, is_stateless, parse

META = {messages.VERSION_KEY: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
HEADERS = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "a"}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
keys = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "_meta", "x"])
likely = st.dictionaries(keys, st.just("2.0") | values, max_size=6)


def refused(body: object) -> RpcError:
    with pytest.raises(RpcError) as caught:
        parse(json.dumps(body).encode())
    return caught.value


def call(**params: Any) -> Request:
    return Request("tools/call", 1, {"name": "a", "_meta": META, **params})


class TestParsing:
    def test_request_is_read(self) -> None:
        found = parse(b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":1}}')
        assert found == messages.Body([Request("ping", "a", {"x": 1})])

    def test_notification_has_no_id(self) -> None:
        [message] = parse(b'{"jsonrpc":"2.0","method":"notifications/initialized"}').messages
        assert isinstance(message, Request)
        assert message.id is None

    def test_parameters_that_are_null_are_none(self) -> None:
        found = parse(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}')
        assert found.messages == [Request("ping", 1)]

    def test_response_is_left_out(self) -> None:
        assert parse(b'{"jsonrpc":"2.0","id":1,"result":{}}').messages == []

    def test_batch_keeps_its_order_and_its_faults(self) -> None:
        body = [
            {"jsonrpc": "2.0", "id": 1, "method": "ping"},
            17,
            {"jsonrpc": "2.0", "id": 1, "result": {}},
            {"jsonrpc": "2.0", "method": "notifications/x"},
        ]
        found = parse(json.dumps(body).encode())
        assert found.is_batch
        first, wrong, last = found.messages
        assert (first, last) == (Request("ping", 1), Request("notifications/x"))
        assert isinstance(wrong, RpcError)
        assert wrong.code == messages.INVALID_REQUEST

    @pytest.mark.parametrize(
        ("body", "code", "id"),
        [
            ("text", messages.INVALID_REQUEST, None),
            ([], messages.INVALID_REQUEST, None),
            ([{}] * 65, messages.INVALID_REQUEST, None),
            ({"id": 1, "method": "ping"}, messages.INVALID_REQUEST, 1),
            ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, messages.INVALID_REQUEST, 1),
            ({"jsonrpc": "2.0", "id": 1}, messages.INVALID_REQUEST, 1),
            ({"jsonrpc": "2.0", "id": 1, "method": 5}, messages.INVALID_REQUEST, 1),
            ({"jsonrpc": "2.0", "id": 1, "method": "x" * 257}, messages.INVALID_REQUEST, 1),
            ({"jsonrpc": "2.0", "id": None, "method": "ping"}, messages.INVALID_REQUEST, None),
            ({"jsonrpc": "2.0", "id": True, "method": "ping"}, messages.INVALID_REQUEST, None),
            ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, messages.INVALID_REQUEST, None),
            ({"jsonrpc": "2.0", "id": 1, "method": "x", "params": []}, messages.INVALID_PARAMS, 1),
        ],
    )
    def test_wrong_message_is_refused(self, body: object, code: int, id: object) -> None:
        error = refused(body)
        assert (error.code, error.id) == (code, id)

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":1}x'])
    def test_what_is_no_json_is_a_parse_error(self, body: bytes) -> None:
        with pytest.raises(RpcError) as caught:
            parse(body)
        assert caught.value.code == messages.PARSE_ERROR

    @given(likely | st.lists(likely, max_size=4) | values)
    def test_anything_is_read_or_refused_and_can_be_answered(self, value: object) -> None:
        try:
            found = parse(msgspec.json.encode(value)).messages
        except RpcError as exc:
            found = [exc]
        for message in found:
            if isinstance(message, RpcError):
                msgspec.json.encode(message.document())
            else:
                assert isinstance(message.meta, dict)
                assert message.progress_token is None or message.meta

    @given(st.binary(max_size=64))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        with suppress(RpcError):
            parse(body)


class TestVersion:
    @pytest.mark.parametrize("header", ["", *messages.HANDSHAKE_VERSIONS])
    def test_request_of_a_handshake_has_no_envelope(self, header: str) -> None:
        assert not is_stateless(Request("tools/list", 1), {"MCP-Protocol-Version": header})

    def test_request_with_envelope_and_headers_stands_alone(self) -> None:
        assert is_stateless(call(), HEADERS)

    def test_initialize_negotiates_whatever_the_header_says(self) -> None:
        assert not is_stateless(Request("initialize", 1), {"MCP-Protocol-Version": "1999-01-01"})

    def test_name_may_travel_in_base64(self) -> None:
        headers = {**HEADERS, "Mcp-Name": "=?base64?w6k=?="}
        assert is_stateless(call(name="é"), headers)

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("MCP-Protocol-Version", "2025-06-18"),
            ("Mcp-Method", "tools/list"),
            ("Mcp-Name", "b"),
            ("Mcp-Name", ""),
            ("Mcp-Name", "=?base64?!?="),
        ],
    )
    def test_header_that_says_otherwise_is_refused(self, header: str, value: str) -> None:
        with pytest.raises(RpcError) as caught:
            is_stateless(call(), {**HEADERS, header: value})
        assert (caught.value.code, caught.value.id) == (messages.HEADER_MISMATCH, 1)

    @pytest.mark.parametrize("missing", META)
    def test_envelope_must_be_whole(self, missing: str) -> None:
        meta = {key: value for key, value in META.items() if key != missing}
        with pytest.raises(RpcError, match=missing) as caught:
            is_stateless(call(_meta=meta), HEADERS)
        assert caught.value.code == messages.INVALID_PARAMS

    @pytest.mark.parametrize("version", ["2027-01-01", "2025-06-18"])
    def test_version_that_does_not_stand_alone_is_refused(self, version: str) -> None:
        meta = {**META, messages.VERSION_KEY: version}
        headers = {**HEADERS, "MCP-Protocol-Version": version}
        with pytest.raises(RpcError) as caught:
            is_stateless(call(_meta=meta), headers)
        assert caught.value.code == messages.UNSUPPORTED_VERSION

    def test_header_alone_with_a_version_that_is_not_spoken_is_refused(self) -> None:
        with pytest.raises(RpcError) as caught:
            is_stateless(Request("ping", 1), {"MCP-Protocol-Version": "2027-01-01"})
        assert caught.value.data == {
            "supported": list(messages.VERSIONS),
            "requested": "2027-01-01",
        }

    @pytest.mark.parametrize("wanted", messages.HANDSHAKE_VERSIONS)
    def test_version_of_the_client_is_taken(self, wanted: str) -> None:
        assert messages.negotiated(wanted) == wanted

    @pytest.mark.parametrize("wanted", ["2026-07-28", "1.0", None, [], {}])
    def test_unknown_version_is_answered_with_the_newest_of_a_handshake(
        self, wanted: object
    ) -> None:
        assert messages.negotiated(wanted) == "2025-11-25"


class TestDocuments:
    def test_answer_to_a_stateless_list_may_be_kept(self) -> None:
        request = Request("tools/list", 1)
        result = messages.result_document(request, {"tools": []}, server={"name": "agentd"})
        assert result["result"] == {
            "tools": [],
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "agentd"}},
            "ttlMs": 60_000,
            "cacheScope": "private",
        }

    def test_answer_of_a_handshake_is_the_result_alone(self) -> None:
        assert messages.result_document(Request("ping", 1), {})["result"] == {}

    def test_status_is_ok_where_only_the_message_is_wrong(self) -> None:
        error = RpcError(messages.METHOD_NOT_FOUND, "x")
        assert (error.status(is_stateless=False), error.status(is_stateless=True)) == (200, 404)

    def test_event_is_one_line_of_data(self) -> None:
        assert messages.sse({"text": "a\nb"}) == b'event: message\ndata: {"text":"a\\nb"}\n\n'
