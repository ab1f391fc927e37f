"""The registry as MCP tools and resources: names, texts and schemas that clients understand.

Pure. Schemas are written out, as many clients do not follow `$ref`; what may be null is simply
not required. It does not run commands. Source: Model Context Protocol 2025-11-25, tools and
resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from agentd.base.command import Command, Kind, Registry, Scope
from agentd.control import describe
from agentd.control.mcp_messages import HANDSHAKE_VERSIONS, STATELESS_VERSIONS

# What reaches beyond the machine, or lets the caller reach beyond it.
_OPEN = frozenset({Scope.INPUT, Scope.EXEC, Scope.NETWORK})
_URI = "agentd://{}/{}"


class Collecting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a stream takes in addition as a tool, whose answer must come to an end."""

    collect_s: Annotated[
        float, Meta(gt=0, le=300, description="Answer after this many seconds", examples=[5])
    ] = 5.0
    collect_items: Annotated[
        int, Meta(ge=1, le=500, description="Or when there are this many items", examples=[1])
    ] = 50


@dataclass(frozen=True, slots=True)
class Tool:
    """A command as a tool; `document` is its entry in the list of tools."""

    command: Command
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """The tool's name, as `desktop_screenshot`."""
        return str(self.document["name"])

    @property
    def uri(self) -> str:
        """What it is called as a resource, as `agentd://desktop/screenshot`."""
        return _URI.format(self.command.namespace, self.command.verb)

    @property
    def is_resource(self) -> bool:
        """Whether it can be read as a resource: it changes nothing and can be called bare."""
        schema = self.document["inputSchema"]
        reads = self.command.read_only and self.command.kind is not Kind.STREAM
        return reads and not schema.get("required")

    @property
    def resource_document(self) -> dict[str, Any]:
        """Its entry in the list of resources."""
        named = {key: self.document[key] for key in ("name", "title")}
        document = {"uri": self.uri, **named, "description": f"{self.command.summary}."}
        if self.command.kind is Kind.JSON:
            document["mimeType"] = "application/json"
        return document


def tools_of(registry: Registry) -> list[Tool]:
    """Return every command as a tool. Raises: ValueError for a schema that contains itself."""
    description = describe.description(registry, "")
    components = description["components"]
    return [
        Tool(command, _document(command, item, components))
        for command, item in zip(registry, description["commands"], strict=True)
    ]


def offline_document(registry: Registry, *, version: str, instructions: str) -> dict[str, Any]:
    """Return what `agentctl mcp` tells its client where there is no daemon to ask."""
    return {
        "version": version,
        "handshake_versions": list(HANDSHAKE_VERSIONS),
        "stateless_versions": list(STATELESS_VERSIONS),
        "instructions": instructions,
        "tools": [tool.document for tool in tools_of(registry)],
    }


def with_model_defaults(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with those that were not given filled in, within objects too."""
    filled = {**defaults, **given}
    for name, value in given.items():
        below = defaults.get(name)
        if isinstance(value, dict) and isinstance(below, Mapping):
            filled[name] = with_model_defaults(value, below)
    return filled


def _document(command: Command, item: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": command.name.replace(".", "_"),
        "title": f"{command.namespace} {command.verb}".replace("_", " ").capitalize(),
        "description": _text(command),
        "inputSchema": _input_schema(command, item["parameters"], components),
        "annotations": {
            "readOnlyHint": command.read_only,
            "destructiveHint": command.destructive,
            "idempotentHint": command.read_only,
            "openWorldHint": command.scope in _OPEN,
        },
    }
    result = _written_out(item["result"] or {}, components)
    if command.kind is Kind.STREAM:
        properties = {
            "items": {"type": "array", "items": result},
            "ended": {"type": "boolean", "description": "Whether the stream came to its end"},
        }
        document["outputSchema"] = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
        }
    # Some clients show a model the structured result alone: pictures in it would not be seen.
    elif result.get("type") == "object" and not _holds_bytes(result):
        document["outputSchema"] = result
    return document


def _text(command: Command) -> str:
    parts = [f"{command.summary}.", command.description]
    if command.model_defaults:
        parts.append(f"Unless given: {describe.defaults_words(command.model_defaults)}.")
    if command.kind is Kind.BLOB:
        parts.append("The bytes come as a content block of their own, the metadata as JSON text.")
    if command.kind is Kind.STREAM:
        parts.append(
            "Items are collected from now on, and answered after collect_s seconds or as soon as "
            "there are collect_items."
        )
    return "\n\n".join(part for part in parts if part)


def _input_schema(
    command: Command, parameters: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    schema = _written_out(parameters, components)
    properties = {
        name: _without_null(value) for name, value in schema.get("properties", {}).items()
    }
    for name, value in command.model_defaults.items():
        properties[name] = {**properties[name], "default": value}
    if command.kind is Kind.STREAM:
        properties |= _written_out(msgspec.json.schema_components([Collecting])[1]["Collecting"])[
            "properties"
        ]
    required = schema.get("required", [])
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _written_out(
    schema: dict[str, Any], components: dict[str, Any] | None = None, above: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return a schema without references, and without the titles of our types."""
    components = components or {}
    found: dict[str, Any] = {}
    for key, value in schema.items():
        match key:
            case "$ref":
                name = str(value).rpartition("/")[2]
                if name in above:
                    raise ValueError(f"the schema of {name} contains itself")
                found = {**_written_out(components[name], components, (*above, name)), **found}
            case "properties":
                found[key] = {
                    name: _written_out(item, components, above) for name, item in value.items()
                }
            case "anyOf" | "prefixItems":
                found[key] = [_written_out(item, components, above) for item in value]
            case "items" | "additionalProperties" if isinstance(value, dict):
                found[key] = _written_out(value, components, above)
            case "title" | "discriminator":
                pass  # Names and references of ours.
            case _:
                found[key] = value
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter as that of one that may be left out."""
    members = schema.get("anyOf", [])
    kept = [member for member in members if member.get("type") != "null"]
    if len(kept) == len(members):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**kept[0], **rest} if len(kept) == 1 else {"anyOf": kept, **rest}


def _holds_bytes(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_holds_bytes, schema))
    if not isinstance(schema, dict):
        return False
    return "contentEncoding" in schema or any(map(_holds_bytes, schema.values()))
