"""What a viewer's picture shows: a viewer is played, pixel by pixel, against what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.desktop.screen.comparing import TILE, covered, touched
from agentd.desktop.screen.damage import changed_tiles, rectangles
from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.encodings.encoder import EncodedRect
from agentd.vnc.sessions.shown import QUIET_S, Due, Shown
from agentd.vnc.updates.plan import Copy

# The last column and row of tiles are cut.
WIDTH, HEIGHT = 150, 110
SCREEN = Rect(0, 0, WIDTH, HEIGHT)
ENOUGH = 1 << 30

rects = st.builds(
    lambda x, y, width, height: Rect(x, y, width, height).intersect(SCREEN),
    st.integers(0, WIDTH - 1),
    st.integers(0, HEIGHT - 1),
    st.integers(1, 90),
    st.integers(1, 90),
)


def frame(pixels: Pixels, id: int = 1, *, generation: int = 1) -> Frame:
    height, width = pixels.shape[:2]
    return Frame(pixels.copy(), id, generation, Rect(0, 0, width, height))


def blank() -> Pixels:
    return np.zeros((HEIGHT, WIDTH, 4), np.uint8)


def cut(rect: Rect) -> Iterator[Rect]:
    """Pieces of a rectangle, as encoders cut it: no edge of theirs is a tile's."""
    for x in range(rect.x, rect.right, 37):
        for y in range(rect.y, rect.bottom, 41):
            yield Rect(x, y, 37, 41).intersect(rect)


