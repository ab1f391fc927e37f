"""What the bridge understands of MCP, and what it says alone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import Unavailable
from agentd.client import mcp_messages as messages
from agentd.client.mcp_messages import BadLine, Events, Message, Packaged

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
PACKAGED = Packaged("1.2.3", ["2024-11-05", "2025-11-25"], ["2026-07-28"], "Look.", [{"name": "a"}])
ERROR = Unavailable("agentd is not running", code="daemon_not_running", hint="start it")


def alone(method: str, **params: Any) -> dict[str, Any]:
    answer = messages.without_daemon(Message(method, 1, params), PACKAGED)
    assert answer is not None
    return dict(answer["result"])


class TestParsing:
    def test_request_is_read(self) -> None:
        line = b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":1}}'
        assert messages.parse(line) == Message("ping", "a", {"x": 1})

    def test_batch_is_left_to_the_daemon(self) -> None:
        assert messages.parse(b"[]") is None

    @pytest.mark.parametrize(
        ("line", "code"),
        [(b"{", -32700), (b"\xff", -32700), (b"7", -32600), (b'{"id":true}', -32600)],
    )
    def test_what_is_no_message_is_answered(self, line: bytes, code: int) -> None:
        with pytest.raises(BadLine) as caught:
            messages.parse(line)
        assert caught.value.document["error"]["code"] == code

    @given(
        st.binary(max_size=64) | st.dictionaries(st.text(), st.integers()).map(msgspec.json.encode)
    )
    def test_any_line_is_read_or_answered(self, line: bytes) -> None:
        try:
            messages.parse(line)
        except BadLine as exc:
            msgspec.json.encode(exc.document)

    def test_cancelled_request_is_known(self) -> None:
        note = Message("notifications/cancelled", None, {"requestId": 7})
        assert note.cancels == 7
        assert Message("ping", 7, {"requestId": 7}).cancels is None


class TestHeaders:
    def test_request_of_a_handshake_needs_none(self) -> None:
        assert messages.headers_of(Message("tools/call", 1, {"name": "a"})) == {}

    def test_stateless_request_says_what_it_is(self) -> None:
        message = Message("tools/call", 1, {"name": "a", "_meta": META})
        assert messages.headers_of(message) == {
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "a",
        }

    @pytest.mark.parametrize("name", ["é", "a\r\nX-Y: z", " a"])
    def test_name_that_is_no_header_travels_in_base64(self, name: str) -> None:
        message = Message("tools/call", 1, {"name": name, "_meta": META})
        header = messages.headers_of(message)["Mcp-Name"]
        assert header.startswith("=?base64?")
        assert header.isascii()


class TestAlone:
    @pytest.mark.parametrize(
        ("wanted", "told"),
        [("2024-11-05", "2024-11-05"), ("1.0", "2025-11-25"), (None, "2025-11-25")],
    )
    def test_handshake_is_agreed_on(self, wanted: object, told: str) -> None:
        found = alone("initialize", protocolVersion=wanted)
        assert found["protocolVersion"] == told
        assert found["serverInfo"]["version"] == "1.2.3"
        assert found["capabilities"]["tools"] == {"listChanged": True}
        assert "resultType" not in found

    def test_discovery_tells_every_version(self) -> None:
        found = alone("server/discover", _meta=META)
        assert found["supportedVersions"] == ["2024-11-05", "2025-11-25", "2026-07-28"]
        assert (found["resultType"], found["ttlMs"]) == ("complete", 0)
        assert found["capabilities"]["tools"] == {"listChanged": False}

    def test_tools_are_listed(self) -> None:
        assert alone("tools/list") == {"tools": [{"name": "a"}]}

    @pytest.mark.parametrize("method", ["ping", "resources/list", "resources/templates/list"])
    def test_question_without_a_desktop_is_answered(self, method: str) -> None:
        assert not any(alone(method).values())

    def test_call_is_told_to_the_model(self) -> None:
        assert messages.without_daemon(Message("tools/call", 1), PACKAGED) is None
        found = messages.failed(Message("tools/call", 1), ERROR)["result"]
        assert found["isError"]
        assert found["content"][0]["text"].splitlines() == [
            "error: agentd is not running",
            "hint: start it",
            "code: daemon_not_running",
        ]

    def test_other_request_fails(self) -> None:
        found = messages.failed(Message("resources/read", 1), ERROR)
        assert found["error"]["message"] == "agentd is not running (start it)"


class TestEvents:
    TEXT = b': hello\n\nevent: message\ndata: {"a":1}\n\ndata:b\ndata: c\n\n: \n\ndata: d'

    def test_data_is_taken_out(self) -> None:
        assert Events().feed(self.TEXT) == [b'{"a":1}', b"b\nc"]

    def test_pieces_make_no_difference(self) -> None:
        events = Events()
        pieces = [self.TEXT[index : index + 1] for index in range(len(self.TEXT))]
        assert [data for piece in pieces for data in events.feed(piece)] == [b'{"a":1}', b"b\nc"]
        assert events.feed(b"\n\n") == [b"d"]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b'{"id":1,"result":{}}', True),
        (b'{"id":1,"error":{}}', True),
        (b'{"method":"notifications/progress"}', False),
        (b"", False),
    ],
)
def test_answer_is_told_from_what_is_said_before(data: bytes, wanted: bool) -> None:
    assert messages.is_answer(data) is wanted


def test_list_of_tools_may_change() -> None:
    answer = json.dumps({"id": 1, "result": {"capabilities": {"tools": {"listChanged": False}}}})
    changed = json.loads(messages.telling_changes(answer.encode()))
    assert changed["result"]["capabilities"]["tools"]["listChanged"] is True


def test_error_stays_an_error() -> None:
    assert messages.telling_changes(b'{"id":1,"error":{}}') == b'{"id":1,"error":{}}'
