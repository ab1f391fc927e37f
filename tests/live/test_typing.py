"""Typed text arrives as it was sent, in every toolkit, whatever the script."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentd.base.errors import BadRequest, Conflict
from agentd.desktop.hands.consumption import Sign
from agentd.desktop.hands.input import Input
from tests.live.oracle import Oracle

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = {
    "ascii": "".join(map(chr, range(0x20, 0x7F))),
    "latin": "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞß àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ ŁłŐőŞşĞğİı€„“",
    "cyrillic": "Съешь ещё этих мягких французских булок, да выпей чаю. ЁЖЩЪЫЭЮЯ",
    "greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία ΑΒΓΔΩ",
    "arabic": "نص حكيم له سر قاطع وذو شأن عظيم",
    "cjk": "我能吞下玻璃而不伤身体。敏捷的棕色狐狸跳过了懒狗，今天天气真好我们一起去公园散步吧"
    "日本語テキスト한국어",
    "emoji": "😀👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈👍🏽🇩🇪 ok",
    "line_ends": "a\tb\nc\r\n\td",
    "signs": "→ ≠ ∑ ½ № † … — ‘’ ≤ \u00a0|",
}
MANY = "".join(chr(0x4E00 + 7 * i) for i in range(300))


async def check(hands: Input, field: Oracle, text: str, *, owner: str = "test") -> None:
    await hands.keys.type(text, owner=owner)
    await field.wait_text(text.replace("\r\n", "\n"))


@pytest.mark.parametrize("script", TEXTS)
async def test_text_arrives_as_sent(hands: Input, field: Oracle, script: str, repeats: int) -> None:
    for _ in range(repeats):
        await field.clear()
        await check(hands, field, TEXTS[script])


async def test_more_characters_than_spare_keys_arrive(
    hands: Input, field: Oracle, repeats: int
) -> None:
    for turn in range(repeats):
        await field.clear()
        text = "".join(chr(ord(c) + turn) for c in MANY)
        typed = await hands.keys.type(text, owner="test")
        await field.wait_text(text)
        assert typed.characters == len(text)
        assert typed.rounds > 1
        assert typed.sign not in (Sign.ASSUMED, Sign.NOT_NEEDED)


async def test_texts_that_recycle_keys_between_them_arrive(hands: Input, field: Oracle) -> None:
    texts = [MANY[start : start + 60] for start in range(0, 300, 60)]
    for text in texts:
        await hands.keys.type(text, owner="test")
    await field.wait_text("".join(texts))


async def test_two_callers_typing_do_not_mix(hands: Input, field: Oracle) -> None:
    first, second = TEXTS["cyrillic"] + "\n", TEXTS["cjk"] + "\n"
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(hands.keys.type(first, owner="one"))
            tasks.create_task(hands.keys.type(second, owner="two"))
    await field.wait_text((first + second) * 3)


async def test_text_arrives_under_load(hands: Input, field: Oracle) -> None:
    with busy_machine():
        for text in (TEXTS["ascii"], TEXTS["latin"], MANY):
            await field.clear()
            await hands.keys.type(text, owner="test")
            await field.wait_text(text, timeout_s=30)


async def test_caps_lock_and_num_lock_do_not_matter(hands: Input, field: Oracle) -> None:
    await hands.keys.press("Caps_Lock", owner="test")
    await hands.keys.press("Num_Lock", owner="test")
    try:
        await check(hands, field, "aB7 éÉ жЖ")
    finally:
        await hands.keys.press("Caps_Lock", owner="test")
        await hands.keys.press("Num_Lock", owner="test")


async def test_held_modifiers_do_not_matter_and_stay_held(hands: Input, field: Oracle) -> None:
    await hands.keys.key_down("shift", owner="other")
    await check(hands, field, "aB7 é")
    assert await hands.release("other") == 1


async def test_delay_between_characters(hands: Input, field: Oracle) -> None:
    await hands.keys.type("aé→", owner="test", delay_ms=5)
    await field.wait_text("aé→")


async def test_release_ends_typing(hands: Input, field: Oracle) -> None:
    async def type_until_released() -> int:
        with pytest.raises(Conflict, match="lifted") as caught:
            await hands.keys.type("x" * 1000, owner="gone", delay_ms=50)
        delivered = caught.value.data["delivered"]
        assert isinstance(delivered, int)
        return delivered

    async with asyncio.TaskGroup() as tasks:
        typing = tasks.create_task(type_until_released())
        await field.wait(lambda: field.text.startswith("xx"))
        await hands.release("gone")
    await field.wait_text("x" * typing.result())


async def test_cancelled_typing_keeps_the_next_text_exact(hands: Input, field: Oracle) -> None:
    async with asyncio.TaskGroup() as tasks:
        typing = tasks.create_task(hands.keys.type(MANY * 3, owner="test", delay_ms=2))
        await field.wait(lambda: field.text)
        typing.cancel()
    assert typing.cancelled()
    await hands.keys.type("|", owner="test")
    await field.wait(lambda: field.text.endswith("|"))
    assert field.text != MANY * 3
    assert (MANY * 3).startswith(field.text[:-1])
    await field.clear()
    await check(hands, field, TEXTS["latin"])


async def test_control_characters_are_refused(hands: Input) -> None:
    with pytest.raises(BadRequest, match=r"text\[1\].*x07"):
        await hands.keys.type("a\x07", owner="test")


@contextmanager
def busy_machine() -> Iterator[None]:
    """One busy loop for each core."""
    argv = ["nice", "-n", "1", sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(argv) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
