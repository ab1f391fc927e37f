"""Decodes Open H.264 rectangles with FFmpeg, by way of PyAV.

As strict as the browsers' decoders: each picture must come out when its bytes have gone in, and a
context begins with its parameter sets. Source: rfbproto, "Open H.264 encoding".
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from benchmarks.rfb_decoders import DecodeError
from benchmarks.rfb_pixels import Picture, Rect
from benchmarks.rfb_streams import Stream

_RESET, _RESET_ALL = 1, 2
_SLICES, _SLICE_FIRST, _BEFORE_A_PICTURE = (1, 2, 5), 0x80, (6, 7, 8, 9)
_MOST_CONTEXTS = 64


class OpenH264:
    """The contexts of one connection: one for each rectangle that plays."""

    def __init__(self, stream: Stream, picture: Picture, *, is_blind: bool = False) -> None:
        self.pictures = 0
        self.resets = 0
        self._stream = stream
        self._picture = picture
        self._is_blind = is_blind
        self._contexts: dict[Rect, Any] = {}

    async def decode(self, rect: Rect) -> None:
        """Encoding 50."""
        size_bytes, flags = struct.unpack("!II", await self._stream.read(8))
        content = bytes(await self._stream.read(size_bytes))
        if flags & _RESET_ALL:
            self._contexts.clear()
        elif flags & _RESET:
            self._contexts.pop(rect, None)
        self.resets += bool(flags & (_RESET | _RESET_ALL))
        if not self._is_blind and content:
            self._show(rect, content)

    def _show(self, rect: Rect, content: bytes) -> None:
        import av  # Only who asks for this encoding needs it.

        context = self._contexts.get(rect)
        if context is None:
            if len(self._contexts) == _MOST_CONTEXTS:
                raise DecodeError(f"more than {_MOST_CONTEXTS} contexts")
            context = av.CodecContext.create("h264", "r")
            context.thread_count = 1
            context.flags |= av.codec.context.Flags.low_delay
            self._contexts[rect] = context
        for picture in pictures(content):
            try:
                frames = context.decode(av.Packet(picture))
            except av.FFmpegError as exc:
                raise DecodeError(f"H.264 of {rect}: {exc}") from exc
            if len(frames) != 1:
                raise DecodeError(f"H.264 of {rect}: {len(frames)} pictures from one")
            self.pictures += 1
        pixels = frames[0].to_ndarray(format="bgra")
        if pixels.shape[0] < rect.height or pixels.shape[1] < rect.width:
            raise DecodeError(f"H.264 of {rect}: a picture of only {pixels.shape[:2]}")
        words = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
        self._picture.part(rect)[:] = words[: rect.height, : rect.width] & np.uint32(0xFFFFFF)


def pictures(content: bytes) -> list[bytes]:
    """Cut an Annex B stream into pictures, each with the parameter sets before it."""
    found: list[bytes] = []
    begin, has_slice = 0, False
    for start, header in _units(content):
        kind = content[header] & 0x1F
        is_slice = kind in _SLICES
        begins = kind in _BEFORE_A_PICTURE or (is_slice and content[header + 1] & _SLICE_FIRST)
        if has_slice and begins:
            found.append(content[begin:start])
            begin, has_slice = start, False
        has_slice |= is_slice
    return [*found, content[begin:]]


def _units(content: bytes) -> list[tuple[int, int]]:
    """Where units begin: their start codes, and their first bytes."""
    units, place = [], content.find(b"\0\0\1")
    while place >= 0:
        start = place - 1 if place and content[place - 1] == 0 else place
        units.append((start, place + 3))
        place = content.find(b"\0\0\1", place + 3)
    return units
