"""`config.example.toml` tells what the configuration is: every key, its default, the same order."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import msgspec

from agentd.base.config import Config, check, load

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def keys_of(table: msgspec.Struct, prefix: str = "") -> list[str]:
    """The key paths of a table, in the order of its fields, those of sub-tables last."""
    own, below = [], []
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, msgspec.Struct):
            below += keys_of(value, f"{prefix}{name}.")
        else:
            own.append(prefix + name)
    return own + below


def keys_in(document: dict[str, object], prefix: str = "") -> list[str]:
    found = []
    for name, value in document.items():
        is_table = isinstance(value, dict)
        found += keys_in(value, f"{prefix}{name}.") if is_table else [prefix + name]
    return found


def test_example_holds_exactly_the_defaults() -> None:
    assert load(EXAMPLE) == Config()


def test_example_names_every_key_in_the_order_of_the_code() -> None:
    assert keys_in(tomllib.loads(EXAMPLE.read_text())) == keys_of(Config())


def test_every_key_is_explained() -> None:
    lines = EXAMPLE.read_text().splitlines()
    # `height` follows `width`: two sides of one thing share a line.
    unexplained = [
        line
        for before, line in pairwise(lines)
        if re.match(r"\w+ = ", line) and not before.startswith("#") and "height" not in line
    ]
    assert unexplained == []


def test_commented_examples_are_valid_too() -> None:
    text = EXAMPLE.read_text()
    text = re.sub(r"^# (\w+)( = .*\n)\1 = .*\n", r"\1\2", text, flags=re.MULTILINE)
    config = check(tomllib.loads(text))
    assert config.control.tcp.listen == "127.0.0.1:7070"
    assert config.control.tcp.allow_hosts == ("desk.example.org",)
