"""Pictures lead back to the screen and into files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.base.errors import Conflict
from agentd.client.blob import Blob
from agentd.client.commands.values import CursorPosition, PictureMeta, ScreenSpace
from agentd.client.picture import Picture


def picture(*, scale: float = 0.5, x: int = 100, y: int = 50, unchanged: bool = False) -> Picture:
    space = ScreenSpace(x, y, round(320 / scale), round(200 / scale), scale, 1280, 800)
    meta = PictureMeta(7, 1, 320, 200, space, CursorPosition(0, 0), "png", unchanged)
    return Picture(b"" if unchanged else b"png", "image/png", meta)


def test_point_of_the_picture_is_the_screen_pixel_under_its_centre() -> None:
    assert picture().to_screen(0, 0) == (100, 50)
    assert picture(scale=1).to_screen(10, 20) == (110, 70)
    assert picture(scale=2).to_screen(11, 21) == (105, 60)


def test_point_off_the_picture_is_the_nearest_on_it() -> None:
    assert picture().to_screen(-5, 999) == picture().to_screen(0, 199)


def test_point_never_leaves_the_screen() -> None:
    assert picture(scale=0.25, x=0, y=0).to_screen(319, 199) == (1277, 797)


def test_data_url_holds_the_picture() -> None:
    assert picture().data_url() == "data:image/png;base64,cG5n"


def test_saving(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    Blob(b"bytes", "x/y", {}).save(tmp_path / "b")
    assert (tmp_path / "a.png").read_bytes() == b"png"
    assert (tmp_path / "b").read_bytes() == b"bytes"


def test_unchanged_picture_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="frame 7"):
        picture(unchanged=True).save(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
