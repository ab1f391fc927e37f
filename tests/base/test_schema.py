"""Every fault of a value is told with its path, what was found, what was wanted, what is near."""

from __future__ import annotations

import enum
import time
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from agentd.base.errors import FieldError
from agentd.base.schema import (
    SchemaError,
    convert,
    describe,
    json_schema,
    nearest_name,
    shown,
    takes_text,
)


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Rect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    x: int
    y: int
    width: Annotated[int, Meta(ge=1, le=100)] = 1


class Click(msgspec.Struct, tag_field="action", tag="click", forbid_unknown_fields=True):
    x: int = 0


class Scroll(msgspec.Struct, tag_field="action", tag="scroll", forbid_unknown_fields=True):
    dy: int = 0


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    branches: list[Tree] = []


class Everything(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)] = "x"
    scale: Annotated[float, Meta(gt=0, le=8)] = 1.0
    region: Rect | None = None
    regions: list[Rect] = []
    tags: Annotated[list[str], Meta(max_length=2)] = []
    pair: tuple[int, str] = (1, "")
    colors: dict[str, Color] = {}
    button: Literal["left", "right"] = "left"
    actions: list[Click | Scroll] = []
    any: Any = None
    flag: bool = False
    id: int | str = 0
    tree: Tree = msgspec.field(default_factory=Tree)


def faults(value: object, wanted: Any = Everything, *, lax: bool = False) -> list[FieldError]:
    with pytest.raises(SchemaError) as caught:
        convert(value, wanted, lax=lax)
    return list(caught.value.errors)


def fault(value: object, wanted: Any = Everything) -> FieldError:
    (only,) = faults(value, wanted)
    return only


def test_good_value_becomes_the_struct() -> None:
    value = {"region": {"x": 1, "y": 2}, "actions": [{"action": "scroll", "dy": 3}], "scale": 2}
    found = convert(value, Everything)
    assert (found.region, found.actions[0].dy, found.scale) == (Rect(1, 2), 3, 2.0)


def test_all_faults_are_told_together() -> None:
    value = {"name": 1, "region": {"x": "a", "z": 1}, "regions": [{"x": 1, "y": 2, "width": 0}]}
    paths = [error.path for error in faults(value)]
    assert paths == ["name", "region.x", "region.z", "region.y", "regions[0].width"]


def test_unknown_name_is_told_with_the_nearest() -> None:
    error = fault({"regoin": {}})
    assert (error.path, error.found, error.nearest) == ("regoin", "an unknown name", "region")
    assert error.wanted.startswith("one of name, scale, region")


def test_unknown_name_like_no_other_has_no_nearest() -> None:
    assert fault({"qqqqqq": 1}).nearest == ""


def test_nested_unknown_name_has_its_path() -> None:
    error = fault({"regions": [{"x": 1, "y": 1}, {"x": 1, "y": 1, "with": 5}]})
    assert (error.path, error.nearest) == ("regions[1].with", "width")


def test_missing_name_is_told() -> None:
    assert fault({"x": 1}, Rect) == FieldError("y", "an integer", "nothing")


def test_wrong_type_is_told_with_found_and_wanted() -> None:
    assert fault({"name": 7}) == FieldError("name", "text of 1..5 characters", "7")


def test_out_of_range_is_told_with_the_range() -> None:
    error = fault({"region": {"x": 1, "y": 1, "width": 101}})
    assert error == FieldError("region.width", "an integer 1..100", "101")


def test_excluded_minimum_is_not_told_as_included() -> None:
    assert fault({"scale": 0}) == FieldError("scale", "a number above 0 and at most 8", "0")


def test_list_that_is_too_long_is_told_beside_other_faults() -> None:
    found = faults({"name": "", "tags": ["a", "b", "c"]})
    assert [error.path for error in found] == ["name", "tags"]
    assert found[1].wanted == "a list of text with at most 2 items"


def test_literal_is_told_with_the_nearest() -> None:
    error = fault({"button": "lft"})
    assert (error.wanted, error.found, error.nearest) == ("one of left, right", '"lft"', "left")


