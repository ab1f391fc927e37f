"""Registration: a faulty command keeps the daemon from starting, a good one is derived whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from agentd.base.command import Blob, Caller, Command, Kind, Registry, Scope, command
from agentd.base.errors import NotFound
from agentd.base.schema import SchemaError, convert

CALLER = Caller("c1", "uid:0", frozenset(Scope), "r1")


class Room:
    def __init__(self) -> None:
        self.word = "hello"

    @command(
        "room.greet",
        scope=Scope.VIEW,
        read_only=True,
        destructive=True,
        deadline_s=5,
        positional=("name",),
    )
    async def greet(
        self,
        caller: Caller,
        *,
        name: Annotated[str, Meta(description="Whom", examples=["Ann"])],
        times: int = 1,
        marks: list[str] = [],
    ) -> list[str]:
        """Greet somebody.

        More words
        on two lines.
        """
        return [caller.id, self.word, name, str(times), *marks]

    @command("room.look", scope=Scope.VIEW)
    async def look(self) -> Blob:
        """Look."""
        return Blob(b"x", "image/x")

    @command("room.follow", scope=Scope.VIEW)
    async def follow(self) -> AsyncIterator[int]:
        """Follow."""
        yield 1

    async def private(self) -> None:
        """Not a command."""


def registry(*rooms: object) -> Registry:
    made = Registry()
    for room in rooms:
        made.add(room)
    return made


def get(name: str) -> Command:
    return registry(Room()).get(name)


def refused(function: Any, *, name: str = "room.x", **options: Any) -> str:
    """Register one method of a throw-away room and return why that failed."""
    marked = command(name, scope=Scope.VIEW, **options)(function)
    room = type("Refused", (), {"x": marked})()
    with pytest.raises(ValueError, match="command ") as caught:
        registry(room)
    return str(caught.value)


def test_only_marked_methods_are_commands() -> None:
    assert [item.name for item in registry(Room())] == ["room.follow", "room.greet", "room.look"]


def test_texts_come_from_the_docstring() -> None:
    greet = get("room.greet")
    assert greet.summary == "Greet somebody"
    assert greet.description == "More words\non two lines."


def test_marks_are_kept() -> None:
    greet = get("room.greet")
    assert (greet.scope, greet.read_only, greet.destructive) == (Scope.VIEW, True, True)
    assert (greet.deadline_s, greet.positional) == (5, ("name",))
    assert (greet.namespace, greet.verb) == ("room", "greet")


@pytest.mark.parametrize(
    ("name", "kind", "result"),
    [
        ("room.greet", Kind.JSON, list[str]),
        ("room.look", Kind.BLOB, Blob),
        ("room.follow", Kind.STREAM, int),
    ],
)
def test_kind_follows_from_the_annotated_answer(name: str, kind: Kind, result: Any) -> None:
    assert (get(name).kind, get(name).result) == (kind, result)


async def test_caller_is_handed_in() -> None:
    greet = get("room.greet")
    parameters = convert({"name": "Bo", "times": 2}, greet.parameters)
    assert await greet.call(CALLER, parameters) == ["c1", "hello", "Bo", "2"]


def test_caller_is_no_parameter() -> None:
    with pytest.raises(SchemaError, match="caller: wanted one of name, times, marks"):
        convert({"name": "Bo", "caller": {}}, get("room.greet").parameters)


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(SchemaError, match="did you mean 'times'"):
        convert({"name": "Bo", "tiems": 2}, get("room.greet").parameters)


async def test_mutable_defaults_are_not_shared() -> None:
    greet = get("room.greet")
    first, second = (convert({"name": "Bo"}, greet.parameters) for _ in range(2))
    assert first.marks is not second.marks


def test_scope_has_no_default() -> None:
    with pytest.raises(TypeError):
        command("room.x")  # type: ignore[call-arg]


def test_unknown_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="root"):
        command("room.x", scope="root")(Room.look)  # type: ignore[arg-type]


def test_same_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        registry(Room(), Room())


@pytest.mark.parametrize("name", ["x", "Room.x", "room.", "room.x.y", "room.X", "r_m.x", "1.x", ""])
def test_malformed_name_is_refused(name: str) -> None:
    async def x(self: object) -> None:
        """Do."""

    assert "is not namespace.verb" in refused(x, name=name)


def test_missing_docstring_is_refused() -> None:
    async def x(self: object) -> None:
        pass

    assert "no docstring" in refused(x)


def test_long_first_line_is_refused() -> None:
    async def x(self: object) -> None:
        pass

    x.__doc__ = "a" * 81
    assert "over 80 characters" in refused(x)


def test_parameter_without_annotation_is_refused() -> None:
    async def x(self: object, *, size=1) -> None:  # type: ignore[no-untyped-def]
        """Do."""

    assert "size has no annotation" in refused(x)


def test_parameter_by_position_is_refused() -> None:
    async def x(self: object, size: int) -> None:
        """Do."""

    assert "size must be keyword-only" in refused(x)


def test_open_parameters_are_refused() -> None:
    async def x(self: object, **rest: int) -> None:
        """Do."""

    assert "rest must be keyword-only" in refused(x)


def test_caller_as_a_parameter_is_refused() -> None:
    # Whoever calls would say themselves who they are.
    async def x(self: object, *, caller: Caller) -> None:
        """Do."""

    assert "caller must come before the star" in refused(x)


def test_missing_answer_type_is_refused() -> None:
    async def x(self: object):  # type: ignore[no-untyped-def]
        """Do."""

    assert "no return annotation" in refused(x)


def test_method_that_is_not_async_is_refused() -> None:
    def x(self: object) -> None:
        """Do."""

    assert "must be an async method" in refused(x)


def test_stream_that_is_no_generator_is_refused() -> None:
    async def x(self: object) -> AsyncIterator[int]:
        """Do."""
        raise NotImplementedError

    assert "must be a method that returns an async iterator" in refused(x)


def test_positional_that_is_no_parameter_is_refused() -> None:
    async def x(self: object, *, size: int = 1) -> None:
        """Do."""

    assert "positional ['width'] are no parameters" in refused(x, positional=("width",))


def test_model_default_is_kept_for_faces_that_want_it() -> None:
    async def x(self: object, *, size: int = 1) -> None:
        """Do."""

    marked = command("x.y", scope=Scope.VIEW, model_defaults={"size": 7})(x)
    made = registry(type("Room", (), {"x": marked})()).get("x.y")
    assert made.model_defaults == {"size": 7}
    assert convert({}, made.parameters).size == 1  # type: ignore[attr-defined]
    assert get("room.greet").model_defaults == {}


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ({"width": 3}, "model default width is no parameter"),
        ({"size": "big"}, "model default: size"),
    ],
)
def test_model_default_that_does_not_fit_is_refused(
    defaults: dict[str, object], words: str
) -> None:
    async def x(self: object, *, size: int = 1) -> None:
        """Do."""

    assert words in refused(x, model_defaults=defaults)


def test_unknown_command_is_told_with_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        get("room.great")
    assert caught.value.narrow_code == "unknown_command"
    assert caught.value.hint == "did you mean 'room.greet'?"


def test_endless_command_name_is_cut() -> None:
    with pytest.raises(NotFound) as caught:
        get("x" * 1_000_000)
    assert len(caught.value.detail) < 100


def test_length_counts_commands() -> None:
    assert len(registry(Room())) == 3


def test_parameters_are_a_frozen_struct() -> None:
    parameters = convert({"name": "Bo"}, get("room.greet").parameters)
    assert isinstance(parameters, msgspec.Struct)
    with pytest.raises(AttributeError):
        parameters.name = "Cy"  # type: ignore[attr-defined]
