"""The client that tests and benchmarks look through, held against the servers of others."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from struct import pack

import numpy as np
import pytest
from numpy.typing import NDArray
from Xlib import X
from Xlib.display import Display

from benchmarks import rfb_numbers as n
from benchmarks.harness import connect_x
from benchmarks.rfb_client import viewing
from benchmarks.rfb_decoders import from_gradient
from benchmarks.rfb_h264 import OpenH264, pictures
from benchmarks.rfb_handshake import Refused
from benchmarks.rfb_pixels import NATIVE, RGB565, Picture, PixelFormat, Rect
from benchmarks.rfb_streams import Buffer, WebAddress

WIDTH, HEIGHT = 403, 301
BIG_ENDIAN = PixelFormat(32, 24, True, (255, 255, 255), (0, 8, 16))
PASSWORD = "s3cret"


@dataclass(frozen=True)
class Screen:
    """An X server that shows something of everything, and how viewers reach it."""

    display: Display
    address: str

    def colours(self) -> NDArray[np.uint32]:
        root = self.display.screen().root
        size = root.get_geometry()
        image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        words = np.frombuffer(image.data, np.uint32).reshape(size.height, size.width)
        return words & np.uint32(0xFFFFFF)


def scene() -> NDArray[np.uint8]:
    """Noise, a smooth part, few colours, two colours and one."""
    random = np.random.default_rng(1)
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:100, :150, :3] = random.integers(0, 256, (100, 150, 3))
    down, across = np.mgrid[:100, :150]
    pixels[:100, 150:300, 0], pixels[:100, 150:300, 2] = across, down
    few = random.integers(0, 256, (11, 3))
    pixels[100:200, :250, :3] = few[random.integers(0, 11, (100, 250))]
    pixels[200:280, :300, 1] = 255 * random.integers(0, 2, (80, 300))
    return pixels


@contextmanager
def running(argv: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Only the other process could tell."""
    for _ in range(1000):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the server has ended"
        select.select([], [], [], 0.02)
    raise AssertionError(f"nothing listens on {port}")


@pytest.fixture(scope="module")
def xvnc() -> Iterator[Screen]:
    read_fd, write_fd = os.pipe()
    port = free_port()
    argv = ["Xvnc", "-displayfd", str(write_fd), "-geometry", f"{WIDTH}x{HEIGHT}", "-depth", "24"]
    argv += ["-rfbport", str(port), "-SecurityTypes", "None", "-localhost", "-noreset"]
    with ExitStack() as stack:
        process = stack.enter_context(running(argv, pass_fds=(write_fd,)))
        os.close(write_fd)
        with open(read_fd) as answer:
            number = answer.readline().strip()
        wait_listening(port, process)
        display = connect_x({"DISPLAY": f":{number}"})
        stack.callback(display.close)
        show(display)
        yield Screen(display, f"127.0.0.1:{port}")


def show(display: Display) -> None:
    """Cover the screen with the scene."""
    screen = display.screen()
    pixmap = screen.root.create_pixmap(WIDTH, HEIGHT, screen.root_depth)
    context = pixmap.create_gc()
    pixels = scene()
    for top in range(0, HEIGHT, 100):
        part = pixels[top : top + 100]
        place = (0, top, WIDTH, len(part), X.ZPixmap, screen.root_depth, 0)
        pixmap.put_image(context, *place, part.tobytes())
    screen.root.change_attributes(background_pixmap=pixmap)
    screen.root.clear_area()
    display.sync()


@contextmanager
def x11vnc(screen: Screen, *options: str) -> Iterator[str]:
    """A server of other makers beside the same screen; gives its port."""
    port = free_port()
    argv = ["x11vnc", "-display", screen.display.get_display_name(), "-rfbport", str(port)]
    # It does not always end when asked to, and killed it would leave its shared memory behind.
    argv += ["-localhost", "-forever", "-shared", "-quiet", "-noshm", *options]
    with running(argv, env={**os.environ, "XAUTHORITY": "/dev/null"}) as process:
        wait_listening(port, process)
        yield str(port)


LOSSLESS = {
    "raw": (n.RAW,),
    "rre": (n.RRE,),
    "hextile": (n.HEXTILE,),
    "zlib": (n.ZLIB,),
    "tight": (n.TIGHT,),
    "zrle": (n.ZRLE,),
    "all": n.TIGHT_LIST,
}


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("format", [NATIVE, BIG_ENDIAN], ids=["native", "big endian"])
async def test_what_xvnc_sends_is_what_its_screen_shows(
    xvnc: Screen, name: str, format: PixelFormat
) -> None:
    async with viewing(xvnc.address, encodings=LOSSLESS[name], format=format) as viewer:
        await viewer.until_painted()
        assert np.array_equal(viewer.colours(), xvnc.colours())


async def test_what_x11vnc_sends_is_what_its_screen_shows(xvnc: Screen) -> None:
    with x11vnc(xvnc, "-nopw", "-nocursor") as port:
        for name, encodings in LOSSLESS.items():
            async with viewing(f"127.0.0.1:{port}", encodings=encodings) as viewer:
                await viewer.until_painted()
                assert np.array_equal(viewer.colours(), xvnc.colours()), name


