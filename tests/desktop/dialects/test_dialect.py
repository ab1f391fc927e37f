"""The screen as a model is shown it: every point and part of the picture lies on the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.dialects.dialect import NOT_EXECUTED, Outcome, Status, View, error_of, view_of
from agentd.desktop.screen.frame import Rect, Size

sizes = st.builds(Size, st.integers(1, 4000), st.integers(1, 4000))


@given(sizes, sizes, st.data())
def test_every_point_of_the_picture_lies_on_the_screen(
    screen: Size, picture: Size, data: st.DataObject
) -> None:
    view = View(screen, picture)
    x = data.draw(st.floats(0, picture.width, exclude_max=True))
    y = data.draw(st.floats(0, picture.height, exclude_max=True))
    at = view.point(x, y)
    assert 0 <= at[0] < screen.width
    assert 0 <= at[1] < screen.height
    if picture.width <= screen.width and picture.height <= screen.height:
        assert view.shown(*at) == (int(x), int(y))


def test_corners_of_the_picture_are_corners_of_the_screen() -> None:
    view = View(Size(1280, 800), Size(1280, 800))
    assert view.point(0, 0) == (0, 0)
    assert view.point(1279, 799) == (1279, 799)


@pytest.mark.parametrize(
    "at", [(-1, 0), (0, -0.5), (1280, 0), (0, 800), (float("nan"), 0), (1e300, 0)]
)
def test_points_off_the_picture_are_refused_with_its_size(at: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="off the screen, which is 1280x800 here"):
        View(Size(1920, 1200), Size(1280, 800)).point(*at)


@given(sizes, sizes, st.data())
def test_every_part_of_the_picture_lies_on_the_screen(
    screen: Size, picture: Size, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, picture.width - 1))
    top = data.draw(st.integers(0, picture.height - 1))
    right = data.draw(st.integers(left + 1, picture.width))
    bottom = data.draw(st.integers(top + 1, picture.height))
    rect = View(screen, picture).region(left, top, right, bottom)
    assert rect.area > 0
    assert Rect(0, 0, screen.width, screen.height).covers(rect)


@pytest.mark.parametrize("part", [(5, 5, 5, 9), (9, 5, 5, 9), (0, 0, 101, 9), (-1, 0, 5, 5)])
def test_parts_that_are_none_are_refused(part: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"holds nothing|reaches off"):
        View(Size(200, 200), Size(100, 100)).region(*part)


def test_a_screen_is_shown_within_the_limits_and_a_declared_size_wins() -> None:
    screen = Size(1920, 1080)
    fitted = view_of(screen, None, max_long_edge=1568, max_pixels=1_150_000).picture
    assert (fitted.width, fitted.height) == (1430, 804)
    assert view_of(Size(800, 600), None, max_long_edge=1568, max_pixels=10**9).picture == Size(
        800, 600
    )
    declared = Size(1024, 768)
    assert view_of(screen, declared, max_long_edge=500, max_pixels=100).picture == declared


def test_an_error_is_what_the_first_fault_was() -> None:
    done, halted = Outcome(Status.DONE), Outcome(Status.NOT_RUN)
    assert error_of([]) == error_of([done, done]) == ""
    assert error_of([done, Outcome(Status.FAILED, "no"), halted]) == "no"
    assert error_of([halted]) == NOT_EXECUTED
    assert error_of([Outcome(Status.FAILED)]) == "The action failed."
