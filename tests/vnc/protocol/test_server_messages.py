"""What the server says: golden bytes of rfbproto."""

from __future__ import annotations

import pytest

from agentd.desktop.screen.frame import Rect, Size
from agentd.vnc.numbers import Encoding, Led, SecurityResult, SizeReason, SizeStatus
from agentd.vnc.pixel_format import NATIVE
from agentd.vnc.protocol import server_messages as say
from agentd.vnc.protocol.messages import Screen
from tests.vnc.protocol.conversations import SERVER_INIT

SIZE = Size(1280, 800)
WHOLE = Screen(7, Rect(0, 0, 1280, 800), 1)


@pytest.mark.parametrize(
    ("said", "data"),
    [
        (say.server_init(SIZE, NATIVE, "büt"), SERVER_INIT.hex()),
        (say.security_result(SecurityResult.OK), "00000000"),
        (say.security_result(SecurityResult.FAILED), "00000001"),
        (say.reason("nö"), "00000003 6e c3b6"),
        (say.update_header(3), "00 00 0003"),
        (say.update_header(), "00 00 ffff"),
        (say.rect_header(Rect(1, 2, 3, 4), 7), "0001 0002 0003 0004 00000007"),
        (say.rect_header(Rect(1, 2, 3, 4), -223), "0001 0002 0003 0004 ffffff21"),
        (say.copy_rect(9, 8, Rect(1, 2, 3, 4)), "0001 0002 0003 0004 00000001 0009 0008"),
        (say.last_rect(), "0000 0000 0000 0000 ffffff20"),
        (say.cursor_header(1, 2, (24, 32), Encoding.CURSOR), "0001 0002 0018 0020 ffffff11"),
        (
            say.cursor_header(1, 2, (24, 32), Encoding.VMWARE_CURSOR),
            "0001 0002 0018 0020 574d5664",
        ),
        (say.pointer_position(1, 2), "0001 0002 0000 0000 ffffff18"),
        (say.vmware_pointer_position(1, 2), "0001 0002 0000 0000 574d5666"),
        (say.desktop_size(SIZE), "0000 0000 0500 0320 ffffff21"),
        (
            say.extended_desktop_size(SIZE, [WHOLE]),
            "0000 0000 0500 0320 fffffecc 01 000000 00000007 0000 0000 0500 0320 00000001",
        ),
        (
            say.extended_desktop_size(
                SIZE, [], reason=SizeReason.THIS_CLIENT, status=SizeStatus.INVALID_LAYOUT
            ),
            "0001 0003 0500 0320 fffffecc 00 000000",
        ),
        (say.desktop_name("büt"), "0000 0000 0000 0000 fffffecd 00000004 62 c3bc 74"),
        (say.led_state(Led.CAPS | Led.SCROLL), "0000 0000 0000 0000 fffffefb 05"),
        (say.vmware_led_state(Led.NUM), "0000 0000 0000 0000 574d5668 00000002"),
        (say.support(Encoding.QEMU_KEY_EVENT), "0000 0000 0000 0000 fffffefe"),
        (say.support(Encoding.EXTENDED_MOUSE_BUTTONS), "0000 0000 0000 0000 fffffec4"),
        (
            say.colour_map_entries(2, [(0, 1, 0xFFFF), (3, 4, 5)]),
            "01 00 0002 0002 0000 0001 ffff 0003 0004 0005",
        ),
        (say.bell(), "02"),
        (say.cut_text(b"caf\xe9"), "03 000000 00000004 636166e9"),
        (say.fence(0x80000001, b"\x05"), "f8 000000 80000001 01 05"),
        (say.end_of_continuous_updates(), "96"),
    ],
)
def test_message_has_the_bytes_of_the_protocol(said: bytes, data: str) -> None:
    assert said == bytes.fromhex(data)
