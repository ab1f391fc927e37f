"""Recordings of a real desktop, as players find them, whatever was killed meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from Xlib.display import Display
from Xlib.error import ConnectionClosedError

from agentd.base.errors import Conflict, NotFound, Unavailable
from agentd.client.sync import SyncClient
from agentd.desktop.xlink import DisplayAddress, authority_environment
from tests.live.daemon import DaemonProcess, running_daemon
from tests.live.recorded import picture_at, probe

# A picture of the video is shown for this long at least.
FRAME_S = 1 / 15


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("daemon")) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[SyncClient]:
    with daemon.client() as client:
        yield client


class Painter:
    """Another program that draws: a window without a frame, in a colour."""

    def __init__(self, client: SyncClient) -> None:
        environment = client.desktop.status().environment
        address = DisplayAddress(environment["DISPLAY"], Path(environment["XAUTHORITY"]))
        with authority_environment(address):
            self.display = Display(address.name)
        self._window: Any = None

    def paint(self, colour: int, x: int = 0, y: int = 0, width: int = 400, height: int = 300):
        """Show a colour in a place; it has been drawn when this returns."""
        if self._window is not None:
            self._window.destroy()
        screen = self.display.screen()
        self._window = screen.root.create_window(
            x, y, width, height, 0, screen.root_depth, override_redirect=True,
            background_pixel=colour,
        )  # fmt: skip
        self._window.map()
        self.display.sync()

    def close(self) -> None:
        with suppress(ConnectionClosedError):  # A test has killed the server.
            self.display.close()


@pytest.fixture
def painter(client: SyncClient) -> Iterator[Painter]:
    painter = Painter(client)
    yield painter
    painter.close()


def folder_of(daemon: DaemonProcess, id: str) -> Path:
    return daemon.state_dir / "recordings" / id


def video_of(daemon: DaemonProcess, id: str) -> Path:
    (found,) = folder_of(daemon, id).glob("video.*")
    return found


def wait_ended(daemon: DaemonProcess, client: SyncClient, id: str) -> Any:
    """Wait until a recording has ended by itself, and return it."""

    def now() -> Any:
        return next(one for one in client.desktop.record_list() if one.id == id)

    daemon.wait_until(lambda: now().state != "recording", "the recording has ended")
    return now()


def wait_size(daemon: DaemonProcess, path: Path, size_bytes: int) -> None:
    daemon.wait_until(
        lambda: path.exists() and path.stat().st_size >= size_bytes, f"{path.name} has grown"
    )


def ffmpeg_of(daemon: DaemonProcess) -> psutil.Process:
    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children()
    (found,) = [child for child in children if child.name() == "ffmpeg"]
    return found


@pytest.mark.parametrize(("format", "codec"), [("mp4", "h264"), ("webm", "vp9")])
def test_video_shows_what_was_drawn_when_it_was(daemon, client, painter, format, codec):
    painter.paint(0x00FF00)
    begun = client.desktop.record_start(label="colours", format=format)
    client.desktop.wait(quiet_ms=600)
    painter.paint(0xFF0000)
    client.desktop.wait(quiet_ms=600)
    ended = client.desktop.record_stop()
    video = probe(video_of(daemon, begun.id))
    assert (video.codec, video.pixel_format) == (codec, "yuv420p")
    assert (video.width, video.height) == (1280, 800)
    assert abs(video.duration_s - ended.duration_ms / 1000) <= FRAME_S
    assert len(video.times_s) == ended.frames >= 3
    first, last = (picture_at(video_of(daemon, begun.id), at_s) for at_s in (0, 1000))
    assert first[150, 200].argmax() == 1
    assert last[150, 200].argmax() == 0


def test_still_screen_plays_at_its_length_and_costs_a_picture_or_two(daemon, client, painter):
    painter.paint(0x204060)
    client.desktop.wait(quiet_ms=500)
    begun = client.desktop.record_start()
    client.desktop.wait(quiet_ms=2500, timeout_ms=4000)
    ended = client.desktop.record_stop()
    video = probe(video_of(daemon, begun.id))
    assert abs(video.duration_s - ended.duration_ms / 1000) <= FRAME_S
    assert ended.duration_ms >= 2500
    assert ended.frames <= 3


def test_busy_screen_is_thinned_to_fifteen_a_second(daemon, client, painter):
    begun = client.desktop.record_start()
    for number in range(300):
        painter.paint(number * 0x010203, x=number)
    client.desktop.wait(quiet_ms=200)
    ended = client.desktop.record_stop()
    video = probe(video_of(daemon, begun.id))
    gaps = [after - before for before, after in zip(video.times_s, video.times_s[1:], strict=False)]
    assert ended.frames >= 3
    # The last picture is only held to the end.
    assert min(gaps[:-1], default=1) >= FRAME_S - 0.005


def test_cursor_is_in_the_video_and_its_moves_are_seen(daemon, client, painter):
    painter.paint(0x000000, width=1280, height=800)
    client.desktop.move(x=600, y=400)
    client.desktop.wait(quiet_ms=300)
    begun = client.desktop.record_start(quality=100)
    client.desktop.wait(quiet_ms=300)
    client.desktop.move(x=100, y=100)
    client.desktop.wait(quiet_ms=300)
    client.desktop.record_stop()
    path = video_of(daemon, begun.id)
    before, after = picture_at(path, 0), picture_at(path, 1000)
    assert before[390:430, 590:630].max() > 100 > before[90:130, 90:130].max()
    assert after[90:130, 90:130].max() > 100 > after[390:430, 590:630].max()


def test_scaled_video_is_smaller(daemon, client):
    begun = client.desktop.record_start(max_long_edge=641)
    assert (begun.width, begun.height) == (640, 400)
    client.desktop.record_stop()
    video = probe(video_of(daemon, begun.id))
    assert (video.width, video.height) == (640, 400)


def test_resize_goes_on_in_the_size_of_the_beginning(daemon, client, painter):
    begun = client.desktop.record_start()
    try:
        client.desktop.resize(width=641, height=400)
        painter.paint(0x0000FF, width=641, height=400)
        client.desktop.wait(quiet_ms=300)
        ended = client.desktop.record_stop()
    finally:
        client.desktop.resize(width=1280, height=800)
    assert ended.state == "finished"
    assert probe(video_of(daemon, begun.id)).width == 1280
    last = picture_at(video_of(daemon, begun.id), 1000)
    assert last[400, 640].argmax() == 2
    assert last[10, 10].max() < 20


def test_one_recording_is_made_at_a_time(client):
    begun = client.desktop.record_start()
    with pytest.raises(Conflict, match=begun.id):
        client.desktop.record_start()
    with pytest.raises(Conflict, match="is being made"):
        client.desktop.record_delete(id=begun.id)
    client.desktop.record_stop(id=begun.id)


def test_stopping_twice_answers_the_same(client):
    begun = client.desktop.record_start(video=False)
    first = client.desktop.record_stop(id=begun.id)
    assert client.desktop.record_stop(id=begun.id) == first
    with pytest.raises(Conflict, match="nothing is being recorded"):
        client.desktop.record_stop()
    with pytest.raises(NotFound):
        client.desktop.record_stop(id="20200101-000000-abcd")


def test_recordings_are_listed_fetched_and_deleted(daemon, client):
    begun = client.desktop.record_start(label="for the list")
    client.desktop.record_stop()
    listed = client.desktop.record_list()[0]
    assert (listed.id, listed.label, listed.state) == (begun.id, "for the list", "finished")
    content = video_of(daemon, begun.id).read_bytes()
    whole = client.desktop.record_get(id=begun.id)
    assert (whole.body, whole.media_type) == (content, "video/mp4")
    piece = client.desktop.record_get(id=begun.id, offset=10, max_bytes=100)
    assert piece.body == content[10:110]
    assert piece.meta["size_bytes"] == len(content)
    log = client.desktop.record_get(id=begun.id, part="actions")
    assert log.body == (folder_of(daemon, begun.id) / "actions.ndjson").read_bytes()
    client.desktop.record_delete(id=begun.id)
    assert not folder_of(daemon, begun.id).exists()
    with pytest.raises(NotFound):
        client.desktop.record_get(id=begun.id)


def test_files_are_the_daemons_alone(daemon, client):
    begun = client.desktop.record_start()
    client.desktop.record_stop()
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in folder_of(daemon, begun.id).iterdir()
    }
    assert set(modes.values()) == {0o600}
    assert folder_of(daemon, begun.id).stat().st_mode & 0o777 == 0o700


def test_recording_ends_when_its_time_is_over(daemon, client):
    begun = client.desktop.record_start(max_duration_s=0.5)
    ended = wait_ended(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("finished", "max_duration")
    assert abs(probe(video_of(daemon, begun.id)).duration_s - 0.5) < 0.3


def test_recording_without_video_has_the_log_alone(daemon, client):
    begun = client.desktop.record_start(video=False)
    client.desktop.move(x=5, y=5)
    assert client.desktop.record_stop().actions == 1
    assert not list(folder_of(daemon, begun.id).glob("video.*"))
    with pytest.raises(Conflict, match="has no video"):
        client.desktop.record_get(id=begun.id)


def test_events_tell_of_begin_and_end(client):
    begun = client.desktop.record_start(video=False)
    client.desktop.record_stop()
    told = []
    with client.events.subscribe(types=["recording"], since=0) as events:
        for event in events:
            if event.data["id"] == begun.id:
                told.append(event.type)
            if event.type == "recording.stopped" and event.data["id"] == begun.id:
                break
    assert told == ["recording.started", "recording.stopped"]


def test_killed_ffmpeg_leaves_what_it_wrote(daemon, client, painter):
    begun = client.desktop.record_start()
    path = folder_of(daemon, begun.id) / "video.mp4"
    for number in range(40):
        painter.paint(0x00FF00 + number)
        client.desktop.wait(quiet_ms=40)
    wait_size(daemon, path, 1000)
    ffmpeg_of(daemon).kill()
    ended = wait_ended(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("failed", "encoder_failed")
    assert "SIGKILL" in ended.error
    assert len(probe(path).times_s) >= 2
    assert client.desktop.move(x=1, y=1).x == 1


def test_full_disk_ends_the_recording_and_nothing_else(daemon, client):
    begun = client.desktop.record_start(quality=100)
    # As a full disk does, this fails the next write of the file.
    ffmpeg_of(daemon).rlimit(psutil.RLIMIT_FSIZE, (8192, 8192))
    ended = _scribble(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("failed", "encoder_failed")
    assert ended.error
    assert client.desktop.move(x=1, y=1).x == 1
    assert client.desktop.record_start(video=False).state == "recording"
    assert client.desktop.record_stop().state == "finished"


def test_stopped_ffmpeg_holds_up_nobody(daemon, client, painter):
    client.desktop.record_start()
    encoder = ffmpeg_of(daemon)
    encoder.suspend()
    try:
        for number in range(50):
            painter.paint(number * 0x030201)
            client.desktop.screenshot(format="raw", scale=0.1)
        memory = psutil.Process(daemon.process.pid).memory_info().rss
        for number in range(100):
            painter.paint(number * 0x030201)
            client.desktop.screenshot(format="raw", scale=0.1)
        grown = psutil.Process(daemon.process.pid).memory_info().rss - memory
        assert grown < 20_000_000
    finally:
        encoder.resume()
    assert client.desktop.record_stop().state == "finished"


def test_stopping_the_desktop_ends_the_recording_whole(daemon, client):
    begun = client.desktop.record_start()
    client.desktop.stop()
    ended = wait_ended(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("finished", "desktop_ended")
    assert probe(video_of(daemon, begun.id)).times_s
    with pytest.raises(Unavailable, match="not running"):
        client.desktop.record_start()
    client.desktop.start()


def test_killed_x_server_ends_the_recording_whole(daemon, client, painter):
    painter.paint(0x123456)
    begun = client.desktop.record_start()
    client.desktop.wait(quiet_ms=300)
    (server,) = [
        child for child in psutil.Process(daemon.process.pid).children() if child.name() == "Xvfb"
    ]
    server.kill()
    ended = wait_ended(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("finished", "desktop_ended")
    video = probe(video_of(daemon, begun.id))
    assert abs(video.duration_s - ended.duration_ms / 1000) <= FRAME_S
    client.desktop.start()


def test_killed_daemon_leaves_a_recording_that_can_be_played(tmp_path):
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            client.desktop.start()
            begun = client.desktop.record_start()
            client.desktop.move(x=10, y=10)
            client.desktop.wait(quiet_ms=300)
            encoder = ffmpeg_of(daemon)
        daemon.kill()
        psutil.wait_procs([encoder], timeout=10)
        daemon.start()
        with daemon.client() as client:
            (found,) = client.desktop.record_list()
            assert (found.id, found.state) == (begun.id, "interrupted")
            assert found.duration_ms > 0
            assert probe(video_of(daemon, begun.id)).times_s[0] == 0
            assert b'"move"' in client.desktop.record_get(id=begun.id, part="actions").body
            client.desktop.start()
            client.desktop.record_start(video=False)
            client.desktop.record_stop()


def test_stopping_the_daemon_ends_the_recording_whole(tmp_path):
    with running_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            client.desktop.start()
            begun = client.desktop.record_start()
    video = probe(video_of(daemon, begun.id))
    about = (folder_of(daemon, begun.id) / "recording.json").read_text()
    assert '"daemon_stopped"' in about
    assert len(video.times_s) >= 2


LIMITED = "[desktop]\nrecordings_max_bytes = 1048576\n"


def test_recording_ends_at_its_bytes(daemon, client, painter):
    begun = client.desktop.record_start(max_bytes=65_536, quality=100)
    ended = _scribble(daemon, client, begun.id)
    assert (ended.state, ended.reason) == ("finished", "max_bytes")
    assert probe(video_of(daemon, begun.id)).times_s[0] == 0


def test_over_the_limit_of_all_the_oldest_goes(tmp_path):
    with running_daemon(tmp_path, LIMITED) as daemon, daemon.client() as client:
        client.desktop.start()
        ids = []
        for _ in range(3):
            begun = client.desktop.record_start(quality=100, max_bytes=600_000)
            ids.append(begun.id)
            _scribble(daemon, client, begun.id)
        kept = [one.id for one in client.desktop.record_list()]
        assert ids[-1] in kept
        assert ids[0] not in kept
        with client.events.subscribe(types=["recording.removed"], since=0) as events:
            assert next(iter(events)).data["id"] == ids[0]


def _scribble(daemon: DaemonProcess, client: SyncClient, id: str) -> Any:
    """Draw what no encoder makes small until the recording has ended."""
    painter = Painter(client)
    try:
        window = painter.display.screen().root.create_window(
            0, 0, 1280, 800, 0, 24, override_redirect=True
        )
        window.map()
        context = window.create_gc()

        def has_ended() -> bool:
            window.put_image(context, 0, 0, 640, 90, 2, 24, 0, os.urandom(640 * 90 * 4))
            window.put_image(context, 300, 200, 640, 90, 2, 24, 0, os.urandom(640 * 90 * 4))
            painter.display.sync()
            found = next(one for one in client.desktop.record_list() if one.id == id)
            return found.state != "recording"

        daemon.wait_until(has_ended, "the recording has ended")
    finally:
        painter.close()
    return next(one for one in client.desktop.record_list() if one.id == id)


def test_missing_ffmpeg_is_said_with_its_package(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in reversed(os.environ["PATH"].split(":")):
        for program in Path(folder).glob("*") if Path(folder).is_dir() else ():
            if program.name != "ffmpeg":
                (programs / program.name).unlink(missing_ok=True)
                (programs / program.name).symlink_to(program)
    with running_daemon(tmp_path, path=os.fspath(programs)) as daemon, daemon.client() as client:
        client.desktop.start()
        with pytest.raises(Unavailable, match="ffmpeg is not installed") as caught:
            client.desktop.record_start()
        assert caught.value.hint == "apt-get install ffmpeg"
        assert client.desktop.record_list() == []
        assert client.desktop.record_start(video=False).state == "recording"
