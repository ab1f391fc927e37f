"""The names of all dialects, and the dialect of a name.

Pure. A name is the tool's own type where the vendor has one.
"""

from __future__ import annotations

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import nearest_name, shown
from agentd.desktop.dialects.anthropic import Anthropic
from agentd.desktop.dialects.anthropic_members import VERSIONS
from agentd.desktop.dialects.dialect import Dialect
from agentd.desktop.dialects.gemini import Gemini
from agentd.desktop.dialects.gemini_browser import BROWSER_SET
from agentd.desktop.dialects.gemini_members import DESKTOP_SET
from agentd.desktop.dialects.openai import OpenAI

_ALL: tuple[Dialect, ...] = (
    Anthropic("anthropic"),
    *(Anthropic(version, version) for version in VERSIONS),
    OpenAI("openai"),
    OpenAI("computer", "actions"),
    OpenAI("computer_use_preview", "action"),
    Gemini("gemini", {**BROWSER_SET, **DESKTOP_SET}),
    Gemini("gemini_3_5", DESKTOP_SET),
    Gemini("gemini_2_5", BROWSER_SET, is_browser=True),
)
_DIALECTS = {each.name: each for each in _ALL}

DESCRIPTIONS = {
    "anthropic": "Anthropic's computer tool, any version: the call's shape tells",
    "computer_20241022": "Anthropic's first computer tool",
    "computer_20250124": "Anthropic's tool with scroll, wait, hold_key, triple_click",
    "computer_20251124": "Anthropic's tool with zoom",
    "computer_toolset_20260801": "Anthropic's toolset: 17 members, called in batches",
    "openai": "OpenAI's computer tool, old or new: the call's shape tells",
    "computer": "OpenAI's computer tool: a list of actions in each call",
    "computer_use_preview": "OpenAI's first computer tool: one action in each call",
    "gemini": "Gemini's computer use, both generations",
    "gemini_3_5": "Gemini's computer use since 3.5, on desktops and in browsers",
    "gemini_2_5": "Gemini's computer use of 2.5 and 3, in browsers",
}


def dialect_named(name: str) -> Dialect:
    """Return the dialect of a name. Raises: BadRequest with the nearest name."""
    try:
        return _DIALECTS[name]
    except KeyError:
        known = list(_DIALECTS)
        fault = FieldError(
            "dialect", f"one of {', '.join(known)}", shown(name), nearest_name(name, known)
        )
        raise BadRequest(str(fault), errors=[fault]) from None
