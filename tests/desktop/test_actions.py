"""The action model: what is refused before anything runs, and where points end up."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import BadRequest
from agentd.desktop.actions import (
    ACTIONS,
    Area,
    Click,
    Drag,
    Mapping,
    Press,
    Spot,
    Zoom,
    name_of,
    read_actions,
)
from agentd.desktop.screen.frame import Rect, Size, Space, fit

SCREEN = Size(1280, 800)
PIXELS = Mapping(SCREEN)
SHARES = Mapping(SCREEN, "normalised")


def picture_of(crop: Rect, scale: float) -> Mapping:
    picture = fit(Size(crop.width, crop.height), scale)
    return Mapping(SCREEN, "image", Space(crop, picture, SCREEN))


def faults_of(*values: object, mapping: Mapping = PIXELS) -> list[str]:
    with pytest.raises(BadRequest) as caught:
        read_actions(values, mapping)
    return [str(fault) for fault in caught.value.errors]


def test_every_action_has_a_name_and_a_first_sentence() -> None:
    names = [struct.__struct_config__.tag for struct in ACTIONS]
    assert len(set(names)) == len(names)
    assert all((struct.__doc__ or "").partition(".")[0] for struct in ACTIONS)


def test_actions_are_read_with_their_defaults() -> None:
    click, press = read_actions(
        [{"action": "click", "x": 0, "y": 799}, {"action": "press", "keys": "ctrl+s"}], PIXELS
    )
    assert click == Click(x=0, y=799)
    assert press == Press(keys="ctrl+s")
    assert name_of(click) == "click"


def test_every_fault_of_a_batch_is_told_with_its_path() -> None:
    faults = faults_of(
        {"action": "clik"},
        {"action": "press", "keys": "ctrl+foo"},
        {"action": "move", "x": 1280, "y": 800},
        {"action": "click", "x": 3},
        {"action": "click", "button": "lefty"},
        {"action": "drag", "path": [{"x": 1, "y": 1}, {"x": 1, "y": 900}]},
        {"action": "type", "text": "a\x00b"},
        {"action": "click", "modifiers": ["ctrl", "hyperspace"]},
        {"action": "zoom", "region": {"x": 1280, "y": 0, "width": 5, "height": 5}},
        "click",
    )
    paths = [fault.partition(": wanted")[0] for fault in faults]
    assert paths == [
        "actions[0].action",
        "actions[1].keys",
        "actions[2].x",
        "actions[2].y",
        "actions[3].y",
        "actions[4].button",
        "actions[5].path[1].y",
        "actions[6].text[1]",
        "actions[7].modifiers[1]",
        "actions[8].region",
        "actions[9]",
    ]
    assert "did you mean 'click'?" in faults[0]


def test_negative_coordinate_is_off_the_screen() -> None:
    assert faults_of({"action": "move", "x": -1, "y": 3})[0].startswith("actions[0].x: wanted")


def test_point_of_a_picture_lands_under_its_pixel() -> None:
    mapping = picture_of(Rect(100, 200, 640, 400), 0.5)
    (click,) = read_actions([{"action": "click", "x": 319, "y": 0}], mapping)
    assert click == Click(x=738, y=200)


def test_point_off_the_picture_is_refused() -> None:
    mapping = picture_of(Rect(0, 0, 1280, 800), 0.5)
    assert (
        "a point of the picture of 640x400"
        in faults_of({"action": "move", "x": 640, "y": 10}, mapping=mapping)[0]
    )


def test_shares_reach_both_ends_of_the_screen() -> None:
    first, last = read_actions(
        [{"action": "move", "x": 0, "y": 0}, {"action": "move", "x": 1, "y": 1}], SHARES
    )
    assert (first.x, first.y, last.x, last.y) == (0, 0, 1279, 799)
    assert "0..1" in faults_of({"action": "move", "x": 1.01, "y": 0}, mapping=SHARES)[0]


def test_path_of_a_drag_is_mapped_point_by_point() -> None:
    (drag,) = read_actions(
        [{"action": "drag", "path": [{"x": 0.5, "y": 0.5}, {"x": 1, "y": 0}]}], SHARES
    )
    assert drag == Drag(path=[Spot(640, 400), Spot(1279, 0)])


def test_region_that_hangs_over_the_edge_is_cut() -> None:
    (zoom,) = read_actions(
        [{"action": "zoom", "region": {"x": 1270, "y": 790, "width": 100, "height": 100}}], PIXELS
    )
    assert zoom == Zoom(region=Area(1270, 790, 10, 10))


@given(st.data())
def test_region_of_a_picture_covers_what_it_touches(data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, 1279)), data.draw(st.integers(0, 799))
    crop = Rect(x, y, data.draw(st.integers(1, 1280 - x)), data.draw(st.integers(1, 800 - y)))
    mapping = picture_of(crop, data.draw(st.floats(0.05, 2)))
    assert mapping.picture is not None
    size = mapping.picture.picture
    left, top = (
        data.draw(st.integers(0, size.width - 1)),
        data.draw(st.integers(0, size.height - 1)),
    )
    found = mapping.rect(Area(left, top, size.width - left, size.height - top))
    assert crop.covers(found)
    assert (found.right, found.bottom) == (crop.right, crop.bottom)
    whole = mapping.rect(Area(0, 0, size.width, size.height))
    assert whole == crop


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_garbage_is_refused_and_never_breaks(value: object) -> None:
    with pytest.raises(BadRequest):
        read_actions([value], PIXELS)


@given(
    st.sampled_from([struct.__struct_config__.tag for struct in ACTIONS]),
    st.dictionaries(
        st.sampled_from(["x", "y", "keys", "key", "text", "path", "button", "region", "dx"]),
        st.integers(-10, 20_000) | st.text(max_size=5) | st.none() | st.floats(),
    ),
)
def test_what_is_read_fits_the_screen(tag: str, fields: dict[str, object]) -> None:
    try:
        (action,) = read_actions([{"action": tag, **fields}], PIXELS)
    except BadRequest:
        return
    values = msgspec.structs.asdict(action)
    assert values.get("x") is None or 0 <= values["x"] < SCREEN.width
    assert values.get("y") is None or 0 <= values["y"] < SCREEN.height
