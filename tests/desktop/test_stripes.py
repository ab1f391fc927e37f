"""Shares and bands: everything once, in order, whoever does it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.desktop.pictures.stripes import band_rows, bands_of, share, share_each
from agentd.desktop.screen.frame import MAX_EDGE, Size

edges = st.integers(1, MAX_EDGE)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@given(st.builds(Size, edges, edges))
def test_bands_are_all_rows_once(size: Size) -> None:
    rows = [row for top, bottom in bands_of(size) for row in range(top, bottom)]
    assert rows == list(range(size.height))


@given(st.builds(Size, edges, edges))
def test_bands_are_whole_blocks_of_a_jpeg_and_few(size: Size) -> None:
    assert band_rows(size) % 16 == 0
    assert {bottom - top for top, bottom in bands_of(size)[:-1]} <= {band_rows(size)}
    # A restart interval is counted in blocks of 8 x 8 at the smallest, within 16 bits.
    assert min(band_rows(size), size.height) * size.width <= 64 * 65535


@pytest.mark.parametrize("items", [0, 1, 2, 5, 6, 7, 40])
def test_each_is_done_once_and_in_order(executor: Executor, items: int) -> None:
    for threads in (None, executor):
        assert share_each(lambda item: -item, range(items), threads) == [-i for i in range(items)]


def test_an_error_of_a_share_is_raised(executor: Executor) -> None:
    def fail(top: int, bottom: int) -> int:
        raise MemoryError(top)

    with pytest.raises(MemoryError):
        share(fail, 10, 3, executor)
