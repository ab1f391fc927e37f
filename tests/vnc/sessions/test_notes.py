"""What a viewer is told besides pixels: once, and only what it can take."""

from __future__ import annotations

import pytest

from agentd.desktop.screen.frame import Rect, Size
from agentd.vnc.numbers import Encoding, Led, SizeReason, SizeStatus
from agentd.vnc.protocol import server_messages
from agentd.vnc.protocol.messages import Screen
from agentd.vnc.sessions.abilities import Abilities
from agentd.vnc.sessions.notes import Notes

DARK = Led(0)
SMALL, LARGE = Size(640, 480), Size(1280, 800)
EXTENDED = Abilities(sizes=True, extended_sizes=True)


def told(size: Size, reason: SizeReason, status: SizeStatus = SizeStatus.OK) -> bytes:
    screen = Screen(0, Rect(0, 0, size.width, size.height))
    return server_messages.extended_desktop_size(size, [screen], reason=reason, status=status)


class TestSizes:
    def test_same_size_is_no_news(self) -> None:
        notes = Notes(SMALL)
        assert not notes.has_new_size()
        assert not notes.has_news(DARK)

    def test_new_one_is_told_once_in_the_viewers_way(self) -> None:
        notes = Notes(SMALL)
        notes.begin(Abilities(sizes=True))
        notes.size = LARGE
        assert notes.take_sizes() == [server_messages.desktop_size(LARGE)]
        assert not notes.has_new_size()

    def test_who_can_ask_for_sizes_is_told_the_layout_at_once(self) -> None:
        notes = Notes(SMALL)
        notes.begin(EXTENDED)
        assert notes.has_news(DARK)
        assert not notes.has_new_size()
        assert notes.take(DARK) == [told(SMALL, SizeReason.SERVER)]
        assert not notes.has_news(DARK)

    def test_layout_is_told_to_who_asks_for_all_of_the_picture(self) -> None:
        notes = Notes(SMALL)
        notes.begin(EXTENDED)
        notes.take(DARK)
        notes.want_size()
        assert notes.take(DARK) == [told(SMALL, SizeReason.SERVER)]

    def test_answer_that_says_yes_tells_the_size_as_well(self) -> None:
        notes = Notes(SMALL)
        notes.begin(EXTENDED)
        notes.size = LARGE
        notes.answer_size(SizeReason.THIS_CLIENT, SizeStatus.OK)
        assert notes.take_sizes() == [told(LARGE, SizeReason.THIS_CLIENT)]
        assert not notes.has_news(DARK)

    def test_answer_that_says_no_leaves_the_size_to_be_told(self) -> None:
        notes = Notes(SMALL)
        notes.begin(EXTENDED)
        notes.size = LARGE
        notes.answer_size(SizeReason.THIS_CLIENT, SizeStatus.PROHIBITED)
        assert notes.take_sizes() == [
            told(LARGE, SizeReason.THIS_CLIENT, SizeStatus.PROHIBITED),
            told(LARGE, SizeReason.SERVER),
        ]

    def test_who_cannot_ask_is_not_answered(self) -> None:
        notes = Notes(SMALL)
        notes.answer_size(SizeReason.THIS_CLIENT, SizeStatus.OK)
        assert not notes.has_new_size()

    def test_who_takes_sizes_no_more_is_not_told_one(self) -> None:
        notes = Notes(SMALL)
        notes.begin(EXTENDED)
        notes.begin(Abilities())
        assert not notes.has_news(DARK)


class TestRest:
    def test_what_it_may_use_is_told_once(self) -> None:
        notes = Notes(SMALL)
        abilities = Abilities(scan_keys=True, more_buttons=True)
        notes.begin(abilities)
        assert notes.take(DARK) == [
            server_messages.support(Encoding.QEMU_KEY_EVENT),
            server_messages.support(Encoding.EXTENDED_MOUSE_BUTTONS),
        ]
        notes.begin(abilities)
        assert not notes.has_news(DARK)

    def test_name_is_told_when_it_is_another(self) -> None:
        notes = Notes(SMALL)
        notes.begin(Abilities(names=True))
        assert not notes.has_news(DARK)
        notes.name = "desk"
        assert notes.take(DARK) == [server_messages.desktop_name("desk")]
        assert not notes.has_news(DARK)

    @pytest.mark.parametrize(
        ("encoding", "write"),
        [
            (Encoding.LED_STATE, server_messages.led_state),
            (Encoding.VMWARE_LED_STATE, server_messages.vmware_led_state),
        ],
    )
    def test_lights_are_told_at_first_and_when_they_change(self, encoding, write) -> None:  # type: ignore[no-untyped-def]
        notes = Notes(SMALL)
        notes.begin(Abilities(leds=encoding))
        assert notes.take(DARK) == [write(DARK)]
        assert not notes.has_news(DARK)
        assert notes.take(Led.CAPS) == [write(Led.CAPS)]

    def test_who_can_take_nothing_is_told_nothing(self) -> None:
        notes = Notes(SMALL)
        notes.name = "desk"
        assert not notes.has_news(Led.CAPS)
        assert notes.take(Led.CAPS) == []
