"""Annotated types <-> JSON values: one layer for commands, configuration and state files.

Pure. Built on msgspec, with two things added that msgspec does not do: every fault of a value is
reported, not the first alone, and an unknown key is named together with the nearest known one.
It does not read files and does not know HTTP.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from agentd.base.errors import BadRequest, FieldError

T = TypeVar("T")

_SHOWN = 60
_FAULTS = 64


class SchemaError(BadRequest):
    """A value does not fit its type; `errors` lists every fault."""

    def __init__(self, what: str, errors: Sequence[FieldError]) -> None:
        first = "; ".join(str(error) for error in errors[:3])
        more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
        super().__init__(f"{what}: {first}{more}", code="invalid", errors=errors)


def convert(value: object, wanted: type[T], *, what: str = "value", lax: bool = False) -> T:
    """Convert JSON-like values (dict, list, str, int, float, bool, None) to `wanted`.

    Args:
        what: names the value in the error's text, as `desktop.click`.
        lax: accept numbers and booleans written as text, as in a query string.

    Raises: SchemaError with every fault found, up to the 64th.
    """
    errors: list[FieldError] = []
    try:
        _check(value, wanted, "", errors, lax)
        if errors:
            raise SchemaError(what, errors)
        return msgspec.convert(value, wanted, strict=not lax)
    except msgspec.ValidationError as exc:
        raise SchemaError(what, [_field_error_of(exc, value, wanted, "")]) from exc
    except RecursionError:
        raise SchemaError(what, [FieldError("", "a value of fewer levels")]) from None


def nearest_name(name: str, known: Sequence[str]) -> str:
    """Return the known name that `name` most resembles, or an empty text."""
    if len(name) > _SHOWN:
        return ""  # Comparing takes time with the length, and nobody meant such a name.
    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return folded[matches[0]] if matches else ""


def shown(value: object) -> str:
    """Return a short text of a value for an error message."""
    if isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, Mapping):
        return "an object"
    elif isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    elif isinstance(value, int) and value.bit_length() > 256:
        return "an integer of many digits"
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + '..."'


def takes_text(wanted: Any) -> bool:
    """Whether a text is among the values of a type, as it is for `str | list[str]`."""
    return _holds_text(inspect.type_info(wanted))


def describe(wanted: Any) -> str:
    """Return in words what values a type takes, as `an integer 0..65535`."""
    return _words(inspect.type_info(wanted))


def json_schema(wanted: Sequence[Any], ref_template: str) -> tuple[list[dict[str, Any]], Any]:
    """Return the JSON Schemas (2020-12) of several types and the components they share."""
    schemas, components = msgspec.json.schema_components(
        wanted, schema_hook=_schema_of_object, ref_template=ref_template
    )
    return list(schemas), components


def limits(schema: Mapping[str, Any]) -> str:
    """Return the range of a JSON Schema's number in words, as `0..16383`, or an empty text."""
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if schema.get("type") == "integer":
        low, above = (low if above is None else above + 1), None
        high, below = (high if below is None else below - 1), None
    if low is not None and high is not None:
        return f"{low:.15g}..{high:.15g}"
    bounds = {"at least": low, "above": above, "at most": high, "below": below}
    return ", ".join(f"{word} {bound:.15g}" for word, bound in bounds.items() if bound is not None)


def _schema_of_object(wanted: type) -> dict[str, Any]:
    """`object` is any JSON value; msgspec knows that one as Any alone."""
    if wanted is object:
        return {"description": "any JSON value"}  # An empty schema counts as none at all.
    raise NotImplementedError  # The way in which msgspec wants to be told no.


