"""What ffmpeg is asked for, and how a picture of another size is fitted in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.recording.encoder import VideoRequest, ffmpeg_argv, fitted, video_size
from agentd.desktop.screen.frame import Size

EDGES = st.integers(2, 3000)


def argv(source: Size, size: Size, format: str = "mp4", quality: int = 70) -> list[str]:
    request = VideoRequest(Path("/v/video.mp4"), format, source, size, quality)  # type: ignore[arg-type]
    return ffmpeg_argv(request, 7)


def value(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


@given(EDGES, EDGES, st.floats(0.1, 1), st.none() | st.integers(64, 2000))
def test_edges_of_a_video_are_even(
    width: int, height: int, scale: float, longest: int | None
) -> None:
    size = video_size(Size(width, height), scale=scale, max_long_edge=longest)
    assert size.width % 2 == size.height % 2 == 0
    assert size.long_edge <= (longest or 3000) + 1


@pytest.mark.parametrize(
    ("source", "size"), [((1280, 800), (1280, 800)), ((1281, 801), (1282, 802))]
)
def test_full_size_is_not_resampled(source: tuple[int, int], size: tuple[int, int]) -> None:
    found = video_size(Size(*source), scale=1.0, max_long_edge=None)
    assert (found.width, found.height) == size
    assert value(argv(Size(*source), found), "-vf") == f"pad={size[0]}:{size[1]}"


def test_smaller_video_is_scaled() -> None:
    size = video_size(Size(1280, 800), scale=0.5, max_long_edge=None)
    assert value(argv(Size(1280, 800), size), "-vf").startswith("scale=640:400")


def test_stream_comes_through_the_descriptor() -> None:
    assert value(argv(Size(64, 64), Size(64, 64)), "-i") == "pipe:7"


def test_file_is_never_written_over() -> None:
    assert "-n" in argv(Size(64, 64), Size(64, 64))


def test_better_quality_is_a_smaller_factor() -> None:
    for kind in ("mp4", "webm"):
        factors = [
            int(value(argv(Size(64, 64), Size(64, 64), kind, quality), "-crf"))
            for quality in (1, 50, 100)
        ]
        assert factors == sorted(factors, reverse=True)
        assert 0 <= factors[-1] <= factors[0] <= (51 if kind == "mp4" else 63)


def shades(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 4), 200, dtype=np.uint8)


def test_picture_of_the_right_size_is_itself() -> None:
    pixels = shades(64, 48)
    assert fitted(pixels, Size(64, 48)) is pixels


def test_smaller_picture_is_centred_as_it_is() -> None:
    found = fitted(shades(32, 24), Size(64, 48))
    assert (found[12:36, 16:48] == 200).all()
    assert found.astype(int).sum() == 200 * 32 * 24 * 4


@given(st.integers(1, 400), st.integers(1, 400))
def test_picture_of_any_size_fits_whole(width: int, height: int) -> None:
    found = fitted(shades(width, height), Size(120, 80))
    assert found.shape == (80, 120, 4)
    assert found.max() == 200