async def test_fewer_bits_come_close(xvnc: Screen) -> None:
    async with viewing(xvnc.address, encodings=n.TIGHT_LIST, format=RGB565) as viewer:
        await viewer.until_painted()
        assert largest_error(viewer.colours(), xvnc.colours()) <= 4


async def test_jpeg_comes_close(xvnc: Screen) -> None:
    encodings = (n.TIGHT, n.quality(9))
    async with viewing(xvnc.address, encodings=encodings) as viewer:
        await viewer.until_painted()
        smooth = np.s_[:100, 150:300]
        assert largest_error(viewer.colours()[smooth], xvnc.colours()[smooth]) <= 8


async def test_a_move_on_the_screen_is_a_copy(xvnc: Screen) -> None:
    async with viewing(xvnc.address, encodings=n.RAW_LIST) as viewer:
        await viewer.until_painted()
        root = xvnc.display.screen().root
        context = root.create_gc(subwindow_mode=X.IncludeInferiors)
        root.copy_area(context, root, 0, 0, 200, 100, 20, 30)
        xvnc.display.sync()
        await viewer.until(lambda: viewer.rects[n.COPY_RECT])
        await viewer.until(lambda: np.array_equal(viewer.colours(), xvnc.colours()))
        root.clear_area()
        xvnc.display.sync()


async def test_updates_are_pushed_after_fences_are_answered(xvnc: Screen) -> None:
    async with viewing(xvnc.address, encodings=n.NOVNC_LIST) as viewer:
        await viewer.until_painted()
        assert viewer.is_continuous
        assert viewer.told.fences
        assert n.QEMU_KEY in viewer.told.acknowledged
        assert viewer.told.cursor is not None


async def test_a_viewer_resizes_the_screen(xvnc: Screen) -> None:
    async with viewing(xvnc.address) as viewer:
        await viewer.until_painted()
        for size in ((200, 150), (WIDTH, HEIGHT)):
            viewer.set_desktop_size(*size)
            await viewer.until(lambda size=size: viewer.picture.words.shape == size[::-1])
    show(xvnc.display)


async def test_a_password_opens_and_another_does_not(xvnc: Screen) -> None:
    with x11vnc(xvnc, "-passwd", PASSWORD) as port:
        async with viewing(f"127.0.0.1:{port}", password=PASSWORD) as viewer:
            await viewer.until_painted()
        with pytest.raises(Refused):
            async with viewing(f"127.0.0.1:{port}", password="another"):
                pass


async def test_a_web_socket_carries_the_same(xvnc: Screen) -> None:
    with x11vnc(xvnc, "-nopw", "-nocursor") as port:
        web = WebAddress(headers={"Origin": "http://localhost"})
        async with viewing(f"ws://127.0.0.1:{port}/", web=web) as viewer:
            await viewer.until_painted()
            assert np.array_equal(viewer.colours(), xvnc.colours())


async def test_a_blind_viewer_counts_and_shows_nothing(xvnc: Screen) -> None:
    for encodings in (n.RAW_LIST, n.NOVNC_LIST, n.ZRLE_LIST):
        async with viewing(xvnc.address, encodings=encodings, is_blind=True) as viewer:
            await viewer.until_painted()
            assert viewer.bytes.total() > 0


def test_a_gradient_is_undone() -> None:
    random = np.random.default_rng(2)
    pixels = random.integers(0, 256, (9, 14, 3)).astype(np.int16)
    edged = np.zeros((10, 15, 3), np.int16)
    edged[1:, 1:] = pixels
    predicted = np.clip(edged[1:, :-1] + edged[:-1, 1:] - edged[:-1, :-1], 0, 255)
    differences = ((pixels - predicted) & 255).astype(np.uint8)
    assert np.array_equal(from_gradient(differences), pixels)


class Given:
    """A stream that holds what it was given."""

    received_bytes = read_bytes = 0

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def read(self, size_bytes: int) -> Buffer:
        found, self._content = self._content[:size_bytes], self._content[size_bytes:]
        return found

    def write(self, content: bytes) -> None:
        raise AssertionError("a decoder says nothing")

    async def close(self) -> None:
        """Nothing is open."""


async def test_h264_pictures_are_shown_one_by_one() -> None:
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "8"}
    encoder.thread_count = 1
    content = b""
    for level in (40, 200):
        grey = np.full((48, 64, 4), level, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="bgra").reformat(format="yuv420p")
        content += b"".join(bytes(packet) for packet in encoder.encode(frame))
    assert len(pictures(content)) == 2
    picture = Picture(80, 60)
    decoder = OpenH264(Given(pack("!II", len(content), 1) + content), picture)
    await decoder.decode(Rect(5, 6, 62, 47))
    assert largest_error(picture.part(Rect(5, 6, 62, 47)), np.uint32(200 * 0x010101)) <= 3
    assert picture.words[5, 5] == picture.words[53, 67] == 0
    assert (decoder.pictures, decoder.resets) == (2, 1)


def largest_error(ours: NDArray[np.uint32], truth: NDArray[np.uint32] | np.uint32) -> int:
    channels = [
        np.abs((ours >> shift & 255).astype(int) - (truth >> shift & 255).astype(int)).max()
        for shift in map(np.uint32, (0, 8, 16))
    ]
    return int(max(channels))
