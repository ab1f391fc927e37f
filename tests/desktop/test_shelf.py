"""What is kept, and what goes first."""

from __future__ import annotations

from agentd.desktop.pictures.shelf import Shelf


def test_the_one_not_asked_for_the_longest_goes_first() -> None:
    shelf = Shelf[str, int](10)
    shelf.put("a", 1, 4)
    shelf.put("b", 2, 4)
    assert shelf.get("a") == 1
    shelf.put("c", 3, 4)
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == (1, None, 3)


def test_the_same_key_counts_once() -> None:
    shelf = Shelf[str, int](10)
    shelf.put("a", 1, 4)
    for value in range(9):
        shelf.put("b", value, 6)
    assert (shelf.get("a"), shelf.get("b")) == (1, 8)


def test_what_is_too_large_alone_is_not_kept() -> None:
    shelf = Shelf[str, int](10)
    shelf.put("a", 1, 11)
    assert shelf.get("a") is None
    shelf.put("b", 2, 10)
    assert shelf.get("b") == 2


def test_nothing_is_left_after_clear() -> None:
    shelf = Shelf[str, int](10)
    shelf.put("a", 1, 10)
    shelf.clear()
    assert shelf.get("a") is None
    shelf.put("b", 2, 10)
    assert shelf.get("b") == 2
