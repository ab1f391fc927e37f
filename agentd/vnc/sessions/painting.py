"""Makes the rectangles of one viewer's update: what changed, what it wants whole, the pointer.

What viewers can share is encoded once for all (`updates/shared.py`); what is here is one viewer's
alone: its encoder's streams, and the pointer that is painted into its picture. It decides neither
when (`updater.py`) nor what (`shown.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agentd.desktop.screen.comparing import covered, touched
from agentd.desktop.screen.frame import Frame, Rect
from agentd.desktop.screen.overlay import Cursor, blend_cursor
from agentd.vnc.encodings.cursor import CursorEncoding, encode_cursor
from agentd.vnc.encodings.encoder import make_encoder
from agentd.vnc.encodings.profile import EncodedRect, Encoder, Profile, Subsampling
from agentd.vnc.protocol.server_messages import rect_header
from agentd.vnc.sessions.pointer_view import PointerView
from agentd.vnc.sessions.shown import Due
from agentd.vnc.sessions.video import Seen, Video
from agentd.vnc.updates.plan import Copy
from agentd.vnc.updates.shared import SharedUpdates


@dataclass(frozen=True, slots=True)
class Painted:
    """One update, in the order of sending.

    Args:
        copies: first.
        rects: then these; what they bring is the screen's.
        extra: last, over the others: the screen where a painted pointer was, and the pointer.
        encode_s: how long the work took.
    """

    copies: tuple[Copy, ...]
    rects: tuple[EncodedRect, ...]
    extra: tuple[EncodedRect, ...]
    encode_s: float


class Painting:
    """The encoders of one viewer.

    Args:
        shared: encodes for all.
        video: what plays, for all.
        profile: how this viewer is served at first.
    """

    def __init__(self, shared: SharedUpdates, video: Video, profile: Profile) -> None:
        self._shared = shared
        self._video = video
        self._seen = Seen()
        # The encoders that have a stream: it goes on when the viewer comes back to them.
        self._with_stream: dict[int, Encoder] = {}
        self.use(profile)

    def use(self, profile: Profile, *, takes_any_video: bool = False) -> None:
        """Serve the viewer in another manner from the next update on.

        Args:
            takes_any_video: H.264 may have any rectangle. Viewers of TigerVNC up to 1.14 write past
                their buffer unless it is as wide as the screen.
        """
        self.profile = profile
        self._takes_any_video = takes_any_video
        self._encoder = self._make(profile)
        self._exact_profile = profile.exact()
        same = self._exact_profile == replace(profile, h264=False)
        self._exact_encoder = self._encoder if same else self._make(self._exact_profile)
        # While video plays somewhere, colours at half the resolution are nothing that is missed:
        # half the time and bytes, and what rests comes exact soon.
        self._lively = (profile, self._encoder)
        if not profile.is_exact and profile.subsampling is None:
            lively = replace(profile, subsampling=Subsampling.FOUR)
            self._lively = (lively, self._make(lively))

    def _make(self, profile: Profile) -> Encoder:
        """Make an encoder, with the stream that the viewer has had of its kind."""
        encoder = make_encoder(profile, before=self._with_stream.get(profile.encoding))
        if not encoder.is_stateless:
            self._with_stream[profile.encoding] = encoder
        return encoder

    async def paint(self, due: Due, pointer: PointerView, cursor: Cursor | None) -> Painted:
        """Encode what is due. Cancelling: streams are broken, and the viewer has to end."""
        began = time.perf_counter()
        changed, wanted = due.changed, due.wanted
        rects: list[EncodedRect] = []
        hot = self._video.hot(due.frame.rect)
        video = await self._video_part(due, hot)
        if video is not None:
            inside = covered(video.rect, due.frame.rect)
            changed, wanted = changed.copy(), wanted.copy()
            changed[inside] = wanted[inside] = False
        copies: tuple[Copy, ...] = ()
        if changed.any():
            profile, encoder = self._lively if hot is not None else (self.profile, self._encoder)
            if due.wanted.any():
                # What the viewer does not show yet cannot be copied.
                profile = replace(profile, copies=False)
            update = await self._shared.between(profile, encoder, due.before, due.frame, changed)
            copies = update.copies
            rects += update.rects
        self._note_heat(due, rects, video)
        if video is not None:
            rects.insert(0, video)
        for tiles, profile, encoder in (
            (wanted, self.profile, self._encoder),
            (due.refresh, self._exact_profile, self._exact_encoder),
        ):
            if tiles.any():
                whole = await self._shared.whole(profile, encoder, due.frame, tiles)
                rects += whole.rects
        extra = self._pointer(due.frame, copies, rects, pointer, cursor)
        return Painted(copies, tuple(rects), tuple(extra), time.perf_counter() - began)

    async def _video_part(self, due: Due, hot: Rect | None) -> EncodedRect | None:
        """Encode what plays, if the viewer takes it and any of it is due."""
        if not (self.profile.h264 and self._video.has_h264):
            return None
        if hot is not None and not (self._takes_any_video or hot.width == due.frame.rect.width):
            return None
        if hot is None or not (due.changed | due.wanted)[touched(hot)].any():
            return None
        return await self._video.encode(hot, due.frame, self._seen)

    def _note_heat(self, due: Due, rects: Sequence[EncodedRect], video: EncodedRect | None) -> None:
        """Say what has changed by more than a move."""
        tiles = np.zeros_like(due.changed)
        for encoded in rects:
            tiles[touched(encoded.rect)] = True
        if video is not None:
            inside = touched(video.rect)
            tiles[inside] |= due.changed[inside]
        self._video.note(due.frame, tiles)

    def shape(self, cursor: Cursor, encoding: CursorEncoding) -> bytes:
        """Write the pointer's shape as a pseudo-rectangle."""
        encoded = encode_cursor(cursor.image, encoding, self.profile.format)
        return rect_header(encoded.rect, encoded.encoding) + encoded.body

    def _pointer(
        self,
        frame: Frame,
        copies: Sequence[Copy],
        rects: Sequence[EncodedRect],
        pointer: PointerView,
        cursor: Cursor | None,
    ) -> list[EncodedRect]:
        """Encode the screen where a painted pointer has left marks, and paint it anew."""
        wanted = cursor if cursor is not None and pointer.must_paint(cursor) else None
        if pointer.is_painted(wanted) and not _meet(pointer.painted, copies, rects):
            return []
        found: list[EncodedRect] = []
        for stain in pointer.stains(copies):
            found += self._exact_encoder.encode(frame.pixels, stain.intersect(frame.rect))
        if wanted is not None:
            place = wanted.place.intersect(frame.rect)
            if place.area:
                found += self._encode_painted(frame, wanted, place)
        pointer.paint(wanted)
        return found

    def _encode_painted(self, frame: Frame, cursor: Cursor, place: Rect) -> list[EncodedRect]:
        ground = np.ascontiguousarray(frame.crop(place).pixels)
        painted = blend_cursor(ground, cursor.image, cursor.x - place.x, cursor.y - place.y)
        height, width = painted.shape[:2]
        return [
            replace(encoded, rect=encoded.rect.moved(place.x, place.y))
            for encoded in self._exact_encoder.encode(painted, Rect(0, 0, width, height))
        ]


def _meet(painted: Cursor | None, copies: Sequence[Copy], rects: Sequence[EncodedRect]) -> bool:
    """Tell whether an update draws over a painted pointer, or copies it to another place."""
    if painted is None:
        return False
    drawn = [encoded.rect for encoded in rects]
    for copy in copies:
        drawn += [copy.to, Rect(copy.x, copy.y, copy.to.width, copy.to.height)]
    return any(painted.place.meets(rect) for rect in drawn)
