"""The registry as Python: the typed methods of the client, with asyncio and without.

Pure. One template makes both variants. The text is what `ruff format` would leave as it is, so
nothing has to be run over it. It does not write files; `python -m agentd --write-generated` does.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any, NamedTuple

from agentd.base.schema import limits
from agentd.control.python_types import COLUMNS, PythonTypes, exploded, literal, python_name

_NOTICE = (
    "Generated from the daemon's registry by `python -m agentd --write-generated .`: change the\n"
    "commands, not this file."
)

# Blobs of these commands are pictures of the screen: their metadata have a type of their own.
_PICTURES = frozenset({"desktop.screenshot"})

# Made to act beside others: in the turn of the hands they could not.
_BESIDE = frozenset({"desktop.hold", "desktop.release_all"})

_DOCSTRING = re.compile(r'""".*?"""', re.DOTALL)

_IMPORTS = (
    (r"\bbuiltins\.", "import builtins"),
    (r"\bMapping\[|\bSequence\[", "from collections.abc import {Mapping, Sequence}"),
    (r"\bAny\b|\bLiteral\[", "from typing import {Any, Literal}"),
    (r"\bmsgspec\.", "import msgspec"),
    (r"\bvalues\.", "from agentd.client.commands import values"),
    (r"\bBlob\b", "from agentd.client.blob import {Blob}"),
    (r"\bPicture\b", "from agentd.client.picture import {Picture}"),
    (r"\bSyncTransport\b", "from agentd.client.sync_transport import {SyncStream, SyncTransport}"),
    (r"\bAsyncTransport\b", "from agentd.client.transport import {AsyncStream, AsyncTransport}"),
)


class _Variant(NamedTuple):
    """What differs between the two clients."""

    folder: str
    words: str
    define: str
    wait: str
    transport: str
    stream: str
    note: str


_VARIANTS = (
    _Variant(
        folder="asynchronous",
        words="the asynchronous client",
        define="async def",
        wait="await ",
        transport="AsyncTransport",
        stream="AsyncStream",
        note="Cancelling a call cancels the command in the daemon.",
    ),
    _Variant(
        folder="synchronous",
        words="the synchronous client",
        define="def",
        wait="",
        transport="SyncTransport",
        stream="SyncStream",
        note="A call blocks until its answer is here.",
    ),
)


def sources(description: dict[str, Any]) -> dict[str, str]:
    """Return the modules of `agentd/client/commands` by their path below that folder.

    Args:
        description: what `describe.description` returns.
    """
    commands = description["commands"]
    types = PythonTypes(commands, description["components"])
    modules = {
        "__init__.py": _empty("The commands of the daemon as typed methods."),
        "values.py": _values(types),
    }
    namespaces: dict[str, list[dict[str, Any]]] = {}
    for command in commands:
        namespaces.setdefault(command["name"].partition(".")[0], []).append(command)
    for variant in _VARIANTS:
        folder = variant.folder
        modules[f"{folder}/__init__.py"] = _empty(f"The commands of {variant.words}.")
        modules[f"{folder}/namespaces.py"] = _index(variant, namespaces)
        for name, members in namespaces.items():
            modules[f"{folder}/{name}.py"] = _namespace(variant, name, members, types)
    return modules


def _values(types: PythonTypes) -> str:
    head = f'"""The values that commands take and give.\n\n{_NOTICE}\n"""'
    return _module(head, types.definitions())


def _empty(purpose: str) -> str:
    return f'"""{purpose}\n\n{_NOTICE}\n"""\n'


def _index(variant: _Variant, namespaces: dict[str, list[dict[str, Any]]]) -> str:
    """Return the module with the class that every namespace hangs on."""
    head = f'"""Every namespace of {variant.words}.\n\n{_NOTICE}\n"""'
    lines = ["class Namespaces:", '    """The namespaces of the control socket, by name."""', ""]
    lines += [f"    def __init__(self, transport: {variant.transport}) -> None:"]
    lines += [f"        self.{name} = {name.title()}(transport)" for name in namespaces]
    blocks = ["\n".join(lines)]
    if variant.folder == "asynchronous":
        blocks.insert(0, _ordered(namespaces.get("desktop", [])))
    imports = [
        f"from agentd.client.commands.{variant.folder}.{name} import {name.title()}"
        for name in namespaces
    ]
    return _module(head, blocks, imports)


def _ordered(commands: list[dict[str, Any]]) -> str:
    """Return the constant that tells which commands one connection must carry, in order."""
    hands = [
        literal(command["name"])
        for command in commands
        if command["scope"] == "input" and command["name"] not in _BESIDE
    ]
    note = "# What is pressed belongs to the connection that pressed it: one carries all of these."
    names = ["frozenset(", *exploded("    {", hands, "}"), ")"] if hands else ["frozenset()"]
    return "\n".join([note, f"ORDERED: frozenset[str] = {names[0]}", *names[1:]])


def _namespace(
    variant: _Variant, name: str, commands: list[dict[str, Any]], types: PythonTypes
) -> str:
    """Return the module of one namespace: a class with a method for each command."""
    head = f'"""The `{name}` commands of {variant.words}.\n\n{_NOTICE}\n"""'
    note = f"`deadline_s` is how long the daemon may take, in seconds. {variant.note}"
    lines = [f"class {name.title()}:", f'    """`{name}.*`.', ""]
    lines += textwrap.wrap(note, COLUMNS, initial_indent="    ", subsequent_indent="    ")
    lines += ['    """', ""]
    lines += [f"    def __init__(self, transport: {variant.transport}) -> None:"]
    lines += ["        self._transport = transport"]
    verbs = frozenset(command["name"].partition(".")[2] for command in commands)
    for command in commands:
        lines += ["", *_method(variant, command, types, verbs)]
    return _module(head, ["\n".join(lines)])


