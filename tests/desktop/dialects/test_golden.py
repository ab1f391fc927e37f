"""Vendor calls are read and answered as the golden files say, and those leave no member out."""

from __future__ import annotations

import msgspec
import pytest

from agentd.desktop.dialects.anthropic_members import MEMBERS, TOOLSET, VERSIONS, members
from agentd.desktop.dialects.gemini_browser import BROWSER_SET
from agentd.desktop.dialects.gemini_members import DESKTOP_SET
from agentd.desktop.dialects.names import dialect_named
from agentd.desktop.dialects.openai import MEMBERS as OPENAI
from tests.desktop.dialects.golden import CASES, EACH, IDS, Case


@pytest.mark.parametrize(("case", "name"), EACH, ids=IDS)
def test_calls_are_read_as_recorded(case: Case, name: str) -> None:
    vendor = dialect_named(name)
    view = vendor.view(case.screen_size, case.declared_size)
    assert [vendor.read(call, view) for call in case.calls] == case.expected()


ANSWERED = [(each, name) for each, name in zip(EACH, IDS, strict=True) if each[0].answer]


@pytest.mark.parametrize(
    ("case", "name"), [each for each, _ in ANSWERED], ids=[name for _, name in ANSWERED]
)
def test_outcomes_are_answered_as_recorded(case: Case, name: str) -> None:
    vendor = dialect_named(name)
    view = vendor.view(case.screen_size, case.declared_size)
    outcomes = [[each.outcome() for each in call] for call in case.outcomes]
    final = case.final.picture() if case.final else None
    answer = vendor.answer(case.calls, outcomes, view, final)
    assert answer == case.answer
    # It is JSON, and what is said of one case is said in whole outcomes.
    assert msgspec.json.decode(msgspec.json.encode(answer)) == case.answer
    assert [len(call) for call in case.outcomes] == [len(call) for call in case.reads]


def used(name: str) -> dict[str, list[set[str]]]:
    """Return which fields each member of a dialect is called with, once for each good call."""
    calls: dict[str, list[set[str]]] = {}
    for case in CASES.values():
        if name not in case.dialects:
            continue
        for call, reads in zip(case.calls, case.expected(), strict=True):
            if not any(read.fault for read in reads):
                for member, fields in acts(call):
                    calls.setdefault(member, []).append(fields)
    return calls


def acts(call: dict[str, object]) -> list[tuple[str, set[str]]]:
    """Return the members and fields of a call in whatever spelling."""
    if "actions" in call or "action" in call or call.get("type") in OPENAI:
        actions = call.get("actions") or [call.get("action")]
        each = [action if isinstance(action, dict) else call for action in actions]
        return [(act.get("type") or act["action"], given(act, "type", "action")) for act in each]
    if "input" in call:
        fields = call["input"]
        return [(fields.get("action", call["name"]), given(fields, "action"))]
    inner = call.get("functionCall") or call.get("function_call") or call
    return [(inner["name"], given(inner.get("args") or inner.get("arguments") or {}))]


def given(fields: dict[str, object], *but: str) -> set[str]:
    return {key for key, value in fields.items() if value is not None and key not in but}


VOCABULARIES = {
    **{version: {name: MEMBERS[name] for name in members(version)} for version in VERSIONS},
    "computer": OPENAI,
    "computer_use_preview": OPENAI,
    "gemini_3_5": DESKTOP_SET,
    "gemini_2_5": BROWSER_SET,
}
WHERE = [(name, member) for name, known in VOCABULARIES.items() for member in known]
# Fields that came later than their member: the golden faults hold their refusal.
LATER = {
    "computer_20241022": {"coordinate", "text", "start_coordinate", "repeat"},
    "computer_20250124": {"repeat"},
    "computer_20251124": {"repeat"},
}
DRAG_TEXT = ("left_click_drag", "text")


@pytest.mark.parametrize(("name", "member"), WHERE)
def test_every_member_is_called_with_and_without_each_field(name: str, member: str) -> None:
    calls = used(name).get(member, [])
    assert calls, f"no golden call of {member}"
    for field in msgspec.structs.fields(VOCABULARIES[name][member]):
        with_it = [call for call in calls if field.encode_name in call]
        is_later = field.encode_name in LATER.get(name, ()) and not field.required
        if is_later or ((member, field.encode_name) == DRAG_TEXT and name != TOOLSET):
            assert not with_it
            continue
        assert with_it, f"never called with {field.encode_name}"
        must = field.required or (name, member, field.encode_name) == (
            TOOLSET,
            "left_click_drag",
            "start_coordinate",
        )
        assert must != (len(with_it) < len(calls)), f"never called without {field.encode_name}"


def test_enough_calls_can_be_run_against_a_real_screen() -> None:
    live = [case for case in CASES.values() if case.live]
    assert len(live) > 150
    assert {case.screen for case in live} == {(1280, 800)}
    assert not any(read.fault for case in live for call in case.expected() for read in call)
