"""One viewer's clipboard: told of changes, asked for text, given the text it may have.

With a viewer of the extended clipboard each side says that it has something, and sends it when it
is asked. Any other viewer is sent the text at once, if Latin-1 can say it. What a viewer set is not
told back to it. Whether it has a right to any of it is asked each time. Only text goes this way. It
knows no selection's owner; `desktop/clipboard/` does.
Source: rfbproto "Extended Clipboard Pseudo-Encoding".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from agentd.base.errors import AgentdError, BadRequest
from agentd.base.events import EventBus
from agentd.desktop.clipboard.clipboard import Clipboard
from agentd.desktop.clipboard.selection_content import ContentType, Selection, content_of
from agentd.vnc.numbers import ClipboardFormat
from agentd.vnc.protocol import clipboard_messages, server_messages
from agentd.vnc.protocol.messages import (
    ClipboardCaps,
    ClipboardNotify,
    ClipboardPeek,
    ClipboardProvide,
    ClipboardRefused,
    ClipboardRequest,
    CutText,
)

logger = logging.getLogger(__name__)

_SILENCE_S = 2.0
_MOST_WAITING = 16

ClipboardMessage = (
    ClipboardCaps
    | ClipboardNotify
    | ClipboardPeek
    | ClipboardProvide
    | ClipboardRefused
    | ClipboardRequest
    | CutText
)


class ViewerClipboard:
    """The clipboard of one viewer.

    Args:
        post: sends it a message, soon.
        clipboard: returns the desktop's clipboard. Raises: Unavailable.
        bus: tells when the clipboard has changed.
        may_know: tells whether the viewer may know what the clipboard has now.
        may_set: tells whether it may set it now.
    """

    def __init__(
        self,
        post: Callable[[bytes], None],
        clipboard: Callable[[], Clipboard],
        bus: EventBus,
        *,
        may_know: Callable[[], bool],
        may_set: Callable[[], bool],
    ) -> None:
        self._post = post
        self._clipboard = clipboard
        self._bus = bus
        self._may_know = may_know
        self._may_set = may_set
        self._is_extended = False
        # The number of the content that this viewer has set itself.
        self._own_serial = 0
        # The news of what it sets may come before that number does.
        self._setting = asyncio.Lock()
        self._said: asyncio.Queue[ClipboardMessage] = asyncio.Queue(_MOST_WAITING)

    def begin_extended(self) -> None:
        """The viewer knows the extended clipboard: say what we know of it."""
        if not self._is_extended:
            self._is_extended = True
            self._post(clipboard_messages.pack_caps())

    def put_nowait(self, message: ClipboardMessage) -> None:
        """Take what the viewer says. Raises: BadRequest when too much waits."""
        try:
            self._said.put_nowait(message)
        except asyncio.QueueFull:
            raise BadRequest(f"more than {_MOST_WAITING} clipboards wait to be set") from None

    async def run(self) -> None:
        """Answer the viewer and tell it of changes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answer_all(), name="viewer-clipboard-answers")
            group.create_task(self._tell_all(), name="viewer-clipboard-news")

    async def _answer_all(self) -> None:
        while True:
            message = await self._said.get()
            try:
                await self._answer(message)
            except AgentdError as exc:
                logger.debug("viewer clipboard not served reason=%s", exc.narrow_code)

    async def _tell_all(self) -> None:
        subscription = self._bus.subscribe(["clipboard.changed"])
        try:
            while True:
                news = (await subscription.next()).data
                if news.get("selection") == Selection.CLIPBOARD:
                    try:
                        await self._tell(news)
                    except AgentdError as exc:
                        logger.debug("viewer clipboard not told reason=%s", exc.narrow_code)
        finally:
            self._bus.unsubscribe(subscription)

    async def _answer(self, message: ClipboardMessage) -> None:
        if not self._may_know():
            return
        match message:
            case ClipboardRequest(formats) if formats & ClipboardFormat.TEXT:
                self._post(clipboard_messages.pack_provide(await self._text()))
            case ClipboardPeek():
                self._post(clipboard_messages.pack_notify(has_text=await self._has_text()))
            case ClipboardNotify(formats) if formats & ClipboardFormat.TEXT:
                self._post(clipboard_messages.pack_request())
            case ClipboardProvide(text):
                await self._set(text)
            case CutText(text):
                await self._set(text.decode("latin-1"))
            case ClipboardRefused(reason):
                logger.info("viewer clipboard refused reason=%s", reason)

    async def _tell(self, news: dict[str, Any]) -> None:
        """Say that there is something new; to a viewer that cannot ask, send it."""
        async with self._setting:
            if news.get("serial") == self._own_serial or not self._may_know():
                return
        if self._is_extended:
            types = news.get("types")
            has_text = bool(news.get("owner")) if types is None else ContentType.TEXT in types
            self._post(clipboard_messages.pack_notify(has_text=has_text))
            return
        text = clipboard_messages.latin1(await self._text())
        if not self._may_know():
            return  # The right was taken away while the text was fetched.
        if text is None:
            # Question marks in place of the letters would be worse than the text before.
            logger.info("viewer clipboard not told reason=not_latin_1")
        else:
            self._post(server_messages.cut_text(text))

    async def _set(self, text: str) -> None:
        if not self._may_set():
            return
        async with self._setting:
            content = content_of(text=text)
            self._own_serial = await self._clipboard().set(Selection.CLIPBOARD, content)

    async def _has_text(self) -> bool:
        offered = await self._clipboard().offered(Selection.CLIPBOARD, silence_s=_SILENCE_S)
        return ContentType.TEXT in offered.types

    async def _text(self) -> str:
        """Return the clipboard's text. Raises: NotFound when it has none; TooLarge."""
        held = await self._clipboard().get(
            Selection.CLIPBOARD,
            ContentType.TEXT,
            limit_bytes=clipboard_messages.MAX_TEXT_BYTES,
            silence_s=_SILENCE_S,
        )
        return str(held.value)
