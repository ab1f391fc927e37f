"""The one path of every command: scope, parameters, deadline, errors, one line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from agentd.base.command import Caller, Kind, Registry, Scope
from agentd.base.errors import (
    AgentdError,
    Busy,
    Conflict,
    Denied,
    Fault,
    NotFound,
    TimedOut,
    Unavailable,
)
from agentd.base.metrics import Metrics
from agentd.base.schema import SchemaError
from agentd.control.dispatch import Call, Dispatcher, closing, new_request_id
from tests.fakes import SampleRoom, until

LIMIT_S = 10.0


class World:
    def __init__(self, *, limit: int = 256) -> None:
        self.room = SampleRoom()
        self.metrics = Metrics()
        registry = Registry()
        registry.add(self.room)
        self.dispatcher = Dispatcher(registry, self.metrics, limit=limit)

    async def run(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        *,
        scopes: frozenset[Scope] = frozenset(Scope),
        **options: Any,
    ) -> Any:
        caller = Caller("c1", "token:ci", scopes, "r1")
        call = Call(caller, name, parameters or {}, **options)
        _, result = await self.dispatcher.run(call)
        return result

    def counted(self, command: str, code: str) -> bool:
        line = f'agentd_calls_total{{code="{code}",command="{command}"}} 1.0'
        return line in self.metrics.exposition().decode()


@pytest.fixture
def world() -> World:
    return World()


def calls(lines: list[str]) -> list[str]:
    """The lines that tell of calls, from the first word to the code."""
    found = [line.partition(" agentd.control.dispatch ")[2] for line in lines]
    return [text.partition(" ms=")[0] for text in found if text.startswith("call ")]


async def items_of(stream: AsyncIterator[Any]) -> list[int]:
    return [item.seq async for item in stream]


async def test_returns_the_result(world: World) -> None:
    assert (await world.run("sample.echo", {"text": "a"})).text == "a"


async def test_returns_the_command_with_it(world: World) -> None:
    call = Call(Caller("c", "p", frozenset(Scope)), "sample.picture", {})
    command, blob = await world.dispatcher.run(call)
    assert (command.kind, blob.media_type) == (Kind.BLOB, "image/sample")


async def test_unknown_command_is_told_with_the_nearest(world: World) -> None:
    with pytest.raises(NotFound, match=r"did you mean 'sample\.echo'"):
        await world.run("sample.ehco")


async def test_missing_scope_is_denied_with_what_there_is(world: World) -> None:
    with pytest.raises(Denied) as caught:
        await world.run("sample.poke", scopes=frozenset({Scope.VIEW, Scope.EXEC}))
    assert caught.value.detail == "sample.poke needs the scope input"
    assert caught.value.hint == "token:ci has: exec, view"


async def test_scope_is_checked_before_parameters(world: World) -> None:
    with pytest.raises(Denied, match="none"):
        await world.run("sample.poke", {"wrong": 1}, scopes=frozenset())


@pytest.mark.parametrize("scope", Scope)
async def test_one_scope_does_not_stand_for_another(world: World, scope: Scope) -> None:
    others = frozenset(Scope) - {scope}
    needs = {Scope.VIEW: "sample.echo", Scope.INPUT: "sample.poke", Scope.EXEC: "sample.wait"}
    if scope in needs:
        with pytest.raises(Denied):
            await world.run(needs[scope], scopes=others)


async def test_wrong_parameters_name_the_command(world: World) -> None:
    with pytest.raises(SchemaError, match=r"^sample\.echo: cuont: .* did you mean 'count'\?"):
        await world.run("sample.echo", {"cuont": 1})


async def test_text_values_are_taken_when_lax(world: World) -> None:
    assert (await world.run("sample.echo", {"count": "3"}, lax=True)).count == 3


async def test_text_values_are_refused_otherwise(world: World) -> None:
    with pytest.raises(SchemaError):
        await world.run("sample.echo", {"count": "3"})


async def test_own_errors_go_through(world: World) -> None:
    with pytest.raises(Conflict) as caught:
        await world.run("sample.fail")
    assert caught.value.narrow_code == "taken"


@pytest.mark.parametrize("how", ["bug", "timeout", "reset"])
async def test_any_other_exception_is_a_fault(world: World, how: str) -> None:
    with pytest.raises(Fault) as caught:
        await world.run("sample.fail", {"how": how})
    assert "secret story" not in str(caught.value)


async def test_fault_is_logged_with_its_traceback_and_request(
    world: World, lines: list[str]
) -> None:
    with pytest.raises(Fault):
        await world.run("sample.fail", {"how": "bug"})
    assert any("ValueError: the secret story" in line for line in lines)
    assert all("request_id=r1" in line for line in lines)


class TestDeadline:
    async def test_of_the_call_ends_the_command(self, world: World) -> None:
        with pytest.raises(TimedOut, match=r"sample\.wait was not done within 0\.01 s"):
            await world.run("sample.wait", deadline_s=0.01)
        assert world.room.ended.is_set()

    async def test_of_the_command_holds_without_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = []
        kept = asyncio.timeout
        monkeypatch.setattr(asyncio, "timeout", lambda delay: given.append(delay) or kept(delay))
        await world.run("sample.echo")
        assert given == [30.0]

    async def test_has_an_upper_limit(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        given = []
        kept = asyncio.timeout
        monkeypatch.setattr(asyncio, "timeout", lambda delay: given.append(delay) or kept(delay))
        await world.run("sample.echo", deadline_s=1e9)
        assert given == [3600.0]

    async def test_timeout_of_the_commands_own_is_no_deadline(self, world: World) -> None:
        with pytest.raises(Fault):
            await world.run("sample.fail", {"how": "timeout"})


async def test_cancelling_cancels_the_command(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.run("sample.wait"))
        await world.room.begun.wait()
        task.cancel()
    assert task.cancelled()
    assert world.room.ended.is_set()
    assert world.counted("sample.wait", "cancelled")


async def test_cancellation_from_inside_is_an_answer(world: World) -> None:
    with pytest.raises(Unavailable, match="interrupted"):
        await world.run("sample.fail", {"how": "interrupted"})
    assert world.counted("sample.fail", "interrupted")


class TestLimit:
    async def test_too_many_calls_at_once_are_busy(self) -> None:
        world = World(limit=2)
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(world.run("sample.wait"))
            await until(lambda: world.room.running == 2)
            with pytest.raises(Busy) as caught:
                await world.run("sample.echo")
            world.room.go_on.set()
        assert caught.value.retry_after_s == 0.1

    async def test_place_is_free_again_however_a_call_ends(self) -> None:
        world = World(limit=1)
        with pytest.raises(Conflict):
            await world.run("sample.fail")
        with pytest.raises(TimedOut):
            await world.run("sample.wait", deadline_s=0.01)
        assert await world.run("sample.echo")


class TestLine:
    async def test_one_for_a_call(self, world: World, lines: list[str]) -> None:
        await world.run("sample.echo")
        assert calls(lines) == ["call command=sample.echo principal=token:ci code=ok"]

    async def test_tells_the_code_of_an_error(self, world: World, lines: list[str]) -> None:
        with pytest.raises(Conflict):
            await world.run("sample.fail")
        assert calls(lines) == ["call command=sample.fail principal=token:ci code=taken"]

    async def test_does_not_tell_parameters(self, world: World, lines: list[str]) -> None:
        await world.run("sample.echo", {"text": "hunter2"})
        assert not any("hunter2" in line for line in lines)

    async def test_cuts_an_endless_name(self, world: World, lines: list[str]) -> None:
        with pytest.raises(NotFound):
            await world.run("x" * 1_000_000)
        assert len(calls(lines)[0]) < 200

    async def test_unknown_names_make_no_metric_of_their_own(self, world: World) -> None:
        with pytest.raises(NotFound):
            await world.run("sample.unknown")
        assert world.counted("(unknown)", "unknown_command")
        assert "sample.unknown" not in world.metrics.exposition().decode()

    @pytest.mark.parametrize(
        ("parameters", "code"),
        [({}, "ok"), ({"then": "conflict"}, "taken"), ({"then": "bug"}, "fault")],
    )
    async def test_of_a_stream_comes_at_its_end(
        self, world: World, lines: list[str], parameters: dict[str, str], code: str
    ) -> None:
        stream = await world.run("sample.count", parameters)
        await anext(stream)
        assert calls(lines) == []
        with suppress(AgentdError):
            await items_of(stream)
        assert calls(lines) == [f"call command=sample.count principal=token:ci code={code}"]

    async def test_of_a_stream_that_was_left_says_so(self, world: World, lines: list[str]) -> None:
        stream = await world.run("sample.count")
        await anext(stream)
        await stream.aclose()
        assert calls(lines) == ["call command=sample.count principal=token:ci code=cancelled"]

    async def test_of_a_refused_stream_comes_at_once(self, world: World, lines: list[str]) -> None:
        with pytest.raises(SchemaError):
            await world.run("sample.count", {"to": -1})
        assert calls(lines) == ["call command=sample.count principal=token:ci code=invalid"]


class TestStream:
    async def test_gives_its_items(self, world: World) -> None:
        assert await items_of(await world.run("sample.count")) == [1, 2, 3]

    async def test_does_not_begin_before_it_is_iterated(self, world: World) -> None:
        await world.run("sample.count")
        assert not world.room.begun.is_set()

    async def test_that_is_closed_ends_the_command(self, world: World) -> None:
        stream = await world.run("sample.count", {"then": "wait"})
        await anext(stream)
        await stream.aclose()
        assert world.room.ended.is_set()

    async def test_own_errors_go_through(self, world: World) -> None:
        stream = await world.run("sample.count", {"then": "conflict"})
        with pytest.raises(Conflict):
            await items_of(stream)

    @pytest.mark.parametrize("then", ["bug", "reset"])
    async def test_any_other_exception_is_a_fault(self, world: World, then: str) -> None:
        stream = await world.run("sample.count", {"then": then})
        with pytest.raises(Fault):
            await items_of(stream)

    async def test_takes_no_place_among_the_calls(self) -> None:
        world = World(limit=1)
        stream = await world.run("sample.count")
        await anext(stream)
        assert await world.run("sample.echo")
        await stream.aclose()


class TestLeave:
    async def test_everybody_who_asked_is_told(self, world: World) -> None:
        told: list[str] = []

        async def first(caller_id: str) -> None:
            told.append(f"first {caller_id}")

        async def second(caller_id: str) -> None:
            told.append(f"second {caller_id}")

        world.dispatcher.on_leave(first)
        world.dispatcher.on_leave(second)
        await world.dispatcher.leave("c7")
        assert told == ["first c7", "second c7"]

    @pytest.mark.parametrize("error", [Conflict("x"), ValueError("x")])
    async def test_one_that_fails_does_not_keep_it_from_the_others(
        self, world: World, error: Exception
    ) -> None:
        told: list[str] = []

        async def failing(caller_id: str) -> None:
            raise error

        async def second(caller_id: str) -> None:
            told.append(caller_id)

        world.dispatcher.on_leave(failing)
        world.dispatcher.on_leave(second)
        await world.dispatcher.leave("c7")
        assert told == ["c7"]


async def test_closing_takes_iterators_that_cannot_be_closed() -> None:
    class Plain:
        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> int:
            raise StopAsyncIteration

    assert [item async for item in closing(Plain())] == []


def test_request_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000
