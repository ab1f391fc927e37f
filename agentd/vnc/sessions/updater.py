"""Brings one viewer from what it shows to what the screen shows, one update at a time.

The one task that writes to a viewer. It waits until the viewer wants an update and can take it
(`vnc/pacing.py`), takes the newest frame with all that has changed since the last update, and
writes it: a slow viewer misses frames, and holds up nobody. It reads nothing from the viewer and
does not watch the screen: `viewer.py` and `watch.py` do.
"""

from __future__ import annotations

import asyncio
import time

from agentd.base.errors import BadRequest
from agentd.desktop.screen.frame import Rect, Size
from agentd.desktop.screen.overlay import Cursor
from agentd.vnc.encodings.encoder import choose
from agentd.vnc.numbers import Encoding, FenceFlag, SizeReason, SizeStatus
from agentd.vnc.pacing import Pacing
from agentd.vnc.pixel_format import NATIVE, PixelFormat
from agentd.vnc.protocol import server_messages
from agentd.vnc.sessions.abilities import Abilities
from agentd.vnc.sessions.house import House
from agentd.vnc.sessions.notes import Notes
from agentd.vnc.sessions.painting import Painted, Painting
from agentd.vnc.sessions.pointer_view import PointerView
from agentd.vnc.sessions.shown import Shown
from agentd.vnc.sessions.statistics import SentStatistics
from agentd.vnc.sessions.streams import ByteStream
from agentd.vnc.sessions.watch import Watch

# A viewer that sends what must be answered, and does not read the answers, is let go.
_MOST_POSTED_BYTES = 4 << 20
# An update may take the link for so long with refreshes, and have so many bytes of them at most.
_REFRESH_S = 0.1
_REFRESH_BYTES = 2 << 20

_NUMBER_BYTES = 8
# A program that rings on and on is heard well enough by so many at once.
_MOST_BELLS = 3