class Play:
    """A screen that is drawn on, and a viewer that is sent what is due, exactly or not."""

    def __init__(self) -> None:
        self.screen, self.ids, self.now = blank(), 1, 10.0
        self.shown = Shown(frame(self.screen))
        self.viewer = np.full((HEIGHT, WIDTH), 99, np.uint8)

    def draw(self, rect: Rect, value: int) -> None:
        before = self.screen.copy()
        self.screen[rect.y : rect.bottom, rect.x : rect.right] = value
        self.ids += 1
        self.shown.add(changed_tiles(before, self.screen))

    def update(self, *, lossy: bool = False, copy: Copy | None = None) -> Due:
        newest = frame(self.screen, self.ids)
        due = self.shown.due(newest, self.now, refresh_bytes=ENOUGH)
        before = due.before.pixels[:, :, 0].copy()
        copies = [copy] if copy is not None and not due.wanted.any() else []
        for one in copies:
            for picture in (self.viewer, before):
                taken = picture[one.y : one.y + one.to.height, one.x : one.x + one.to.width].copy()
                picture[one.to.y : one.to.bottom, one.to.x : one.to.right] = taken
        sent = [self._send(rect, lossy) for rect in self._trimmed(before, due)]
        for tiles, is_lossy in ((due.wanted, lossy), (due.refresh, False)):
            for rect in rectangles(tiles, WIDTH, HEIGHT):
                sent += [self._send(piece, is_lossy) for piece in cut(rect)]
        self.shown.sent(due, copies, sent, self.now)
        return due

    def settle(self) -> int:
        """Let nothing happen, and send what comes then; return how many updates it took."""
        for count in range(10):
            at = self.shown.next_refresh(self.now)
            if at is None and not self.shown.has_news():
                return count
            self.now = max(self.now, at or 0.0)
            self.update()
        raise AssertionError("it is never quiet")

    def check(self) -> None:
        np.testing.assert_array_equal(self.viewer, self.screen[:, :, 0])
        assert self.shown.is_exact

    def _trimmed(self, before: Pixels, due: Due) -> Iterator[Rect]:
        """The box of what differs in each tile, as plans have it."""
        differs = before != self.screen[:, :, 0]
        for y in range(0, HEIGHT, TILE):
            for x in range(0, WIDTH, TILE):
                rows, columns = np.nonzero(differs[y : y + TILE, x : x + TILE])
                if len(rows) and not due.wanted[y // TILE, x // TILE]:
                    yield Rect.from_edges(
                        left=x + int(columns.min()),
                        top=y + int(rows.min()),
                        right=x + int(columns.max()) + 1,
                        bottom=y + int(rows.max()) + 1,
                    )

    def _send(self, rect: Rect, lossy: bool) -> EncodedRect:
        part = slice(rect.y, rect.bottom), slice(rect.x, rect.right)
        self.viewer[part] = self.screen[:, :, 0][part] + (1 if lossy else 0)
        return EncodedRect(rect, 7, b"", is_exact=not lossy)


steps = st.one_of(
    st.tuples(st.just("draw"), rects, st.integers(0, 200)),
    st.tuples(st.just("want"), rects),
    st.tuples(st.just("update"), st.booleans()),
    st.tuples(st.just("copy"), rects, st.integers(0, 60), st.integers(0, 60)),
    st.tuples(st.just("rest"), st.floats(0, 0.2)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=25))
def test_after_quiet_every_pixel_is_the_screens(script: list[tuple[object, ...]]) -> None:
    play = Play()
    for step in script:
        match step:
            case ("draw", Rect() as rect, int() as value):
                play.draw(rect, value)
            case ("want", Rect() as rect):
                play.shown.want(rect)
            case ("update", bool() as lossy):
                play.update(lossy=lossy)
            case ("copy", Rect() as to, int() as x, int() as y):
                source = Rect(x, y, to.width, to.height).intersect(SCREEN)
                to = Rect(to.x, to.y, source.width, source.height)
                play.update(lossy=True, copy=Copy(x, y, to))
            case ("rest", float() as seconds):
                play.now += seconds
    play.settle()
    play.check()


class TestRefresh:
    def test_pieces_that_cut_through_tiles_are_sent_exactly_once(self) -> None:
        play = Play()
        play.update(lossy=True)
        assert not play.shown.is_exact
        assert play.settle() == 1
        play.check()

    def test_comes_after_the_quiet_and_not_before(self) -> None:
        play = Play()
        play.update(lossy=True)
        assert play.shown.next_refresh(play.now) == play.now + QUIET_S
        assert not play.update().refresh.any()

    def test_waits_for_what_goes_on_changing(self) -> None:
        play = Play()
        play.update(lossy=True)
        play.now += QUIET_S / 2
        play.draw(Rect(0, 0, 32, 32), 5)
        play.update(lossy=True)
        play.now += QUIET_S / 2
        refresh = play.shown.due(play.shown.frame, play.now, refresh_bytes=ENOUGH).refresh
        assert not refresh[0, 0]
        assert refresh.sum() == refresh.size - 1

    def test_what_is_due_is_due_by_the_same_reckoning(self) -> None:
        # Else the time would be set again and again for what never is sent.
        play = Play()
        play.now = 1e6 / 3
        play.update(lossy=True)
        at = play.shown.next_refresh(play.now)
        assert at is not None
        assert play.shown.due(play.shown.frame, at, refresh_bytes=ENOUGH).refresh.all()

    def test_little_room_still_takes_some(self) -> None:
        play = Play()
        play.update(lossy=True)
        play.now += QUIET_S
        due = play.shown.due(play.shown.frame, play.now, refresh_bytes=0)
        assert due.refresh.any()

    def test_exact_part_of_a_tile_does_not_make_it_exact(self) -> None:
        play = Play()
        play.update(lossy=True)
        play.draw(Rect(4, 4, 3, 3), 7)
        play.update()
        assert not play.shown.is_exact

    def test_copy_of_what_is_inexact_is_inexact(self) -> None:
        play = Play()
        play.update()
        play.draw(Rect(0, 0, 32, 32), 7)
        play.update(lossy=True)
        play.draw(Rect(64, 64, 32, 32), 7)
        play.update(copy=Copy(0, 0, Rect(64, 64, 32, 32)))
        play.now += QUIET_S
        refresh = play.shown.due(play.shown.frame, play.now, refresh_bytes=ENOUGH).refresh
        assert np.argwhere(refresh).tolist() == [[0, 0], [2, 2]]


class TestWanted:
    def test_at_first_all_is(self) -> None:
        assert Shown(frame(blank())).due(frame(blank()), 0.0, refresh_bytes=0).wanted.all()

    def test_what_is_wanted_while_an_update_is_made_comes_with_the_next(self) -> None:
        shown = Shown(frame(blank()))
        due = shown.due(shown.frame, 1.0, refresh_bytes=0)
        shown.want(SCREEN)
        shown.sent(due, (), [EncodedRect(SCREEN, 0, b"")], 1.0)
        assert shown.due(shown.frame, 2.0, refresh_bytes=0).wanted.all()

    def test_nothing_is_exact_while_it_is_on_its_way(self) -> None:
        shown = Shown(frame(blank()))
        due = shown.due(shown.frame, 1.0, refresh_bytes=0)
        assert not shown.is_exact
        shown.sent(due, (), [EncodedRect(SCREEN, 0, b"")], 1.0)
        assert shown.is_exact

    def test_off_the_screen_does_not_count(self) -> None:
        play = Play()
        play.update()
        play.shown.want(Rect(WIDTH, 0, 50, 50))
        assert not play.shown.has_news()

    def test_is_not_compared_as_well(self) -> None:
        play = Play()
        play.draw(SCREEN, 3)
        due = play.update()
        assert due.wanted.all()
        assert not due.changed.any()
        assert not play.shown.has_news()


def test_another_size_begins_anew() -> None:
    play = Play()
    play.update(lossy=True)
    smaller = frame(np.zeros((50, 60, 4), np.uint8), 9)
    play.shown.begin(smaller)
    due = play.shown.due(smaller, 20.0, refresh_bytes=ENOUGH)
    assert due.wanted.shape == (2, 2)
    assert due.wanted.all()
    assert not due.refresh.any()


def test_what_was_not_watched_is_compared() -> None:
    play = Play()
    play.update()
    play.shown.add_all()
    assert play.shown.due(play.shown.frame, 20.0, refresh_bytes=0).changed.all()


@given(rects)
def test_covered_tiles_lie_within_and_touched_ones_around(rect: Rect) -> None:
    inside, around = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    rows, columns = covered(rect, SCREEN)
    inside[rows.start * TILE : rows.stop * TILE, columns.start * TILE : columns.stop * TILE] = True
    rows, columns = touched(rect)
    around[rows.start * TILE : rows.stop * TILE, columns.start * TILE : columns.stop * TILE] = True
    drawn = np.zeros((HEIGHT, WIDTH), bool)
    drawn[rect.y : rect.bottom, rect.x : rect.right] = True
    assert not (inside & ~drawn).any()
    assert not (drawn & ~around).any()
