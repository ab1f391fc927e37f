"""What plays: encoded once for all, and the usual way where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agentd.base.errors import Unavailable
from agentd.desktop.screen.damage import grid
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.encodings.encoder import choose
from agentd.vnc.encodings.h264 import Picture, Pictures
from agentd.vnc.numbers import Encoding
from agentd.vnc.pixel_format import NATIVE
from agentd.vnc.sessions import video as module
from agentd.vnc.sessions.painting import Painting
from agentd.vnc.sessions.pointer_view import PointerView
from agentd.vnc.sessions.shown import Shown
from agentd.vnc.sessions.video import Seen, Video
from agentd.vnc.updates.shared import SharedUpdates

WIDTH, HEIGHT = 256, 128
SCREEN, PART = Rect(0, 0, WIDTH, HEIGHT), Rect(32, 32, 160, 64)


def frame(id: int, *, value: int = 0) -> Frame:
    pixels: Pixels = np.full((HEIGHT, WIDTH, 4), value, np.uint8)
    return Frame(pixels, id, 1, SCREEN)


class PlayedStream:
    """A stream without x264: each picture is its frame's number."""

    made: list[PlayedStream] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, rect: Rect) -> None:
        self.rect = rect
        self.encoded: list[tuple[int, bool]] = []
        self.fails = False
        self.pictures = Pictures()
        self.after = self.pictures.after
        self.made.append(self)

    @property
    def newest(self) -> Picture | None:
        return self.pictures.newest

    def encode(self, frame: Frame, *, at: float, key: bool = False) -> None:
        if self.fails:
            raise Unavailable("x264 has failed")
        is_key = key or not self.encoded
        self.encoded.append((frame.id, is_key))
        self.pictures.add(Picture(len(self.encoded), frame.id, is_key, bytes([frame.id])))


@pytest.fixture
def video(monkeypatch: pytest.MonkeyPatch) -> Iterator[Video]:
    monkeypatch.setattr(module, "H264Stream", PlayedStream)
    monkeypatch.setattr(module, "h264_available", lambda: True)
    PlayedStream.made.clear()
    with ThreadPoolExecutor(1) as pool:
        yield Video(pool)


def play(video: Video, monkeypatch: pytest.MonkeyPatch, rect: Rect | None) -> None:
    """Have a rectangle play."""
    monkeypatch.setattr(video._heat, "hot", lambda at: rect)


class TestHot:
    async def test_it_is_seen_once_whether_h264_can_be_made(self, video: Video) -> None:
        assert not video.has_h264
        assert await video.prepare()
        assert video.has_h264

    async def test_what_hangs_over_a_screen_that_shrank_is_not(
        self, video: Video, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await video.prepare()
        play(video, monkeypatch, PART)
        assert video.hot(Rect(0, 0, 100, 100)) is None

    def test_each_frame_is_noted_once(self, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
        noted: list[object] = []
        monkeypatch.setattr(video._heat, "note", lambda *note: noted.append(note))
        for number in (1, 2, 2, 1, 3):
            video.note(frame(number), grid(WIDTH, HEIGHT))
        assert len(noted) == 3


class TestEncode:
    async def test_picture_is_made_once_for_all(self, video: Video) -> None:
        one, other = Seen(), Seen()
        first = await video.encode(PART, frame(1), one)
        second = await video.encode(PART, frame(1), other)
        assert first == second
        assert first is not None
        assert (first.rect, first.encoding, first.is_exact) == (PART, Encoding.H264, False)
        assert PlayedStream.made[0].encoded == [(1, True)]

    async def test_who_lagged_gets_what_it_missed(self, video: Video) -> None:
        one, slow = Seen(), Seen()
        await video.encode(PART, frame(1), one)
        await video.encode(PART, frame(1), slow)
        for number in (2, 3):
            await video.encode(PART, frame(number), one)
        late = await video.encode(PART, frame(3), slow)
        assert late is not None
        assert late.body.endswith(bytes([2, 3]))
        assert slow.number == one.number == 3

    async def test_who_comes_later_begins_with_a_key_picture(self, video: Video) -> None:
        one, late = Seen(), Seen()
        await video.encode(PART, frame(1), one)
        await video.encode(PART, frame(2), one)
        stream = PlayedStream.made[0]
        stream.pictures._kept = stream.pictures._kept[1:]
        await video.encode(PART, frame(2), late)
        assert stream.encoded == [(1, True), (2, False), (2, True)]

    async def test_another_rectangle_is_another_stream(self, video: Video) -> None:
        seen = Seen()
        await video.encode(PART, frame(1), seen)
        await video.encode(SCREEN, frame(2), seen)
        assert [stream.rect for stream in PlayedStream.made] == [PART, SCREEN]
        assert seen.number == 1

    async def test_encoder_that_fails_is_given_up_for_all(
        self, video: Video, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await video.prepare()
        play(video, monkeypatch, PART)
        await video.encode(PART, frame(1), Seen())
        PlayedStream.made[0].fails = True
        assert await video.encode(PART, frame(2), Seen()) is None
        assert not video.has_h264
        assert "h264 given up" in caplog.text


class TestInAnUpdate:
    @pytest.mark.parametrize(
        ("encodings", "is_taken"),
        [((7, 50, -260), True), ((7, 50), False), ((7, -260), False)],
    )
    async def test_goes_to_who_takes_a_rectangle_that_is_narrower_than_the_screen(
        self,
        video: Video,
        monkeypatch: pytest.MonkeyPatch,
        encodings: tuple[int, ...],
        *,
        is_taken: bool,
    ) -> None:
        await video.prepare()
        play(video, monkeypatch, PART)
        updates = SharedUpdates(video._pool)
        painting = Painting(updates, video, choose((), NATIVE))
        painting.use(choose(encodings, NATIVE), takes_any_video=-260 in encodings)
        shown = Shown(frame(1))
        first = shown.due(frame(1), 1.0, refresh_bytes=0)
        shown.sent(first, (), (), 1.0)
        shown.add_all()
        due = shown.due(frame(2, value=9), 2.0, refresh_bytes=0)
        view = PointerView(draws_shape=True, takes_place=True)
        painted = await painting.paint(due, view, None)
        assert (painted.rects[0].encoding == Encoding.H264) is is_taken
        inside = [rect for rect in painted.rects[is_taken:] if PART.covers(rect.rect)]
        assert inside == []
        sent = np.zeros((HEIGHT, WIDTH), bool)
        for encoded in painted.rects:
            rect = encoded.rect
            sent[rect.y : rect.bottom, rect.x : rect.right] = True
        assert sent.all()
        await updates.close()