class Updater:
    """What one viewer is sent.

    Attributes:
        abilities: what it can take besides pixels.
        pacing: how fast it is served.
        statistics: what it was sent.

    Args:
        stream: where it goes; nobody else writes there.
        house: what all viewers share.
        watch: what is newest on the desktop.
        stir: is set whenever something may be to be done.
    """

    def __init__(self, stream: ByteStream, house: House, watch: Watch, stir: asyncio.Event) -> None:
        self._stream = stream
        self._watch = watch
        self._stir = stir
        self._timer: asyncio.TimerHandle | None = None
        self._posted: list[bytes] = []
        self._posted_bytes = 0
        self._format = NATIVE
        self._encodings: tuple[int, ...] = ()
        self._painting = Painting(house.updates, house.video, choose((), NATIVE))
        # What the viewer has said of its pixels counts from the next update on, not in its midst.
        self._is_chosen = True
        self._pointer = PointerView(draws_shape=False, takes_place=False)
        self._shown = Shown(watch.frame)
        self._notes = Notes(Size(watch.frame.rect.width, watch.frame.rect.height))
        self._attached = watch.attached
        self._is_asked = False
        self._is_continuous = False
        self.abilities = Abilities.of(())
        self.pacing = Pacing(has_fence=False)
        self.statistics = SentStatistics()

    @property
    def size(self) -> Size:
        """The size of the picture that the viewer shows."""
        return self._notes.size

    @property
    def is_exact(self) -> bool:
        """Whether every pixel that the viewer shows is the screen's, as far as is known."""
        return self._shown.is_exact and not self._shown.has_news()

    def set_format(self, format: PixelFormat) -> None:
        """Use another pixel format from the next update on."""
        self._format = format
        self._is_chosen = False
        self._stir.set()

    def set_encodings(self, encodings: tuple[int, ...]) -> None:
        """Use what the viewer can take from the next update on."""
        before, self.abilities = self.abilities, Abilities.of(encodings)
        self._encodings = encodings
        if self.abilities.fences != before.fences:
            self.pacing = Pacing(has_fence=self.abilities.fences)
        if self.abilities.fences and not before.fences:
            self.post(server_messages.fence(FenceFlag.REQUEST, b""))
        if self.abilities.goes_on and not before.goes_on:
            self.post(server_messages.end_of_continuous_updates())
        self._notes.begin(self.abilities)
        self._is_chosen = False
        self._stir.set()

    def ask(self, rect: Rect, *, incremental: bool) -> None:
        """The viewer asks for an update: of all of `rect`, or of what has changed."""
        if not incremental:
            self._shown.want(rect)
            self._notes.want_size()
        self._is_asked = True
        self._stir.set()

    def go_on(self, *, continuous: bool) -> None:
        """Send updates without being asked from now on, or stop that."""
        if self._is_continuous and not continuous:
            self.post(server_messages.end_of_continuous_updates())
        self._is_continuous = continuous
        self._stir.set()

    def answered(self, payload: bytes) -> None:
        """The viewer has answered a fence of ours: it has taken all before it."""
        if len(payload) == _NUMBER_BYTES:
            self.pacing.answered(time.monotonic(), int.from_bytes(payload, "big"))
            self._stir.set()

    def moved_by_viewer(self, x: int, y: int) -> None:
        """The viewer's own mouse is there; the pointer does not follow it off the screen."""
        rect = self._shown.frame.rect
        self._pointer.moved_by_viewer(min(x, rect.width - 1), min(y, rect.height - 1))
        if self._pointer.painted is not None:
            # It may be where it was painted, and then nothing else tells of it.
            self._stir.set()

    def tell_size(self, reason: SizeReason, status: SizeStatus) -> None:
        """Answer a viewer that has asked for another size."""
        self._notes.answer_size(reason, status)
        self._stir.set()

    def tell_name(self, name: str) -> None:
        """Give the desktop a name."""
        self._notes.name = name
        self._stir.set()

    def post(self, message: bytes) -> None:
        """Send a message that is no update, soon. Raises: BadRequest when too many wait."""
        if self._posted_bytes + len(message) > _MOST_POSTED_BYTES:
            raise BadRequest("the viewer does not read what it asks for")
        self._posted.append(message)
        self._posted_bytes += len(message)
        self._stir.set()

    async def run(self) -> None:
        """Send until cancelled, or until the stream ends. Raises: OSError, BadRequest."""
        try:
            while True:
                await self._stir.wait()
                self._stir.clear()
                await self._write_posted()
                while await self._update():
                    # A fence or an end of updates stands before what the viewer said after it
                    # has an effect: nothing is posted any more when the next update begins.
                    await self._write_posted()
        finally:
            self._set_timer(None)

    async def _write_posted(self) -> None:
        for _ in range(min(self._watch.take_bells(), _MOST_BELLS)):
            self._posted.append(server_messages.bell())
        while self._posted:
            posted, self._posted, self._posted_bytes = self._posted, [], 0
            await self._stream.write(posted)

    async def _update(self) -> bool:
        """Send an update if there is something to send and it may go now; tell whether it did."""
        self._set_timer(None)
        if not self._is_chosen:
            self._choose()
        if not (self._is_asked or self._is_continuous) or not self._watch.is_ready:
            return False
        now = time.monotonic()
        self._collect()
        refresh_at = self._shown.next_refresh(now)
        if not self._has_news() and (refresh_at is None or refresh_at > now):
            self._set_timer(refresh_at)
            return False
        send_at = self.pacing.may_send_at(now)
        if send_at is None or send_at > now:
            self._set_timer(send_at)
            return False
        self._is_asked = False
        if self._notes.has_new_size():
            await self._write_size()
        else:
            await self._write_update(now)
        return True

    def _collect(self) -> None:
        """Take what the desktop has that is new."""
        change, frame, before = self._watch.take(), self._watch.frame, self._shown.frame
        if (frame.generation, frame.rect) != (before.generation, before.rect):
            self._shown.begin(frame)
            self._notes.size = Size(frame.rect.width, frame.rect.height)
        elif self._attached != self._watch.attached:
            # Nobody has watched for a moment.
            self._shown.add_all()
        elif change is not None:
            self._shown.add(change.tiles)
        if self._attached != self._watch.attached:
            # Another X server numbers its pointer's shapes anew.
            self._renew_pointer()
        self._attached = self._watch.attached

    def _has_news(self) -> bool:
        if self._shown.has_news() or self._notes.has_news(self._watch.leds):
            return True
        cursor = self._watch.cursor
        return cursor is not None and not self._pointer.is_settled(cursor)

    async def _write_size(self) -> None:
        """Tell the size alone: what follows is meant for a picture that the viewer makes now."""
        if not self.abilities.sizes:
            raise BadRequest("the viewer cannot take another size of the screen")
        rects = self._notes.take_sizes()
        await self._stream.write([server_messages.update_header(len(rects)), *rects])

    async def _write_update(self, now: float) -> None:
        cursor = self._watch.cursor
        notes = self._notes.take(self._watch.leds)
        if cursor is not None:
            notes += self._pointer_notes(cursor)
        refresh = min(_REFRESH_BYTES, int((self.pacing.bytes_per_s or _REFRESH_BYTES) * _REFRESH_S))
        due = self._shown.due(self._watch.frame, now, refresh_bytes=refresh)
        painted = await self._painting.paint(due, self._pointer, cursor)
        self._shown.sent(due, painted.copies, painted.rects, now)
        parts = _parts(notes, painted)
        if len(parts) == 1:
            # All that had been drawn looks the same by now: the viewer is still owed an update.
            self._is_asked = True
            return
        size_bytes = sum(map(len, parts))
        ended = time.monotonic()
        fences = self.abilities.fences
        if fences and self.pacing.wants_probe(ended):
            parts.insert(0, _fence(self.pacing.sent(ended, 0, fence=True, encode_s=0.0)))
        encode_s = painted.encode_s
        number = self.pacing.sent(ended, size_bytes, fence=fences, encode_s=encode_s)
        if fences:
            parts.append(_fence(number))
        self.statistics.sent(ended, size_bytes)
        await self._stream.write(parts)
        if not fences:
            self.pacing.drained(time.monotonic())

    def _pointer_notes(self, cursor: Cursor) -> list[bytes]:
        """Write what the viewer does not know yet of the pointer's shape and place."""
        notes = []
        shape = self.abilities.shape
        if shape is not None and self._pointer.takes_new_shape(cursor):
            notes.append(self._painting.shape(cursor, shape))
        if self._pointer.takes_new_place(cursor):
            write = server_messages.pointer_position
            if self.abilities.place is Encoding.VMWARE_CURSOR_POSITION:
                write = server_messages.vmware_pointer_position
            notes.append(write(cursor.x, cursor.y))
        return notes

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            delay_s = max(0.0, at - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._stir.set)

    def _choose(self) -> None:
        """Go by what the viewer has said of its pixels."""
        self._is_chosen = True
        # noVNC alone says that it knows Tight's PNG.
        takes_any_video = Encoding.TIGHT_PNG in self._encodings
        profile = choose(self._encodings, self._format)
        self._painting.use(profile, takes_any_video=takes_any_video)
        # A shape that was sent in another format is worth nothing.
        self._renew_pointer()

    def _renew_pointer(self) -> None:
        """Have the pointer's shape sent again."""
        self._pointer = PointerView(
            draws_shape=self.abilities.shape is not None,
            takes_place=self.abilities.place is not None,
            before=self._pointer,
        )


def _parts(notes: list[bytes], painted: Painted) -> list[bytes]:
    """Return the messages of an update: its head first, and no more when it is empty."""
    rects = (*painted.rects, *painted.extra)
    count = len(notes) + len(painted.copies) + len(rects)
    parts = [server_messages.update_header(count), *notes]
    parts += [server_messages.copy_rect(copy.x, copy.y, copy.to) for copy in painted.copies]
    for encoded in rects:
        parts.append(server_messages.rect_header(encoded.rect, encoded.encoding))
        parts.append(encoded.body)
    return parts


def _fence(number: int) -> bytes:
    flags = FenceFlag.REQUEST | FenceFlag.BLOCK_BEFORE
    return server_messages.fence(flags, number.to_bytes(_NUMBER_BYTES, "big"))
