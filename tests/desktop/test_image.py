"""Encoders against Pillow's decoders, and budgets."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, JpegImagePlugin

from agentd.desktop.pictures import image
from agentd.desktop.pictures.image import ImageFormat, encode, encode_raw, encode_webp
from agentd.desktop.pictures.jpeg import encode_jpeg
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.screen.frame import MAX_EDGE, Frame, Pixels, Rect, Size
from tests.desktop.pictures import decoded, noise, page

LossyEncoder = Callable[[Pixels, int], bytes]


def psnr_db(one: Pixels, other: Pixels) -> float:
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


class TestRaw:
    def test_is_rows_of_four_bytes_a_pixel_without_gaps(self) -> None:
        part = noise(90, 80)[3:70, 7:61]
        body = encode_raw(part)
        assert len(body) == 67 * 54 * 4
        assert np.array_equal(np.frombuffer(body, np.uint8).reshape(67, 54, 4), part)


class TestLossy:
    @pytest.mark.parametrize(("encoder", "least_db"), [(encode_jpeg, 30), (encode_webp, 33)])
    @pytest.mark.parametrize("step", [1, 2], ids=["contiguous", "every second column"])
    def test_text_is_close_at_quality_80(
        self, encoder: LossyEncoder, least_db: int, step: int
    ) -> None:
        pixels = page(640, 400)[:, ::step]
        assert psnr_db(decoded(encoder(pixels, 80)), pixels[:, :, :3]) >= least_db

    @pytest.mark.parametrize("encoder", [encode_jpeg, encode_webp])
    def test_better_quality_is_closer_and_longer(self, encoder: LossyEncoder) -> None:
        pixels = page(640, 400)
        bodies = [encoder(pixels, quality) for quality in (10, 40, 70, 85, 95)]
        closeness_db = [psnr_db(decoded(body), pixels[:, :, :3]) for body in bodies]
        assert closeness_db == sorted(closeness_db)
        assert [len(body) for body in bodies] == sorted(len(body) for body in bodies)

    @pytest.mark.parametrize(("quality", "wanted"), [(89, (2, 2)), (90, (1, 1)), (100, (1, 1))])
    def test_jpeg_keeps_all_colour_from_quality_90(
        self, quality: int, wanted: tuple[int, int]
    ) -> None:
        with Image.open(io.BytesIO(encode_jpeg(page(64, 48), quality))) as picture:
            assert isinstance(picture, JpegImagePlugin.JpegImageFile)
            _, columns, rows, _ = picture.layer[0]
        assert (columns, rows) == wanted

    @pytest.mark.parametrize("encoder", [encode_jpeg, encode_webp])
    @pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 7), (7, 1), (3, 5), (101, 67)])
    def test_odd_sizes_keep_their_size(
        self, encoder: LossyEncoder, width: int, height: int
    ) -> None:
        assert decoded(encoder(page(width, height), 80)).shape == (height, width, 3)

    @pytest.mark.parametrize("encoder", [encode_jpeg, encode_webp])
    @pytest.mark.parametrize("quality", [0, 101, -1])
    def test_quality_out_of_range_is_refused(self, encoder: LossyEncoder, quality: int) -> None:
        with pytest.raises(ValueError, match="quality"):
            encoder(page(8, 8), quality)

    def test_webp_ends_one_pixel_before_the_others(self) -> None:
        with pytest.raises(ValueError, match="16383"):
            encode_webp(noise(MAX_EDGE, 1), 80)
        assert decoded(encode_webp(noise(MAX_EDGE - 1, 1), 80)).shape == (1, MAX_EDGE - 1, 3)


class TestEncode:
    @pytest.mark.parametrize(
        ("format", "media_type", "quality"),
        [
            (ImageFormat.PNG, "image/png", None),
            (ImageFormat.JPEG, "image/jpeg", 70),
            (ImageFormat.WEBP, "image/webp", 70),
            (ImageFormat.RAW, "application/octet-stream", None),
        ],
    )
    def test_says_what_it_made(
        self, format: ImageFormat, media_type: str, quality: int | None
    ) -> None:
        encoded = encode(page(64, 48), format, 70)
        assert (encoded.media_type, encoded.quality) == (media_type, quality)
        assert (encoded.width, encoded.height) == (64, 48)

    @pytest.mark.parametrize("format", ImageFormat)
    def test_budget_that_is_kept_changes_nothing(self, format: ImageFormat) -> None:
        encoded = encode(page(64, 48), format)
        assert encode(page(64, 48), format, max_bytes=len(encoded.body)) == encoded

    @settings(deadline=None, max_examples=60)
    @given(st.sampled_from(ImageFormat), st.integers(1, 30_000), st.integers(1, 100))
    def test_budget_is_never_exceeded(
        self, format: ImageFormat, max_bytes: int, quality: int
    ) -> None:
        pixels = noise(97, 61)
        try:
            encoded = encode(pixels, format, quality, max_bytes=max_bytes)
        except ValueError:
            one_pixel = encode(scale_pixels(pixels, Size(1, 1)), format, min(quality, 30))
            assert len(one_pixel.body) > max_bytes
        else:
            assert len(encoded.body) <= max_bytes

    @pytest.mark.parametrize("format", [ImageFormat.JPEG, ImageFormat.WEBP])
    def test_lossy_gives_up_quality_before_size(self, format: ImageFormat) -> None:
        pixels = page(640, 400)
        full = encode(pixels, format, 90)
        less = encode(pixels, format, 90, max_bytes=len(full.body) * 2 // 3)
        assert (less.width, less.height) == (640, 400)
        assert less.quality is not None
        assert 30 <= less.quality < 90
        least = encode(pixels, format, 90, max_bytes=len(full.body) // 8)
        assert least.quality == 30
        assert least.width < 640

    def test_best_quality_that_fits_is_taken(self) -> None:
        pixels = page(640, 400)
        max_bytes = len(encode_jpeg(pixels, 60)) + 1
        assert encode(pixels, ImageFormat.JPEG, 80, max_bytes=max_bytes).quality == 60

    def test_quality_asked_for_below_the_floor_is_kept(self) -> None:
        pixels = page(640, 400)
        max_bytes = len(encode_jpeg(pixels, 12)) // 2
        encoded = encode(pixels, ImageFormat.JPEG, 12, max_bytes=max_bytes)
        assert encoded.quality == 12
        assert encoded.width < 640

    @pytest.mark.parametrize("format", [ImageFormat.PNG, ImageFormat.RAW])
    @pytest.mark.parametrize("share", [0.7, 0.3, 0.02])
    def test_lossless_shrinks_and_keeps_the_aspect(self, format: ImageFormat, share: float) -> None:
        full = encode(page(640, 400), format)
        max_bytes = int(len(full.body) * share)
        encoded = encode(page(640, 400), format, max_bytes=max_bytes)
        assert abs(encoded.height - encoded.width * 400 / 640) <= 1
        assert max_bytes * 0.5 <= len(encoded.body) <= max_bytes

    @pytest.mark.parametrize("share", [0.8, 0.3, 0.05])
    def test_budget_takes_few_encodings(
        self, share: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pixels = page(640, 400)
        full = encode_jpeg(pixels, 85)
        qualities: list[int] = []

        def counted(pixels: Pixels, quality: int, *, executor: Executor | None) -> bytes:
            qualities.append(quality)
            return encode_jpeg(pixels, quality)

        monkeypatch.setattr(image, "encode_jpeg", counted)
        encode(pixels, ImageFormat.JPEG, 85, max_bytes=int(len(full) * share))
        assert len(qualities) <= 8

    @pytest.mark.parametrize("format", ImageFormat)
    @pytest.mark.parametrize("max_bytes", [3, 0, -7])
    def test_budget_below_one_pixel_is_refused(self, format: ImageFormat, max_bytes: int) -> None:
        with pytest.raises(ValueError, match="one pixel takes"):
            encode(page(64, 48), format, max_bytes=max_bytes)

    @pytest.mark.parametrize("format", ImageFormat)
    @pytest.mark.parametrize("shape", [(1, MAX_EDGE + 1), (MAX_EDGE + 1, 1), (0, 5), (5, 0)])
    def test_edge_out_of_range_is_refused(
        self, format: ImageFormat, shape: tuple[int, int]
    ) -> None:
        with pytest.raises(ValueError, match="wanted 1 to 16384"):
            encode(np.zeros((*shape, 4), np.uint8), format)

    @pytest.mark.parametrize("quality", [0, 101])
    def test_quality_out_of_range_is_refused(self, quality: int) -> None:
        with pytest.raises(ValueError, match="quality"):
            encode(page(8, 8), ImageFormat.PNG, quality)

    @pytest.mark.parametrize("format", ImageFormat)
    def test_frame_of_read_only_pixels_is_encoded(self, format: ImageFormat) -> None:
        frame = Frame(page(64, 48), id=1, generation=1, rect=Rect(0, 0, 64, 48))
        assert encode(frame.pixels, format) == encode(page(64, 48), format)
