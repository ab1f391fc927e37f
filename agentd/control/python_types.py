"""JSON Schemas as Python types: annotations, defaults, and the Structs of shared objects.

Pure. What a caller gives is typed narrowly (`Literal`, `Sequence`); what the daemon answers is
typed so that a newer daemon's answer still fits (an unknown state is a `str` like the others).
Source: JSON Schema 2020-12, as msgspec writes it.
"""

from __future__ import annotations

import inspect
import json
import keyword
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

COLUMNS = 100

_SCALARS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_NULL = {"type": "null"}
# A field called by one of Python's own words gets another name; the wire keeps the first.
_RENAMED = {"class": "class_name"}


class PythonTypes:
    """The types of one description.

    Args:
        commands: the commands, whose schemas tell which components are given and which answered.
        components: the shared schemas by name.
    """

    def __init__(self, commands: list[dict[str, Any]], components: dict[str, Any]) -> None:
        self._components = components
        self._given = self._reach(command["parameters"] for command in commands)
        self._answered = self._reach(command["result"] for command in commands)

    def parameter(self, schema: dict[str, Any], *, is_required: bool) -> tuple[str, str | None]:
        """Return a parameter's annotation and its default as source, None if it has none.

        A default that has no plain literal stays with the daemon: the parameter is then UNSET.
        """
        annotation = self._annotation(schema, prefix="values.", is_given=True)
        if is_required:
            return annotation, None
        default = schema.get("default")
        if annotation == "bytes" and default == "":
            return annotation, 'b""'
        if default and (annotation == "bytes" or isinstance(default, dict)):
            return _or_unset(annotation), "msgspec.UNSET"
        return annotation, "()" if default == [] else literal(default)

    def result(self, schema: dict[str, Any]) -> str:
        """Return the annotation of an answer."""
        return self._annotation(schema, prefix="values.", is_given=False)

    def purpose(self, schema: dict[str, Any]) -> str:
        """Return what the first shared object in a schema is, by its own first line."""
        for name in self._reach([schema]):
            return (
                str(self._components[name].get("description", name)).partition("\n")[0].rstrip(".")
            )
        return "A value"

    def unhidden(self, annotation: str, hidden: frozenset[str]) -> str:
        """Name builtins by their module where a method of the same name hides them."""
        names = "|".join(sorted(hidden & {"list", "dict", "str", "int", "float", "bool"}))
        return re.sub(rf"\b({names})\b", r"builtins.\1", annotation) if names else annotation

    def definitions(self) -> Iterator[str]:
        """Yield the source of every component that a command gives or takes, by name."""
        for name in sorted(self._given | self._answered):
            schema = self._components[name]
            if "enum" not in schema:
                yield self._struct(name, schema)
            elif name in self._given:
                yield self._enum(name, schema)

    def _reach(self, schemas: Iterable[Any]) -> set[str]:
        """Return the names of all components that some schemas lead to."""
        found: set[str] = set()
        waiting = list(schemas)
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                name = _referred(value)
                if name and name not in found:
                    found.add(name)
                    waiting.append(self._components[name])
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
        return found

    def _annotation(self, schema: dict[str, Any], *, prefix: str, is_given: bool) -> str:
        def inner(member: dict[str, Any]) -> str:
            return self._annotation(member, prefix=prefix, is_given=is_given)

        if name := _referred(schema):
            if is_given or "enum" not in self._components[name]:
                return prefix + _class_name(name)
            schema = self._components[name]
        if "anyOf" in schema:
            members = [inner(member) for member in schema["anyOf"] if member != _NULL]
            members += ["None"] if _NULL in schema["anyOf"] else []
            return " | ".join(dict.fromkeys(members))
        if "enum" in schema:
            values = schema["enum"]
            if is_given:
                return f"Literal[{', '.join(map(literal, values))}]"
            return " | ".join(dict.fromkeys(type(value).__name__ for value in values))
        match schema.get("type"):
            case "array":
                item = inner(schema.get("items") or {})
                return f"{'Sequence' if is_given and prefix else 'list'}[{item}]"
            case "object":
                item = inner(schema.get("additionalProperties") or {})
                return f"{'Mapping' if is_given and prefix else 'dict'}[str, {item}]"
            case "string" if schema.get("contentEncoding") == "base64":
                return "bytes"
            case kind:
                return _SCALARS.get(str(kind), "Any")

    def _enum(self, name: str, schema: dict[str, Any]) -> str:
        lines = exploded(f"{_class_name(name)} = Literal[", list(map(literal, schema["enum"])), "]")
        note = textwrap.wrap(
            inspect.cleandoc(schema.get("description", "")),
            COLUMNS,
            initial_indent="# ",
            subsequent_indent="# ",
        )
        return "\n".join([*note, *lines])

    def _struct(self, name: str, schema: dict[str, Any]) -> str:
        """Return a frozen Struct; a property with one single value is its tag in a union."""
        options = ["msgspec.Struct", "frozen=True"]
        fields: list[str] = []
        has_default = False
        for key, value in schema.get("properties", {}).items():
            if len(value.get("enum", ())) == 1 and key in schema.get("required", ()):
                options += [f"tag_field={literal(key)}", f"tag={literal(value['enum'][0])}"]
                continue
            is_required = key in schema.get("required", ())
            if is_required and has_default and "kw_only=True" not in options:
                options.append("kw_only=True")
            has_default = has_default or not is_required
            fields.append(self._field(key, value, is_required=is_required, of=name))
        lines = exploded(f"class {_class_name(name)}(", options, "):")
        lines += _documented(schema, name)
        lines += ["", *(f"    {field}" for field in fields)] if fields else []
        return "\n".join(lines)

    def _field(self, key: str, schema: dict[str, Any], *, is_required: bool, of: str) -> str:
        annotation = self._annotation(schema, prefix="", is_given=of in self._given)
        name = python_name(key)
        default = literal(schema.get("default"))
        if not is_required and "default" not in schema and "None" not in annotation:
            annotation += " | None"  # The daemon makes the default when it is asked.
        if isinstance(schema.get("default"), dict) and schema["default"]:
            annotation, default = _or_unset(annotation), "msgspec.UNSET"
        if name != key:
            wire = f"name={literal(key)}"
            value = wire if is_required else f"{wire}, default={default}"
            return f"{name}: {annotation} = msgspec.field({value})"
        return f"{name}: {annotation}" if is_required else f"{name}: {annotation} = {default}"


