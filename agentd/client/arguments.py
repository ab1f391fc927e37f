"""Words of a command line to the parameters of a command, by its JSON Schema.

Pure. Texts become the JSON types that the command wants; ranges and names are left to the daemon,
which knows them best. Objects of numbers are also written short (`--region 0,0,640,400`), maps as
NAME=VALUE, anything as JSON. It does not call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentd.base.errors import BadRequest
from agentd.client.catalogue import Catalogue, CommandEntry, Parameter
from agentd.client.options import Option, Scanned, usage

_INTEGER = re.compile(r"[+-]?\d+")
_FORMATS = {"jpg": "jpeg"}
# What stands for a value in help and usage lines.
_PLACEHOLDERS = {"integer": "N", "number": "NUMBER", "string": "TEXT"}


def options_of(catalogue: Catalogue, command: CommandEntry) -> list[Option]:
    """Return the options of a command: one for every parameter, by name."""
    return [
        Option(
            parameter.name,
            (parameter.flag,),
            "" if parameter.is_switch else placeholder(parameter.schema, catalogue),
            parameter.description,
            repeats=parameter.is_list or parameter.is_map,
        )
        for parameter in catalogue.parameters(command).values()
    ]


def placeholder(schema: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Return what stands for a value: N, TEXT, `png|jpeg`, `X,Y`, NAME=VALUE, @FILE, JSON."""
    schema = catalogue.resolved(dict(schema))
    if "anyOf" in schema and schema.get("type") == "object":
        return "JSON"  # One of several objects.
    if "enum" in schema:
        return "|".join(map(str, schema["enum"]))
    if schema.get("contentEncoding") == "base64":
        return "@FILE|BASE64"
    if "anyOf" in schema:
        members = (placeholder(member, catalogue) for member in schema["anyOf"])
        return "|".join(dict.fromkeys(members))
    if schema.get("type") == "array":
        return placeholder(schema.get("items", {}), catalogue)
    if _is_short(schema, catalogue):
        return ",".join(name.upper() for name in schema["properties"])
    if schema.get("type") == "object" and "properties" not in schema:
        return "NAME=VALUE"
    return _PLACEHOLDERS.get(str(schema.get("type")), "JSON")


def parameters_of(
    catalogue: Catalogue, command: CommandEntry, scanned: Scanned
) -> dict[str, object]:
    """Return the JSON parameters for what was found on the command line.

    Raises: BadRequest for a word too many, a missing parameter, or a text of the wrong kind.
    """
    parameters = catalogue.parameters(command)
    texts = {name: scanned.values[name] for name in parameters if name in scanned.values}
    placed = _by_position(command, parameters, scanned.words)
    for name, words in placed.items():
        if name in texts:
            raise usage(f"{name} is given twice: as {parameters[name].flag} and as {words[0]!r}")
        texts[name] = words
    missing = [p for name, p in parameters.items() if p.is_required and name not in texts]
    if missing:
        names = ", ".join(parameter.name for parameter in missing)
        raise usage(f"{command.name} needs {names}", _see_help(command))
    return {
        name: _value(parameters[name], words, catalogue, is_placed=name in placed)
        for name, words in texts.items()
    }


def in_format_of(
    path: str, catalogue: Catalogue, command: CommandEntry, given: dict[str, object]
) -> dict[str, object]:
    """Return parameters that ask for the format that a file's name tells, unless one is given.

    The format is a parameter, or a field of one that describes the picture.
    """
    suffix = path.rpartition(".")[2].lower()
    wanted = _FORMATS.get(suffix, suffix)
    for name, parameter in catalogue.parameters(command).items():
        if name == "format":
            if name not in given and wanted in parameter.schema.get("enum", ()):
                return {**given, name: wanted}
        elif "format" in parameter.schema.get("properties", {}):
            field = catalogue.resolved(parameter.schema["properties"]["format"])
            inner = given.get(name, {})
            if isinstance(inner, dict) and wanted in field.get("enum", ()):
                return {**given, name: {"format": wanted, **inner}}
    return given