def test_enumeration_in_a_mapping_has_its_path() -> None:
    error = fault({"colors": {"sky": "bluu"}})
    assert (error.path, error.wanted, error.nearest) == ("colors.sky", "one of red, blue", "blue")


def test_tuple_of_several_types_takes_each_at_its_place() -> None:
    assert convert({"pair": [5, "x"]}, Everything).pair == (5, "x")


def test_tuple_fault_has_its_index() -> None:
    assert fault({"pair": [5, 6]}).path == "pair[1]"


def test_tag_chooses_the_struct() -> None:
    error = fault({"actions": [{"action": "click"}, {"action": "scroll", "x": 1}]})
    assert (error.path, error.wanted) == ("actions[1].x", "one of dy")


def test_unknown_tag_is_told_with_the_nearest() -> None:
    error = fault({"actions": [{"action": "clik"}]})
    assert error == FieldError("actions[0].action", "one of click, scroll", '"clik"', "click")


def test_missing_tag_is_told() -> None:
    assert fault({"actions": [{}]}).path == "actions[0]"


@pytest.mark.parametrize("value", [None, 5, "x", [], [1], True])
def test_value_that_is_no_object_is_told(value: object) -> None:
    assert fault(value, Rect).path == ""


def test_null_is_taken_where_none_is() -> None:
    assert convert({"region": None}, Everything).region is None


def test_true_is_no_integer() -> None:
    assert fault({"x": True, "y": 1}, Rect) == FieldError("x", "an integer", "true")


def test_float_is_no_integer() -> None:
    assert fault({"x": 1.0, "y": 1}, Rect) == FieldError("x", "an integer", "1.0")


class TestLax:
    def test_takes_numbers_and_switches_as_text(self) -> None:
        found = convert({"scale": "2.5", "flag": "true", "id": "7"}, Everything, lax=True)
        assert (found.scale, found.flag) == (2.5, True)

    def test_takes_numbers_within_objects(self) -> None:
        value = {"region": {"x": "1", "y": "2"}}
        assert convert(value, Everything, lax=True).region == Rect(1, 2)

    def test_still_tells_what_is_no_number(self) -> None:
        assert faults({"scale": "wide"}, lax=True)[0].found == '"wide"'

    def test_still_tells_unknown_names(self) -> None:
        assert faults({"scal": "1"}, lax=True)[0].nearest == "scale"

    def test_strict_refuses_numbers_as_text(self) -> None:
        assert fault({"scale": "2.5"}).path == "scale"


class TestLimits:
    def test_a_million_unknown_names_are_not_all_told(self) -> None:
        value = {f"name{number}": 1 for number in range(1_000_000)}
        assert len(faults(value)) == 64

    def test_many_wrong_items_are_not_all_told(self) -> None:
        assert len(faults({"regions": [1] * 4000})) == 64

    def test_list_of_a_million_items_is_checked(self) -> None:
        assert fault({"regions": [{"x": 1, "y": 1}] * 5000 + [5]}).path == "regions[5000]"

    def test_long_name_is_cut(self) -> None:
        assert len(fault({"n" * 1_000_000: 1}).path) == 60

    def test_long_name_costs_no_time(self) -> None:
        before = time.process_time()
        fault({"abcdefgh" * 500_000: 1})
        assert time.process_time() - before < 1

    def test_long_text_is_cut(self) -> None:
        assert len(fault({"name": "x" * 1_000_000}).found) == 60

    def test_deep_value_of_a_recursive_type_is_refused(self) -> None:
        value: dict[str, Any] = {}
        for _ in range(2000):
            value = {"branches": [value]}
        assert fault({"tree": value}).wanted == "a value of fewer levels"

    def test_deep_value_is_taken_where_anything_is(self) -> None:
        value: list[Any] = []
        for _ in range(5000):
            value = [value]
        assert convert({"any": value}, Everything).any == value

    def test_integer_of_many_digits_is_told(self) -> None:
        assert fault({"region": {"x": 1, "y": 1, "width": 1 << 100_000}}).path == "region.width"


