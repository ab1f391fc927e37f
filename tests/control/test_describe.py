"""The registry in other tongues: complete, valid, and without a reference into nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from agentd.base.command import Registry, Scope, command
from agentd.control.describe import description, markdown, openapi, type_words
from tests.fakes import SampleRoom


class SampleClash(msgspec.Struct):
    """Called as the parameters of `sample.clash` would be."""

    size: int


class ClashRoom:
    @command("sample.clash", scope=Scope.VIEW)
    async def clash(self, *, size: int = 1) -> SampleClash:
        """Answer a struct of the command's own name."""
        return SampleClash(size)

    @command("sample.bare", scope=Scope.VIEW, read_only=True, positional=("names",))
    async def bare(
        self,
        *,
        names: Annotated[list[str], Meta(description="Some | names", examples=[["a", "b"]])] = [],
    ) -> Any:
        """Answer anything."""


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    made.add(SampleRoom())
    made.add(ClashRoom())
    return made


def nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(document, dict):
        yield document
    children = document.values() if isinstance(document, dict) else document
    if isinstance(document, dict | list):
        for child in children:
            yield from nodes(child)


def resolve(document: dict[str, Any], reference: str) -> Any:
    head, *path = reference.split("/")
    assert head == "#"
    for part in path:
        document = document[part]
    return document