def _method(
    variant: _Variant, command: dict[str, Any], types: PythonTypes, verbs: frozenset[str]
) -> list[str]:
    """Return the lines of one method.

    Args:
        verbs: the names of all methods of the class, which hide builtins of the same name.
    """
    is_stream = command["kind"] == "stream"
    verb = python_name(command["name"].partition(".")[2])
    result, call = _answer(command, types)
    result = types.unhidden(variant.stream + result if is_stream else result, verbs)
    define = "def" if is_stream else variant.define
    signature = exploded(
        f"    {define} {verb}(",
        ["self", *_parameters(command, types, verbs)],
        f") -> {result}:",
    )
    arguments = [literal(command["name"]), _dictionary(command), *call[1:]]
    arguments += [] if is_stream else ["deadline_s"]
    wait = "" if is_stream else variant.wait
    body = exploded(f"        return {wait}self._transport.{call[0]}(", arguments, ")")
    return [*signature, *_docstring(command, types), *_split_long(body)]


def _answer(command: dict[str, Any], types: PythonTypes) -> tuple[str, list[str]]:
    """Return the annotation of an answer, and the transport's method with the wanted type."""
    if command["kind"] == "blob":
        is_picture = command["name"] in _PICTURES
        return ("Picture", ["picture"]) if is_picture else ("Blob", ["blob"])
    schema = command["result"] or {"type": "object"}
    members = schema.get("anyOf", [])
    plain = [member for member in members if member != {"type": "null"}]
    if len(members) == 2 and len(plain) == 1:
        name = types.result(plain[0])
        return f"{name} | None", ["optional", name]
    name = types.result(schema)
    if command["kind"] == "stream":
        return f"[{name}]", ["stream", name]
    return name, ["json", name]


def _parameters(command: dict[str, Any], types: PythonTypes, verbs: frozenset[str]) -> list[str]:
    """Return the parameters of a method; those that agentctl takes by position come first."""
    schema = command["parameters"]
    properties, required = schema.get("properties", {}), schema.get("required", [])
    leading: list[str] = []
    for name in command["positional"]:
        # Python wants those without a default first; what breaks that is given by name.
        if name in required and any(earlier not in required for earlier in leading):
            break
        leading.append(name)
    texts = {}
    for name, value in properties.items():
        annotation, default = types.parameter(value, is_required=name in required)
        text = f"{python_name(name)}: {types.unhidden(annotation, verbs)}"
        texts[name] = f"{text} = {default}" if default is not None else text
    by_name = [texts[name] for name in properties if name not in leading]
    if command["kind"] != "stream":
        by_name.append(f"deadline_s: float = {float(command['deadline_s'])}")
    by_position = [texts[name] for name in leading]
    return [*by_position, "*", *by_name] if by_name else by_position


def _dictionary(command: dict[str, Any]) -> str:
    names = command["parameters"].get("properties", {})
    return "{" + ", ".join(f"{literal(name)}: {python_name(name)}" for name in names) + "}"


def _split_long(lines: list[str]) -> list[str]:
    """Break the dictionary of a call whose own line is too long, one entry a line."""
    result: list[str] = []
    for line in lines:
        entries = line.strip().removesuffix(",")
        if len(line) > COLUMNS and entries.startswith("{"):
            indent = line[: len(line) - len(line.lstrip())]
            result += exploded(f"{indent}{{", entries.strip("{}").split(", "), "},")
        else:
            result.append(line)
    return result


def _docstring(command: dict[str, Any], types: PythonTypes) -> list[str]:
    """Return a method's docstring: the command's own text, then its parameters."""
    text = [f'"""{command["summary"]}.']
    if command["description"]:
        text += ["", *command["description"].splitlines()]
    properties = command["parameters"].get("properties", {})
    if properties:
        text += ["", "Args:"]
    for name, schema in properties.items():
        words = f"{python_name(name)}: {_meaning(schema, types)}"
        text += textwrap.wrap(words, COLUMNS - 8, initial_indent="    ", subsequent_indent=" " * 8)
    text = [line.replace("\\", "\\\\") for line in text]
    if len(text) == 1:
        text[0] += '"""'
    else:
        text.append('"""')
    return [f"        {line}".rstrip() for line in text]


def _meaning(schema: dict[str, Any], types: PythonTypes) -> str:
    """Return what a parameter means, as `Column in screen pixels; 0..16383; for example 640`."""
    ranges = map(limits, schema.get("anyOf", [schema]))
    parts = [schema.get("description") or types.purpose(schema), next(filter(None, ranges), "")]
    parts += [f"for example {literal(shown)}" for shown in schema.get("examples", [])[:1]]
    return "; ".join(filter(None, parts)) + "."


def _module(head: str, blocks: Iterable[str], imports: Iterable[str] = ()) -> str:
    """Return a module: docstring, the imports that its text needs, its blocks."""
    body = "\n\n\n".join(blocks)
    code = _DOCSTRING.sub("", body)
    groups: dict[str, list[str]] = {"standard": [], "foreign": [], "own": list(imports)}
    for pattern, statement in _IMPORTS:
        if re.search(pattern, code):
            group = "own" if "agentd" in statement else "standard"
            groups["foreign" if statement == "import msgspec" else group].append(
                re.sub(r"\{(.*)\}", lambda found: _used(found[1], code), statement)
            )
    groups["own"].sort()
    parts = [head, "from __future__ import annotations"]
    parts += ["\n".join(group) for group in groups.values() if group]
    gap = "\n" if body.startswith("#") else "\n\n"
    return "\n\n".join(parts) + f"\n{gap}{body}\n"


def _used(names: str, code: str) -> str:
    return ", ".join(name for name in names.split(", ") if re.search(rf"\b{name}\b", code))
