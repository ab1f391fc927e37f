"""Tells our own input events from a person's, where the X server reports both alike.

Pure. Whoever sends says what is to come; an event that was expected is an echo, any other is
somebody else's. Each expected event takes one echo, so that of two equal events at the same
moment, ours and a person's, one remains: the counts are right, whoever was first. Times are
arguments. Source: XTEST protocol 2.2; the server joins motions that wait in its queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

# Event types of the X11 protocol.
KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6

# A server that has not reported an event by now never will: it was no event, as a key pressed
# that was down already.
EXPIRES_MS = 5000
_MOST = 20_000


class _Expected(NamedTuple):
    kind: int
    detail: int
    x: int
    y: int
    until_ms: int


class Echoes:
    """What was sent and has not come back."""

    def __init__(self) -> None:
        self._expected: deque[_Expected] = deque(maxlen=_MOST)

    def expect(self, sent: Iterable[tuple[int, int, int, int]], now_ms: int) -> None:
        """Note what was sent: type, key or button, and the point of a motion."""
        until_ms = now_ms + EXPIRES_MS
        self._expected.extend(_Expected(*event, until_ms) for event in sent)

    def takes(self, kind: int, detail: int, x: int, y: int, now_ms: int) -> bool:
        """Whether an event is an echo; each echo is taken once."""
        expected = self._expected
        while expected and expected[0].until_ms < now_ms:
            expected.popleft()
        for index, one in enumerate(expected):
            if one.kind != kind:
                continue
            if (one.x, one.y) == (x, y) if kind == MOTION else one.detail == detail:
                self._drop(index)
                return True
        return False

    def _drop(self, index: int) -> None:
        """Forget an event, and the motions before it: they were joined with a later one."""
        earlier = [self._expected.popleft() for _ in range(index + 1)][:-1]
        self._expected.extendleft(one for one in reversed(earlier) if one.kind != MOTION)
