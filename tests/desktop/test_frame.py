"""Rectangles, sizes, spaces, frames and `fit`, against definitions slow enough to be obvious."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.screen.frame import (
    MAX_EDGE,
    MAX_SCALE,
    CursorImage,
    Frame,
    Pixels,
    Rect,
    Size,
    Space,
    fit,
)

# Rectangles of a few pixels, so that they touch, overlap and miss each other often.
small_rects = st.builds(
    Rect, st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 5), st.integers(0, 5)
)
sizes = st.builds(Size, st.integers(1, 8000), st.integers(1, 8000))


def pixels_in(rect: Rect) -> set[tuple[int, int]]:
    columns, rows = range(rect.x, rect.right), range(rect.y, rect.bottom)
    return {(x, y) for x in columns for y in rows}


def numbered_pixels(width: int, height: int) -> Pixels:
    numbers = np.arange(width * height, dtype=np.uint32)
    return numbers.view(np.uint8).reshape(height, width, 4)


class TestRect:
    @given(small_rects)
    def test_area_counts_its_pixels(self, rect: Rect) -> None:
        assert rect.area == len(pixels_in(rect))

    @given(small_rects, st.integers(-5, 10), st.integers(-5, 10))
    def test_contains_its_pixels_and_no_other(self, rect: Rect, x: int, y: int) -> None:
        assert rect.contains(x, y) == ((x, y) in pixels_in(rect))

    @given(small_rects, st.integers(-5, 10), st.integers(-5, 10))
    def test_moved_shifts_every_pixel(self, rect: Rect, dx: int, dy: int) -> None:
        shifted = {(x + dx, y + dy) for x, y in pixels_in(rect)}
        assert pixels_in(rect.moved(dx, dy)) == shifted

    @given(small_rects, small_rects)
    def test_intersect_holds_the_pixels_of_both(self, one: Rect, other: Rect) -> None:
        assert pixels_in(one.intersect(other)) == pixels_in(one) & pixels_in(other)

    @given(small_rects, small_rects)
    def test_covers_when_no_pixel_is_left_out(self, one: Rect, other: Rect) -> None:
        assert one.covers(other) == (pixels_in(other) <= pixels_in(one))

    @given(small_rects, small_rects)
    def test_meets_when_a_pixel_is_in_both(self, one: Rect, other: Rect) -> None:
        assert one.meets(other) == bool(pixels_in(other) & pixels_in(one))

    @given(small_rects, small_rects)
    def test_union_is_the_smallest_that_covers_both(self, one: Rect, other: Rect) -> None:
        union = one.union(other)
        pixels = pixels_in(one) | pixels_in(other)
        assert pixels <= pixels_in(union)
        if pixels:
            columns, rows = zip(*pixels, strict=True)
            assert (union.x, union.right) == (min(columns), max(columns) + 1)
            assert (union.y, union.bottom) == (min(rows), max(rows) + 1)

    def test_union_with_an_empty_one_changes_nothing(self) -> None:
        rect = Rect(10, 20, 30, 40)
        assert rect.union(Rect(500, 500, 0, 9)) == rect
        assert Rect(500, 500, 0, 9).union(rect) == rect

    def test_from_edges_that_crossed_is_empty(self) -> None:
        assert Rect.from_edges(left=5, top=0, right=3, bottom=9) == Rect(5, 0, 0, 9)

    @pytest.mark.parametrize(("width", "height"), [(-1, 3), (3, -1)])
    def test_negative_edge_is_refused(self, width: int, height: int) -> None:
        with pytest.raises(ValueError, match="negative"):
            Rect(0, 0, width, height)


class TestSize:
    def test_long_edge_and_area(self) -> None:
        assert (Size(1920, 1080).long_edge, Size(1920, 1080).area) == (1920, 2073600)
        assert Size(9, 16).long_edge == 16

    @pytest.mark.parametrize(("width", "height"), [(0, 3), (3, 0), (-1, 1)])
    def test_edge_without_a_pixel_is_refused(self, width: int, height: int) -> None:
        with pytest.raises(ValueError, match="each edge needs a pixel"):
            Size(width, height)


class TestFit:
    @given(sizes)
    def test_without_wishes_changes_nothing(self, size: Size) -> None:
        assert fit(size) == size

    @given(
        sizes,
        st.floats(0, MAX_SCALE, exclude_min=True),
        st.none() | st.integers(1, 9000),
        st.none() | st.integers(1, 10**7),
    )
    def test_never_exceeds_a_limit(
        self, size: Size, scale: float, max_long_edge: int | None, max_pixels: int | None
    ) -> None:
        fitted = fit(size, scale, max_long_edge=max_long_edge, max_pixels=max_pixels)
        unlimited = fit(size, scale)
        assert fitted.width <= unlimited.width
        assert fitted.height <= unlimited.height
        assert fitted.long_edge <= min(max_long_edge or MAX_EDGE, MAX_EDGE)
        assert max_pixels is None or fitted.area <= max_pixels

    @given(sizes, st.floats(0.01, MAX_SCALE), st.integers(1, 9000), st.integers(1, 10**7))
    def test_keeps_the_aspect_to_the_nearest_pixel(
        self, size: Size, scale: float, max_long_edge: int, max_pixels: int
    ) -> None:
        fitted = fit(size, scale, max_long_edge=max_long_edge, max_pixels=max_pixels)
        ratio = Fraction(fitted.long_edge, size.long_edge)
        for fitted_edge, edge in ((fitted.width, size.width), (fitted.height, size.height)):
            assert fitted_edge == 1 or abs(fitted_edge - ratio * edge) <= Fraction(1, 2)

    @given(
        st.builds(Size, st.integers(1, 400), st.integers(1, 400)),
        st.integers(1, 500),
        st.integers(1, 10**5),
    )
    def test_one_pixel_longer_would_exceed_a_limit(
        self, size: Size, max_long_edge: int, max_pixels: int
    ) -> None:
        fitted = fit(size, max_long_edge=max_long_edge, max_pixels=max_pixels)
        if fitted.long_edge < min(size.long_edge, max_long_edge):
            longer = fit(size, max_long_edge=fitted.long_edge + 1)
            assert longer.area > max_pixels

    @pytest.mark.parametrize(
        ("size", "scale", "wanted"),
        [
            (Size(1920, 1080), 0.5, Size(960, 540)),
            (Size(1366, 768), 0.5, Size(683, 384)),
            (Size(1920, 1080), 2.0, Size(3840, 2160)),
            (Size(3, 1), 0.1, Size(1, 1)),
            (Size(1, 1), 8.0, Size(8, 8)),
            (Size(8000, 1000), 8.0, Size(16384, 2048)),
        ],
    )
    def test_scale(self, size: Size, scale: float, wanted: Size) -> None:
        assert fit(size, scale) == wanted

    def test_long_edge_is_reached(self) -> None:
        assert fit(Size(1920, 1080), max_long_edge=1024) == Size(1024, 576)
        assert fit(Size(1080, 1920), max_long_edge=1024) == Size(576, 1024)

    def test_limits_do_not_enlarge(self) -> None:
        assert fit(Size(640, 480), max_long_edge=4096, max_pixels=10**8) == Size(640, 480)

    def test_shorter_edge_keeps_a_pixel(self) -> None:
        assert fit(Size(5000, 1), max_long_edge=100) == Size(100, 1)

    @pytest.mark.parametrize("scale", [0, -1, 8.1, float("nan"), float("inf")])
    def test_scale_out_of_range_is_refused(self, scale: float) -> None:
        with pytest.raises(ValueError, match="scale"):
            fit(Size(10, 10), scale)

    @pytest.mark.parametrize("limit", [0, -5])
    def test_limit_out_of_range_is_refused(self, limit: int) -> None:
        with pytest.raises(ValueError, match="max_long_edge"):
            fit(Size(10, 10), max_long_edge=limit)
        with pytest.raises(ValueError, match="max_pixels"):
            fit(Size(10, 10), max_pixels=limit)


SCREEN = Size(1920, 1080)
crops = st.builds(
    Rect, st.integers(0, 900), st.integers(0, 500), st.integers(1, 1000), st.integers(1, 500)
)


def space_of(crop: Rect, scale: float) -> Space:
    return Space(crop, fit(Size(crop.width, crop.height), scale), SCREEN)


class TestSpace:
    def test_says_where_the_picture_lies(self) -> None:
        space = Space(Rect(100, 200, 800, 600), Size(400, 300), SCREEN)
        assert (space.x, space.y, space.scale) == (100, 200, 0.5)
        assert (space.screen_width, space.screen_height) == (1920, 1080)

    def test_scale_is_that_of_the_longer_edge(self) -> None:
        assert Space(Rect(0, 0, 3, 1000), Size(1, 500), SCREEN).scale == 0.5

    @pytest.mark.parametrize("point", [(0, 0), (959, 539), (7, 300)])
    def test_half_size_doubles_a_point(self, point: tuple[int, int]) -> None:
        space = space_of(Rect(0, 0, 1920, 1080), 0.5)
        assert space.to_screen(*point) == (2 * point[0], 2 * point[1])

    def test_enlarged_picture_has_many_pixels_for_one(self) -> None:
        space = Space(Rect(10, 10, 4, 4), Size(32, 32), SCREEN)
        assert [space.to_screen(px, 0)[0] for px in (0, 7, 8, 31)] == [10, 10, 11, 13]

    @given(crops, st.floats(0.05, 1.0), st.data())
    def test_picture_that_is_not_enlarged_gives_every_point_back(
        self, crop: Rect, scale: float, draw: st.DataObject
    ) -> None:
        space = space_of(crop, scale)
        px = draw.draw(st.integers(0, space.picture.width - 1))
        py = draw.draw(st.integers(0, space.picture.height - 1))
        assert space.to_image(*space.to_screen(px, py)) == (px, py)

    @given(crops, st.floats(1.0, MAX_SCALE), st.data())
    def test_picture_that_is_not_shrunk_gives_every_screen_pixel_back(
        self, crop: Rect, scale: float, draw: st.DataObject
    ) -> None:
        space = space_of(crop, scale)
        x = draw.draw(st.integers(crop.x, crop.right - 1))
        y = draw.draw(st.integers(crop.y, crop.bottom - 1))
        assert space.to_screen(*space.to_image(x, y)) == (x, y)

    @given(crops, st.floats(0.05, MAX_SCALE), st.integers(-50, 9000), st.integers(-50, 9000))
    def test_every_point_lands_inside(self, crop: Rect, scale: float, one: int, two: int) -> None:
        space = space_of(crop, scale)
        assert crop.contains(*space.to_screen(one, two))
        picture = Rect(0, 0, space.picture.width, space.picture.height)
        assert picture.contains(*space.to_image(one, two))

    @given(crops, st.floats(0.05, 1.0))
    def test_corners_of_the_crop_are_corners_of_a_shrunk_picture(
        self, crop: Rect, scale: float
    ) -> None:
        space = space_of(crop, scale)
        last = (space.picture.width - 1, space.picture.height - 1)
        assert space.to_image(crop.x, crop.y) == (0, 0)
        assert space.to_image(crop.right - 1, crop.bottom - 1) == last

    def test_points_off_the_picture_count_as_the_nearest(self) -> None:
        space = Space(Rect(100, 100, 200, 200), Size(100, 100), SCREEN)
        assert space.to_screen(-3, 5000) == space.to_screen(0, 99)
        assert space.to_image(0, 5000) == (0, 99)

    def test_empty_crop_is_refused(self) -> None:
        with pytest.raises(AssertionError):
            Space(Rect(0, 0, 0, 5), Size(1, 1), SCREEN)


class TestFrame:
    def frame(self) -> Frame:
        return Frame(numbered_pixels(40, 30), id=7, generation=2, rect=Rect(100, 50, 40, 30))

    def test_pixels_cannot_be_written(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            self.frame().pixels[0, 0, 0] = 1

    def test_keeps_the_pixels_without_a_copy(self) -> None:
        pixels = numbered_pixels(4, 3)
        frame = Frame(pixels, id=1, generation=1, rect=Rect(0, 0, 4, 3))
        assert np.shares_memory(frame.pixels, pixels)
        assert pixels.flags.writeable, "the maker's own array is left alone"

    def test_crop_takes_screen_coordinates(self) -> None:
        frame = self.frame()
        part = frame.crop(Rect(110, 60, 5, 4))
        assert (part.id, part.generation, part.rect) == (7, 2, Rect(110, 60, 5, 4))
        assert np.array_equal(part.pixels, frame.pixels[10:14, 10:15])
        assert part.pixels.flags.c_contiguous

    def test_crop_leaves_out_what_hangs_over_the_edge(self) -> None:
        frame = self.frame()
        part = frame.crop(Rect(90, 70, 20, 1000))
        assert part.rect == Rect(100, 70, 10, 10)
        assert np.array_equal(part.pixels, frame.pixels[20:, :10])

    def test_crop_to_whole_rows_shares_the_pixels(self) -> None:
        frame = self.frame()
        assert np.shares_memory(frame.crop(Rect(0, 60, 500, 5)).pixels, frame.pixels)

    def test_crop_beside_the_frame_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no pixel in common"):
            self.frame().crop(Rect(140, 50, 10, 10))

    def test_is_not_compared_by_its_pixels(self) -> None:
        assert self.frame() != self.frame()

    @pytest.mark.parametrize(
        "pixels",
        [
            np.zeros((30, 41, 4), np.uint8),
            np.zeros((30, 40, 3), np.uint8),
            np.zeros((30, 40, 4), np.uint16),
            np.zeros((30, 80, 4), np.uint8)[:, ::2],
        ],
    )
    def test_pixels_of_another_shape_are_refused(self, pixels: Pixels) -> None:
        with pytest.raises(AssertionError):
            Frame(pixels, id=1, generation=1, rect=Rect(0, 0, 40, 30))


class TestCursorImage:
    def test_pixels_cannot_be_written(self) -> None:
        cursor = CursorImage(numbered_pixels(3, 3), hot_x=1, hot_y=1, serial=5)
        with pytest.raises(ValueError, match="read-only"):
            cursor.pixels[...] = 0

    def test_pixels_without_alpha_are_refused(self) -> None:
        with pytest.raises(AssertionError):
            CursorImage(np.zeros((3, 3, 3), np.uint8), hot_x=0, hot_y=0, serial=1)
