"""Requests and answers as bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentd.base.errors import Busy, Fault, NotFound, problem_of
from agentd.client import wire


def test_path_of_a_command() -> None:
    assert wire.path_of("desktop.key_down") == "/v1/desktop/key_down"


@pytest.mark.parametrize("name", ["", "desktop", "a.b/c", "../x", "a.b?c=d", "a.b\r\nX: y"])
def test_what_is_no_name_becomes_no_path(name: str) -> None:
    with pytest.raises(NotFound):
        wire.path_of(name)


def test_unset_parameters_are_left_out_and_null_is_not() -> None:
    assert wire.body_of({"a": None, "b": msgspec.UNSET}) == b'{"a":null}'


def test_deadline_is_a_plain_number() -> None:
    assert wire.headers_of(0.5)[wire.DEADLINE_HEADER] == "0.5"
    assert wire.DEADLINE_HEADER not in wire.headers_of(None)


def test_problem_becomes_its_class() -> None:
    problem = problem_of(Busy("full", retry_after_s=0.1), request_id="r1")
    error = wire.error_in(429, wire.PROBLEM, msgspec.json.encode(problem), "a.b")
    assert isinstance(error, Busy)
    assert error.__notes__ == ["request id r1"]


def test_answer_of_something_else_is_a_fault() -> None:
    assert isinstance(wire.error_in(502, "text/html", b"<html>", "a.b"), Fault)
    with pytest.raises(Fault, match="not as this client knows it"):
        wire.answer_of(b"[]", dict[str, Any], "a.b")


def test_line_is_an_item_a_heartbeat_or_the_end() -> None:
    assert wire.item_of(b'{"error":1}\n', dict[str, Any], "a.b") == {"error": 1}
    assert wire.item_of(b"\n", dict[str, Any], "a.b") is None
    problem = problem_of(Busy("full"))
    with pytest.raises(Busy):
        wire.item_of(msgspec.json.encode({"error": problem}), dict[str, Any], "a.b")
