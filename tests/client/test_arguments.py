"""Words to parameters, by schema."""

from __future__ import annotations

import pytest

from agentd.base.errors import BadRequest
from agentd.client.arguments import in_format_of, options_of, parameters_of
from agentd.client.catalogue import packaged
from agentd.client.options import scan

CATALOGUE = packaged()


def parsed(line: str) -> dict[str, object]:
    namespace, verb, *words = line.split()
    command = CATALOGUE.find(namespace, verb)
    assert command is not None
    return parameters_of(CATALOGUE, command, scan(words, options_of(CATALOGUE, command)))


@pytest.mark.parametrize(
    ("line", "parameters"),
    [
        ("desktop click", {}),
        ("desktop click 0 0", {"x": 0, "y": 0}),
        ("desktop click --y 2 1", {"x": 1, "y": 2}),
        ("desktop click --button 3", {"button": 3}),
        ("desktop click --button right", {"button": "right"}),
        ("desktop click --modifiers ctrl --modifiers alt", {"modifiers": ["ctrl", "alt"]}),
        ('desktop click --modifiers ["ctrl"]', {"modifiers": ["ctrl"]}),
        ("desktop key-down shift", {"key": "shift"}),
        ("desktop key_down shift", {"key": "shift"}),
        ("desktop type -- --text", {"text": "--text"}),
        ("desktop type --text --json", {"text": "--json"}),
        ("desktop type 5", {"text": "5"}),
        ("desktop type null", {"text": "null"}),
        ("desktop scroll --dy -3 --dx=.5", {"dy": -3, "dx": 0.5}),
        ("desktop screenshot --max_long_edge 10", {"max_long_edge": 10}),
        ("desktop screenshot --no-cursor", {"cursor": False}),
        ("desktop screenshot --cursor=false", {"cursor": False}),
        ("desktop screenshot --window null", {"window": None}),
        (
            "desktop screenshot --region 0,-1,640,400",
            {"region": {"x": 0, "y": -1, "width": 640, "height": 400}},
        ),
        (
            "desktop screenshot --region width=1,height=2,x=3,y=4",
            {"region": {"width": 1, "height": 2, "x": 3, "y": 4}},
        ),
        ('desktop screenshot --region {"x":1}', {"region": {"x": 1}}),
        (
            "desktop drag --path 1,2 --path 3,4",
            {"path": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]},
        ),
        ("windows move 7 -5 10", {"id": 7, "x": -5, "y": 10}),
        ("apps launch -- xterm -e top", {"argv": ["xterm", "-e", "top"]}),
        ("apps launch --env A=b=c xterm", {"argv": ["xterm"], "env": {"A": "b=c"}}),
        ('apps launch --env {"A":"b"} xterm', {"argv": ["xterm"], "env": {"A": "b"}}),
        ("apps launch [x]", {"argv": ["[x]"]}),
    ],
)
def test_words_become_parameters(line: str, parameters: dict[str, object]) -> None:
    assert parsed(line) == parameters


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("desktop screenshot --region 1,2,3", "wanted X,Y,WIDTH,HEIGHT"),
        ("desktop screenshot --region a,b,c,d", "region.x: wanted an integer"),
        ("desktop screenshot --region {", "not JSON"),
        ("desktop screenshot --scale big", "scale: wanted a number"),
        ("desktop screenshot --cursor=maybe", "true or false"),
        ("apps launch --env A xterm", "env: wanted NAME=VALUE"),
        ("windows move 7 5", "needs y"),
    ],
)
def test_wrong_words_are_told(line: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        parsed(line)


@pytest.mark.parametrize(
    ("path", "given", "wanted"),
    [
        ("a.JPG", {}, {"format": "jpeg"}),
        ("a.webp", {}, {"format": "webp"}),
        ("a.webp", {"format": "png"}, {"format": "png"}),
        ("a.txt", {}, {}),
    ],
)
def test_file_name_tells_the_format(path, given, wanted):
    command = CATALOGUE.find("desktop", "screenshot")
    assert in_format_of(path, CATALOGUE, command, given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"observe": {"format": "jpeg"}}),
        ({"observe": {"scale": 0.5}}, {"observe": {"format": "jpeg", "scale": 0.5}}),
        ({"observe": {"format": "webp"}}, {"observe": {"format": "webp"}}),
        ({"observe": None}, {"observe": None}),
    ],
)
def test_file_name_tells_the_format_of_a_batchs_picture(given, wanted):
    command = CATALOGUE.find("desktop", "act")
    assert in_format_of("a.jpg", CATALOGUE, command, given) == wanted


def test_commands_without_a_format_are_left_alone():
    command = CATALOGUE.find("clipboard", "get")
    assert in_format_of("a.png", CATALOGUE, command, {}) == {}