# Deeper nesting has tests of its own.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*Everything.__struct_fields__, *Rect.__struct_fields__, "action", "z"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_any_value_is_taken_or_told(value: object, lax: bool) -> None:
    told: tuple[FieldError, ...] | None = None
    try:
        convert(value, Everything, lax=lax)
    except SchemaError as exc:
        told = exc.errors
    assert told is None or (told and all(str(error) and error.wanted for error in told))


@given(st.dictionaries(st.sampled_from(Everything.__struct_fields__), json_values))
def test_what_msgspec_takes_is_taken(value: dict[str, object]) -> None:
    try:
        wanted = msgspec.convert(value, Everything)
    except msgspec.ValidationError:
        faults(value)
    else:
        assert repr(convert(value, Everything)) == repr(wanted)


@given(st.text(), st.lists(st.text()))
def test_nearest_name_is_a_known_one(name: str, known: list[str]) -> None:
    assert nearest_name(name, known) in ["", *known]


def test_nearest_name_does_not_mind_case() -> None:
    assert nearest_name("WIDTH", ["height", "Width"]) == "Width"


@given(json_values)
def test_shown_is_short_and_one_line_long(value: object) -> None:
    assert len(shown(value)) <= 60


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        ({}, "an object"),
        ([1, 2], "a list of 2"),
        (1 << 9999, "an integer of many digits"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (int, "an integer"),
        (Annotated[int, Meta(ge=0, le=9)], "an integer 0..9"),
        (Click | Scroll, "an object with action: one of click, scroll"),
        (Annotated[int, Meta(ge=1, lt=8)], "an integer of at least 1 and below 8"),
        (Annotated[float, Meta(gt=0)], "a number above 0"),
        (Annotated[float, Meta(gt=0, le=8)], "a number above 0 and at most 8"),
        (Annotated[float, Meta(gt=0, lt=8)], "a number above 0 and below 8"),
        (Annotated[float, Meta(lt=8)], "a number below 8"),
        (Annotated[int, Meta(le=8)], "an integer of at most 8"),
        (Annotated[int, Meta(ge=8)], "an integer of at least 8"),
        (Annotated[str, Meta(max_length=3)], "text of at most 3 characters"),
        (Annotated[str, Meta(min_length=3)], "text of at least 3 characters"),
        (Annotated[str, Meta(pattern="^a$")], "text like ^a$"),
        (bool, "true or false"),
        (int | None, "an integer or null"),
        (Literal["a", "b"], "one of a, b"),
        (Color, "one of red, blue"),
        (list[Annotated[int, Meta(ge=0, le=9)]], "a list of integers 0..9"),
        (tuple[str, ...], "a list of text"),
        (dict[str, int], "an object"),
        (Rect, "an object with x, y, width"),
        (Click, "an object with action, x"),
    ],
)
def test_describe(wanted: Any, words: str) -> None:
    assert describe(wanted) == words


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (str, True),
        (Annotated[str, Meta(max_length=3)], True),
        (Annotated[str, Meta(max_length=3)] | None, True),
        (list[str] | str, True),
        (int, False),
        (list[str], False),
        (Rect | None, False),
    ],
)
def test_takes_text(wanted: Any, takes: bool) -> None:
    assert takes_text(wanted) is takes


def test_error_text_tells_three_faults_and_counts_the_rest() -> None:
    with pytest.raises(SchemaError) as caught:
        convert({"a1": 1, "a2": 1, "a3": 1, "a4": 1, "a5": 1}, Rect, what="sample.echo")
    assert str(caught.value).startswith("sample.echo: a1: wanted one of x, y, width")
    assert str(caught.value).endswith("; and 4 more")


def test_json_schema_shares_components() -> None:
    (first, second), components = json_schema([Everything, Rect], "#/{name}")
    assert (first, second) == ({"$ref": "#/Everything"}, {"$ref": "#/Rect"})
    assert {"Everything", "Rect", "Click", "Scroll", "Tree", "Color"} == set(components)
