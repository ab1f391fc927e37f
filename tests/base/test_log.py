"""A log line is one line, names its request and shows no secret."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.log import LineFormatter, redact, request_context, set_up


def formatted(message: str, *args: object, level: int = logging.INFO, journal: bool = False) -> str:
    record = logging.LogRecord("room.part", level, "file", 1, message, args, None)
    return LineFormatter(journal=journal).format(record)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token=abc", "token=***"),
        ("TOKEN: abc x=1", "TOKEN: *** x=1"),
        ("password=a;b", "password=***;b"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("Authorization: Basic abc", "Authorization: ***"),
        ('{"password": "a b c", "x": 1}', '{"password": ***, "x": 1}'),
        ("{'secret': 'a b', 'x': 1}", "{'secret': ***, 'x': 1}"),
        ('password="never closed', "password=***"),
        ("aws_secret_access_key = abc", "aws_secret_access_key = ***"),
        ("X-Amz-Signature=abc&x=1", "X-Amz-Signature=***&x=1"),
        ("api_key=abc apikey=abc", "api_key=*** apikey=***"),
        ("Cookie: a", "Cookie: ***"),
        ("https://ann:pass@host/x", "https://ann:***@host/x"),
        ("https://host:80/x@y", "https://host:80/x@y"),
        ("principal=token:ci code=ok", "principal=token:ci code=ok"),
        ("the token was refused", "the token was refused"),
        ("command=desktop.click", "command=desktop.click"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@given(st.text(st.characters(min_codepoint=33, exclude_characters="\"',;&", codec="ascii")))
def test_value_behind_a_secret_name_never_shows(value: str) -> None:
    assert redact(f"token=Q{value}Q end") == "token=*** end"


@pytest.mark.parametrize("text", ["token", "token:" * 3, "://a:", "password= ", '"secret": '])
def test_hiding_costs_no_more_than_the_length(text: str) -> None:
    before = time.process_time()
    redact(text * (400_000 // len(text)))
    assert time.process_time() - before < 2


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_line_has_time_level_logger_and_message(level: str) -> None:
    line = formatted("call command=%s", "x", level=getattr(logging, level))
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}} {level} *room\.part call command=x", line
    )


@given(st.text())
def test_message_is_one_line_whatever_it_holds(text: str) -> None:
    line = formatted("%s", text)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_line_ends_are_written_out() -> None:
    assert formatted("a\nb\r\x1bc").endswith(r"a\nb\r\x1bc")


def test_secrets_in_arguments_are_hidden() -> None:
    assert "abc" not in formatted("options=%s", {"token": "abc"})


def test_traceback_follows_indented_and_without_secrets() -> None:
    try:
        raise ValueError("token=abc")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "it broke", None, sys.exc_info())
    first, *rest = LineFormatter().format(record).splitlines()
    assert first.endswith("it broke")
    assert rest[0] == "Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest[1:])
    assert rest[-1].strip() == "ValueError: token=***"


@pytest.mark.parametrize(
    ("level", "number"),
    [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)],
)
def test_journal_gets_a_priority_and_no_time(level: str, number: int) -> None:
    line = formatted("said", level=getattr(logging, level), journal=True)
    assert line == f"<{number}>room.part said"


class TestRequestId:
    def test_is_on_each_line_of_its_block(self) -> None:
        with request_context("r1"):
            assert formatted("a").endswith("a request_id=r1")
        assert formatted("a").endswith(" a")

    def test_of_an_inner_block_ends_with_it(self) -> None:
        with request_context("r1"):
            with request_context("r2"):
                assert formatted("a").endswith("=r2")
            assert formatted("a").endswith("=r1")

    async def test_goes_along_into_tasks_and_stays_there(self) -> None:
        async def line() -> str:
            await asyncio.sleep(0)
            return formatted("a")

        async with asyncio.TaskGroup() as group:
            with request_context("r1"):
                first = group.create_task(line())
            second = group.create_task(line())
        assert first.result().endswith("=r1")
        assert second.result().endswith(" a")


class TestSetUp:
    @pytest.fixture(autouse=True)
    def _restored(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        yield
        root.handlers[:] = handlers
        root.setLevel(level)

    def test_sends_everything_to_the_stream(self) -> None:
        stream = io.StringIO()
        set_up("info", stream=stream)
        logging.getLogger("room").info("said")
        assert stream.getvalue().endswith("room said\n")

    def test_level_holds(self) -> None:
        stream = io.StringIO()
        set_up("warning", stream=stream)
        logging.getLogger("room").info("said")
        assert stream.getvalue() == ""

    def test_twice_does_not_say_things_twice(self) -> None:
        stream = io.StringIO()
        set_up("info", stream=stream)
        set_up("info", stream=stream)
        logging.getLogger("room").info("said")
        assert stream.getvalue().count("said") == 1

    def test_libraries_that_narrate_are_held_back(self) -> None:
        stream = io.StringIO()
        set_up("debug", stream=stream)
        logging.getLogger("asyncio").debug("narrated")
        logging.getLogger("aiohttp.access").info("narrated")
        assert stream.getvalue() == ""

    def test_journal_form_is_used_when_asked_for(self) -> None:
        stream = io.StringIO()
        set_up("info", stream=stream, journal=True)
        logging.getLogger("room").info("said")
        assert stream.getvalue() == "<6>room said\n"