def _by_position(
    command: CommandEntry, parameters: Mapping[str, Parameter], words: Sequence[str]
) -> dict[str, list[str]]:
    """Deal words out to the positional parameters; a list takes all that are left."""
    found: dict[str, list[str]] = {}
    left = list(words)
    for name in command.positional:
        if left and parameters[name].is_list:
            found[name], left = left, []
        elif left:
            found[name] = [left.pop(0)]
    if left:
        places = " ".join(name.upper() for name in command.positional) or "no words"
        hint = _see_help(command)
        if command.positional and parameters[command.positional[-1]].schema.get("type") == "string":
            hint = "put quotes around a text with blanks in it"
        elif options := [each.flag for each in parameters.values() if each.is_list]:
            hint = f"an option is repeated for each value: {options[0]} A {options[0]} B"
        raise usage(f"{command.name} takes {places}; {left[0]!r} is one too many", hint)
    return found


def _value(
    parameter: Parameter, texts: list[str], catalogue: Catalogue, *, is_placed: bool
) -> object:
    schema = parameter.schema
    if parameter.is_switch:
        return texts[-1] in ("yes", "true")
    if parameter.is_nullable and schema.get("type") != "string" and texts == ["null"]:
        return None
    if parameter.is_map:
        return _map(parameter, texts, catalogue)
    if parameter.is_list:
        # Words in their places, as a program's, are themselves whatever they look like.
        if len(texts) == 1 and texts[0].startswith("[") and not is_placed:
            return _json(parameter.name, texts[0])
        item = schema.get("items", {})
        return [_single(parameter.name, text, item, catalogue) for text in texts]
    return _single(parameter.name, texts[-1], schema, catalogue)


def _map(parameter: Parameter, texts: list[str], catalogue: Catalogue) -> object:
    if len(texts) == 1 and texts[0].startswith("{"):
        return _json(parameter.name, texts[0])
    values: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise _wrong(parameter.name, "NAME=VALUE", text)
        wanted = parameter.schema.get("additionalProperties") or {}
        values[key] = _single(f"{parameter.name}.{key}", value, wanted, catalogue)
    return values


def _single(name: str, text: str, schema: dict[str, Any], catalogue: Catalogue) -> object:
    """Convert one text to what a schema wants."""
    schema = catalogue.resolved(schema)
    members = schema.get("anyOf", [schema])
    kinds = {str(member.get("type", "enum" if "enum" in member else "any")) for member in members}
    if kinds & {"integer", "number"} and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in kinds:
        try:
            return float(text)
        except ValueError:
            if kinds == {"number"}:
                raise _wrong(name, "a number", text) from None
    if kinds == {"integer"}:
        raise _wrong(name, "an integer", text)
    if kinds == {"boolean"} and text in ("true", "false"):
        return text == "true"
    if text.startswith(("{", "[")) and not kinds & {"string", "enum"}:
        return _json(name, text)
    if _is_short(schema, catalogue):
        return _short_object(name, text, schema, catalogue)
    if kinds & {"string", "enum", "any"}:
        return text
    raise _wrong(name, placeholder(schema, catalogue), text)


def _is_short(schema: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Whether an object can be written as numbers with commas between."""
    properties = [catalogue.resolved(value) for value in schema.get("properties", {}).values()]
    return bool(properties) and all(
        value.get("type") in ("integer", "number", "boolean") for value in properties
    )


def _short_object(
    name: str, text: str, schema: dict[str, Any], catalogue: Catalogue
) -> dict[str, object]:
    """Read `0,0,640,400` by the order of the object's properties, or `x=0,y=0,...` by name."""
    properties: dict[str, Any] = schema["properties"]
    shape = ",".join(key.upper() for key in properties)
    parts = text.split(",")
    if all("=" in part for part in parts):
        pairs = [(part.partition("=")[0], part.partition("=")[2]) for part in parts]
    else:
        pairs = list(zip(properties, parts, strict=False))
    given = [key for key, _ in pairs]
    if len(parts) > len(properties) or not set(schema.get("required", ())) <= set(given):
        raise _wrong(name, shape, text)
    return {
        key: _single(f"{name}.{key}", part, properties.get(key, {}), catalogue)
        for key, part in pairs
    }


def _json(name: str, text: str) -> object:
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.DecodeError as exc:
        raise usage(f"{name}: this is not JSON: {exc}") from None
    return value


def _wrong(name: str, wanted: str, text: str) -> BadRequest:
    return usage(f"{name}: wanted {wanted}, got {text!r}")


def _see_help(command: CommandEntry) -> str:
    return f"see agentctl {command.namespace} {command.verb} --help"
