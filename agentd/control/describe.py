"""The registry in other tongues: JSON description, OpenAPI 3.1, Markdown.

Pure. Every text comes from the commands themselves, so that no face can drift from another.
It does not serve anything. Source: OpenAPI 3.1.0, JSON Schema 2020-12.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentd.base.command import Command, Kind, Registry
from agentd.base.errors import Problem
from agentd.base.schema import json_schema, limits

_REF = "#/components/schemas/{name}"


def description(registry: Registry, version: str) -> dict[str, Any]:
    """Return what agentctl and other tools build on: every command with its JSON Schemas.

    `{version, commands: [{name, scope, kind, summary, description, read_only, destructive,
    deadline_s, positional, parameters (schema), result (schema or null)}], components}`.
    """
    schemas, components = _schemas(registry)
    commands = [
        {
            "name": command.name,
            "scope": str(command.scope),
            "kind": command.kind.value,
            "summary": command.summary,
            "description": command.description,
            "read_only": command.read_only,
            "destructive": command.destructive,
            "deadline_s": command.deadline_s,
            "positional": list(command.positional),
            "parameters": components[command.parameters.__name__],
            "result": schemas[command.name],
        }
        for command in registry
    ]
    used = {name: value for name, value in components.items() if name not in _own(registry)}
    return {"version": version, "commands": commands, "components": used}


def openapi(registry: Registry, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the HTTP face."""
    schemas, components = _schemas(registry)
    paths: dict[str, Any] = {}
    for command in registry:
        path: dict[str, Any] = {"post": _operation(command, schemas)}
        if command.read_only:
            path["get"] = _get_operation(command, schemas, components)
        paths[f"/v1/{command.namespace}/{command.verb}"] = path
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "agentd",
            "version": version,
            "description": "One daemon that gives a computer-use agent a desktop and a guarded "
            "way in and out. Every operation is a command of the control socket.",
            "license": {"name": "MIT"},
        },
        "servers": [{"url": "http://localhost", "description": "over the Unix socket"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "Problem details (RFC 9457)",
                    "content": {"application/problem+json": {"schema": {"$ref": _ref("Problem")}}},
                }
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],
    }


def markdown(registry: Registry) -> str:
    """Return `docs/commands.md`: one section a command, one table row a parameter."""
    _, components = _schemas(registry)
    lines = [
        "# Commands",
        "",
        "Generated from the daemon's registry by `python -m agentd --describe markdown`.",
        "Every command is `POST /v1/NAMESPACE/VERB`, `agentctl NAMESPACE VERB`, a JSON-RPC method",
        "of `/v1/ws`, a method of the Python client and the MCP tool `NAMESPACE_VERB`. Commands",
        "marked *read-only* also answer `GET`. The scope is what a token must hold.",
    ]
    namespace = ""
    for command in registry:
        if command.namespace != namespace:
            namespace = command.namespace
            lines += ["", f"## {namespace}"]
        lines += _section(command, components[command.parameters.__name__])
    return "\n".join(lines) + "\n"


def _section(command: Command, parameters: dict[str, Any]) -> list[str]:
    marks = [f"scope `{command.scope}`"]
    marks += ["read-only"] if command.read_only else []
    marks += ["destructive"] if command.destructive else []
    marks += [] if command.kind is Kind.JSON else [f"answers a {command.kind.value}"]
    lines = ["", f"### {command.name}", "", f"{command.summary}.", "", " · ".join(marks)]
    if command.description:
        lines += ["", command.description]
    if command.model_defaults:
        lines += ["", f"Over MCP, unless given: {defaults_words(command.model_defaults)}."]
    if parameters.get("properties"):
        lines += ["", "| parameter | type | default | meaning |", "|---|---|---|---|"]
    for name, schema in parameters.get("properties", {}).items():
        required = name in parameters.get("required", ())
        default = "required" if required else f"`{_json(schema.get('default'))}`"
        cells = [f"`{name}`", type_words(schema), default, meaning(schema)]
        lines.append(_row(cells))
    for name, schema in parameters.get("properties", {}).items():
        lines += _variants(name, schema.get("items", {}))
    return lines


