"""Pictures through the socket: what they show, how large they are, when they are the same."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agentd.base.errors import BadRequest, NotFound
from tests.live.daemon import running_daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("daemon")
    with running_daemon(folder) as running:
        with running.client() as client:
            client.desktop.start()
            client.apps.launch(argv=["xterm", "-geometry", "80x20+100+100"], wait_window_s=10)
            client.desktop.wait()
        yield running


@pytest.fixture
def client(daemon):
    with daemon.client() as opened:
        opened.desktop.wait(quiet_ms=60)
        yield opened


def pixels(picture) -> np.ndarray:
    """RGB pixels of any picture."""
    if picture.meta.format == "raw":
        size = (picture.meta.height, picture.meta.width, 4)
        return np.frombuffer(picture.body, np.uint8).reshape(size)[..., 2::-1]
    return np.asarray(Image.open(io.BytesIO(picture.body)).convert("RGB"))


def test_png_and_raw_show_the_same_pixels(client):
    png = client.desktop.screenshot(cursor=False)
    raw = client.desktop.screenshot(format="raw", cursor=False)
    assert np.array_equal(pixels(png), pixels(raw))


@pytest.mark.parametrize(("name", "media_type"), [("jpeg", "image/jpeg"), ("webp", "image/webp")])
def test_lossy_formats_come_close(client, name, media_type):
    raw = pixels(client.desktop.screenshot(format="raw", cursor=False)).astype(int)
    picture = client.desktop.screenshot(format=name, quality=90, cursor=False)
    assert picture.media_type == media_type
    assert np.abs(pixels(picture).astype(int) - raw).mean() < 2


def test_pixels_agree_with_an_independent_screenshot(client, daemon, tmp_path):
    environment = {**os.environ, **client.desktop.status().environment}
    path = tmp_path / "import.png"
    subprocess.run(["import", "-window", "root", path], env=environment, check=True, timeout=30)
    ours = pixels(client.desktop.screenshot(cursor=False))
    theirs = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(ours, theirs)


def test_region_is_the_same_part_of_the_full_picture(client):
    full = pixels(client.desktop.screenshot(cursor=False))
    region = {"x": 90, "y": 80, "width": 301, "height": 203}
    part = client.desktop.screenshot(region=region, cursor=False)
    assert np.array_equal(pixels(part), full[80:283, 90:391])
    assert (part.meta.space.x, part.meta.space.y) == (90, 80)


def test_region_over_the_edge_is_cut(client):
    region = {"x": 1200, "y": -10, "width": 500, "height": 60}
    part = client.desktop.screenshot(region=region)
    assert (part.meta.width, part.meta.height) == (80, 50)
    assert (part.meta.space.x, part.meta.space.y) == (1200, 0)


def test_region_off_the_screen_is_an_error(client):
    region = {"x": 5000, "y": 0, "width": 10, "height": 10}
    with pytest.raises(BadRequest, match="shows nothing of the screen"):
        client.desktop.screenshot(region=region)


def test_window_is_its_contents(client):
    window = client.windows.list()[0]
    picture = client.desktop.screenshot(window=window.id, cursor=False)
    full = pixels(client.desktop.screenshot(cursor=False))
    rows = slice(window.y, window.y + window.height)
    columns = slice(window.x, window.x + window.width)
    assert np.array_equal(pixels(picture), full[rows, columns])


def test_unknown_window_is_an_error(client):
    with pytest.raises(NotFound, match="no window 12345"):
        client.desktop.screenshot(window=12345)


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"scale": 0.5}, (640, 400)),
        ({"max_long_edge": 1000}, (1000, 625)),
        ({"max_pixels": 256_000}, (640, 400)),
        ({"scale": 2.0, "max_long_edge": 1568}, (1568, 980)),
    ],
)
def test_limits_give_the_size_and_the_scale(client, limits, size):
    picture = client.desktop.screenshot(**limits)
    assert (picture.meta.width, picture.meta.height) == size
    assert picture.meta.space.scale == pytest.approx(size[0] / 1280)
    assert pixels(picture).shape[:2] == size[::-1]


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "raw"])
def test_max_bytes_is_kept(client, name):
    picture = client.desktop.screenshot(format=name, max_bytes=9000)
    assert len(picture.body) <= 9000
    assert pixels(picture).shape[:2] == (picture.meta.height, picture.meta.width)


def test_cursor_is_drawn_where_it_is(client):
    client.desktop.move(x=700, y=600)
    without = pixels(client.desktop.screenshot(cursor=False)).astype(int)
    with_cursor = client.desktop.screenshot()
    assert (with_cursor.meta.cursor.x, with_cursor.meta.cursor.y) == (700, 600)
    rows, columns = np.nonzero((pixels(with_cursor).astype(int) != without).any(axis=2))
    assert rows.size > 20
    assert abs(int(rows.min()) - 600) < 25
    assert abs(int(columns.min()) - 700) < 25


def test_unchanged_screen_sends_no_picture(client):
    first = client.desktop.screenshot()
    again = client.desktop.screenshot(if_changed_since=first.meta.frame)
    assert again.meta.unchanged is True
    assert len(again.body) == 0
    client.desktop.move(x=3, y=3)
    moved = client.desktop.screenshot(if_changed_since=first.meta.frame)
    assert moved.meta.unchanged is False
    assert len(moved.body) > 0


def test_point_of_a_scaled_part_leads_back_to_the_screen(client):
    region = {"x": 200, "y": 100, "width": 400, "height": 300}
    picture = client.desktop.screenshot(region=region, scale=0.5)
    assert picture.to_screen(100, 75) == pytest.approx((400, 250), abs=2)


FLASHES = """
import sys
from Xlib.display import Display
d = Display()
s = d.screen()
w = s.root.create_window(0, 0, 1280, 800, 0, s.root_depth, override_redirect=True)
w.map()
gcs = [w.create_gc(foreground=c) for c in (0xFF0000, 0x00FF00, 0x0000FF)]
w.fill_rectangle(gcs[0], 0, 0, 1280, 800)
d.sync()
print("ready", flush=True)
while True:
    for gc in gcs:
        w.fill_rectangle(gc, 0, 0, 1280, 800)
        d.sync()
