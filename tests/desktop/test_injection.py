"""Requests of the hands tell what they will make happen."""

from __future__ import annotations

import struct

from agentd.desktop.hands.injection import FakeInput, fake_inputs

FAKE = struct.Struct("<BBHBBHIIQhhIHBB")


def fake(kind: int, detail: int, x: int = 0, y: int = 0) -> bytes:
    return FAKE.pack(132, 2, 9, kind, detail, 0, 0, 0, 0, x, y, 0, 0, 0, 0)


def test_fake_inputs_are_read_back() -> None:
    requests = [fake(6, 0, 640, 399), fake(4, 1), fake(5, 1), fake(2, 38)]
    assert fake_inputs(requests) == [
        FakeInput(6, 0, 640, 399),
        FakeInput(4, 1, 0, 0),
        FakeInput(5, 1, 0, 0),
        FakeInput(2, 38, 0, 0),
    ]


def test_bindings_and_locks_happen_nowhere() -> None:
    remap = struct.pack("<BBHBBH2I", 100, 1, 4, 38, 2, 0, 0x61, 0x41)
    lock = struct.pack("<BBHHBBBBBBBBH", 135, 5, 4, 0x100, 2, 0, 0, 0, 0, 0, 0, 0, 0)
    assert fake_inputs([remap, lock, b""]) == []
