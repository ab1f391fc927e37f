"""What the clients of the soak do: every kind of call, and how its answer is judged.

One `User` is one client at a time with what it remembers. It makes calls and raises for an answer
that is wrong; how often, for how long and beside whom is the business of `soak.py`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from agentd.client.client import Client
from agentd.client.commands.values import Observe, Region, Settle

WIDTH, HEIGHT = 1280, 800

# Where the desk of `soak.py` has a terminal that reads, a window that answers clicks, and a film.
TERMINALS = (Region(30, 60, 400, 240), Region(30, 420, 400, 240))
ANSWERING = Region(480, 60, 140, 300)
FILM = Region(900, 560, 320, 200)
SCROLLING = Region(640, 40, 620, 480)

_WORDS = ("soak", "Grüße", "мир", "你好", "naïve", "ελιά", "→ 42")
_LONG = "0123456789abcdef" * 16_384
_SIGNATURES = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}


class Wrong(Exception):
    """An answer that is not what it must be."""


class User:
    """One client, and what it has seen."""

    def __init__(self, client: Client, random: Random) -> None:
        self._client = client
        self._random = random
        self._frame: int | None = None

    async def picture(self) -> None:
        """A picture of the whole screen, in any format."""
        form = self._random.choice(("png", "jpeg", "webp", "raw"))
        picture = await self._client.desktop.screenshot(format=form)
        _check_picture(picture.body, form, picture.meta.width, picture.meta.height)
        self._frame = picture.meta.frame

    async def part(self) -> None:
        """A region, perhaps scaled."""
        x, y = self._random.randrange(WIDTH - 64), self._random.randrange(HEIGHT - 64)
        region = Region(x, y, self._random.randrange(16, 640), self._random.randrange(16, 400))
        scale = self._random.choice((1.0, 0.5))
        picture = await self._client.desktop.screenshot(region=region, scale=scale)
        _check_picture(picture.body, "png", picture.meta.width, picture.meta.height)

    async def small_picture(self) -> None:
        """A picture as a model wants it."""
        picture = await self._client.desktop.screenshot(
            format="jpeg", max_long_edge=800, max_bytes=60_000
        )
        if len(picture.body) > 60_000 or max(picture.meta.width, picture.meta.height) > 800:
            raise Wrong(f"a picture of {len(picture.body)} bytes, {picture.meta}")

    async def picture_if_changed(self) -> None:
        """A picture, or the word that nothing has changed."""
        picture = await self._client.desktop.screenshot(if_changed_since=self._frame)
        if picture.meta.unchanged == bool(picture.body):
            raise Wrong(f"{len(picture.body)} bytes, unchanged {picture.meta.unchanged}")
        self._frame = picture.meta.frame

    async def click(self) -> None:
        """A click into a terminal."""
        x, y = self._place()
        await self._client.desktop.click(x, y, button=self._random.choice(("left", "middle")))

    async def move(self) -> None:
        """A move of the pointer."""
        await self._client.desktop.move(
            self._random.randrange(WIDTH), self._random.randrange(HEIGHT)
        )

    async def scroll(self) -> None:
        """A turn of the wheel."""
        x, y = self._place()
        await self._client.desktop.scroll(x=x, y=y, dy=self._random.choice((-2, 3)))

    async def type(self) -> None:
        """A line of text of several scripts."""
        words = self._random.choices(_WORDS, k=4)
        await self._client.desktop.type(" ".join(words) + "\n")

    async def hold(self) -> None:
        """A key that is held and let go, or left to the end of the connection."""
        await self._client.desktop.key_down("shift")
        await self._client.desktop.press("a")
        if self._random.random() < 0.8:
            await self._client.desktop.key_up("shift")

    async def act(self) -> None:
        """A batch with a settled picture."""
        terminal = self._random.choice(TERMINALS)
        x, y = self._place()
        report = await self._client.desktop.act(
            [
                {"action": "click", "x": x, "y": y},
                {"action": "type", "text": self._random.choice(_WORDS)},
                {"action": "press", "keys": "Return"},
            ],
            settle=Settle(quiet_ms=100, timeout_ms=1000, region=terminal),
            observe=Observe(format="jpeg", max_long_edge=1024),
        )
        if not report.completed or report.error or not report.image:
            raise Wrong(f"an act that was not completed: {report.steps} {report.error}")

    async def act_on_answer(self) -> None:
        """A click that is answered, and the area that it has changed."""
        report = await self._client.desktop.act(
            [{"action": "click", "x": ANSWERING.x + 70, "y": ANSWERING.y + 150}],
            settle=Settle(until="change", quiet_ms=50, timeout_ms=1000, region=ANSWERING),
            observe=Observe(show="changed_area"),
        )
        if not report.completed or report.error:
            raise Wrong(f"an act that was not completed: {report.steps} {report.error}")

    async def wait_stable(self) -> None:
        """A wait beside a film that does not end."""
        report = await self._client.desktop.wait(
            quiet_ms=100, timeout_ms=800, ignore=[FILM, SCROLLING]
        )
        if report.stable == report.timed_out:
            raise Wrong(f"a wait that is both or neither: {report}")

    async def wait_change(self) -> None:
        """A wait for what comes soon: the next picture of the film."""
        report = await self._client.desktop.wait(until="change", timeout_ms=10_000, region=FILM)
        if not report.stable:
            raise Wrong(f"a film that stands still: {report}")

    async def wait_given_up(self) -> None:
        """A wait whose caller goes away in the midst."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await self._client.desktop.wait(quiet_ms=5000, timeout_ms=10_000)

    async def copy(self) -> None:
        """Text into the clipboard, sometimes a long one."""
        text = _LONG if self._random.random() < 0.1 else self._random.choice(_WORDS)
        await self._client.clipboard.set(text="soak " + text)

    async def paste(self) -> None:
        """What somebody has copied."""
        content = await self._client.clipboard.get()
        if not content.text or not content.text.startswith("soak "):
            raise Wrong(f"{len(content.text or '')} characters that nobody has copied")

    async def list_windows(self) -> None:
        """The windows."""
        if len(await self._client.windows.list()) < len(TERMINALS) + 1:
            raise Wrong("a window has gone")

    async def follow_events(self) -> None:
        """A subscription, left after a while, whatever has come by then."""
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(self._random.uniform(0.1, 1.0)),
                self._client.events.subscribe() as events,
            ):
                async for _ in events:
                    pass

    def _place(self) -> tuple[int, int]:
        """A point inside a terminal, away from what its frame offers to click."""
        area = self._random.choice(TERMINALS)
        return (
            area.x + self._random.randrange(area.width),
            area.y + self._random.randrange(area.height),
        )