"""


def test_a_frame_is_never_torn(client):
    environment = {**os.environ, **client.desktop.status().environment}
    flasher = subprocess.Popen(
        [sys.executable, "-c", FLASHES], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert flasher.stdout.readline() == b"ready\n"
        colours = set()
        for _ in range(120):
            picture = pixels(client.desktop.screenshot(format="raw", cursor=False))
            assert (picture == picture[0, 0]).all(), "two fills in one frame"
            colours.add(tuple(picture[0, 0]))
        assert len(colours) > 1
    finally:
        flasher.kill()
        flasher.wait()
        flasher.stdout.close()


PAINTER = """
import random
import sys
from Xlib.display import Display
d = Display()
s = d.screen()
w = s.root.create_window(40, 30, 1100, 700, 0, s.root_depth, override_redirect=True)
w.map()
gc = w.create_gc()
random.seed(4)
for line in sys.stdin:
    for _ in range(random.randrange(1, 4)):
        gc.change(foreground=random.randrange(1 << 24))
        x, y = random.randrange(1100), random.randrange(700)
        if random.random() < 0.3:
            w.copy_area(gc, w, x, y, 200, 90, y, x // 2)
        else:
            w.fill_rectangle(gc, x, y, random.randrange(1, 300), random.randrange(1, 60))
    if random.random() < 0.2:
        w.configure(x=random.randrange(80), y=random.randrange(60))
    d.sync()
    print("painted", flush=True)
"""


def test_kept_bands_show_what_was_drawn_since(client):
    environment = {**os.environ, **client.desktop.status().environment}
    painter = subprocess.Popen(
        [sys.executable, "-c", PAINTER], env=environment, stdin=-1, stdout=-1, bufsize=0
    )
    region = {"x": 33, "y": 50, "width": 901, "height": 640}
    try:
        for number in range(60):
            painter.stdin.write(b"\n")
            assert painter.stdout.readline() == b"painted\n"
            client.desktop.move(x=(number * 37) % 1280, y=(number * 23) % 800)
            pictures = [client.desktop.screenshot(), client.desktop.screenshot(format="raw")]
            parts = [client.desktop.screenshot(region=region, format=f) for f in ("png", "raw")]
            assert len({picture.meta.frame for picture in (*pictures, *parts)}) == 1
            assert np.array_equal(*(pixels(picture) for picture in pictures))
            assert np.array_equal(*(pixels(picture) for picture in parts))
            assert np.array_equal(pixels(parts[0]), pixels(pictures[0])[50:690, 33:934])
    finally:
        painter.kill()
        painter.communicate()


def test_wait_reports_where_it_still_changes(client):
    environment = {**os.environ, **client.desktop.status().environment}
    flasher = subprocess.Popen(
        [sys.executable, "-c", FLASHES], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert flasher.stdout.readline() == b"ready\n"
        report = client.desktop.wait(timeout_ms=400)
        assert (report.stable, report.timed_out) == (False, True)
        assert report.changing
    finally:
        flasher.kill()
        flasher.wait()
        flasher.stdout.close()
    assert client.desktop.wait().stable


def test_picture_file_is_saved(client, tmp_path: Path):
    path = tmp_path / "shot.png"
    client.desktop.screenshot().save(path)
    with Image.open(path) as image:
        assert image.size == (1280, 800)
