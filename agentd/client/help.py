"""The help pages of agentctl, made of the commands' own texts.

Pure. It does not print.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agentd.base.errors import FACES
from agentd.base.schema import limits
from agentd.client.arguments import placeholder
from agentd.client.catalogue import Catalogue, CommandEntry, Parameter
from agentd.client.options import Option
from agentd.client.terminal import Terminal

_WIDEST = 100
_COLUMN = 24


def overview(
    catalogue: Catalogue,
    verbs: Iterable[tuple[str, str]],
    options: Sequence[Option],
    terminal: Terminal,
) -> str:
    """Return `agentctl --help`.

    Args:
        verbs: usage and meaning of the verbs that are agentctl's own.
    """
    codes: dict[int, list[str]] = {}
    for cls, numbers in FACES.items():
        codes.setdefault(numbers.exit_code, []).append(cls.title.lower())
    codes |= {0: ["done"], 130: ["interrupted"]}
    commands = {
        name: ", ".join(entry.words for entry in entries)
        for name, entries in catalogue.namespaces().items()
    }
    codes[2].insert(0, "wrong usage")
    sections = [
        _usage("agentctl NAMESPACE VERB [words] [options]", terminal),
        "Controls agentd: the desktop of an agent, and what runs on it.",
        _section("Commands", commands.items(), terminal),
        _section("Of agentctl itself", verbs, terminal),
        _section("Options", map(_option_row, options), terminal),
        _section(
            "Exit codes",
            ((str(code), " or ".join(texts)) for code, texts in sorted(codes.items())),
            terminal,
            column=6,
        ),
        "Help for one: agentctl desktop --help, agentctl desktop click --help",
    ]
    return "\n\n".join(sections)


def of_namespace(
    catalogue: Catalogue, namespace: str, options: Sequence[Option], terminal: Terminal
) -> str:
    """Return `agentctl NAMESPACE --help`."""
    rows = [
        (_shape(catalogue, command), command.summary)
        for command in catalogue.namespaces()[namespace]
    ]
    sections = [
        _usage(f"agentctl {namespace} VERB [words] [options]", terminal),
        _section("Commands", rows, terminal),
        _section("Options", map(_option_row, options), terminal),
        f"Help for one: agentctl {namespace} {rows[0][0].partition(' ')[0]} --help",
    ]
    return "\n\n".join(sections)


def of_command(
    catalogue: Catalogue, command: CommandEntry, options: Sequence[Option], terminal: Terminal
) -> str:
    """Return `agentctl NAMESPACE VERB --help`."""
    parameters = catalogue.parameters(command)
    usage = f"agentctl {command.namespace} {_shape(catalogue, command)}"
    if set(parameters) - set(command.positional) - _required(parameters):
        usage += " [options]"
    sections = [_usage(usage, terminal), _wrapped(f"{command.summary}.")]
    if command.description:
        sections.append("\n".join(command.description.splitlines()))
    if parameters:
        blocks = (
            _parameter(catalogue, p, terminal, has_place=name in command.positional)
            for name, p in parameters.items()
        )
        sections.append(terminal.paint("Parameters", "bold") + "\n" + "\n".join(blocks))
    sections.append(_section("Options", map(_option_row, options), terminal))
    sections.append(f"{terminal.paint('Example', 'bold')}\n  {example(catalogue, command)}")
    scope = f"Needs the scope {command.scope}; may take {command.deadline_s:g} s"
    sections.append(scope + ("; may lose something." if command.destructive else "."))
    return "\n\n".join(sections)


def of_verb(name: str, usage: str, text: str, options: Sequence[Option], terminal: Terminal) -> str:
    """Return the help of one of agentctl's own verbs."""
    sections = [_usage(f"agentctl {name} {usage}".rstrip(), terminal), _wrapped(text)]
    return "\n\n".join([*sections, _section("Options", map(_option_row, options), terminal)])


def example(catalogue: Catalogue, command: CommandEntry) -> str:
    """Return a command line that could be typed like that."""
    parameters = catalogue.parameters(command)
    words = ["agentctl", command.namespace, command.words]
    last: list[str] = []
    for parameter in parameters.values():
        texts = _example_words(catalogue, parameter)
        if parameter.name not in command.positional:
            if parameter.is_required:
                words += [word for text in texts for word in (parameter.flag, text)]
        elif parameter.is_list:
            last = ["--", *texts]
        elif parameter.is_required or parameter.example is not None:
            words += texts[:1]
    if catalogue.answers_image(command) or command.verb == "screenshot":
        words += ["-o", "shot.png"]
    elif command.kind == "blob":
        words += ["-o", "FILE"]
    return shlex.join([*words, *last])


