"""What the report says of figures."""

from __future__ import annotations

import numpy as np

from benchmarks.rfb_pixels import Picture, Rect
from benchmarks.vnc_loads import Figures, latencies_ms
from benchmarks.vnc_painter import NUMBERS, PAINT, colour, shown
from benchmarks.vnc_report import AIMS, Aim, Key, p50, report, verdict

PAGE = Key("page", "tight")


def figures(**given: object) -> Figures:
    return Figures(**{"seconds": 2.0, "updates": 60, "settle_ms": 0.0, "wrong_pixels": 0, **given})


def row(text: str, name: str) -> list[str]:
    [found] = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in found.split("|")[2:-1]]


def test_the_better_aim_that_was_met_is_named() -> None:
    aim = Aim("a time", PAGE, p50, 20, 10)
    assert [verdict(aim, value) for value in (9, 10, 15, 21)] == [
        *("should", "should", "must", "missed")
    ]
    rate = Aim("a rate", PAGE, p50, 29, more=True)
    assert [verdict(rate, value) for value in (30, 28)] == ["must", "missed"]


def test_ours_is_beside_the_best_of_the_others() -> None:
    found = {PAGE: {"agentd": [figures(bytes=200_000)], "Xvnc": [figures(bytes=4_000_000)]}}
    found[PAGE]["x11vnc"] = [figures(bytes=2_000_000)]
    assert row(report(found, ["agentd", "Xvnc"]), "page, tight, kB/s") == [
        *("100", "1000", "600", "150", "should")
    ]


def test_costs_of_a_picture_that_hardly_moves_do_not_count() -> None:
    found = {PAGE: {"agentd": [figures(updates=6)]}}
    assert row(report(found, ["agentd"]), "page, tight, CPU %")[-1] == "too slow to tell"


def test_a_picture_that_stays_wrong_is_told_and_missed() -> None:
    wrong = figures(settle_ms=None, wrong_pixels=12, largest_error=4)
    text = report({PAGE: {"agentd": [figures(), wrong]}}, ["agentd"])
    assert row(text, "exact after page, tight, ms")[0] == "never"
    assert "12 wrong by 4" in text


def test_each_aim_is_of_something_that_the_quick_run_measures() -> None:
    from benchmarks.bench_vnc import KINDS, keys

    assert {aim.key for aim in AIMS} <= set(keys(KINDS, quick=True))


def test_numbers_are_read_from_colours_that_are_a_little_off() -> None:
    picture = Picture(1920, 1080)
    for number in range(NUMBERS["paint"]):
        picture.part(Rect(*PAINT))[:] = np.uint32(colour(number) + 0x080808)
        assert shown(picture.words, "paint") == number


def test_a_picture_that_is_half_there_shows_no_number() -> None:
    picture = Picture(1920, 1080)
    x, y, width, height = PAINT
    picture.part(Rect(x, y, width // 2, height))[:] = np.uint32(colour(7))
    assert shown(picture.words, "paint") is None


def test_what_was_drawn_is_matched_with_what_was_seen_next() -> None:
    drawn = [(number, float(number)) for number in range(1, 9)]
    # Of four numbers; the fifth drawing is never seen, and what was there before has no beginning.
    seen = [(0, 0.5), (1, 1.25), (2, 2.5), (3, 3.5), (2, 6.75)]
    assert latencies_ms(drawn, seen, 4) == [250.0, 500.0, 500.0, 750.0]
