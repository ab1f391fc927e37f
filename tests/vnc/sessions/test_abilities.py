"""What a viewer can take, read from its list of encodings."""

from __future__ import annotations

import pytest

from agentd.vnc.encodings.cursor import CursorEncoding
from agentd.vnc.numbers import Encoding
from agentd.vnc.sessions.abilities import Abilities


def test_who_says_nothing_can_nothing() -> None:
    assert Abilities.of(()) == Abilities()


def test_numbers_that_nobody_knows_are_passed_over() -> None:
    assert Abilities.of((12345, -99999)) == Abilities()


@pytest.mark.parametrize(
    ("encoding", "ability"),
    [
        (Encoding.DESKTOP_NAME, "names"),
        (Encoding.FENCE, "fences"),
        (Encoding.CONTINUOUS_UPDATES, "goes_on"),
        (Encoding.QEMU_KEY_EVENT, "scan_keys"),
        (Encoding.EXTENDED_MOUSE_BUTTONS, "more_buttons"),
        (Encoding.EXTENDED_CLIPBOARD, "clipboard"),
    ],
)
def test_each_is_its_own(encoding: Encoding, ability: str) -> None:
    assert Abilities.of((encoding,)) == Abilities(**{ability: True})


def test_either_way_of_sizes_will_do_and_one_asks_for_them() -> None:
    assert Abilities.of((Encoding.DESKTOP_SIZE,)) == Abilities(sizes=True)
    extended = Abilities.of((Encoding.EXTENDED_DESKTOP_SIZE,))
    assert extended == Abilities(sizes=True, extended_sizes=True)


def test_place_is_told_in_the_way_that_is_known_and_vmwares_first() -> None:
    plain = Abilities.of((Encoding.POINTER_POSITION,))
    both = Abilities.of((Encoding.POINTER_POSITION, Encoding.VMWARE_CURSOR_POSITION))
    assert plain.place is Encoding.POINTER_POSITION
    assert both.place is Encoding.VMWARE_CURSOR_POSITION


def test_lights_are_told_in_the_way_that_is_known() -> None:
    assert Abilities.of((Encoding.LED_STATE,)).leds is Encoding.LED_STATE
    assert Abilities.of((Encoding.VMWARE_LED_STATE,)).leds is Encoding.VMWARE_LED_STATE


def test_shape_comes_with_its_alpha_where_it_can() -> None:
    both = Abilities.of((Encoding.CURSOR, Encoding.VMWARE_CURSOR))
    assert both.shape is CursorEncoding.VMWARE
    assert Abilities.of((Encoding.CURSOR,)).shape is CursorEncoding.CURSOR
