"""The commands as agentctl knows them: from the packaged description, or a live daemon's.

`description.json` is generated from the registry, so that help, completion and parsing need no
daemon. It does not parse words and does not call.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

_PACKAGED = os.path.join(os.path.dirname(__file__), "description.json")
_NULL = {"type": "null"}


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a command; `schema` has its references resolved and no null in it."""

    name: str
    schema: dict[str, Any]
    description: str
    is_required: bool
    is_nullable: bool
    default: Any = None
    example: Any = None

    @property
    def flag(self) -> str:
        """The long option, as `--max-long-edge`."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether it is set by `--name` and cleared by `--no-name`."""
        return self.schema.get("type") == "boolean"

    @property
    def is_list(self) -> bool:
        """Whether it may be given several times."""
        return self.schema.get("type") == "array"

    @property
    def is_map(self) -> bool:
        """Whether it takes NAME=VALUE, several times."""
        return self.schema.get("type") == "object" and "properties" not in self.schema


class CommandEntry(msgspec.Struct, frozen=True):
    """One command of the description."""

    name: str
    scope: str
    kind: str
    summary: str
    description: str
    deadline_s: float
    positional: list[str]
    parameters: dict[str, Any]
    destructive: bool = False
    result: dict[str, Any] | None = None

    @property
    def namespace(self) -> str:
        """The part before the dot."""
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        """The part behind the dot."""
        return self.name.partition(".")[2]

    @property
    def words(self) -> str:
        """The verb as it is typed: `key-down`."""
        return self.verb.replace("_", "-")


class Catalogue(msgspec.Struct, frozen=True):
    """Every command, and the schemas that they share."""

    version: str
    commands: list[CommandEntry]
    components: dict[str, Any]

    def namespaces(self) -> dict[str, list[CommandEntry]]:
        """Return the commands by namespace."""
        found: dict[str, list[CommandEntry]] = {}
        for command in self.commands:
            found.setdefault(command.namespace, []).append(command)
        return found

    def find(self, namespace: str, verb: str) -> CommandEntry | None:
        """Return a command; its words may be written with dashes."""
        name = f"{namespace}.{verb}".replace("-", "_")
        return next((command for command in self.commands if command.name == name), None)

    def parameters(self, command: CommandEntry) -> dict[str, Parameter]:
        """Return a command's parameters by name, those taken by position first."""
        properties = command.parameters.get("properties", {})
        required = command.parameters.get("required", ())
        names = [*command.positional, *(n for n in properties if n not in command.positional)]
        return {name: self._parameter(name, properties[name], name in required) for name in names}

    def answers_image(self, command: CommandEntry) -> bool:
        """Whether a command's document has a picture in it."""
        fields = self.resolved(command.result or {}).get("properties", {})
        return self.resolved(fields.get("image", {})).get("contentEncoding") == "base64"

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema in place of a reference, and the one member beside null of a union."""
        if "$ref" in schema:
            return self.resolved(self.components[schema["$ref"].rpartition("/")[2]])
        members = [member for member in schema.get("anyOf", ()) if member != _NULL]
        if len(members) == 1:
            return self.resolved(members[0])
        return {**schema, "anyOf": [self.resolved(m) for m in members]} if members else schema

    def _parameter(self, name: str, schema: dict[str, Any], is_required: bool) -> Parameter:
        plain = self.resolved(schema)
        shared = str(plain.get("description", "")).partition("\n")[0].rstrip(".")
        return Parameter(
            name=name,
            schema=plain,
            description=schema.get("description") or shared,
            is_required=is_required,
            is_nullable=_NULL in schema.get("anyOf", ()),
            default=schema.get("default"),
            example=(schema.get("examples") or plain.get("examples") or [None])[0],
        )


def packaged() -> Catalogue:
    """Return the commands that this version of agentctl was made with."""
    with open(_PACKAGED, "rb") as file:
        return msgspec.json.decode(file.read(), type=Catalogue)


def of_document(document: object) -> Catalogue:
    """Return the commands that a daemon describes (`GET /v1/describe`)."""
    return msgspec.convert(document, Catalogue)
