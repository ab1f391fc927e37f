"""The curtain before pictures."""

from __future__ import annotations

import pytest

from agentd.base.errors import Conflict
from agentd.desktop.pictures.curtain import Curtain


def refusal() -> Conflict:
    return Conflict("not now", code="screen_withheld")


def test_open_curtain_hides_nothing() -> None:
    curtain = Curtain(lambda: 5.0)
    curtain.check()
    assert not curtain.was_drawn_since(0.0)


def test_drawn_curtain_says_why() -> None:
    curtain = Curtain()
    curtain.draw(refusal)
    assert curtain.is_drawn
    with pytest.raises(Conflict, match="not now"):
        curtain.check()
    curtain.lift()
    curtain.check()


def test_what_began_behind_it_is_known_afterwards() -> None:
    now = [1.0]
    curtain = Curtain(lambda: now[0])
    curtain.draw(refusal)
    now[0] = 4.0
    assert curtain.was_drawn_since(4.0)
    curtain.lift()
    now[0] = 9.0
    curtain.lift()
    assert curtain.was_drawn_since(4.0)
    assert not curtain.was_drawn_since(5.0)
