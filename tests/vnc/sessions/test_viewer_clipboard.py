"""One viewer's clipboard, with a desktop's clipboard that is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from agentd.base.errors import BadRequest, NotFound
from agentd.base.events import EventBus
from agentd.desktop.clipboard.selection_content import Content, ContentType, Selection
from agentd.vnc.numbers import ClipboardFormat
from agentd.vnc.protocol import clipboard_messages, server_messages
from agentd.vnc.protocol.messages import (
    ClipboardNotify,
    ClipboardPeek,
    ClipboardProvide,
    ClipboardRefused,
    ClipboardRequest,
    CutText,
)
from agentd.vnc.sessions.viewer_clipboard import ViewerClipboard
from tests.fakes import until

HAS_TEXT = clipboard_messages.pack_notify(has_text=True)
HAS_NOTHING = clipboard_messages.pack_notify(has_text=False)


class PlayedClipboard:
    """The desktop's clipboard: it tells the bus before it answers, as the real one does."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.text: str | None = "grüße"
        self.serial = 0
        self.reads = 0

    async def set(self, selection: Selection, content: Content) -> int:
        self.copy(content.text)
        for _ in range(5):
            await asyncio.sleep(0)  # Whoever hears the bus hears it first.
        return self.serial

    def copy(self, text: str | None) -> None:
        """A program, or a viewer, copies."""
        self.text, self.serial = text, self.serial + 1
        self.bus.publish(
            "clipboard.changed",
            selection="clipboard",
            serial=self.serial,
            types=None,
            owner="xterm" if text is not None else "",
        )

    async def get(self, selection: Selection, type: ContentType, **limits: object) -> Any:
        self.reads += 1
        if self.text is None:
            raise NotFound("the clipboard is empty")
        return type_of_held(self.text)

    async def offered(self, selection: Selection, *, silence_s: float) -> Any:
        types = () if self.text is None else (ContentType.TEXT,)
        return type_of_offered(types)


def type_of_held(text: str) -> Any:
    return type("Held", (), {"value": text})


def type_of_offered(types: tuple[ContentType, ...]) -> Any:
    return type("Offered", (), {"types": types})


class Viewer:
    """A viewer's clipboard, what it was sent, and its rights in plain fields."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.desktop = PlayedClipboard(self.bus)
        self.sent: list[bytes] = []
        self.may_know = self.may_set = True
        self.clipboard = ViewerClipboard(
            self.sent.append,
            lambda: self.desktop,  # type: ignore[arg-type, return-value]
            self.bus,
            may_know=lambda: self.may_know,
            may_set=lambda: self.may_set,
        )

    async def wait_sent(self, *messages: bytes) -> None:
        await until(lambda: len(self.sent) >= len(messages))
        assert self.sent == list(messages)

    async def settle(self) -> None:
        """Have all that was said heard: an answer that is known comes last."""
        self.sent.clear()
        self.clipboard.begin_extended()
        self.clipboard.put_nowait(ClipboardPeek())
        await until(lambda: bool(self.sent) and self.sent[-1] in (HAS_TEXT, HAS_NOTHING))


@pytest_asyncio.fixture
async def viewer() -> AsyncIterator[Viewer]:
    viewer = Viewer()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(viewer.clipboard.run())
        await until(lambda: viewer.bus.statistics()["subscribers"] == 1)
        yield viewer
        task.cancel()
    assert viewer.bus.statistics()["subscribers"] == 0


class TestPlain:
    async def test_is_sent_the_text_at_once(self, viewer: Viewer) -> None:
        viewer.desktop.copy("grüße")
        await viewer.wait_sent(server_messages.cut_text("grüße".encode("latin-1")))

    async def test_text_that_latin_1_has_not_is_not_sent(self, viewer: Viewer) -> None:
        viewer.desktop.copy("你好")
        await until(lambda: viewer.desktop.reads == 1)
        viewer.desktop.copy("ok")
        await viewer.wait_sent(server_messages.cut_text(b"ok"))

    async def test_what_it_copies_is_set(self, viewer: Viewer) -> None:
        viewer.clipboard.put_nowait(CutText("é".encode("latin-1")))
        await until(lambda: viewer.desktop.text == "é")

    async def test_nothing_is_sent_of_an_empty_clipboard(self, viewer: Viewer) -> None:
        viewer.desktop.copy(None)
        await until(lambda: viewer.desktop.reads == 1)
        viewer.desktop.copy("ok")
        await viewer.wait_sent(server_messages.cut_text(b"ok"))


class TestExtended:
    async def test_says_once_what_it_knows(self, viewer: Viewer) -> None:
        viewer.clipboard.begin_extended()
        viewer.clipboard.begin_extended()
        await viewer.wait_sent(clipboard_messages.pack_caps())

    async def test_is_told_of_a_change_and_sent_it_when_it_asks(self, viewer: Viewer) -> None:
        viewer.clipboard.begin_extended()
        viewer.sent.clear()
        viewer.desktop.copy("你好")
        await viewer.wait_sent(HAS_TEXT)
        assert viewer.desktop.reads == 0
        viewer.clipboard.put_nowait(ClipboardRequest(ClipboardFormat.TEXT))
        await viewer.wait_sent(HAS_TEXT, clipboard_messages.pack_provide("你好"))

    async def test_is_told_when_it_is_emptied(self, viewer: Viewer) -> None:
        viewer.clipboard.begin_extended()
        viewer.sent.clear()
        viewer.desktop.copy(None)
        await viewer.wait_sent(HAS_NOTHING)

    async def test_what_it_announces_is_asked_for_and_set(self, viewer: Viewer) -> None:
        viewer.clipboard.put_nowait(ClipboardNotify(ClipboardFormat.TEXT))
        await viewer.wait_sent(clipboard_messages.pack_request())
        viewer.clipboard.put_nowait(ClipboardProvide("你好"))
        await until(lambda: viewer.desktop.text == "你好")

    async def test_what_it_set_is_not_told_back(self, viewer: Viewer) -> None:
        viewer.clipboard.put_nowait(ClipboardProvide("mine"))
        await until(lambda: viewer.desktop.text == "mine")
        viewer.desktop.copy("theirs")
        await viewer.wait_sent(server_messages.cut_text(b"theirs"))

    async def test_refused_content_ends_nothing(self, viewer: Viewer) -> None:
        viewer.clipboard.put_nowait(ClipboardRefused("too large"))
        await viewer.settle()


class TestRights:
    async def test_who_may_not_know_it_is_told_nothing(self, viewer: Viewer) -> None:
        viewer.may_know = False
        viewer.desktop.copy("secret")
        viewer.clipboard.put_nowait(ClipboardRequest(ClipboardFormat.TEXT))
        viewer.clipboard.put_nowait(ClipboardPeek())
        await until(lambda: viewer.clipboard._said.empty())
        viewer.may_know = True
        viewer.desktop.copy("ok")
        await viewer.wait_sent(server_messages.cut_text(b"ok"))

    async def test_who_may_not_act_sets_nothing(self, viewer: Viewer) -> None:
        viewer.may_set = False
        viewer.clipboard.put_nowait(CutText(b"mine"))
        await viewer.settle()
        assert viewer.desktop.text == "grüße"


async def test_what_waits_is_bounded() -> None:
    viewer = Viewer()
    for _ in range(16):
        viewer.clipboard.put_nowait(CutText(b"x"))
    with pytest.raises(BadRequest):
        viewer.clipboard.put_nowait(CutText(b"x"))
