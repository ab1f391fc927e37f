"""One viewer, from its greeting to its end.

It reads, and acts on what it reads at once; the tasks beside it write (`updater.py`), carry its
hands to the desktop (`viewer_hands.py`) and its clipboard (`viewer_clipboard.py`), and watch the
desktop for it (`watch.py`). What its grant does not allow is read and ignored. It does not know
sockets; `streams.py` does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from agentd.base.errors import AgentdError, BadRequest
from agentd.desktop.screen.frame import Size
from agentd.vnc.access.control import Person
from agentd.vnc.access.grants import Grant, GrantId, Right
from agentd.vnc.access.state import DeskState
from agentd.vnc.access.viewers import ViewerInfo
from agentd.vnc.numbers import Encoding, SizeReason, SizeStatus, encoding_name
from agentd.vnc.protocol import messages, server_messages
from agentd.vnc.protocol.messages import (
    ClipboardCaps,
    ClipboardNotify,
    ClipboardPeek,
    ClipboardProvide,
    ClipboardRefused,
    ClipboardRequest,
    CutText,
)
from agentd.vnc.protocol.rfb import Event, Rfb
from agentd.vnc.sessions.house import House
from agentd.vnc.sessions.streams import ByteStream
from agentd.vnc.sessions.updater import Updater
from agentd.vnc.sessions.viewer_clipboard import ClipboardMessage, ViewerClipboard
from agentd.vnc.sessions.viewer_hands import HandEvent, ViewerHands
from agentd.vnc.sessions.watch import Watch

logger = logging.getLogger(__name__)


class ViewerSession:
    """A viewer that was let in.

    Attributes:
        id: its number among all viewers.
        sent_away_because: why it was, if it was.

    Args:
        id: that number.
        house: what all viewers share.
        stream: its bytes.
        rfb: its protocol, greeted: what comes next are messages.
        grant: what it may do.
    """

    def __init__(self, id: str, house: House, stream: ByteStream, rfb: Rfb, grant: Grant) -> None:
        self.id = id
        self._house = house
        self._stream = stream
        self._rfb = rfb
        self._grant = grant
        self._rights = grant.rights
        self._since = time.time()
        self._encodings: Sequence[int] = ()
        self._closing = asyncio.Event()
        self.sent_away_because: str | None = None
        self._takes_video = asyncio.Event()
        self._sizes: asyncio.Queue[Size] = asyncio.Queue(1)
        stir = asyncio.Event()
        self._watch = Watch(house, rfb.size, stir)
        self._updater = Updater(stream, house, self._watch, stir)
        self._hands = ViewerHands(f"viewer:{id}", live=house.live_or_none, may=self._may)
        self._clipboard = ViewerClipboard(
            self._updater.post,
            house.clipboard,
            house.bus,
            may_know=lambda: Right.CLIPBOARD in self._rights,
            may_set=lambda: house.desk.is_allowed(self.person),
        )

    @property
    def grant_id(self) -> GrantId:
        """The grant by which it came in."""
        return self._grant.id

    def info(self) -> ViewerInfo:
        """Return what is known of it now."""
        updater = self._updater
        fps, bytes_per_s = updater.statistics.rates(time.monotonic())
        round_trip_s = updater.pacing.round_trip_s
        return ViewerInfo(
            id=self.id,
            grant=self._grant.id,
            label=self._grant.name,
            rights=sorted(self._rights),
            address=self._stream.address,
            transport=self._stream.transport,
            since=self._since,
            encodings=[encoding_name(number) for number in self._encodings],
            width=updater.size.width,
            height=updater.size.height,
            updates=updater.statistics.updates,
            fps=round(fps, 1),
            bytes_per_s=round(bytes_per_s),
            round_trip_ms=None if round_trip_s is None else round(round_trip_s * 1000, 2),
            backlog_bytes=updater.pacing.in_flight_bytes,
            is_exact=updater.is_exact,
        )

    def close(self, reason: str) -> None:
        """Send it away."""
        self.sent_away_because = reason
        self._closing.set()

    def rights_changed(self, rights: frozenset[Right]) -> None:
        """Take over other rights from now on; what it may not hold any more goes up."""
        self._rights = rights
        self._hands.let_go()
        self._offer_clipboard()

    @property
    def person(self) -> Person:
        """The viewer as far as the arbitration knows it."""
        return Person(self.id, self._grant.id, self._grant.name)

    async def run(self, heard: Sequence[Event]) -> str:
        """Serve it to its end.

        Args:
            heard: what it said with the end of its greeting.

        Returns: why it ended. Cancelling: ends it at once.
        """
        forget = self._house.desk.on_change(self._desk_changed)
        if (title := self._house.title()) != self._rfb.name:
            self._updater.tell_name(title)  # Somebody took over during its greeting.
        # The parts end with the first of them: without any one the viewer is of no use.
        tasks = {
            asyncio.create_task(work, name=f"{name}-{self.id}")  # noqa: TID251
            for name, work in (
                ("read", self._read(heard)),
                ("update", self._updater.run()),
                ("hands", self._hands.run()),
                ("clipboard", self._clipboard.run()),
                ("watch", self._watch.run()),
                ("resize", self._resize()),
                ("video", self._prepare_video()),
                ("close", self._closing.wait()),
            )
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return self._reason(done)
        finally:
            forget()
            self._stream.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._log_faults(tasks)

    def _reason(self, done: Iterable[asyncio.Task[object]]) -> str:
        for task in done:
            match None if task.cancelled() else task.exception():
                case None:
                    continue
                case OSError() as exc:
                    return f"lost: {exc.strerror or exc}"
                case AgentdError() as exc:
                    return str(exc)
                case _:
                    return "fault"
        return self.sent_away_because or "left"

    def _log_faults(self, ended: Iterable[asyncio.Task[object]]) -> None:
        """Log what was no lost connection and no error of the viewer's, in whatever part."""
        for task in ended:
            exc = None if task.cancelled() else task.exception()
            if exc is not None and not isinstance(exc, OSError | AgentdError):
                logger.error("fault viewer=%s task=%s", self.id, task.get_name(), exc_info=exc)

    async def _read(self, heard: Sequence[Event]) -> None:
        """Read to the end. Raises: OSError; BadRequest for what is no RFB."""
        for event in heard:
            self._take(event)
        while data := await self._stream.read():
            for message in self._rfb.feed(data):
                self._take(message)

    def _take(self, message: Event) -> None:
        """Act on one message, without waiting for anything."""
        updater = self._updater
        match message:
            case messages.UpdateRequest(incremental, rect):
                updater.ask(rect, incremental=incremental)
            case messages.PointerEvent() | messages.KeyEvent() | messages.ScanKeyEvent():
                self._hands.put_nowait(message)
            case messages.Fence() if message.is_request:
                updater.post(server_messages.fence(message.answer_flags, message.payload))
            case messages.Fence():
                updater.answered(message.payload)
            case messages.ContinuousUpdates(enable):
                updater.go_on(continuous=enable)
            case messages.SetPixelFormat(format):
                updater.set_format(format)
            case messages.SetEncodings(encodings):
                self._encodings = encodings
                if Encoding.H264 in encodings:
                    self._takes_video.set()
                updater.set_encodings(encodings)
                self._offer_clipboard()
            case messages.SetDesktopSize():
                self._ask_size(message)
            case CutText() | ClipboardCaps() | ClipboardNotify() | ClipboardPeek():
                self._hear_clipboard(message)
            case ClipboardProvide() | ClipboardRefused() | ClipboardRequest():
                self._hear_clipboard(message)
            case _:
                raise AssertionError("a greeting after the greeting")

    def _offer_clipboard(self) -> None:
        if self._updater.abilities.clipboard and Right.CLIPBOARD in self._rights:
            self._clipboard.begin_extended()

    def _hear_clipboard(self, message: ClipboardMessage) -> None:
        if Right.CLIPBOARD in self._rights:
            self._clipboard.put_nowait(message)

    async def _may(self, event: HandEvent, is_down: bool) -> bool:
        """Tell whether an event may go in now: by the grant, and by who has the desktop."""
        is_pointer = isinstance(event, messages.PointerEvent)
        if (Right.POINTER if is_pointer else Right.KEY) not in self._rights:
            return False
        acts = not isinstance(event, messages.PointerEvent) or is_down or event.buttons > 0
        if not await self._house.desk.viewer_may(self.person, acts=acts, is_down=is_down):
            return False
        if isinstance(event, messages.PointerEvent):
            self._updater.moved_by_viewer(event.x, event.y)
        return True

    def _desk_changed(self, why: str, state: DeskState) -> None:
        """Somebody else may have the desktop now: what this viewer holds down goes up."""
        self._updater.tell_name(self._house.title())
        if not self._house.desk.is_allowed(self.person):
            self._hands.let_go()

    def _ask_size(self, wanted: messages.SetDesktopSize) -> None:
        if Right.RESIZE not in self._rights:
            self._updater.tell_size(SizeReason.THIS_CLIENT, SizeStatus.PROHIBITED)
            return
        if not wanted.is_valid or len(wanted.screens) != 1:
            self._updater.tell_size(SizeReason.THIS_CLIENT, SizeStatus.INVALID_LAYOUT)
            return
        if self._sizes.full():
            self._sizes.get_nowait()  # A window that is dragged: the last size counts.
        self._sizes.put_nowait(Size(wanted.width, wanted.height))

    async def _prepare_video(self) -> None:
        """Have H.264 ready once the viewer says that it takes it."""
        await self._takes_video.wait()
        await self._house.video.prepare()
        await self._closing.wait()

    async def _resize(self) -> None:
        """Give the desktop the sizes that the viewer asks for, one after the other."""
        while True:
            wanted = await self._sizes.get()
            try:
                await self._house.resize(wanted)
                status = SizeStatus.OK
            except BadRequest:
                status = SizeStatus.OUT_OF_RESOURCES
            except AgentdError as exc:
                logger.info("resize refused viewer=%s reason=%s", self.id, exc)
                status = SizeStatus.PROHIBITED
            self._updater.tell_size(SizeReason.THIS_CLIENT, status)
