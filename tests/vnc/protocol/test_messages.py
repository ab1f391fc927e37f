"""Values of what a client says."""

from __future__ import annotations

import pytest

from agentd.desktop.screen.frame import Rect
from agentd.vnc.numbers import FenceFlag
from agentd.vnc.protocol.messages import (
    ClipboardProvide,
    CutText,
    Fence,
    KeyEvent,
    ScanKeyEvent,
    Screen,
    SetDesktopSize,
)

LEFT, RIGHT = Screen(1, Rect(0, 0, 600, 700)), Screen(2, Rect(600, 0, 400, 700))


@pytest.mark.parametrize(
    ("screens", "valid"),
    [
        ((LEFT,), True),
        ((LEFT, RIGHT), True),
        ((LEFT, Screen(2, LEFT.rect)), True),  # screens may lie over each other
        ((), False),
        ((LEFT, Screen(1, RIGHT.rect)), False),
        ((Screen(1, Rect(0, 0, 1001, 700)),), False),
        ((Screen(1, Rect(1, 0, 1000, 700)),), False),
        ((Screen(1, Rect(5, 5, 0, 700)),), False),
    ],
)
def test_layout_has_screens_that_are_apart_and_on_the_desktop(
    screens: tuple[Screen, ...], valid: bool
) -> None:
    assert SetDesktopSize(1000, 700, screens).is_valid is valid


def test_desktop_without_pixels_is_no_layout() -> None:
    assert not SetDesktopSize(0, 0, (Screen(1, Rect(0, 0, 0, 0)),)).is_valid


def test_answer_to_a_fence_keeps_the_flags_that_are_known() -> None:
    fence = Fence(0xFFFFFFFF, b"x")
    assert fence.is_request
    assert fence.answer_flags == 0b111
    assert not Fence(FenceFlag.BLOCK_BEFORE, b"").is_request


@pytest.mark.parametrize(
    "message",
    [
        KeyEvent(12345, True),
        ScanKeyEvent(12345, 12345, True),
        CutText(b"12345"),
        ClipboardProvide("12345"),
    ],
)
def test_text_of_a_message_has_neither_keys_nor_clipboards(message: object) -> None:
    assert "12345" not in f"{message!r} {message}"
