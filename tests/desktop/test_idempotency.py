"""A call that is sent twice is done once."""

from __future__ import annotations

import asyncio

import pytest

from agentd.base.errors import BadRequest, Conflict, Unavailable
from agentd.desktop.idempotency import Answers
from tests.fakes import until


def weigh(answer: int) -> int:
    return answer * 1024 * 1024


class Work:
    def __init__(self) -> None:
        self.times = 0
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()

    async def quickly(self) -> int:
        self.times += 1
        return self.times

    async def slowly(self) -> int:
        self.begun.set()
        await self.go_on.wait()
        return await self.quickly()

    async def badly(self) -> int:
        self.times += 1
        raise BadRequest("no")


async def test_second_call_gets_the_answer_of_the_first() -> None:
    answers, work = Answers[int](weigh), Work()
    assert await answers.once("uid:1", "k", b"same", work.quickly) == 1
    assert await answers.once("uid:1", "k", b"same", work.quickly) == 1
    assert work.times == 1


async def test_keys_of_two_principals_are_two() -> None:
    answers, work = Answers[int](weigh), Work()
    await answers.once("uid:1", "k", b"same", work.quickly)
    assert await answers.once("uid:2", "k", b"same", work.quickly) == 2


async def test_retry_of_a_running_call_waits_for_its_answer() -> None:
    answers, work = Answers[int](weigh), Work()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(answers.once("uid:1", "k", b"same", work.slowly))
        await work.begun.wait()
        second = group.create_task(answers.once("uid:1", "k", b"same", work.slowly))
        work.go_on.set()
    assert (first.result(), second.result(), work.times) == (1, 1, 1)


async def test_key_of_another_call_is_refused() -> None:
    answers, work = Answers[int](weigh), Work()
    await answers.once("uid:1", "k", b"this", work.quickly)
    with pytest.raises(Conflict, match="another call"):
        await answers.once("uid:1", "k", b"that", work.quickly)


async def test_refused_call_may_come_again() -> None:
    answers, work = Answers[int](weigh), Work()
    with pytest.raises(BadRequest):
        await answers.once("uid:1", "k", b"same", work.badly)
    assert await answers.once("uid:1", "k", b"same", work.quickly) == 2


async def test_call_that_was_cut_off_is_not_done_again() -> None:
    answers, work = Answers[int](weigh), Work()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(answers.once("uid:1", "k", b"same", work.slowly))
        await work.begun.wait()
        first.cancel()
        await until(first.done)
    with pytest.raises(Unavailable, match="cut off"):
        await answers.once("uid:1", "k", b"same", work.quickly)
    assert work.times == 0


async def test_retry_that_leaves_does_not_end_the_first() -> None:
    answers, work = Answers[int](weigh), Work()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(answers.once("uid:1", "k", b"same", work.slowly))
        await work.begun.wait()
        second = group.create_task(answers.once("uid:1", "k", b"same", work.slowly))
        await asyncio.sleep(0)
        second.cancel()
        await until(second.done)
        work.go_on.set()
    assert first.result() == 1


async def test_old_answers_are_forgotten() -> None:
    now_s = [0.0]
    answers, work = Answers[int](weigh, lambda: now_s[0]), Work()
    await answers.once("uid:1", "k", b"this", work.quickly)
    now_s[0] = 601.0
    assert await answers.once("uid:1", "k", b"that", work.quickly) == 2


async def test_weight_of_answers_is_bounded() -> None:
    answers, work = Answers[int](weigh), Work()
    for number in range(20):
        await answers.once("uid:1", str(number), b"", work.quickly)
    assert sum(entry.size_bytes for entry in answers._entries.values()) <= weigh(64 + 20)
    assert await answers.once("uid:1", "19", b"", work.quickly) == 20


async def test_number_of_answers_is_bounded() -> None:
    answers, work = Answers[int](weigh), Work()
    for number in range(200):
        await answers.once("uid:1", str(number), b"", work.quickly)
    assert len(answers._entries) <= 130
