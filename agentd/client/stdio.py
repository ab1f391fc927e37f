"""Lines in and out of a process: standard input read by a thread, standard output kept clean.

It does not know what the lines mean.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError as FutureCancelled

_READ_BYTES = 64 * 1024
_LINE_LIMIT = 16 * 1024 * 1024
_LINES_AHEAD = 16


class Lines:
    """Cuts bytes into lines; one that is too long comes as None, and does not fill the memory."""

    def __init__(self, limit_bytes: int = _LINE_LIMIT) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._is_too_long = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Return the lines that are complete now, without their ends; empty ones are left out."""
        *ended, rest = chunk.split(b"\n")
        found: list[bytes | None] = []
        for piece in ended:
            self._take(piece)
            if self._is_too_long:
                found.append(None)
            elif line := bytes(self._rest).strip():
                found.append(line)
            self._rest.clear()
            self._is_too_long = False
        self._take(rest)
        return found

    def _take(self, piece: bytes) -> None:
        self._is_too_long = self._is_too_long or len(self._rest) + len(piece) > self._limit_bytes
        if self._is_too_long:
            self._rest.clear()
        else:
            self._rest += piece


async def read_lines(descriptor: int) -> AsyncIterator[bytes | None]:
    """Iterate the lines of a descriptor until its end: a pipe, a terminal or a file.

    A thread reads, as files and terminals cannot be waited for; it is not waited for at the end.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | EOFError | None] = asyncio.Queue(_LINES_AHEAD)

    def put(item: bytes | EOFError | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read() -> None:
        lines = Lines()
        try:
            # The last line may lack its end.
            while chunk := os.read(descriptor, _READ_BYTES):
                for line in lines.feed(chunk):
                    put(line)
            for line in lines.feed(b"\n"):
                put(line)
            put(EOFError())
        except (OSError, RuntimeError, FutureCancelled):
            return  # Whoever waited for lines has gone, and the loop with them.

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while not isinstance(item := await queue.get(), EOFError):
        yield item


class LineWriter:
    """Writes whole lines, one after the other, without holding the event loop up."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._turn = asyncio.Lock()

    async def write(self, line: bytes) -> None:
        """Write a line. Raises: BrokenPipeError when nobody reads any more."""
        async with self._turn:
            await asyncio.to_thread(self._write, line + b"\n")

    def _write(self, text: bytes) -> None:
        view = memoryview(text)
        while view:
            view = view[os.write(self._descriptor, view) :]


def keep_stdout_clean() -> int:
    """Return a descriptor for standard output, and send whatever else is printed to stderr."""
    sys.stdout.flush()
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept
