"""What is no call of Anthropic's tool, and the size of its pictures; the rest is golden."""

from __future__ import annotations

import pytest

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.anthropic import Anthropic
from agentd.desktop.dialects.anthropic_members import MEMBERS, TOOLSET, V2024, V2025_ZOOM, members
from agentd.desktop.screen.frame import Size

ANY = Anthropic("anthropic")
SINGLE = {"type": "tool_use", "id": "t", "name": "computer", "input": {"action": "screenshot"}}
MEMBER = {"type": "tool_use", "name": "zoom", "toolset_name": "computer", "input": {}}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({}, "wanted a tool_use block with an object as its input"),
        ({"type": "text", "text": "hello"}, "wanted a tool_use block"),
        ({**SINGLE, "type": "server_tool_use"}, "wanted a tool_use block"),
        ({**SINGLE, "input": "screenshot"}, "wanted a tool_use block"),
        ({**SINGLE, "id": 5}, "id: wanted text, got 5"),
        ({**SINGLE, "name": "bash"}, 'name: wanted "computer", or a member'),
        ({**MEMBER, "toolset_name": "browser"}, 'toolset_name: wanted "computer", got "browser"'),
    ],
)
def test_what_is_no_call_of_the_tool_is_refused(call: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        ANY.read(call, ANY.view(Size(1280, 800), None))


def test_a_call_of_another_version_s_shape_is_refused() -> None:
    view = ANY.view(Size(1280, 800), None)
    with pytest.raises(BadRequest, match="a member of computer_toolset_20260801"):
        Anthropic(TOOLSET, TOOLSET).read(SINGLE, view)
    with pytest.raises(BadRequest, match='"computer", as computer_20251124 has it'):
        Anthropic(V2025_ZOOM, V2025_ZOOM).read(MEMBER, view)


def test_versions_grow() -> None:
    assert len(members(V2024)) == 10
    assert members(TOOLSET) == members(V2025_ZOOM) == list(MEMBERS)
    assert len(MEMBERS) == 17


@pytest.mark.parametrize(
    ("screen", "picture"),
    [
        (Size(1280, 800), Size(1280, 800)),
        (Size(1366, 768), Size(1366, 768)),
        (Size(1920, 1080), Size(1430, 804)),
        (Size(3000, 100), Size(1568, 52)),
        (Size(64, 64), Size(64, 64)),
    ],
)
def test_pictures_fit_what_every_model_takes(screen: Size, picture: Size) -> None:
    assert ANY.view(screen, None).picture == picture
    assert ANY.view(screen, Size(1920, 1080)).picture == Size(1920, 1080)
