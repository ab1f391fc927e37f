"""PNG against Pillow's decoder and zlib; its bands against the whole."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agentd.desktop.pictures import png
from agentd.desktop.pictures.png import encode_png
from agentd.desktop.screen.frame import Pixels
from tests.desktop.pictures import ODD_SIZES, bgrx_arrays, decoded, noise, page


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


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


@pytest.mark.parametrize(("width", "height"), ODD_SIZES)
def test_odd_sizes_come_back_exactly(width: int, height: int) -> None:
    pixels = noise(width, height)
    assert np.array_equal(decoded(encode_png(pixels)), pixels[:, :, :3])


@given(bgrx_arrays)
def test_any_pixels_come_back_exactly(pixels: Pixels) -> None:
    assert np.array_equal(decoded(encode_png(pixels)), pixels[:, :, :3])


@pytest.mark.parametrize("pixels", [page(1400, 1100), noise(1400, 1100)], ids=["page", "noise"])
def test_stripes_make_one_picture_whoever_deflates_them(pixels: Pixels, executor: Executor) -> None:
    body = encode_png(pixels)
    assert np.array_equal(decoded(body), pixels[:, :, :3])
    assert encode_png(pixels, executor=executor) == body


def test_crop_that_is_not_contiguous() -> None:
    part = noise(90, 80)[3:70:2, 7:61]
    assert np.array_equal(decoded(encode_png(part)), part[:, :, :3])


def test_is_a_header_and_one_whole_zlib_stream() -> None:
    chunks = list(png_chunks(encode_png(page(1400, 1100))))
    kinds = [kind for kind, _ in chunks]
    assert kinds == [b"IHDR", *[b"IDAT"] * (len(chunks) - 2), b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[0][1]) == (1400, 1100, 8, 2, 0, 0, 0)
    stream = b"".join(content for _, content in chunks[1:-1])
    inflate = zlib.decompressobj()
    assert len(inflate.decompress(stream)) == 1100 * (1 + 3 * 1400)
    assert inflate.eof, "zlib has seen the end and agreed with the checksum"
    assert inflate.unused_data == b""


def test_is_at_most_a_quarter_larger_than_pillow_makes_it() -> None:
    pixels = page(1400, 1100)
    theirs = io.BytesIO()
    Image.fromarray(pixels[:, :, 2::-1].copy()).save(theirs, "PNG")
    assert len(encode_png(pixels)) <= 1.25 * len(theirs.getvalue())


def test_thread_of_a_full_executor_may_lend_it() -> None:
    pixels = page(1400, 1100)
    with ThreadPoolExecutor(1) as threads:
        body = threads.submit(encode_png, pixels, executor=threads).result(timeout=30)
    assert body == encode_png(pixels)


def test_busy_executor_is_not_waited_for() -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(release.wait)
        try:
            body = encode_png(page(1400, 1100), executor=threads)
        finally:
            release.set()
    assert body == encode_png(page(1400, 1100))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_joined_checksum_is_that_of_the_joined_bytes(one: bytes, other: bytes) -> None:
    joined = png._joined_adler32(zlib.adler32(one), zlib.adler32(other), len(other))
    assert joined == zlib.adler32(one + other)


def test_joined_checksum_wraps_around() -> None:
    one, other = b"\xff" * 100_003, b"\xfe" * 70_001
    joined = png._joined_adler32(zlib.adler32(one), zlib.adler32(other), len(other))
    assert joined == zlib.adler32(one + other)
