"""Encoders against Pillow's decoders, blending against arithmetic in whole numbers."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, JpegImagePlugin

from agentd.desktop import image, png
from agentd.desktop.frame import MAX_EDGE, CursorImage, Frame, Pixels, Rect, Size
from agentd.desktop.image import (
    ImageFormat,
    blend_cursor,
    encode,
    encode_jpeg,
    encode_png,
    encode_raw,
    encode_webp,
    scale_pixels,
)

LossyEncoder = Callable[[Pixels, int], bytes]

ODD_SIZES = [(1, 1), (1, 7), (7, 1), (3, 5), (101, 67), (MAX_EDGE, 1), (1, MAX_EDGE)]

bgrx_arrays = arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4)),
    elements=st.integers(0, 255),
)


def noise(width: int, height: int, *, seed: int = 1) -> Pixels:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 4), dtype=np.uint8)


def page(width: int, height: int) -> Pixels:
    """A light page of dark text with a shaded bar: what lossy encoders find hard and easy."""
    picture = Image.new("RGB", (width, height), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    generator = np.random.default_rng(3)
    for y in range(4, height, 12):
        letters = generator.choice(list("abcdefghijklmnopqrstuvwxyz    "), size=width // 6)
        draw.text((5 + y % 7, y), "".join(letters), fill=(20, 30, 60))
    for x in range(width):
        draw.line((x, 0, x, height // 4), fill=(x * 255 // width, 90, 160))
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, :, :3] = np.asarray(picture)[:, :, ::-1]
    return pixels


def decoded(body: bytes) -> Pixels:
    """Blue, green and red of a body, height x width x 3."""
    with Image.open(io.BytesIO(body)) as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture)[:, :, ::-1]


def psnr_db(one: Pixels, other: Pixels) -> float:
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def png_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the chunks of a PNG, checking signature, lengths and CRCs."""
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        content = body[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", body, at + 8 + length)
        assert checksum == zlib.crc32(kind + content)
        yield kind, content
        at += 12 + length


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


class TestPng:
    @pytest.mark.parametrize(("width", "height"), ODD_SIZES)
    def test_odd_sizes_come_back_exactly(self, width: int, height: int) -> None:
        pixels = noise(width, height)
        assert np.array_equal(decoded(encode_png(pixels)), pixels[:, :, :3])

    @given(bgrx_arrays)
    def test_any_pixels_come_back_exactly(self, pixels: Pixels) -> None:
        assert np.array_equal(decoded(encode_png(pixels)), pixels[:, :, :3])

    @pytest.mark.parametrize("pixels", [page(1400, 1100), noise(1400, 1100)], ids=["page", "noise"])
    def test_stripes_make_one_picture_whoever_deflates_them(
        self, pixels: Pixels, executor: Executor
    ) -> None:
        body = encode_png(pixels)
        assert np.array_equal(decoded(body), pixels[:, :, :3])
        assert encode_png(pixels, executor=executor) == body

    def test_crop_that_is_not_contiguous(self) -> None:
        part = noise(90, 80)[3:70:2, 7:61]
        assert np.array_equal(decoded(encode_png(part)), part[:, :, :3])

    def test_has_one_of_each_chunk_and_a_whole_zlib_stream(self) -> None:
        chunks = list(png_chunks(encode_png(page(1400, 1100))))
        assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
        header, stream = chunks[0][1], chunks[1][1]
        assert struct.unpack(">IIBBBBB", header) == (1400, 1100, 8, 2, 0, 0, 0)
        inflate = zlib.decompressobj()
        assert len(inflate.decompress(stream)) == 1100 * (1 + 3 * 1400)
        assert inflate.eof, "zlib has seen the end and agreed with the checksum"
        assert inflate.unused_data == b""

    def test_is_at_most_a_quarter_larger_than_pillow_makes_it(self) -> None:
        pixels = page(1400, 1100)
        theirs = io.BytesIO()
        Image.fromarray(pixels[:, :, 2::-1].copy()).save(theirs, "PNG")
        assert len(encode_png(pixels)) <= 1.25 * len(theirs.getvalue())

    def test_thread_of_a_full_executor_may_lend_it(self) -> None:
        pixels = page(1400, 1100)
        with ThreadPoolExecutor(1) as threads:
            body = threads.submit(encode_png, pixels, executor=threads).result(timeout=30)
        assert body == encode_png(pixels)

    def test_busy_executor_is_not_waited_for(self) -> None:
        release = threading.Event()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(release.wait)
            try:
                body = encode_png(page(1400, 1100), executor=threads)
            finally:
                release.set()
        assert body == encode_png(page(1400, 1100))

    @given(st.binary(max_size=300), st.binary(max_size=300))
    def test_joined_checksum_is_that_of_the_joined_bytes(self, one: bytes, other: bytes) -> None:
        joined = png._joined_adler32(zlib.adler32(one), zlib.adler32(other), len(other))
        assert joined == zlib.adler32(one + other)

    def test_joined_checksum_wraps_around(self) -> None:
        one, other = b"\xff" * 100_003, b"\xfe" * 70_001
        joined = png._joined_adler32(zlib.adler32(one), zlib.adler32(other), len(other))
        assert joined == zlib.adler32(one + other)


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


def cursor_over(pixels: Pixels, cursor: CursorImage, x: int, y: int) -> Pixels:
    """Porter and Duff's over, pixel by pixel, in whole numbers, rounded to the nearest."""
    height, width = pixels.shape[:2]
    blended = pixels.copy()
    for row, column in np.ndindex(cursor.pixels.shape[:2]):
        at_x, at_y = x - cursor.hot_x + column, y - cursor.hot_y + row
        if 0 <= at_x < width and 0 <= at_y < height:
            *colours, alpha = (int(value) for value in cursor.pixels[row, column])
            for channel, colour in enumerate(colours):
                shining = 2 * int(pixels[at_y, at_x, channel]) * (255 - alpha) + 255
                blended[at_y, at_x, channel] = min(255, colour + shining // 510)
    return blended


class TestBlendCursor:
    @given(bgrx_arrays, bgrx_arrays, *(st.integers(-12, 22) for _ in range(4)))
    def test_is_over_clipped_at_every_edge(
        self, pixels: Pixels, shape: Pixels, x: int, y: int, hot_x: int, hot_y: int
    ) -> None:
        cursor = CursorImage(shape, hot_x, hot_y, serial=1)
        wanted = cursor_over(pixels, cursor, x, y)
        assert np.array_equal(blend_cursor(pixels, cursor, x, y), wanted)

    def test_rounds_right_for_every_ground_and_alpha(self) -> None:
        ground = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 4, axis=2)
        shape = np.zeros((1, 256, 4), np.uint8)
        shape[0, :, 3] = np.arange(256)
        pixels = np.broadcast_to(ground, (256, 256, 4))
        cursor = CursorImage(np.repeat(shape, 256, axis=0), 0, 0, serial=1)
        values, alphas = np.indices((256, 256))
        wanted = (2 * values * (255 - alphas) + 255) // 510
        assert np.array_equal(blend_cursor(pixels, cursor, 0, 0)[:, :, 1], wanted)

    def test_frame_is_left_as_it_was(self) -> None:
        frame = Frame(noise(20, 20), id=1, generation=1, rect=Rect(0, 0, 20, 20))
        before = frame.pixels.copy()
        cursor = CursorImage(noise(9, 9, seed=2), 4, 4, serial=1)
        blended = blend_cursor(frame.pixels, cursor, 10, 10)
        assert np.array_equal(frame.pixels, before)
        assert not np.shares_memory(blended, frame.pixels)

    @pytest.mark.parametrize(("x", "y"), [(-5, 5), (5, -5), (24, 5), (5, 24)])
    def test_cursor_off_the_picture_costs_no_copy(self, x: int, y: int) -> None:
        pixels = noise(20, 20)
        assert blend_cursor(pixels, CursorImage(noise(9, 9), 4, 4, serial=1), x, y) is pixels

    def test_hidden_cursor_costs_no_copy(self) -> None:
        pixels = noise(20, 20)
        hidden = CursorImage(np.zeros((9, 9, 4), np.uint8), 4, 4, serial=1)
        assert blend_cursor(pixels, hidden, 10, 10) is pixels


class TestScalePixels:
    def test_same_size_costs_no_copy(self) -> None:
        pixels = noise(20, 10)
        assert scale_pixels(pixels, Size(20, 10)) is pixels

    def test_whole_factors_take_the_mean_of_each_block(self) -> None:
        pixels = noise(60, 40)
        blocks = pixels.reshape(20, 2, 20, 3, 4).astype(np.float64)
        scaled = scale_pixels(pixels, Size(20, 20))
        assert np.abs(scaled - blocks.mean(axis=(1, 3))).max() <= 0.5 + 1e-6

    @pytest.mark.parametrize("pixels", [page(1400, 1100), noise(1400, 1100)], ids=["page", "noise"])
    @pytest.mark.parametrize("size", [Size(1024, 805), Size(333, 262), Size(1399, 2)])
    def test_stripes_leave_no_seam_whoever_shrinks_them(
        self, pixels: Pixels, size: Size, executor: Executor
    ) -> None:
        scaled = scale_pixels(pixels, size)
        whole = Image.frombuffer("RGBX", (1400, 1100), pixels, "raw", "RGBX", 0, 1).resize(
            (size.width, size.height), Image.Resampling.HAMMING
        )
        assert np.abs(scaled.astype(int) - np.asarray(whole).astype(int)).max() <= 1
        assert np.array_equal(scale_pixels(pixels, size, executor=executor), scaled)

    @pytest.mark.parametrize("width", [5, 13, 16, 40, 111])
    def test_edge_stays_in_its_place(self, width: int) -> None:
        pixels = np.zeros((6, 20, 4), np.uint8)
        pixels[:, 10:] = 255
        scaled = scale_pixels(pixels, Size(width, 6))
        assert (scaled[:, : width // 2] < 128).all()
        assert (scaled[:, -(width // 2) :] >= 128).all()

    @given(
        st.tuples(*[st.integers(0, 255)] * 4),
        st.builds(Size, st.integers(1, 80), st.integers(1, 80)),
        st.builds(Size, st.integers(1, 80), st.integers(1, 80)),
    )
    def test_one_colour_stays_that_colour(
        self, colour: tuple[int, ...], size: Size, wanted: Size
    ) -> None:
        pixels = np.full((size.height, size.width, 4), colour, np.uint8)
        scaled = scale_pixels(pixels, wanted)
        assert scaled.shape == (wanted.height, wanted.width, 4)
        assert (scaled == np.array(colour, np.uint8)).all()

    def test_huge_blocks_keep_their_shade(self) -> None:
        pixels = np.full((1200, 1600, 4), 200, np.uint8)
        assert np.abs(scale_pixels(pixels, Size(1, 1)).astype(int) - 200).max() <= 1

    def test_crop_that_is_not_contiguous(self) -> None:
        part = noise(90, 80)[3:70, 7:61]
        scaled = scale_pixels(part, Size(30, 31))
        assert np.array_equal(scaled, scale_pixels(part.copy(), Size(30, 31)))

    def test_size_out_of_range_is_refused(self) -> None:
        with pytest.raises(ValueError, match="16384"):
            scale_pixels(noise(4, 4), Size(MAX_EDGE + 1, 4))


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