def _example_words(catalogue: Catalogue, parameter: Parameter) -> list[str]:
    value = parameter.example
    if value is None:
        return [placeholder(parameter.schema, catalogue)]
    items = value if isinstance(value, list) else [value]
    is_object = placeholder(parameter.schema, catalogue) == "JSON"
    return [_short(item, is_object=is_object) for item in items]


def _short(value: Any, *, is_object: bool = False) -> str:
    """Return a value as it is typed: objects of numbers with commas, others as JSON.

    Args:
        is_object: the parameter takes objects of more than numbers.
    """
    is_numbers = isinstance(value, dict) and not is_object
    if is_numbers and all(isinstance(item, int | float) for item in value.values()):
        return ",".join(map(str, value.values()))
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _shape(catalogue: Catalogue, command: CommandEntry) -> str:
    """Return a command's verb with its words and required options, as `move X Y`."""
    parts = [command.words]
    for parameter in catalogue.parameters(command).values():
        name = parameter.name.upper()
        if parameter.name in command.positional:
            name += "..." if parameter.is_list else ""
            parts.append(name if parameter.is_required else f"[{name}]")
        elif parameter.is_required:
            dots = " ..." if parameter.is_list else ""
            parts.append(f"{parameter.flag} {placeholder(parameter.schema, catalogue)}{dots}")
    return " ".join(parts)


def _parameter(
    catalogue: Catalogue, parameter: Parameter, terminal: Terminal, *, has_place: bool
) -> str:
    """Return a parameter's entry: its flag and value, what it means, its type and default."""
    head = f"{parameter.flag} {placeholder(parameter.schema, catalogue)}"
    if parameter.is_switch:
        head = f"{parameter.flag}, --no-{parameter.flag[2:]}"
    if has_place:
        head = f"{parameter.name.upper()}, {head}"
    return _row(
        head,
        parameter.description or parameter.name,
        terminal,
        below=_facts(catalogue, parameter, has_place=has_place),
    )


def _facts(catalogue: Catalogue, parameter: Parameter, *, has_place: bool) -> str:
    """Return type, default and example, as `integer 1..10; default 1; for example 2`."""
    facts = [_type_words(catalogue, parameter.schema)]
    if parameter.is_list or parameter.is_map:
        facts[0] += ", may be given several times"
    if parameter.is_required:
        facts.append("required")
    elif parameter.default not in (None, [], {}, ""):
        facts.append(f"default {_short(parameter.default)}")
    if parameter.example not in (None, parameter.default) and not parameter.is_switch:
        words = [shlex.quote(word) for word in _example_words(catalogue, parameter)]
        # An option that is given several times is shown so.
        if parameter.is_list and not has_place:
            words = [f"{parameter.flag} {word}" for word in words]
        facts.append(f"for example {' '.join(words)}")
    return "; ".join(facts)


def _type_words(catalogue: Catalogue, schema: dict[str, Any]) -> str:
    schema = catalogue.resolved(schema)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema and schema.get("type") != "object":
        return " or ".join(_type_words(catalogue, member) for member in schema["anyOf"])
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        return _type_words(catalogue, schema.get("items", {}))
    words = {"string": "text", "boolean": "switch"}.get(kind, kind)
    if kind == "object":
        short = placeholder(schema, catalogue)
        words = short if short == "JSON" else f"{short}, or JSON"
    return f"{words} {limits(schema)}".rstrip()


def _required(parameters: dict[str, Parameter]) -> set[str]:
    return {name for name, parameter in parameters.items() if parameter.is_required}


def _usage(text: str, terminal: Terminal) -> str:
    return f"{terminal.paint('Usage:', 'bold')} {text}"


def _section(
    title: str, rows: Iterable[tuple[str, str]], terminal: Terminal, *, column: int = _COLUMN
) -> str:
    lines = [_row(head, text, terminal, column=column) for head, text in rows]
    return "\n".join([terminal.paint(title, "bold"), *lines])


def _row(
    head: str, text: str, terminal: Terminal, *, below: str = "", column: int = _COLUMN
) -> str:
    """Return an entry: the head, then the text in its column, under the head if that is long."""
    indent = " " * (column + 4)
    width = min(terminal.width or _WIDEST, _WIDEST)
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
    grey = textwrap.wrap(below, width, initial_indent=indent, subsequent_indent=indent)
    lines += [terminal.paint(line, "dim") for line in grey]
    if len(head) <= column and lines:
        lines[0] = f"  {head:<{column}}  {lines[0].lstrip()}"
        return "\n".join(lines)
    return "\n".join([f"  {head}", *lines])


def _option_row(option: Option) -> tuple[str, str]:
    return ", ".join(option.flags) + (f" {option.value}" if option.value else ""), option.help


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDEST)