def _variants(name: str, item: dict[str, Any]) -> list[str]:
    """Return a table of the objects that a list takes, told apart by a field with one value."""
    rows: list[str] = []
    tag = ""
    for variant in item.get("anyOf", ()):
        properties = variant.get("properties", {})
        tags = [key for key, value in properties.items() if len(value.get("enum", ())) == 1]
        if not tags:
            continue
        tag = tags[0]
        given = []
        for key, value in properties.items():
            if key != tag:
                is_required = key in variant.get("required", ())
                default = "" if is_required else f" = {_json(value.get('default'))}"
                given.append(f"`{key}{default}`")
        value = properties[tag]["enum"][0]
        rows.append(_row([f"`{value}`", " ".join(given), variant.get("description", "")]))
    if not rows:
        return []
    head = [f"An item of `{name}` is one of these:", "", f"| {tag} | with | meaning |"]
    return ["", *head, "|---|---|---|", *rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def type_words(schema: dict[str, Any]) -> str:
    """Return a JSON Schema's type in few words, as `integer 1..9` or `list of Point`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(type_words(member) for member in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_words(schema.get('items', {}))}"
    return f"{kind} {limits(schema)}".rstrip()


def meaning(schema: dict[str, Any]) -> str:
    """Return a parameter's description with its example."""
    text = str(schema.get("description", ""))
    examples = schema.get("examples")
    return f"{text} (for example `{_json(examples[0])}`)" if examples else text


def defaults_words(defaults: Mapping[str, Any]) -> str:
    """Return what is said where a caller says nothing, as `max_bytes 750000, format "png"`."""
    return ", ".join(f"{name} {_json(value)}" for name, value in defaults.items())


def _operation(command: Command, schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        **_head(command),
        "operationId": command.name.replace(".", "_"),
        "requestBody": {
            "content": {"application/json": {"schema": {"$ref": _ref(command.parameters.__name__)}}}
        },
        "responses": _responses(command, schemas),
    }


def _get_operation(
    command: Command, schemas: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = components[command.parameters.__name__]
    return {
        **_head(command),
        "operationId": command.name.replace(".", "_") + "_get",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in parameters.get("required", ()),
                # An object or a list is written as JSON, not as `name=1&name=2`.
                **(
                    {"content": {"application/json": {"schema": schema}}}
                    if _has_structure(schema)
                    else {"schema": schema}
                ),
            }
            for name, schema in parameters.get("properties", {}).items()
        ],
        "responses": _responses(command, schemas),
    }


def _has_structure(schema: dict[str, Any]) -> bool:
    members = schema.get("anyOf", ())
    return (
        "$ref" in schema
        or schema.get("type") in ("array", "object")
        or any(_has_structure(member) for member in members)
    )


def _head(command: Command) -> dict[str, Any]:
    return {
        "tags": [command.namespace],
        "summary": command.summary,
        "description": command.description,
        "x-scope": str(command.scope),
        "x-deadline-s": command.deadline_s,
    }


def _responses(command: Command, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[command.name]
    content: dict[str, Any]
    match command.kind:
        case Kind.JSON:
            content = {"application/json": {"schema": schema or {"type": "object"}}}
        case Kind.STREAM:
            content = {
                "application/x-ndjson": {"schema": schema},
                "text/event-stream": {"schema": schema},
            }
        case Kind.BLOB:
            content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    good: dict[str, Any] = {"description": "Done", "content": content}
    if command.kind is Kind.BLOB:
        header = {"description": "Metadata as JSON", "schema": {"type": "string"}}
        good["headers"] = {"Agentd-Meta": header}
    return {"200": good, "default": {"$ref": "#/components/responses/Problem"}}


def _schemas(registry: Registry) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the result schema of every command and the components that all share."""
    commands = list(registry)
    with_result = [item for item in commands if item.kind is not Kind.BLOB and item.result]
    with_result = [item for item in with_result if item.result is not type(None)]
    types = [item.parameters for item in commands] + [item.result for item in with_result]
    found, components = json_schema([*types, Problem], _REF)
    for name in _own(registry):
        for schema in components[name].get("properties", {}).values():
            _hoist(schema)
    results: dict[str, Any] = {item.name: None for item in commands}
    for item, schema in zip(with_result, found[len(commands) :], strict=False):
        results[item.name] = schema
    return results, components


def _hoist(schema: dict[str, Any]) -> None:
    """Lift what `X | None` means from the member that says it to where readers look for it."""
    for member in schema.get("anyOf", ()):
        for key in ("description", "examples"):
            if key in member and "$ref" not in member:
                schema.setdefault(key, member.pop(key))


def _own(registry: Registry) -> set[str]:
    return {command.parameters.__name__ for command in registry}


def _ref(name: str) -> str:
    return _REF.format(name=name)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