def python_name(key: str) -> str:
    """Return a name on the wire as a name in Python."""
    return _RENAMED.get(key, f"{key}_") if keyword.iskeyword(key) else key


def literal(value: object) -> str:
    """Return a JSON value as Python source, with the quotes that ruff wants."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
        )
    return repr(value)


def exploded(head: str, parts: list[str], tail: str) -> list[str]:
    """Return `head + parts + tail` on one line if it fits, else with a line for each part."""
    line = head + ", ".join(parts) + tail
    if len(line) <= COLUMNS:
        return [line]
    indent = " " * (len(head) - len(head.lstrip()))
    # A bare star and what follows in a signature take the comma like any other part.
    return [head, *(f"{indent}    {part}," for part in parts), indent + tail]


def _or_unset(annotation: str) -> str:
    """Let a value be left out; None stays at the end of a union."""
    plain = annotation.removesuffix(" | None")
    return f"{plain} | msgspec.UnsetType{annotation.removeprefix(plain)}"


def _documented(schema: dict[str, Any], name: str) -> list[str]:
    text = inspect.cleandoc(schema.get("description") or f"{name}.").replace("\\", "\\\\")
    lines = text.splitlines()
    if len(lines) == 1:
        return [f'    """{text}"""']
    return [f"    {line}".rstrip() for line in [f'"""{lines[0]}', *lines[1:], '"""']]


def _class_name(component: str) -> str:
    """Return a component's name; where two are alike, msgspec's carries their modules."""
    if component.isidentifier() and "_" not in component:
        return component
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", component))


def _referred(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
