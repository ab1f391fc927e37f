"""Commands as tools: names, texts, schemas that are written out, and defaults for models."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from agentd.base.command import Registry, Scope, command
from agentd.control.mcp_tools import Tool, offline_document, tools_of, with_model_defaults
from tests.fakes import SampleRoom


class Leaf(msgspec.Struct, frozen=True):
    """A part of a part."""

    title: str
    size: int | None = None


class Inner(msgspec.Struct, frozen=True, tag_field="kind", tag="inner"):
    leaf: Leaf


class Outer(msgspec.Struct, frozen=True, tag_field="kind", tag="outer"):
    many: list[Leaf]


class Endless(msgspec.Struct, frozen=True):
    below: list[Endless] = []


class DeepRoom:
    @command("deep.take", scope=Scope.FILES)
    async def take(
        self, *, part: Inner | Outer, near: Annotated[Leaf | None, Meta(description="One")] = None
    ) -> list[Leaf]:
        """Take parts."""
        return []


class EndlessRoom:
    @command("endless.take", scope=Scope.FILES)
    async def take(self, *, part: Endless) -> None:
        """Take what has no end."""


def tools(*rooms: object) -> dict[str, Tool]:
    registry = Registry()
    for room in rooms or (SampleRoom(),):
        registry.add(room)
    return {tool.name: tool for tool in tools_of(registry)}


def schema_of(name: str) -> dict[str, Any]:
    return dict(tools()[name].document["inputSchema"])


def test_name_has_an_underscore_for_the_dot() -> None:
    assert tools()["sample_echo"].command.name == "sample.echo"


def test_title_is_for_people() -> None:
    assert tools()["sample_echo"].document["title"] == "Sample echo"


def test_hints_are_those_of_the_command() -> None:
    found = {name: tool.document["annotations"] for name, tool in tools().items()}
    assert found["sample_echo"] == {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
    assert found["sample_poke"] == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }


def test_parameters_that_may_be_null_may_be_left_out() -> None:
    point = schema_of("sample_echo")["properties"]["point"]
    assert point["type"] == "object"
    assert point["description"] == "A parameter with parts."
    assert "default" not in point


def test_references_are_written_out() -> None:
    text = json.dumps(tools(DeepRoom())["deep_take"].document)
    assert "$ref" not in text
    assert "discriminator" not in text
    part = tools(DeepRoom())["deep_take"].document["inputSchema"]["properties"]["part"]
    assert part["anyOf"][0]["properties"]["leaf"]["properties"]["title"] == {"type": "string"}


def test_property_called_title_is_kept() -> None:
    near = tools(DeepRoom())["deep_take"].document["inputSchema"]["properties"]["near"]
    assert set(near["properties"]) == {"title", "size"}


def test_schema_that_contains_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="Endless contains itself"):
        tools(EndlessRoom())


def test_result_that_is_an_object_is_described() -> None:
    schema = tools()["sample_echo"].document["outputSchema"]
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"text", "count", "ratio", "point", "tags", "flag"}


@pytest.mark.parametrize("name", ["sample_poke", "sample_wait", "sample_picture", "sample_fail"])
def test_result_that_is_no_object_is_not(name: str) -> None:
    assert "outputSchema" not in tools()[name].document


def test_result_with_pictures_is_not_structured() -> None:
    assert "outputSchema" not in tools()["sample_snap"].document


def test_default_for_models_is_told_twice() -> None:
    document = tools()["sample_snap"].document
    assert document["inputSchema"]["properties"]["width"]["default"] == 7
    assert "Unless given: width 7." in document["description"]


def test_stream_is_collected() -> None:
    document = tools()["sample_count"].document
    assert {"to", "then", "collect_s", "collect_items"} == set(
        document["inputSchema"]["properties"]
    )
    assert "collected" in document["description"]
    assert document["outputSchema"]["properties"]["items"]["type"] == "array"


def test_resource_is_what_is_read_without_parameters() -> None:
    found = {tool.uri for tool in tools().values() if tool.is_resource}
    assert "agentd://sample/picture" in found
    assert not found & {"agentd://sample/poke", "agentd://sample/count", "agentd://sample/snap"}


def test_offline_document_holds_every_tool() -> None:
    registry = Registry()
    registry.add(SampleRoom())
    document = offline_document(registry, version="1.2.3", instructions="Look first.")
    assert (document["version"], document["instructions"]) == ("1.2.3", "Look first.")
    assert len(document["tools"]) == len(registry)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"edge": 5, "look": {"edge": 5, "fast": True}}),
        ({"edge": 9}, {"edge": 9, "look": {"edge": 5, "fast": True}}),
        ({"edge": None}, {"edge": None, "look": {"edge": 5, "fast": True}}),
        ({"look": {"edge": 9}}, {"edge": 5, "look": {"edge": 9, "fast": True}}),
        ({"look": None, "x": 1}, {"edge": 5, "look": None, "x": 1}),
    ],
)
def test_what_is_given_goes_before_defaults(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    defaults = {"edge": 5, "look": {"edge": 5, "fast": True}}
    assert with_model_defaults(given, defaults) == wanted
    assert defaults == {"edge": 5, "look": {"edge": 5, "fast": True}}


Side = Literal["left", "right"]


class ManyRoom:
    @command("many.take", scope=Scope.VIEW)
    async def take(
        self, *, side: Annotated[Side | int, Meta(description="Which")] | None = None
    ) -> None:
        """Take one of several types."""


def test_several_types_stay_several() -> None:
    side = tools(ManyRoom())["many_take"].document["inputSchema"]["properties"]["side"]
    assert len(side["anyOf"]) == 2
    assert "default" not in side