def _check(value: object, wanted: Any, path: str, errors: list[FieldError], lax: bool) -> None:
    """Collect the faults of `value` against `wanted`, descending where there is structure."""
    if len(errors) >= _FAULTS:
        return
    plain = _plain_type(wanted, value)
    origin = get_origin(plain)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct) and isinstance(value, Mapping):
        _check_struct(value, plain, path, errors, lax)
    elif _is_row(plain) and isinstance(value, list | tuple) and len(value) <= 4096:
        before = len(errors)
        for index, item in enumerate(value):
            _check(item, get_args(plain)[0], f"{path}[{index}]", errors, lax)
        if len(errors) == before:
            _check_leaf(value, wanted, path, errors, lax)
    elif origin is dict and isinstance(value, Mapping):
        for key, item in value.items():
            _check(item, get_args(plain)[1], _join(path, str(key)), errors, lax)
    else:
        _check_leaf(value, wanted, path, errors, lax)


def _check_struct(
    value: Mapping[Any, object],
    struct: type[msgspec.Struct],
    path: str,
    errors: list[FieldError],
    lax: bool,
) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag_field = struct.__struct_config__.tag_field
    for key, item in value.items():
        if len(errors) >= _FAULTS:
            return
        if key == tag_field:
            if item != struct.__struct_config__.tag:
                _check_leaf(value, struct, path, errors, lax)
        elif key in fields:
            _check(item, fields[key].type, _join(path, str(key)), errors, lax)
        elif struct.__struct_config__.forbid_unknown_fields:
            known = "one of " + ", ".join(fields) if fields else "no parameters"
            errors.append(
                FieldError(
                    _join(path, str(key)),
                    wanted=known,
                    found="an unknown name",
                    nearest=nearest_name(str(key), list(fields)),
                )
            )
    for name, field in fields.items():
        if field.required and name not in value:
            errors.append(FieldError(_join(path, name), describe(field.type), found="nothing"))


def _check_leaf(value: object, wanted: Any, path: str, errors: list[FieldError], lax: bool) -> None:
    try:
        msgspec.convert(value, wanted, strict=not lax)
    except msgspec.ValidationError as exc:
        errors.append(_field_error_of(exc, value, wanted, path))


def _field_error_of(
    exc: msgspec.ValidationError, value: object, wanted: Any, path: str
) -> FieldError:
    # A fault inside a value that was not descended into carries msgspec's own path.
    _, _, inner = str(exc).partition(" - at `$")
    if inner:
        tags, tag_field = _tags(wanted), inner.strip(".`")
        if tags and isinstance(value, Mapping) and tag_field in value:
            tag = value[tag_field]
            near = nearest_name(str(tag), tags)
            return FieldError(_join(path, tag_field), _one_of(tags), shown(tag), near)
        words = str(exc).partition(" - at ")[0].removeprefix("Expected ").replace("`", "")
        expected, _, got = words.partition(", got ")
        return FieldError((path + inner.rstrip("`")).lstrip("."), expected, got)
    nearest = nearest_name(value, _choices(wanted)) if isinstance(value, str) else ""
    return FieldError(path, describe(wanted), shown(value), nearest)


def _choices(wanted: Any) -> list[str]:
    """Return the texts that a Literal or an enumeration takes."""
    info = inspect.type_info(wanted)
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    found: list[object] = []
    for member in members:
        if isinstance(member, inspect.LiteralType):
            found += member.values
        elif isinstance(member, inspect.EnumType):
            found += [choice.value for choice in member.cls]
    return [choice for choice in found if isinstance(choice, str)]


def _one_of(choices: Sequence[object]) -> str:
    return "one of " + ", ".join(str(choice) for choice in choices)


def _tags(wanted: Any) -> list[str]:
    """Return the tags of a union of tagged structs."""
    info = inspect.type_info(wanted)
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [
        str(member.tag)
        for member in members
        if isinstance(member, inspect.StructType) and member.tag is not None
    ]


