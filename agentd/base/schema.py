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

    Raises: SchemaError with every fault found.
    """
    errors: list[FieldError] = []
    _check(value, wanted, "", errors, lax)
    if errors:
        raise SchemaError(what, errors)
    try:
        return msgspec.convert(value, wanted, strict=not lax)
    except msgspec.ValidationError as exc:
        raise SchemaError(what, [_field_error_of(exc, value, wanted, "")]) from exc


def nearest_name(name: str, known: Sequence[str]) -> str:
    """Return the known name that `name` most resembles, or an empty text."""
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
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + '..."'


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
    raise NotImplementedError


def _check(value: object, wanted: Any, path: str, errors: list[FieldError], lax: bool) -> None:
    """Collect the faults of `value` against `wanted`, descending where there is structure."""
    plain = _plain_type(wanted, value)
    origin = get_origin(plain)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct) and isinstance(value, Mapping):
        _check_struct(value, plain, path, errors, lax)
    elif origin in (list, tuple) and isinstance(value, list | tuple) and len(value) <= 4096:
        for index, item in enumerate(value):
            _check(item, get_args(plain)[0], f"{path}[{index}]", errors, lax)
        if not errors:
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
    for key, item in value.items():
        if key in fields:
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
        return FieldError(path + inner.rstrip("`"), str(exc).partition(" - at ")[0], "")
    return FieldError(path, describe(wanted), shown(value))


def _plain_type(wanted: Any, value: object) -> Any:
    """Strip Annotated, and of a union keep the member that has the value's shape."""
    while get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if get_origin(wanted) not in (Union, types.UnionType):
        return wanted
    for member in get_args(wanted):
        plain = _plain_type(member, value)
        is_struct = isinstance(plain, type) and issubclass(plain, msgspec.Struct)
        if isinstance(value, Mapping) and (is_struct or get_origin(plain) is dict):
            return plain
        if isinstance(value, list | tuple) and get_origin(plain) in (list, tuple):
            return plain
    return wanted


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.IntType() | inspect.FloatType():
            noun = "an integer" if isinstance(info, inspect.IntType) else "a number"
            return noun + _range(info)
        case inspect.StrType(pattern=pattern, max_length=longest):
            if pattern:
                return f"text like {pattern}"
            return f"text of at most {longest} characters" if longest else "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.EnumType(cls=cls):
            return "one of " + ", ".join(str(member.value) for member in cls)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return f"a list of {_plural(_words(item))}"
        case inspect.UnionType(types=members):
            return " or ".join(_words(member) for member in members)
        case inspect.StructType(cls=cls):
            return "an object with " + ", ".join(cls.__struct_encode_fields__)
        case inspect.DictType():
            return "an object"
        case _:
            return type(info).__name__.removesuffix("Type").lower()


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    low = info.ge if info.ge is not None else info.gt
    high = info.le if info.le is not None else info.lt
    if low is not None and high is not None:
        return f" {low}..{high}"
    if low is not None:
        return f" of at least {low}" if info.ge is not None else f" above {low}"
    if high is not None:
        return f" of at most {high}" if info.le is not None else f" below {high}"
    return ""


def _plural(words: str) -> str:
    for article in ("an ", "a "):
        if words.startswith(article):
            noun, _, rest = words.removeprefix(article).partition(" ")
            return f"{noun}s {rest}".rstrip()
    return words
