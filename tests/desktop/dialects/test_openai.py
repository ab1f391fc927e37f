"""What is no call of OpenAI's tool, and the size of its pictures; the rest is golden."""

from __future__ import annotations

import pytest

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.openai import OpenAI
from agentd.desktop.screen.frame import Size

ANY = OpenAI("openai")
BATCH = {"type": "computer_call", "call_id": "c", "actions": [{"type": "wait"}]}
ONE = {"type": "computer_call", "call_id": "c", "action": {"type": "wait"}}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({}, 'type: wanted "computer_call", got null'),
        ({"type": "function_call", "name": "x"}, 'wanted "computer_call", got "function_call"'),
        ({"type": "computer_call", "actions": []}, "call_id: wanted text, got null"),
        ({**BATCH, "call_id": 5}, "call_id: wanted text, got 5"),
        ({**BATCH, "actions": {}}, "actions: wanted a list of actions, got an object"),
        ({"type": "computer_call", "call_id": "c"}, "actions: wanted a list of actions, got null"),
        ({"type": ["click"]}, 'wanted "computer_call", got a list of 1'),
    ],
)
def test_what_is_no_call_of_the_tool_is_refused(call: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        ANY.read(call, ANY.view(Size(1280, 800), None))


def test_a_call_of_another_generation_s_shape_is_refused() -> None:
    view = ANY.view(Size(1280, 800), None)
    with pytest.raises(BadRequest, match="actions: wanted what computer has, got null"):
        OpenAI("computer", "actions").read(ONE, view)
    with pytest.raises(BadRequest, match="action: wanted what computer_use_preview has, got null"):
        OpenAI("computer_use_preview", "action").read(BATCH, view)


@pytest.mark.parametrize(
    ("screen", "picture"),
    [
        (Size(1280, 800), Size(1280, 800)),
        (Size(3840, 2160), Size(3840, 2160)),
        (Size(7680, 200), Size(6000, 156)),
        (Size(5120, 2880), Size(4266, 2400)),
    ],
)
def test_pictures_keep_every_pixel_up_to_the_limits(screen: Size, picture: Size) -> None:
    assert ANY.view(screen, None).picture == picture
    assert ANY.ends_with_picture
