"""What is copied in a real program is what the clipboard holds, and the other way round."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from agentd.base.events import EventBus, Subscription
from agentd.desktop.clipboard.clipboard import Clipboard
from agentd.desktop.clipboard.selection_content import Content, ContentType, Selection, content_of
from agentd.desktop.clipboard.selection_record import SelectionRecord
from agentd.desktop.hands.input import Input
from agentd.desktop.xlink import DisplayAddress, XLink
from tests.live.oracle import Oracle

sys.path.append(str(Path(__file__).parent / "oracles"))

from wire import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Grüße, мир, 你好, שלום, 🎉👩\u200d👩\u200d👧 e\u0301\tx\nnext line"
LONG = "".join(f"{number} {TEXT}\n" for number in range(5000))
HTML = "<b>ü 你好</b>"
FILES = ["/tmp/a b/ü#?.txt", "/tmp/100%"]
URIS = ["file:///tmp/a%20b/%C3%BC%23%3F.txt", "file:///tmp/100%25"]


class Board:
    """The clipboard of the display, and the events that it publishes."""

    def __init__(self, clipboard: Clipboard, events: Subscription) -> None:
        self._clipboard = clipboard
        self._events = events

    async def set(self, content: Content, selection: Selection = Selection.CLIPBOARD) -> None:
        await self._clipboard.set(selection, content)

    async def wait_copied(
        self, kind: ContentType, selection: Selection = Selection.CLIPBOARD
    ) -> object:
        """Wait until a program has copied something and return it."""
        async with asyncio.timeout(20):
            while True:
                event = await self._events.next()
                is_copy = event.type == "clipboard.changed" and event.data["types"] is None
                if is_copy and event.data["owner"] and event.data["selection"] == selection:
                    break
        held = await self._clipboard.get(selection, kind, limit_bytes=1 << 26, silence_s=10)
        return held.value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board(display: DisplayAddress) -> AsyncIterator[Board]:
    bus = EventBus()
    records = {selection: SelectionRecord(selection) for selection in Selection}
    clipboard = Clipboard(bus, records, window_of=lambda _: None)
    link = XLink(
        display,
        "x-clipboard",
        on_events=clipboard.on_events,
        on_lane_events=clipboard.on_lane_events,
    )
    await link.open()
    await clipboard.open(link)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(clipboard.run(), name="clipboard")
        yield Board(clipboard, bus.subscribe())
        serving.cancel()
    clipboard.close()
    link.close()
    await link.lane.wait_closed()


async def press_copy(hands: Input, field: Oracle) -> None:
    # Tk has the line's beginning on ctrl+a.
    await hands.keys.press("ctrl+slash" if field.toolkit == "tk" else "ctrl+a", owner="test")
    await hands.keys.press("ctrl+c", owner="test")


@pytest.mark.not_told_by("xterm")  # It pastes the primary selection, see below.
@pytest.mark.parametrize("text", [TEXT, LONG], ids=["short", "long"])
async def test_text_is_pasted_and_copied_exactly(
    hands: Input, board: Board, field: Oracle, text: str
) -> None:
    await board.set(content_of(text=text))
    await hands.keys.press("ctrl+v", owner="test")
    await field.wait_text(text, timeout_s=30)
    await press_copy(hands, field)
    # In Tk all ends with a line break that is always there.
    end = "\n" if field.toolkit == "tk" else ""
    assert await board.wait_copied(ContentType.TEXT) == text + end


@pytest.mark.not_told_by("chromium", "firefox", "tk", "gtk3", "gtk4", "qt")
async def test_primary_is_pasted_into_a_terminal(hands: Input, board: Board, field: Oracle) -> None:
    await board.set(content_of(text="Grüße 你好 🎉"), Selection.PRIMARY)
    await hands.keys.press("shift+Insert", owner="test")
    await field.wait_text("Grüße 你好 🎉")


@pytest.mark.not_told_by("xterm", "tk", "gtk4")
async def test_picture_is_pasted_to_the_pixel(hands: Input, board: Board, field: Oracle) -> None:
    width, height, pixels = picture()
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(file, "png")
    await board.set(content_of(png=file.getvalue()))
    if field.toolkit in ("chromium", "firefox"):
        await hands.keys.press("ctrl+v", owner="test")
    else:
        field.order("paste image")
    pasted = await field.wait_event("image")
    assert (pasted["width"], pasted["height"]) == (width, height)
    assert bytes(pasted["pixels"]) == pixels


@pytest.mark.not_told_by("xterm", "tk", "gtk4", "chromium", "firefox")
async def test_picture_is_copied_to_the_pixel(board: Board, field: Oracle) -> None:
    field.order("copy image")
    copied = await board.wait_copied(ContentType.PNG)
    assert isinstance(copied, bytes)
    with Image.open(io.BytesIO(copied)) as image:
        assert (*image.size, image.convert("RGB").tobytes()) == picture()


@pytest.mark.not_told_by("xterm", "tk", "gtk4", "chromium", "firefox")
async def test_files_are_pasted(board: Board, field: Oracle) -> None:
    await board.set(content_of(files=FILES))
    field.order("paste files")
    pasted = await field.wait_event("files")
    # Qt shows what can be shown; both name the same files.
    shown = {"qt": ["file:///tmp/a b/ü%23%3F.txt", "file:///tmp/100%25"]}
    assert pasted["uris"] == shown.get(field.toolkit, URIS)


@pytest.mark.not_told_by("xterm", "tk", "gtk3", "gtk4", "chromium", "firefox")
async def test_files_are_copied(board: Board, field: Oracle) -> None:
    field.order("copy files")
    assert await board.wait_copied(ContentType.FILES) == tuple(FILES)


@pytest.mark.not_told_by("xterm", "tk", "gtk3", "gtk4")
async def test_html_is_pasted_and_copied(hands: Input, board: Board, field: Oracle) -> None:
    await board.set(content_of(html=HTML, text="ü 你好"))
    is_page = field.toolkit in ("chromium", "firefox")
    if is_page:
        await hands.keys.press("ctrl+v", owner="test")
    else:
        field.order("paste html")
    pasted = await field.wait_event("html")
    assert HTML in pasted["html"]
    field.order("copy html")
    if is_page:
        await field.wait_event("will copy html")
        await press_copy(hands, field)
    copied = await board.wait_copied(ContentType.HTML)
    assert isinstance(copied, str)
    assert HTML in copied
