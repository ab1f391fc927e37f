"""Every error has its numbers, survives the wire, and a Fault tells nothing."""

from __future__ import annotations

import msgspec
import pytest

import agentd.control.listeners  # noqa: F401 - brings its error class
from agentd.base.errors import (
    CLASSES,
    FACES,
    AgentdError,
    BadRequest,
    Busy,
    Fault,
    FieldError,
    Problem,
    error_of,
    numbers_of,
    problem_of,
)
from tests.fakes import error_classes

NARROW = [cls for cls in error_classes() if cls is not AgentdError]


def full(cls: type[AgentdError]) -> AgentdError:
    return cls(
        "doing it failed",
        code="narrow",
        hint="try this",
        errors=[FieldError("a.b", "an integer", '"x"', "a.c")],
        retry_after_s=1.5,
        data={"size": [1, 2]},
    )


@pytest.mark.parametrize("cls", NARROW)
def test_each_class_stands_below_one_that_has_numbers(cls: type[AgentdError]) -> None:
    assert any(above in FACES for above in cls.__mro__)


@pytest.mark.parametrize("field", ["status", "rpc"])
def test_no_two_classes_share_a_number(field: str) -> None:
    numbers = [getattr(entry, field) for entry in FACES.values()]
    assert len(set(numbers)) == len(numbers)


def test_codes_are_unique() -> None:
    assert len(CLASSES) == len(FACES)


def test_statuses_are_those_of_errors() -> None:
    assert all(400 <= entry.status < 600 for entry in FACES.values())


def test_exit_codes_leave_success_and_signals_alone() -> None:
    assert all(2 <= entry.exit_code < 126 for entry in FACES.values())


def test_a_narrower_class_has_the_numbers_of_the_one_above() -> None:
    class Crowded(Busy):
        pass

    assert numbers_of(Crowded("x")) == FACES[Busy]


def test_an_error_of_no_class_counts_as_a_fault() -> None:
    assert numbers_of(AgentdError("x")) == FACES[Fault]


@pytest.mark.parametrize("cls", [cls for cls in FACES if cls is not Fault])
def test_problem_comes_back_from_the_wire_as_the_same_error(cls: type[AgentdError]) -> None:
    error = full(cls)
    wire = msgspec.json.encode(problem_of(error, request_id="r1"))
    back = error_of(msgspec.json.decode(wire, type=Problem))
    assert type(back) is cls
    assert vars(back) == vars(error)


def test_problem_carries_request_id_and_status() -> None:
    problem = problem_of(full(Busy), request_id="r1")
    assert (problem.request_id, problem.status, problem.code) == ("r1", 429, "narrow")
    assert problem.type == "urn:agentd:error:busy"


def test_fault_shows_nothing_of_its_story() -> None:
    text = msgspec.json.encode(problem_of(full(Fault), request_id="r1")).decode()
    for secret in ("doing it", "try this", "a.b", "narrow", "size", "1.5"):
        assert secret not in text


def test_fault_shows_its_request_id() -> None:
    assert problem_of(full(Fault), request_id="r1").request_id == "r1"


def test_problem_leaves_out_what_is_empty() -> None:
    wire = msgspec.json.decode(msgspec.json.encode(problem_of(BadRequest("no"))))
    assert set(wire) == {"type", "title", "status", "code", "detail"}


def test_problem_of_an_unknown_type_becomes_the_base_error() -> None:
    problem = Problem("urn:agentd:error:melted", "Melted", 599, "melted", "it melted")
    assert type(error_of(problem)) is AgentdError


def test_text_holds_detail_and_hint() -> None:
    assert str(BadRequest("no", hint="yes")) == "no (yes)"


def test_field_error_reads_as_a_sentence() -> None:
    error = FieldError("a.b", "an integer", '"x"', "a.c")
    assert str(error) == "a.b: wanted an integer, got \"x\"; did you mean 'a.c'?"


def test_field_error_of_the_value_itself_has_a_name() -> None:
    assert str(FieldError("", "an object")) == "(value): wanted an object"