def _holds_text(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return _holds_text(info.type)
    if isinstance(info, inspect.UnionType):
        return any(_holds_text(member) for member in info.types)
    return isinstance(info, inspect.StrType)


def _is_row(plain: Any) -> bool:
    """Whether a type is a list of any length with items of one type."""
    arguments = get_args(plain)
    if get_origin(plain) is tuple:
        return len(arguments) == 2 and arguments[1] is ...
    return get_origin(plain) is list


def _plain_type(wanted: Any, value: object) -> Any:
    """Strip Annotated, and of a union keep the member that has the value's shape."""
    while get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if get_origin(wanted) not in (Union, types.UnionType):
        return wanted
    for member in get_args(wanted):
        plain = _plain_type(member, value)
        if isinstance(value, Mapping) and get_origin(plain) is dict:
            return plain
        if isinstance(value, Mapping) and _is_struct_of(plain, value):
            return plain
        if isinstance(value, list | tuple) and get_origin(plain) in (list, tuple):
            return plain
    return wanted


def _is_struct_of(plain: Any, value: Mapping[Any, object]) -> bool:
    """Whether a type is a struct that an object may be meant for: of a tagged one, its tag says."""
    if not (isinstance(plain, type) and issubclass(plain, msgspec.Struct)):
        return False
    config = plain.__struct_config__
    return config.tag_field is None or value.get(config.tag_field) == config.tag


def _join(path: str, key: str) -> str:
    key = key if len(key) <= _SHOWN else key[: _SHOWN - 3] + "..."
    return f"{path}.{key}" if path else key


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.IntType() | inspect.FloatType():
            noun = "an integer" if isinstance(info, inspect.IntType) else "a number"
            return noun + _range(info)
        case inspect.StrType(pattern=pattern, min_length=shortest, max_length=longest):
            if pattern:
                return f"text like {pattern}"
            return "text" + _length(shortest, longest, "characters")
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType(values=values):
            return _one_of(values)
        case inspect.EnumType(cls=cls):
            return _one_of([member.value for member in cls])
        case inspect.ListType() | inspect.VarTupleType():
            words = f"a list of {_plural(_words(info.item_type))}"
            return words + _length(info.min_length, info.max_length, "items", " with")
        case inspect.UnionType(types=members) if all(map(_tag_field, members)):
            tags = [member.tag for member in members if isinstance(member, inspect.StructType)]
            return f"an object with {_tag_field(members[0])}: {_one_of(tags)}"
        case inspect.UnionType(types=members):
            return " or ".join(_words(member) for member in members)
        case inspect.StructType(cls=cls, tag_field=tag_field):
            names = (*([tag_field] if tag_field else []), *cls.__struct_encode_fields__)
            return "an object with " + ", ".join(names)
        case inspect.DictType():
            return "an object"
        case _:
            return type(info).__name__.removesuffix("Type").lower()


def _tag_field(info: inspect.Type) -> str | None:
    """Return the name of the field that tells a tagged struct from the others of its union."""
    return info.tag_field if isinstance(info, inspect.StructType) else None


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" {info.ge}..{info.le}"
    words = []
    if info.ge is not None:
        words.append(f"of at least {info.ge}")
    elif info.gt is not None:
        words.append(f"above {info.gt}")
    if info.le is not None:
        words.append(f"at most {info.le}" if words else f"of at most {info.le}")
    elif info.lt is not None:
        words.append(f"below {info.lt}")
    return f" {' and '.join(words)}" if words else ""


def _length(shortest: int | None, longest: int | None, noun: str, of: str = " of") -> str:
    if shortest and longest:
        few = str(shortest) if shortest == longest else f"{shortest}..{longest}"
        return f"{of} {few} {noun}"
    if shortest:
        return f"{of} at least {shortest} {noun}"
    return f"{of} at most {longest} {noun}" if longest else ""


def _plural(words: str) -> str:
    for article in ("an ", "a "):
        if words.startswith(article):
            noun, _, rest = words.removeprefix(article).partition(" ")
            return f"{noun}s {rest}".rstrip()
    return words
