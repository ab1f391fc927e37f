"""Lines in and out: cut right, bounded, whole."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.client.stdio import Lines, LineWriter, read_lines


class TestLines:
    def test_lines_are_cut(self) -> None:
        assert Lines().feed(b"a\n\nb\r\n  \nc") == [b"a", b"b"]

    def test_pieces_are_joined(self) -> None:
        lines = Lines()
        assert lines.feed(b"a") == []
        assert lines.feed(b"b\nc") == [b"ab"]
        assert lines.feed(b"\n") == [b"c"]

    def test_line_that_is_too_long_is_told_and_left_out(self) -> None:
        lines = Lines(4)
        assert lines.feed(b"12345\n1234\n") == [None, b"1234"]
        assert lines.feed(b"123") == []
        assert lines.feed(b"45") == []
        assert lines.feed(b"6\nab\n") == [None, b"ab"]

    @given(st.lists(st.binary(max_size=8), max_size=8))
    def test_pieces_make_no_difference(self, pieces: list[bytes]) -> None:
        whole = Lines(16).feed(b"".join(pieces) + b"\n")
        lines = Lines(16)
        found = [line for piece in [*pieces, b"\n"] for line in lines.feed(piece)]
        assert found == whole


class TestReading:
    async def test_file_is_read_to_its_end(self, tmp_path: Path) -> None:
        path = tmp_path / "lines"
        path.write_bytes(b"a\nb\nlast")
        with path.open("rb") as file:
            found = [line async for line in read_lines(file.fileno())]
        assert found == [b"a", b"b", b"last"]

    async def test_pipe_is_read_as_lines_come(self) -> None:
        reading, writing = os.pipe()
        lines = read_lines(reading)
        os.write(writing, b"a\n")
        assert await anext(lines) == b"a"
        os.write(writing, b"b")
        os.close(writing)
        assert [line async for line in lines] == [b"b"]
        os.close(reading)

    async def test_more_lines_than_are_wanted_wait(self) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"x\n" * 1000)
        os.close(writing)
        assert len([line async for line in read_lines(reading)]) == 1000
        os.close(reading)


class TestWriting:
    async def test_lines_are_whole(self) -> None:
        reading, writing = os.pipe()
        writer = LineWriter(writing)
        lines = [bytes([65 + number]) * 100_000 for number in range(4)]
        found: list[bytes] = []
        async with asyncio.TaskGroup() as group:
            for line in lines:
                group.create_task(writer.write(line), name="write")
            async for line in read_lines(reading):
                assert line is not None
                found.append(line)
                if len(found) == len(lines):
                    break
        os.close(writing)
        os.close(reading)
        assert sorted(found) == lines

    async def test_reader_that_is_gone_is_an_error(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            await LineWriter(writing).write(b"x")
        os.close(writing)


def test_what_is_printed_goes_to_standard_error() -> None:
    code = (
        "import os\n"
        "from agentd.client.stdio import keep_stdout_clean\n"
        "kept = keep_stdout_clean()\n"
        "print('chatter', flush=True)\n"
        "os.write(kept, b'protocol')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"protocol", b"chatter\n")