Kind = Callable[[User], Awaitable[None]]

# Each kind of call with its share of all.
KINDS: dict[str, tuple[Kind, int]] = {
    "screenshot, any format": (User.picture, 12),
    "screenshot, a region": (User.part, 10),
    "screenshot, max_bytes": (User.small_picture, 6),
    "screenshot, if_changed_since": (User.picture_if_changed, 6),
    "click": (User.click, 12),
    "move": (User.move, 8),
    "scroll": (User.scroll, 6),
    "type": (User.type, 6),
    "key_down, press, key_up": (User.hold, 2),
    "act: click, type, settle, picture": (User.act, 8),
    "act: click, until change, changed_area": (User.act_on_answer, 4),
    "wait until stable": (User.wait_stable, 4),
    "wait until change": (User.wait_change, 4),
    "wait, given up": (User.wait_given_up, 2),
    "clipboard.set": (User.copy, 5),
    "clipboard.get": (User.paste, 5),
    "windows.list": (User.list_windows, 6),
    "events.subscribe, then leave": (User.follow_events, 2),
}


def _check_picture(body: bytes, form: str, width: int, height: int) -> None:
    """Judge a picture by what a glance can tell. Raises: Wrong."""
    if form == "raw":
        if len(body) != 4 * width * height:
            raise Wrong(f"raw picture of {len(body)} bytes for {width}x{height}")
    elif not body.startswith(_SIGNATURES[form]):
        raise Wrong(f"{form} that begins with {body[:8]!r}")
    elif form == "png":
        _check_png(body)


def _check_png(body: bytes) -> None:
    """Check every chunk's sum: a body that was cut or mixed with another has a wrong one."""
    place = 8
    while place < len(body):
        length = int.from_bytes(body[place : place + 4], "big")
        end = place + 12 + length
        found = int.from_bytes(body[end - 4 : end], "big")
        if zlib.crc32(body[place + 4 : end - 4]) != found:
            raise Wrong(f"PNG with a wrong sum at byte {place} of {len(body)}")
        place = end
