"""The names of numbers."""

from __future__ import annotations

import pytest

from agentd.vnc.numbers import Encoding, encoding_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "raw"),
        (7, "tight"),
        (16, "zrle"),
        (50, "h264"),
        (-32, "jpeg_quality_0"),
        (-26, "jpeg_quality_6"),
        (-23, "jpeg_quality_9"),
        (-256, "compress_level_0"),
        (-247, "compress_level_9"),
        (-512, "fine_quality_0"),
        (-412, "fine_quality_100"),
        (-768, "subsampling_0"),
        (-308, "extended_desktop_size"),
        (0x574D5664, "vmware_cursor"),
        (12345, "12345"),
        (-22, "-22"),
    ],
)
def test_encoding_has_a_name(number: int, name: str) -> None:
    assert encoding_name(number) == name


def test_encodings_are_signed_numbers_of_32_bits() -> None:
    assert all(-(1 << 31) <= encoding < 1 << 31 for encoding in Encoding)
    assert Encoding.EXTENDED_CLIPBOARD == -1063131698
