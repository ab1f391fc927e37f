"""The generator of the client's typed methods, on shapes that the real commands lack."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from agentd.base.command import Blob, Registry, Scope, command
from agentd.control.describe import description
from agentd.control.describe_python import sources
from agentd.control.python_types import exploded, literal, python_name


class Click(msgspec.Struct, tag_field="action", tag="click"):
    """Press here."""

    x: int


class Wait(msgspec.Struct, tag_field="action", tag="wait"):
    r"""Wait; a \ stays one."""

    ms: int = 5


class Settle(msgspec.Struct, frozen=True):
    """How to wait."""

    quiet_ms: int = 150


QUIET = Settle()


class Room:
    @command("room.list", scope=Scope.VIEW)
    async def list(self, *, names: list[str] = []) -> list[Click]:
        """List."""

    @command("room.act", scope=Scope.INPUT, positional=("target", "actions"))
    async def act(
        self,
        *,
        actions: Annotated[list[Click | Wait], Meta(description="What to do")],
        target: str = "all",
        settle: Settle | None = QUIET,
        env: dict[str, int] = {},
        body: bytes = b"",
    ) -> Wait | None:
        """Act."""

    @command("room.read", scope=Scope.FILES)
    async def read(self, *, path: str) -> Blob:
        """Read."""

    @command("room.follow", scope=Scope.VIEW)
    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Follow."""
        yield {}


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    registry = Registry()
    registry.add(Room())
    return sources(description(registry, "1"))


def test_every_module_is_python(modules: dict[str, str]) -> None:
    for text in modules.values():
        ast.parse(text)


def test_both_variants_are_alike(modules: dict[str, str]) -> None:
    def methods(text: str) -> list[tuple[str, list[str]]]:
        nodes = (n for n in ast.walk(ast.parse(text)) if hasattr(n, "args") and hasattr(n, "name"))
        return [(node.name, [a.arg for a in node.args.kwonlyargs]) for node in nodes]

    assert methods(modules["asynchronous/room.py"]) == methods(modules["synchronous/room.py"])
    assert "await" not in modules["synchronous/room.py"]


def test_signatures(modules: dict[str, str]) -> None:
    text = modules["synchronous/room.py"]
    # A method called `list` hides the builtin from the annotations of its class.
    assert "-> builtins.list[values.Click]:" in text
    assert "def read(self, *, path: str, deadline_s: float = 30.0) -> Blob:" in text
    assert "def follow(self) -> SyncStream[dict[str, Any]]:" in text
    assert '        target: str = "all",\n        *,\n' in text, "no default behind one that has"
    assert "actions: Sequence[values.Click | values.Wait]," in text
    assert "settle: values.Settle | msgspec.UnsetType | None = msgspec.UNSET," in text
    assert 'body: bytes = b"",' in text
    assert "env: Mapping[str, int] = {}," in text
    assert ") -> values.Wait | None:" in text


def test_members_of_a_union_are_told_apart_by_their_tag(modules: dict[str, str]) -> None:
    text = modules["values.py"]
    assert 'class Click(msgspec.Struct, frozen=True, tag_field="action", tag="click"):' in text
    assert r"a \\ stays one" in text


def test_words_of_python_are_renamed() -> None:
    assert [python_name(key) for key in ("class", "from", "x")] == ["class_name", "from_", "x"]


def test_literals_have_double_quotes() -> None:
    assert literal(["é", None, True, 1.0, {"a": 1}]) == '["é", None, True, 1.0, {"a": 1}]'


def test_what_does_not_fit_gets_a_line_each() -> None:
    assert exploded("f(", ["a", "b"], ")") == ["f(a, b)"]
    assert exploded("  f(", ["a" * 60, "b" * 60], ")") == [
        "  f(",
        "      " + "a" * 60 + ",",
        "      " + "b" * 60 + ",",
        "  )",
    ]
