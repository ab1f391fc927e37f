"""How a viewer sees the pointer."""

from __future__ import annotations

import pytest

from agentd.desktop.screen.frame import Rect
from agentd.vnc.sessions.pointer_view import PointerView
from agentd.vnc.updates.plan import Copy
from tests.vnc.sessions.played import cursor


def view(*, shape: bool = True, place: bool = False, before: PointerView | None = None):  # type: ignore[no-untyped-def]
    return PointerView(draws_shape=shape, takes_place=place, before=before)


class TestShape:
    def test_is_sent_once_for_each_shape(self) -> None:
        pointer = view()
        assert pointer.takes_new_shape(cursor(1, 1, serial=4))
        assert not pointer.takes_new_shape(cursor(9, 9, serial=4))
        assert pointer.takes_new_shape(cursor(9, 9, serial=5))

    def test_is_not_sent_to_who_draws_none(self) -> None:
        assert not view(shape=False).takes_new_shape(cursor(1, 1))


class TestPlace:
    def test_is_told_when_somebody_else_moves_the_pointer(self) -> None:
        pointer = view(place=True)
        pointer.moved_by_viewer(5, 5)
        assert not pointer.takes_new_place(cursor(5, 5))
        assert pointer.takes_new_place(cursor(6, 5))
        assert not pointer.takes_new_place(cursor(6, 5))

    def test_is_not_told_to_who_cannot_take_it(self) -> None:
        assert not view().takes_new_place(cursor(5, 5))


class TestPainting:
    def test_who_draws_no_pointer_has_it_painted(self) -> None:
        pointer = view(shape=False)
        pointer.moved_by_viewer(5, 5)
        assert pointer.must_paint(cursor(5, 5))

    def test_who_draws_it_has_it_painted_while_somebody_else_moves_it(self) -> None:
        pointer = view()
        pointer.moved_by_viewer(5, 5)
        assert not pointer.must_paint(cursor(5, 5))
        assert pointer.must_paint(cursor(6, 5))
        pointer.moved_by_viewer(6, 5)
        assert not pointer.must_paint(cursor(6, 5))

    def test_who_can_be_told_its_place_has_it_never_painted(self) -> None:
        assert not view(place=True).must_paint(cursor(6, 5))

    def test_who_has_never_moved_it_has_it_painted(self) -> None:
        assert view().must_paint(cursor(0, 0))


class TestSettled:
    @pytest.mark.parametrize("shape", [False, True])
    @pytest.mark.parametrize("place", [False, True])
    def test_is_when_all_has_been_sent_and_painted(self, *, shape: bool, place: bool) -> None:
        pointer, now = view(shape=shape, place=place), cursor(7, 8)
        assert not pointer.is_settled(now)
        pointer.takes_new_shape(now)
        pointer.takes_new_place(now)
        pointer.paint(now if pointer.must_paint(now) else None)
        assert pointer.is_settled(now)
        assert not pointer.is_settled(cursor(7, 8, serial=2))

    def test_is_not_while_a_pointer_is_painted_that_should_not_be(self) -> None:
        pointer, now = view(), cursor(7, 8)
        pointer.takes_new_shape(now)
        pointer.paint(now)
        assert pointer.is_settled(now)
        pointer.moved_by_viewer(7, 8)
        assert not pointer.is_settled(now)


class TestStains:
    def test_are_none_while_nothing_is_painted(self) -> None:
        assert view().stains([Copy(0, 0, Rect(50, 50, 20, 20))]) == []

    def test_are_at_the_place_and_wherever_it_was_copied(self) -> None:
        pointer = view(shape=False)
        pointer.paint(cursor(10, 10))
        copies = [Copy(0, 0, Rect(50, 50, 12, 12)), Copy(100, 100, Rect(0, 200, 9, 9))]
        assert pointer.stains(copies) == [Rect(10, 10, 4, 4), Rect(60, 60, 2, 2)]

    def test_outlive_another_way_of_seeing(self) -> None:
        before = view(shape=False)
        before.paint(cursor(10, 10))
        pointer = view(before=before)
        assert pointer.stains([]) == [Rect(10, 10, 4, 4)]
        assert pointer.takes_new_shape(cursor(10, 10))


class TestMovingOn:
    """What the desktop tells of its pointer comes a moment after the viewer's own motion."""

    def test_no_second_pointer_is_seen_behind_the_viewers_own(self) -> None:
        one = view()
        one.moved_by_viewer(7, 7)
        assert not one.must_paint(cursor(7, 7))
        one.moved_by_viewer(8, 8)
        one.moved_by_viewer(9, 9)
        assert not one.must_paint(cursor(7, 7))
        assert not one.must_paint(cursor(8, 8))

    def test_the_viewer_is_not_sent_back_to_where_it_was(self) -> None:
        one = view(place=True)
        assert one.takes_new_place(cursor(5, 5))
        one.moved_by_viewer(7, 7)
        assert not one.takes_new_place(cursor(5, 5))
        one.moved_by_viewer(8, 8)
        assert not one.takes_new_place(cursor(7, 7))

    @pytest.mark.parametrize("place", [False, True])
    def test_somebody_else_who_moves_it_back_is_seen(self, place: bool) -> None:
        one = view(place=place)
        one.moved_by_viewer(7, 7)
        one.moved_by_viewer(8, 8)
        assert not one.must_paint(cursor(8, 8))
        assert not one.takes_new_place(cursor(8, 8))
        assert one.takes_new_place(cursor(7, 7)) if place else one.must_paint(cursor(7, 7))
