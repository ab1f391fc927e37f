"""Bytes and texts that a person or a pipe wants bare: what was copied, and files to be sent.

`clipboard get` prints what its answer holds and nothing around it; a parameter that takes bytes
takes `@FILE` for the bytes of a file. It does not print and does not call.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from agentd.client.catalogue import Catalogue, CommandEntry
from agentd.client.options import usage

# Commands whose answer is content first; the rest of the answer is seen with --json.
CONTENT = frozenset({"clipboard.get"})


def content_in(answer: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return the content of an answer as bytes, and whether they are text.

    The answer names under `type` which of its fields the content is in: a text, a list with a
    line for each item, or the bytes of a file.
    """
    kind = answer["type"]
    value = answer.get(kind)
    if isinstance(value, list):
        return "".join(f"{item}\n" for item in value).encode(), True
    if isinstance(value, bytes):
        return value, False
    return str(value or "").encode(), True


def with_files(
    catalogue: Catalogue, command: CommandEntry, parameters: dict[str, object]
) -> dict[str, object]:
    """Return parameters in which `@FILE` stands for the bytes of that file, where bytes are taken.

    Raises: BadRequest for a file that cannot be read.
    """
    known = catalogue.parameters(command)
    return {
        name: _file(name, value[1:])
        if isinstance(value, str)
        and value.startswith("@")
        and known[name].schema.get("contentEncoding") == "base64"
        else value
        for name, value in parameters.items()
    }


def _file(name: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()
    except OSError as exc:
        raise usage(f"{name}: cannot read {path}: {exc.strerror}") from exc
