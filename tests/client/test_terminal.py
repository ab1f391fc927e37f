"""Values as a person reads them."""

from __future__ import annotations

import time

from agentd.client.terminal import Terminal, cell, clock, duration, len_shown, rendered, size

PLAIN = Terminal()


def test_record_is_lines_of_name_and_value() -> None:
    value = {"x": 640, "on": True, "none": None, "display": {"name": ":2", "dpi": 96}}
    assert rendered(value, PLAIN) == (
        "x             640\non            yes\ndisplay.name  :2\ndisplay.dpi   96"
    )


def test_list_of_records_is_a_table() -> None:
    windows = [
        {"id": 7, "title": "a", "x": 1, "y": -2, "width": 3, "height": 4, "up": True, "max": False},
        {"id": 12, "title": "bb", "x": 0, "y": 0, "width": 5, "height": 6, "up": True, "max": True},
    ]
    assert rendered(windows, PLAIN).splitlines() == [
        "ID  TITLE  GEOMETRY  FLAGS",
        "7   a      3x4+1-2   up",
        "12  bb     5x6+0+0   up, max",
    ]


def test_empty_answers() -> None:
    assert rendered({}, PLAIN) == ""
    assert rendered([], PLAIN) == "none"
    assert rendered(None, PLAIN) == "none"


def test_table_is_cut_to_the_terminal() -> None:
    rows = [{"id": 1, "title": "x" * 100}, {"id": 2, "title": "世" * 50}]
    for line in rendered(rows, Terminal(40)).splitlines():
        assert len_shown(line) <= 40
    assert "…" in rendered(rows, Terminal(40))
    assert "…" not in rendered(rows, PLAIN)


def test_table_that_cannot_be_cut_enough_is_records() -> None:
    rows = [{"id": number, **{name * 12: "x" * 20 for name in "abcd"}} for number in (1, 2)]
    assert len(rendered(rows, Terminal(60)).splitlines()) == 3
    first, second = rendered(rows, Terminal(30)).split("\n\n")
    assert first.splitlines()[:2] == ["id            1", "aaaaaaaaaaaa  xxxxxxxxxxxxxxxxxxxx"]
    assert second.startswith("id            2")


def test_wide_characters_keep_columns_straight() -> None:
    rows = [{"title": "世界", "id": 1}, {"title": "abcd", "id": 2}]
    assert rendered(rows, PLAIN).splitlines()[1:] == ["世界   1", "abcd   2"]


def test_control_characters_of_a_title_do_not_reach_the_terminal() -> None:
    assert "\033" not in rendered([{"id": 1, "title": "\033[2J"}], PLAIN)


def test_times_are_clock_times() -> None:
    now = float(int(time.time()))
    assert cell(now, "since") == clock(now)
    assert cell(now + 0.5, "expires_at") == clock(now)
    assert len(clock(now)) == len("12:34:56")
    assert len(clock(now - 3 * 86400)) == len("2026-01-01 12:34:56")


def test_spans_and_sizes() -> None:
    spans = [4.21, 42, 192, 11_000, 187_200]
    assert [duration(span) for span in spans] == [
        "4.2 s",
        "42 s",
        "3 min 12 s",
        "3 h 3 min",
        "2 d 4 h",
    ]
    assert [size(count) for count in (5, 12_345, 4_500_000)] == ["5 bytes", "12 kB", "4.5 MB"]
