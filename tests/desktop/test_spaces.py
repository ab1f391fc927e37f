"""What is remembered of the pictures that were handed out."""

from __future__ import annotations

import pytest

from agentd.base.errors import Conflict, NotFound
from agentd.desktop.pictures.spaces import Spaces
from agentd.desktop.screen.frame import Rect, Size, Space

SCREEN = Size(1280, 800)
WHOLE = Space(Rect(0, 0, 1280, 800), SCREEN, SCREEN)
SMALL = Space(Rect(0, 0, 1280, 800), Size(640, 400), SCREEN)


def test_frame_leads_to_its_space_and_generation() -> None:
    spaces = Spaces()
    spaces.note(7, 3, SMALL)
    spaces.note(7, 3, SMALL)
    assert spaces.find(7) == (3, SMALL)


def test_frame_shown_in_two_sizes_is_ambiguous() -> None:
    spaces = Spaces()
    spaces.note(7, 3, SMALL)
    spaces.note(7, 3, WHOLE)
    with pytest.raises(Conflict, match="2 sizes") as caught:
        spaces.find(7)
    assert caught.value.narrow_code == "ambiguous_frame"


def test_unknown_and_forgotten_frames_say_what_to_do() -> None:
    spaces = Spaces()
    for frame in range(1000):
        spaces.note(frame, 1, WHOLE)
    assert spaces.find(999) == (1, WHOLE)
    with pytest.raises(NotFound, match="frame 0") as caught:
        spaces.find(0)
    assert "screenshot" in caught.value.hint


def test_one_frame_in_many_parts_stays_bounded() -> None:
    spaces = Spaces()
    for x in range(1000):
        spaces.note(1, 1, Space(Rect(x, 0, 10, 10), Size(10, 10), SCREEN))
    with pytest.raises(Conflict, match="16 sizes"):
        spaces.find(1)
