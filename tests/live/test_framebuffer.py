"""The capture of our own X server's file: copied in parts, it shows the whole screen."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import mss
import numpy as np
import pytest
import pytest_asyncio
from Xlib.display import Display

from agentd.desktop.screen.capture import Capture
from agentd.desktop.screen.frame import Frame
from agentd.desktop.xlink import DisplayAddress, XLink

WIDTH, HEIGHT = 500, 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DisplayAddress, Path]]:
    folder = tmp_path_factory.mktemp("framebuffer")
    read_fd, write_fd = os.pipe()
    argv = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
    argv += ["-fbdir", str(folder), "-nolisten", "tcp", "-noreset", "-nocursor"]
    process = subprocess.Popen(argv, pass_fds=(write_fd,), stderr=subprocess.DEVNULL)
    os.close(write_fd)
    with open(read_fd) as answer:
        address = DisplayAddress(f":{answer.readline().strip()}")
    yield address, folder / "Xvfb_screen0"
    process.terminate()
    process.wait(10)


@pytest_asyncio.fixture
async def capture(server: tuple[DisplayAddress, Path]) -> AsyncIterator[Capture]:
    address, file = server
    capture = Capture(
        file, size=lambda: (WIDTH, HEIGHT), generation=lambda: 1, ids=itertools.count(1)
    )
    link = XLink(address, "x-capture", on_lane_events=capture.on_lane_events, read=capture.read)
    await link.open()
    await capture.open(link)
    yield capture
    link.close()
    await link.lane.wait_closed()
    capture.close()


async def test_every_frame_shows_the_screen_however_many_are_kept(server, capture) -> None:
    address, _ = server
    draw = random.Random(7)
    display = Display(address.name)
    root = display.screen().root
    context = root.create_gc(subwindow_mode=1)
    kept: deque[tuple[Frame, np.ndarray]] = deque()
    with mss.MSS(display=address.name) as other:
        for number in range(150):
            for _ in range(draw.randrange(1, 4)):
                context.change(foreground=draw.randrange(1 << 24))
                x, y = draw.randrange(WIDTH), draw.randrange(HEIGHT)
                root.fill_rectangle(context, x, y, draw.randrange(1, 90), draw.randrange(1, 90))
            display.sync()
            frame = (await capture.shot()).frame
            grabbed = other.grab({"left": 0, "top": 0, "width": WIDTH, "height": HEIGHT})
            seen = np.frombuffer(grabbed.raw, np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3]
            assert np.array_equal(frame.pixels[..., :3], seen), number
            kept.append((frame, seen.copy()))
            # Now all of them are looked at, now hardly any.
            while len(kept) > draw.randrange(1, 7):
                old, shown = kept.popleft()
                assert np.array_equal(old.pixels[..., :3], shown)
    display.close()
    assert capture.statistics()["copies"] == 150
