"""Our keyboard map: a US keyboard and as many spare keys as there can be."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from agentd.desktop.hands.keyboard_map import MAX_KEYCODE, MIN_KEYCODE, keyboard_map, spare_keycodes


def test_most_keycodes_are_spare() -> None:
    assert len(spare_keycodes()) == 143


def test_every_keycode_has_one_name() -> None:
    names = re.findall(r"^ +<(\w+)> = (\d+);$", keyboard_map(), re.MULTILINE)
    assert sorted(int(code) for _, code in names) == list(range(MIN_KEYCODE, MAX_KEYCODE + 1))
    assert len({name for name, _ in names}) == len(names)
    assert all(len(name) <= 4 for name, _ in names)


def test_every_key_has_symbols_or_is_spare() -> None:
    text = keyboard_map()
    symbols = re.findall(r"^ +key <\w+> \{ \[ (.*) \] \};$", text, re.MULTILINE)
    assert symbols.count("NoSymbol") == len(spare_keycodes())
    assert len(symbols) == MAX_KEYCODE - MIN_KEYCODE + 1


@pytest.mark.skipif(shutil.which("xkbcomp") is None, reason="xkbcomp is not installed")
def test_xkbcomp_takes_it(tmp_path: object) -> None:
    argv = ["xkbcomp", "-w0", "-xkm", "-", f"{tmp_path}/map.xkm"]
    subprocess.run(argv, input=keyboard_map().encode(), check=True, capture_output=True)
