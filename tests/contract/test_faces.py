"""Each command of the daemon is whole, and every face knows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd.base.command import Command, Kind, Scope
from agentd.base.config import Environment
from agentd.base.schema import SchemaError, convert
from agentd.control import describe
from agentd.control.mcp_tools import tools_of
from agentd.daemon import VERSION, Daemon

DAEMON = Daemon(None, Environment.read({"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}))
COMMANDS = {command.name: command for command in DAEMON.registry}
OPENAPI = describe.openapi(DAEMON.registry, VERSION)
DESCRIPTION = describe.description(DAEMON.registry, VERSION)
DESCRIBED = {item["name"]: item for item in DESCRIPTION["commands"]}
TOOLS = {tool.name: tool.document for tool in tools_of(DAEMON.registry)}
MARKDOWN = describe.markdown(DAEMON.registry).splitlines()

each_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def parameters() -> Iterator[Any]:
    """Every parameter of every command, as its schema."""
    for name, item in DESCRIBED.items():
        for parameter, schema in item["parameters"].get("properties", {}).items():
            yield pytest.param(schema, id=f"{name}:{parameter}")


each_parameter = pytest.mark.parametrize("schema", list(parameters()))


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the components."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {**DESCRIPTION["components"][name], **schema}
    return schema


def members(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a parameter may be, without null."""
    found = [resolve(member) for member in schema.get("anyOf", [schema])]
    return [member for member in found if member.get("type") != "null"]


def said(schema: dict[str, Any], key: str) -> Any:
    """What a schema or one of its members says under a key."""
    return schema.get(key) or next((m[key] for m in members(schema) if m.get(key)), None)


def test_daemon_has_commands_of_every_room() -> None:
    assert {"daemon", "events", "desktop", "windows", "apps"} <= {
        command.namespace for command in COMMANDS.values()
    }


@each_command
def test_scope_is_named(command: Command) -> None:
    assert isinstance(command.scope, Scope)


@each_command
def test_summary_is_an_imperative_that_fits_a_line(command: Command) -> None:
    assert 0 < len(command.summary) <= 80
    assert command.summary[0].isupper()


@each_command
def test_reading_is_not_destructive(command: Command) -> None:
    assert not (command.read_only and command.destructive)


@each_command
def test_reading_needs_no_more_than_to_view(command: Command) -> None:
    if command.read_only:
        assert command.scope in (Scope.VIEW, Scope.FILES, Scope.NETWORK, Scope.EXEC)


@each_command
def test_deadline_is_within_the_limit(command: Command) -> None:
    assert 0 < command.deadline_s <= 3600


@each_command
def test_post_is_in_openapi(command: Command) -> None:
    path = OPENAPI["paths"][f"/v1/{command.namespace}/{command.verb}"]
    assert path["post"]["operationId"] == command.name.replace(".", "_")


@each_command
def test_get_is_for_reading_alone(command: Command) -> None:
    path = OPENAPI["paths"][f"/v1/{command.namespace}/{command.verb}"]
    assert ("get" in path) == command.read_only


@each_command
def test_answer_is_described(command: Command) -> None:
    content = OPENAPI["paths"][f"/v1/{command.namespace}/{command.verb}"]["post"]["responses"]
    assert content["200"]["content"]
    if command.kind is Kind.STREAM:
        assert DESCRIBED[command.name]["result"] is not None


@each_command
def test_description_holds_it(command: Command) -> None:
    item = DESCRIBED[command.name]
    assert item["scope"] == str(command.scope)
    assert item["kind"] == command.kind.value
    assert item["parameters"]["additionalProperties"] is False


@each_command
def test_documentation_holds_it(command: Command) -> None:
    assert f"### {command.name}" in MARKDOWN


@each_command
def test_tool_is_made_of_it(command: Command) -> None:
    document = TOOLS[command.name.replace(".", "_")]
    assert document["description"].startswith(command.summary)
    assert document["inputSchema"]["type"] == "object"
    assert document["annotations"]["readOnlyHint"] == command.read_only
    assert "$ref" not in json.dumps(document)


@each_command
def test_tool_has_a_name_that_every_client_takes(command: Command) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", command.name.replace(".", "_"))


@each_command
def test_unknown_parameters_are_refused(command: Command) -> None:
    with pytest.raises(SchemaError, match="an unknown name"):
        convert({"no_such_parameter": 1}, command.parameters)


@each_command
def test_defaults_are_values_that_are_taken(command: Command) -> None:
    defaults = {
        field.encode_name: msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(command.parameters)
        if field.default is not msgspec.NODEFAULT and field.default is not msgspec.UNSET
    }
    faults = []
    try:
        convert(defaults, command.parameters)
    except SchemaError as exc:
        faults = [error for error in exc.errors if error.found != "nothing"]
    assert faults == []


@each_parameter
def test_parameter_is_described(schema: dict[str, Any]) -> None:
    assert said(schema, "description")


@each_parameter
def test_parameter_has_an_example(schema: dict[str, Any]) -> None:
    # Of switches and of names to choose from, the type is example enough; so are objects whose
    # parts have theirs.
    plain = [
        member
        for member in members(schema)
        if member.get("type") != "boolean" and "enum" not in member and "const" not in member
    ]
    parts = [part for member in plain for part in member.get("properties", {}).values()]
    assert not plain or said(schema, "examples") or (parts and all("type" in p for p in parts))


@each_command
def test_examples_are_values_that_are_taken(command: Command) -> None:
    wrong = []
    for name, schema in DESCRIBED[command.name]["parameters"].get("properties", {}).items():
        field = next(
            item for item in msgspec.structs.fields(command.parameters) if item.encode_name == name
        )
        for example in said(schema, "examples") or ():
            try:
                convert(example, field.type)
            except SchemaError as exc:
                wrong.append(f"{name}: {exc}")
    assert wrong == []


def test_each_reference_resolves() -> None:
    text = json.dumps(OPENAPI)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        node: Any = OPENAPI
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert isinstance(node, dict)


def test_description_is_json() -> None:
    assert json.loads(json.dumps(DESCRIPTION))["version"] == VERSION


def test_building_a_daemon_touches_nothing() -> None:
    assert not Path("/nonexistent").exists()