class TestOpenApi:
    @pytest.fixture
    def document(self, registry: Registry) -> dict[str, Any]:
        return openapi(registry, "1.2.3")

    def test_is_json(self, document: dict[str, Any]) -> None:
        assert json.loads(json.dumps(document)).keys() == document.keys()

    def test_has_the_required_head(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1.")
        assert document["info"]["title"]
        assert document["info"]["version"] == "1.2.3"

    def test_each_reference_resolves(self, document: dict[str, Any]) -> None:
        references = [node["$ref"] for node in nodes(document) if "$ref" in node]
        assert references
        for reference in references:
            assert isinstance(resolve(document, reference), dict)

    def test_each_command_can_be_posted(self, document: dict[str, Any], registry: Registry) -> None:
        for item in registry:
            post = document["paths"][f"/v1/{item.namespace}/{item.verb}"]["post"]
            assert post["operationId"] == item.name.replace(".", "_")
            assert post["x-scope"] == item.scope

    def test_only_reading_commands_can_be_got(
        self, document: dict[str, Any], registry: Registry
    ) -> None:
        got = {path for path, item in document["paths"].items() if "get" in item}
        wanted = {f"/v1/sample/{item.verb}" for item in registry if item.read_only}
        assert got == wanted

    def test_operation_ids_are_unique(self, document: dict[str, Any]) -> None:
        ids = [node["operationId"] for node in nodes(document) if "operationId" in node]
        assert len(ids) == len(set(ids))

    def test_each_operation_has_an_answer_and_a_problem(self, document: dict[str, Any]) -> None:
        for path in document["paths"].values():
            for operation in path.values():
                good = operation["responses"]["200"]
                assert good["description"]
                assert all("schema" in media for media in good["content"].values())
                assert resolve(document, operation["responses"]["default"]["$ref"])

    def test_query_parameters_have_one_schema_each(self, document: dict[str, Any]) -> None:
        parameters = [node for node in nodes(document) if node.get("in") == "query"]
        assert parameters
        for parameter in parameters:
            assert ("schema" in parameter) != ("content" in parameter)

    def test_lists_and_objects_of_a_query_are_json(self, document: dict[str, Any]) -> None:
        # `name=1&name=2` is refused, so the document must not promise it.
        get = document["paths"]["/v1/sample/echo"]["get"]
        forms = {item["name"]: "content" in item for item in get["parameters"]}
        assert forms == {
            "text": False,
            "count": False,
            "ratio": False,
            "point": True,
            "tags": True,
            "flag": False,
        }

    def test_stream_answers_both_forms(self, document: dict[str, Any]) -> None:
        content = document["paths"]["/v1/sample/count"]["post"]["responses"]["200"]["content"]
        assert set(content) == {"application/x-ndjson", "text/event-stream"}
        assert content["text/event-stream"]["schema"] == {"$ref": "#/components/schemas/Tick"}

    def test_blob_names_its_metadata_header(self, document: dict[str, Any]) -> None:
        good = document["paths"]["/v1/sample/picture"]["post"]["responses"]["200"]
        assert "Agentd-Meta" in good["headers"]

    def test_unknown_parameters_are_forbidden(self, document: dict[str, Any]) -> None:
        for path in document["paths"].values():
            schema = path["post"]["requestBody"]["content"]["application/json"]["schema"]
            assert resolve(document, schema["$ref"])["additionalProperties"] is False

    def test_parameters_and_answer_of_the_same_name_are_kept_apart(
        self, document: dict[str, Any]
    ) -> None:
        post = document["paths"]["/v1/sample/clash"]["post"]
        asked = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        answered = post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert asked != answered
        assert resolve(document, answered)["required"] == ["size"]

    def test_empty_registry_is_described_too(self) -> None:
        assert openapi(Registry(), "1")["paths"] == {}


class TestDescription:
    @pytest.fixture
    def document(self, registry: Registry) -> dict[str, Any]:
        return description(registry, "1.2.3")

    def test_is_json(self, document: dict[str, Any]) -> None:
        assert json.loads(json.dumps(document)).keys() == document.keys()

    def test_tells_each_command_whole(self, document: dict[str, Any], registry: Registry) -> None:
        assert [item["name"] for item in document["commands"]] == [item.name for item in registry]
        echo = next(item for item in document["commands"] if item["name"] == "sample.echo")
        assert echo["scope"] == "view"
        assert echo["kind"] == "json"
        assert echo["read_only"]
        assert not echo["destructive"]
        assert echo["deadline_s"] == 30
        assert echo["parameters"]["properties"]["count"]["maximum"] == 9
        assert echo["result"] == {"$ref": "#/components/schemas/Echo"}

    def test_each_reference_resolves(self, document: dict[str, Any]) -> None:
        for node in nodes(document):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in document["components"]

    def test_command_without_answer_has_no_result(self, document: dict[str, Any]) -> None:
        poke = next(item for item in document["commands"] if item["name"] == "sample.poke")
        assert poke["result"] is None

    def test_parameters_are_no_components(self, document: dict[str, Any]) -> None:
        assert not [name for name in document["components"] if name.endswith("Parameters")]


class TestMarkdown:
    def test_has_a_section_for_each_command(self, registry: Registry) -> None:
        lines = markdown(registry).splitlines()
        assert [line[4:] for line in lines if line.startswith("### ")] == [
            item.name for item in registry
        ]

    def test_row_tells_a_parameter_whole(self, registry: Registry) -> None:
        row = "| `count` | integer 0..9 | `1` | A number (for example `3`) |"
        assert row in markdown(registry).splitlines()

    def test_values_are_json_and_bars_are_escaped(self, registry: Registry) -> None:
        row = '| `names` | list of string | `[]` | Some \\| names (for example `["a", "b"]`) |'
        assert row in markdown(registry).splitlines()

    def test_marks_are_told(self, registry: Registry) -> None:
        lines = markdown(registry).splitlines()
        assert "scope `input` · destructive" in lines
        assert "scope `view` · read-only · answers a stream" in lines

    def test_rows_have_four_cells(self, registry: Registry) -> None:
        rows = [line for line in markdown(registry).splitlines() if line.startswith("|")]
        assert {row.replace("\\|", "").count("|") for row in rows} == {5}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 9}, "integer 0..9"),
        ({"type": "string"}, "string"),
        ({"$ref": "#/components/schemas/Point"}, "Point"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"enum": ["a", "b"]}, "`a` `b`"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"type": "array"}, "list of any"),
        ({}, "any"),
    ],
)
def test_type_words(schema: dict[str, Any], words: str) -> None:
    assert type_words(schema) == words
