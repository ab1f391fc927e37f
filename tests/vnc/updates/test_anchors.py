"""Which shifts are likely: what anchors agree on, and that they agree on nothing by chance."""

from __future__ import annotations

import numpy as np
import pytest

from agentd.desktop.screen.comparing import Tiles, words
from agentd.desktop.screen.damage import changed_tiles, grid
from agentd.desktop.screen.frame import Pixels
from agentd.vnc.updates.anchors import Shift, likely_shifts
from agentd.vnc.updates.regions import box
from tests.desktop.pictures import noise
from tests.vnc.updates.screens import flat, letters, photo, put


def shifts(
    before: Pixels, after: Pixels, *, changed: Tiles | None = None, is_upright: bool = False
) -> list[Shift]:
    height, width = after.shape[:2]
    tiles = changed_tiles(before, after) if changed is None else changed
    area = box(tiles, width, height)
    old, new = words(np.ascontiguousarray(before)), words(np.ascontiguousarray(after))
    return list(likely_shifts(old, new, tiles, area, is_upright=is_upright))


@pytest.mark.parametrize("kind", [photo, letters])
@pytest.mark.parametrize("dy", [1, 24, -13, 300])
def test_scrolling_is_the_likeliest_however_far(kind, dy) -> None:
    page = kind(640, 900)
    before, after = page[400 : 400 + 480], page[400 - dy : 880 - dy]
    assert shifts(before, after)[0] == (0, dy)


def test_scrolling_sideways_is_found() -> None:
    page = photo(900, 480)
    assert (40, 0) in shifts(page[:, 100:740], page[:, 60:700])


def test_window_that_was_dragged_is_found_near() -> None:
    desk, window = photo(900, 700), letters(403, 301)
    assert (25, 60) in shifts(put(desk, window, 200, 200), put(desk, window, 225, 260))


def test_nothing_but_up_and_down_is_found_where_no_more_is_wanted() -> None:
    page = photo(900, 480)
    assert shifts(page[:, 100:740], page[:, 60:700], is_upright=True) == []


def test_tiles_that_are_not_given_have_no_anchors() -> None:
    page = photo(640, 700)
    nowhere = grid(640, 480)
    assert shifts(page[:480], page[24:504], changed=nowhere) == []


@pytest.mark.parametrize("kind", [photo, noise])
def test_pictures_that_have_nothing_in_common_agree_on_nothing(kind) -> None:
    assert shifts(kind(640, 480), kind(640, 480, seed=2)) == []


def test_flat_picture_has_no_anchors() -> None:
    assert shifts(letters(640, 480), flat(640, 480)) == []
