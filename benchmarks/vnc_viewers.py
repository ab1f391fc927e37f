"""Viewers that read and show nothing: the others that look while one is measured.

`python -m benchmarks.vnc_viewers HOST:PORT LIST COUNT [PASSWORD]` connects them, says `ready` when
each has the whole picture, and reads until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from benchmarks.rfb_client import viewing
from benchmarks.rfb_numbers import LISTS


async def look(address: str, encodings: str, count: int, password: str | None) -> None:
    """Connect and read."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            viewer = await stack.enter_async_context(
                viewing(address, encodings=LISTS[encodings], password=password, is_blind=True)
            )
            await viewer.until_painted(limit_s=30)
        print("ready", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Look until killed."""
    address, encodings, count, password = sys.argv[1:5]
    asyncio.run(look(address, encodings, int(count), password or None))


if __name__ == "__main__":
    main()
