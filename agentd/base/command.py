"""The command registry: what the daemon can be asked, derived from annotated methods.

Pure. A command is an async method with keyword-only annotated parameters, a docstring that an
agent can read, and `@command("desktop.click", scope=Scope.INPUT)`. Names, schemas and texts of
every face come from here. It does not run commands; `control/dispatch.py` does.
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from agentd.base.errors import NotFound
from agentd.base.schema import SchemaError, convert, nearest_name, shown

NAME = re.compile(r"[a-z]+\.[a-z][a-z_0-9]*")

Method = TypeVar("Method", bound=Callable[..., Any])


class Scope(enum.StrEnum):
    """What a caller must be allowed; every command names exactly one."""

    VIEW = "view"
    INPUT = "input"
    EXEC = "exec"
    FILES = "files"
    NETWORK = "network"
    ADMIN = "admin"


class Kind(enum.Enum):
    """The shape of a command's answer."""

    JSON = "json"
    BLOB = "blob"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `id` names the connection, `principal` the person or program behind it."""

    id: str
    principal: str
    scopes: frozenset[Scope]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as an answer, with their media type and JSON metadata."""

    body: bytes | bytearray | memoryview
    media_type: str
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """One command, ready to be described and run.

    `parameters` is a msgspec Struct made from the method's signature that forbids unknown names;
    `result` is the annotated type of the answer (of one item, for a stream); `model_defaults` are
    what a face for language models says where the model says nothing.
    """

    name: str
    scope: Scope
    summary: str
    description: str
    parameters: type[msgspec.Struct]
    result: Any
    kind: Kind
    read_only: bool
    destructive: bool
    deadline_s: float
    positional: tuple[str, ...]
    model_defaults: Mapping[str, Any]
    method: Callable[..., Awaitable[Any]]
    wants_caller: bool

    @property
    def namespace(self) -> str:
        """The part before the dot."""
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        """The part behind the dot."""
        return self.name.partition(".")[2]

    def call(self, caller: Caller, parameters: msgspec.Struct) -> Any:
        """Call the method with converted parameters; returns what it returns, not awaited."""
        values = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
        if self.wants_caller:
            return self.method(caller, **values)
        return self.method(**values)


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    scope: Scope
    read_only: bool
    destructive: bool
    deadline_s: float
    positional: tuple[str, ...]
    model_defaults: Mapping[str, Any]


def command(
    name: str,
    *,
    scope: Scope,
    read_only: bool = False,
    destructive: bool = False,
    deadline_s: float = 30.0,
    positional: tuple[str, ...] = (),
    model_defaults: Mapping[str, Any] | None = None,
) -> Callable[[Method], Method]:
    """Mark an async method as a command.

    Args:
        name: `namespace.verb`.
        scope: what the caller must be allowed. There is no default.
        read_only: it changes nothing, so that it may also be asked by GET.
        destructive: it may lose something of the user's; shown to agents.
        deadline_s: how long one call may take unless the caller says less or more.
        positional: parameters that agentctl also takes by position, in this order.
        model_defaults: JSON values of parameters for callers that are language models, where
            the command's own default would be too much for one, as the size of a picture.
    """

    def mark(method: Method) -> Method:
        method.__agentd_command__ = _Mark(  # type: ignore[attr-defined]
            name,
            Scope(scope),
            read_only,
            destructive,
            deadline_s,
            positional,
            dict(model_defaults or {}),
        )
        return method

    return mark


class Registry:
    """All commands by name. A faulty registration raises at once, so the daemon does not start."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def add(self, room: object) -> None:
        """Register every marked method of an object.

        Raises: ValueError for a name that is taken or malformed, a missing docstring, a
            parameter without annotation, or a method that is not async.
        """
        # Looked up in the class: asking the object would run its properties.
        for name, function in inspect.getmembers(type(room), inspect.isfunction):
            mark = getattr(function, "__agentd_command__", None)
            if mark is not None:
                self._add(_build(mark, getattr(room, name)))

    def get(self, name: str) -> Command:
        """Return a command. Raises: NotFound with the nearest known name."""
        try:
            return self._commands[name]
        except KeyError:
            near = nearest_name(name, list(self._commands))
            raise NotFound(
                f"there is no command {shown(name)}",
                code="unknown_command",
                hint=f"did you mean {near!r}?" if near else "",
            ) from None

    def __iter__(self) -> Iterator[Command]:
        return iter(sorted(self._commands.values(), key=lambda item: item.name))

    def __len__(self) -> int:
        return len(self._commands)

    def _add(self, new: Command) -> None:
        if new.name in self._commands:
            raise ValueError(f"command {new.name} is registered twice")
        self._commands[new.name] = new


def _build(mark: _Mark, method: Callable[..., Any]) -> Command:
    if not NAME.fullmatch(mark.name):
        raise ValueError(f"command name {mark.name!r} is not namespace.verb")
    doc = inspect.getdoc(method)
    if not doc:
        raise ValueError(f"command {mark.name} has no docstring")
    summary, _, description = doc.partition("\n")
    if len(summary) > 80:
        raise ValueError(f"command {mark.name}: first line of the docstring is over 80 characters")
    hints = get_type_hints(method, include_extras=True)
    wants_caller, parameters = _parameters(mark.name, method, hints)
    unknown = set(mark.positional) - set(parameters.__struct_fields__)
    if unknown:
        raise ValueError(f"command {mark.name}: positional {sorted(unknown)} are no parameters")
    _check_model_defaults(mark, parameters)
    kind, result = _result(mark.name, hints)
    if inspect.iscoroutinefunction(method) is (kind is Kind.STREAM):
        wanted = (
            "a method that returns an async iterator" if kind is Kind.STREAM else "an async method"
        )
        raise ValueError(f"command {mark.name} must be {wanted}")
    return Command(
        name=mark.name,
        scope=mark.scope,
        summary=summary.rstrip("."),
        description=description.strip(),
        parameters=parameters,
        result=result,
        kind=kind,
        read_only=mark.read_only,
        destructive=mark.destructive,
        deadline_s=mark.deadline_s,
        positional=mark.positional,
        model_defaults=mark.model_defaults,
        method=method,
        wants_caller=wants_caller,
    )


def _parameters(
    name: str, method: Callable[..., Any], hints: dict[str, Any]
) -> tuple[bool, type[msgspec.Struct]]:
    """Make the Struct of a method's keyword-only parameters."""
    wants_caller = False
    fields: list[Any] = []
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            if hints.get(parameter.name) is not Caller:
                raise ValueError(f"command {name}: {parameter.name} must be keyword-only")
            wants_caller = True
        elif hints.get(parameter.name) is Caller:
            # As a parameter it would be filled by whoever calls, scopes and all.
            raise ValueError(f"command {name}: {parameter.name} must come before the star")
        elif parameter.name not in hints:
            raise ValueError(f"command {name}: {parameter.name} has no annotation")
        elif parameter.default is inspect.Parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    # Without its last word, `desktop.status` would be called like the answer, DesktopStatus.
    title = "".join(part.title() for part in re.split(r"[._]", name)) + "Parameters"
    struct = msgspec.defstruct(
        title,
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return wants_caller, struct


def _check_model_defaults(mark: _Mark, parameters: type[msgspec.Struct]) -> None:
    types = {field.encode_name: field.type for field in msgspec.structs.fields(parameters)}
    for name, value in mark.model_defaults.items():
        if name not in types:
            raise ValueError(f"command {mark.name}: model default {name} is no parameter")
        try:
            convert(value, types[name], what=name)
        except SchemaError as exc:
            raise ValueError(f"command {mark.name}: model default: {exc}") from exc


def _result(name: str, hints: dict[str, Any]) -> tuple[Kind, Any]:
    if "return" not in hints:
        raise ValueError(f"command {name} has no return annotation")
    result = hints["return"]
    if result is Blob:
        return Kind.BLOB, Blob
    if get_origin(result) is AsyncIterator:
        return Kind.STREAM, get_args(result)[0]
    return Kind.JSON, result
