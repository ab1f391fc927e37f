"""Typing on a keyboard that is not ours: stock layouts, changed between texts.

A module of its own, so that no program of another test is there to take the focus.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from agentd.desktop.xlink import DisplayAddress
from tests.live.conftest import load_keyboard_map, open_hands
from tests.live.oracle import oracle
from tests.live.test_typing import TEXTS, check

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("toolkit", ["gtk3", "qt", "xterm", "chromium"])
async def test_layouts_of_others(display: DisplayAddress, toolkit: str) -> None:
    """A stock layout with 19 spare keys, changed between texts."""
    try:
        async with open_hands(display) as hands, oracle(toolkit, display) as field:
            for layout in ("us", "de", "us,ru", "fr"):
                set_layout(display, layout)
                for text in (TEXTS["ascii"], TEXTS["latin"], TEXTS["cjk"]):
                    await field.clear()
                    await check(hands, field, text)
            set_layout(display, "us,ru", "-option", "grp:menu_toggle")
            await hands.keys.press("ISO_Next_Group", owner="test")
            await field.clear()
            await check(hands, field, "aZ1 привет é")
    finally:
        load_keyboard_map(display)


def set_layout(display: DisplayAddress, *options: str) -> None:
    environment = {**os.environ, **display.environment()}
    subprocess.run(["setxkbmap", *options], env=environment, check=True)
