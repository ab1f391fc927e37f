"""What is no function call of Gemini, and where its grid lies on the screen; the rest is golden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.dialect import View
from agentd.desktop.dialects.gemini import Gemini
from agentd.desktop.dialects.gemini_browser import BROWSER_SET
from agentd.desktop.dialects.gemini_members import DESKTOP_SET, pixel
from agentd.desktop.screen.frame import Size

ANY = Gemini("gemini", {**BROWSER_SET, **DESKTOP_SET})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({}, "name: wanted text, got null"),
        ({"text": "I shall click"}, "name: wanted text"),
        ({"functionCall": "click"}, "functionCall: wanted an object with name and args"),
        ({"function_call": []}, "function_call: wanted an object with name and args"),
        ({"name": "click", "args": [1]}, "args: wanted an object, got a list of 1"),
        ({"name": "click", "id": 5}, "id: wanted text, got 5"),
        ({"name": "click", "url": 5}, "url: wanted text, got 5"),
        ({"type": "model_output", "name": "click"}, 'type: wanted "function_call"'),
        ({"type": "function_call", "name": "click", "arguments": "{}"}, "arguments: wanted an"),
    ],
)
def test_what_is_no_function_call_is_refused(call: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        ANY.read(call, ANY.view(Size(1280, 800), None))


@given(
    st.builds(Size, st.integers(1, 8000), st.integers(1, 8000)),
    st.floats(0, 1000),
    st.floats(0, 1000),
)
def test_every_point_of_the_grid_lies_on_the_screen(screen: Size, x: float, y: float) -> None:
    at = pixel(x, y, View(screen, Size(1, 1)))
    assert 0 <= at[0] < screen.width
    assert 0 <= at[1] < screen.height


def test_the_grid_is_spread_over_the_screen() -> None:
    view = View(Size(1440, 900), Size(1440, 900))
    assert pixel(0, 0, view) == (0, 0)
    assert pixel(500, 500, view) == (720, 450)
    assert pixel(999, 999, view) == (1438, 899)
    assert pixel(1000, 1000, view) == (1439, 899)


def test_pictures_keep_every_pixel_of_common_screens() -> None:
    assert ANY.view(Size(1440, 900), None).picture == Size(1440, 900)
    assert ANY.view(Size(3840, 2160), None).picture == Size(3072, 1728)
    assert ANY.ends_with_picture
