"""Anthropic's dialect: `tool_use` blocks in, `tool_result` blocks out, for every tool version.

Pure. The single tool names its action in `input.action`; the toolset of 2026 names it in the
block, beside `toolset_name`, which its results echo. Source: platform.claude.com, "Computer use
tool" and "Vision"; the exact texts of a batch that halts are the vendor's.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from dataclasses import dataclass

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import shown
from agentd.desktop.dialects.anthropic_members import (
    MEMBERS,
    TOOLSET,
    V2025_ZOOM,
    fault_of,
    members,
)
from agentd.desktop.dialects.dialect import Outcome, Picture, Read, View, error_of, view_of
from agentd.desktop.dialects.vocabulary import member_of, object_of, read_member, unknown
from agentd.desktop.screen.frame import Size

# What every model takes; those of 4.7 and later take 2576 pixels and 4784 patches of 28 x 28, for
# which a caller declares a size. A larger picture is refused by the toolset and shrunk without a
# word for the others, and then no point is where the model sees it.
MAX_LONG_EDGE = 1568
MAX_PIXELS = 1_150_000

_TOOLSET_NAME = "computer"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: its version, its action, the action's fields."""

    version: str
    name: object
    fields: Object[str, object]
    block: Object[str, object]


@dataclass(frozen=True, slots=True)
class Anthropic:
    """One version of the computer tool, or all: then a call's shape tells.

    Args:
        name: as callers name it; of no single version, it admits what the newest of each shape
            has.
        version: the only version that is admitted, or None.
    """

    name: str
    version: str | None = None

    @property
    def ends_with_picture(self) -> bool:
        """False: only screenshot and zoom must answer with one."""
        return False

    def view(self, screen: Size, declared: Size | None) -> View:
        """Return the screen within what every model takes."""
        return view_of(screen, declared, max_long_edge=MAX_LONG_EDGE, max_pixels=MAX_PIXELS)

    def read(self, call: Object[str, object], view: View) -> list[Read]:
        """Read a `tool_use` block, or the input of one. Raises: BadRequest if it is neither."""
        understood = self._call(call)
        known = members(understood.version)
        name = understood.name
        if not isinstance(name, str) or name not in MEMBERS:
            return [Read(fault=unknown("action", name, known))]
        if fault := fault_of(understood.version, name, understood.fields):
            return [Read(fault=f"{name}: {fault}")]
        return [read_member(name, MEMBERS[name], understood.fields, view)]

    def answer(
        self,
        calls: Sequence[Object[str, object]],
        outcomes: Sequence[Sequence[Outcome]],
        view: View,
        final: Picture | None,
    ) -> list[dict[str, object]]:
        """Return one `tool_result` a call; the final picture goes into the last that was done.

        Not into one that failed: the API takes nothing but text with `is_error`.
        """
        understood = [self._call(call) for call in calls]
        results = [
            self._result(call, done, view) for call, done in zip(understood, outcomes, strict=True)
        ]
        succeeded = [result for result in results if "is_error" not in result]
        if final is not None and succeeded and isinstance(succeeded[-1]["content"], str):
            text = succeeded[-1]["content"]
            succeeded[-1]["content"] = [{"type": "text", "text": text}, _image(final)]
        return results

    def _call(self, block: Object[str, object]) -> _Call:
        """Tell the shape of a call. Raises: BadRequest for one of another tool or version."""
        if "input" not in block and "action" in block:
            block = {"input": block}
        fields, name = object_of(block.get("input")), block.get("name")
        if fields is None or block.get("type") not in (None, "tool_use"):
            raise _not_a_call("", "a tool_use block with an object as its input", block)
        if not isinstance(block.get("id", ""), str):
            raise _not_a_call("id", "text", block["id"])
        if block.get("toolset_name") not in (None, _TOOLSET_NAME):
            raise _not_a_call("toolset_name", f'"{_TOOLSET_NAME}"', block["toolset_name"])
        if block.get("toolset_name") or (isinstance(name, str) and name in MEMBERS):
            if self.version not in (None, TOOLSET):
                raise _not_a_call("name", f'"computer", as {self.version} has it', name)
            return _Call(TOOLSET, name, fields, block)
        if name not in (None, "computer"):
            raise _not_a_call("name", '"computer", or a member of the computer toolset', name)
        if self.version == TOOLSET:
            raise _not_a_call("name", f"a member of {TOOLSET}: older tools have input.action", name)
        rest = {key: value for key, value in fields.items() if key != "action"}
        return _Call(self.version or V2025_ZOOM, fields.get("action"), rest, block)

    def _result(self, call: _Call, outcomes: Sequence[Outcome], view: View) -> dict[str, object]:
        result: dict[str, object] = {"type": "tool_result"}
        if "id" in call.block:
            result["tool_use_id"] = call.block["id"]
        if call.version == TOOLSET:
            result["toolset_name"] = _TOOLSET_NAME
        if error := error_of(outcomes):
            return {**result, "is_error": True, "content": error}
        images = [_image(picture) for outcome in outcomes for picture in outcome.pictures]
        assert isinstance(call.name, str), "only a known action can have been done"
        member = member_of(MEMBERS[call.name], call.fields)
        return {**result, "content": images or member.done(outcomes[-1], view)}


def _image(picture: Picture) -> dict[str, object]:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": picture.media_type, "data": picture.base64()},
    }


def _not_a_call(path: str, wanted: str, found: object) -> BadRequest:
    fault = FieldError(path, wanted, shown(found))
    return BadRequest(f"reading a call of Anthropic's computer tool: {fault}", errors=[fault])
