"""From what a viewer says it can decode to the profile that it is served with."""

from __future__ import annotations

import pytest

from agentd.vnc.encodings.encoder import Profile, choose, make_encoder
from agentd.vnc.encodings.profile import Subsampling
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import NATIVE
from tests.vnc.encodings.content import FORMATS

NOVNC = [1, 7, -260, 16, 21, 5, 2, 0, -26, -254, -223, -224, -258, -308, -312, -313, -239]


def test_novnc_gets_tight_with_jpeg() -> None:
    assert choose(NOVNC, NATIVE) == Profile(
        NATIVE, Encoding.TIGHT, compress_level=2, jpeg_quality=6, copies=True
    )


@pytest.mark.parametrize(
    ("encodings", "chosen"),
    [
        ([], Encoding.RAW),
        ([-239, -223], Encoding.RAW),
        ([0], Encoding.RAW),
        # asyncvnc.
        ([6, -239], Encoding.ZLIB),
        ([0, 6], Encoding.RAW),
        ([0, 7, 16], Encoding.RAW),
        ([16, 7, 0], Encoding.TIGHT),
        ([2, 5, 16], Encoding.ZRLE),
        ([5, 2, 0], Encoding.HEXTILE),
        ([2], Encoding.RRE),
        ([1, 9, 15, 17, 5], Encoding.HEXTILE),
        ([50, 7], Encoding.TIGHT),
    ],
)
def test_preferred_encoding(encodings: list[int], chosen: Encoding) -> None:
    assert choose(encodings, NATIVE).encoding == chosen


@pytest.mark.parametrize(("number", "level"), [(-256, 0), (-254, 2), (-247, 9)])
def test_compression_level(number: int, level: int) -> None:
    assert choose([7, number], NATIVE).compress_level == level


@pytest.mark.parametrize(("number", "quality"), [(-32, 0), (-26, 6), (-23, 9)])
def test_jpeg_quality(number: int, quality: int) -> None:
    assert choose([7, number], NATIVE).jpeg_quality == quality


def test_turbovnc_says_quality_and_subsampling_itself() -> None:
    profile = choose([7, -24, -417, -767], NATIVE)
    assert (profile.fine_quality, profile.subsampling) == (95, Subsampling.FOUR)


def test_subsampling_alone_does_not_allow_jpeg() -> None:
    profile = choose([7, -768], NATIVE)
    assert profile.is_exact
    assert profile.subsampling is None


def test_without_a_quality_nothing_is_lost() -> None:
    assert choose([1, 7, 16, -254], NATIVE).is_exact


def test_screens_of_8_bits_get_no_jpeg() -> None:
    profile = choose([7, -26, -417, 50], FORMATS["332"])
    assert profile.is_exact
    assert profile.encoding == Encoding.TIGHT
    assert choose([7, -26], FORMATS["565"]).jpeg_quality == 6


def test_copies_and_h264_are_used_where_they_are_known() -> None:
    with_both, without = choose([7, 1, 50], NATIVE), choose([7], NATIVE)
    assert (with_both.copies, with_both.h264) == (True, True)
    assert (without.copies, without.h264) == (False, False)


def test_exact_profile_loses_nothing() -> None:
    profile = choose([7, 1, 50, -26, -417, -767], NATIVE)
    assert not profile.is_exact
    assert profile.exact() == Profile(NATIVE, Encoding.TIGHT, copies=True)
    assert profile.exact().is_exact


def test_equal_wishes_make_equal_profiles() -> None:
    assert len({choose(NOVNC, NATIVE), choose([*NOVNC, 4711], NATIVE)}) == 1


def test_profile_without_an_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="encoding 50"):
        make_encoder(Profile(NATIVE, Encoding.H264))
