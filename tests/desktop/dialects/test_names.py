"""Dialects are found by name, and the page about them names all that they take."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.anthropic_members import MEMBERS as ANTHROPIC
from agentd.desktop.dialects.gemini_browser import BROWSER_SET, REFUSED
from agentd.desktop.dialects.gemini_members import DESKTOP_SET
from agentd.desktop.dialects.names import DESCRIPTIONS, dialect_named
from agentd.desktop.dialects.openai import MEMBERS as OPENAI

PAGE = (Path(__file__).parents[3] / "docs/dialects.md").read_text()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_described_dialect_exists(name: str) -> None:
    assert dialect_named(name).name == name
    assert len(DESCRIPTIONS[name]) <= 80


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequest, match="did you mean 'openai'") as caught:
        dialect_named("opnai")
    assert caught.value.errors[0].path == "dialect"
    for name in DESCRIPTIONS:
        assert name in caught.value.errors[0].wanted


@pytest.mark.parametrize("name", ["", "native", "x" * 10_000])
def test_what_resembles_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        dialect_named(name)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_dialect_has_its_line_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize(
    ("section", "known"),
    [
        ("Anthropic", ANTHROPIC),
        ("OpenAI", OPENAI),
        ("Gemini", {**DESKTOP_SET, **BROWSER_SET, **REFUSED}),
    ],
)
def test_every_member_and_field_has_its_line_on_the_page(
    section: str, known: dict[str, type[msgspec.Struct] | str]
) -> None:
    text = re.split(rf"^## {section}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    for member, struct in known.items():
        rows = [line for line in lines if f"`{member}`" in line.split("|")[1]]
        assert rows, f"{member} is not on the page"
        if isinstance(struct, type):
            for field in msgspec.structs.fields(struct):
                assert any(f"`{field.encode_name}" in row for row in rows), (
                    f"{member}.{field.encode_name} is not on the page"
                )
    named = {name for line in lines for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named <= set(known), "the page names what is not taken"
