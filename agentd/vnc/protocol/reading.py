"""A conversation written as a script that asks for bytes, and fed as they come.

Pure. It knows nothing of RFB and never holds more than the script waits for. A script is a
generator: it yields how many bytes it wants next and is given exactly those.

    def script() -> Script:
        (length,) = yield 1
        text = yield length
"""

from __future__ import annotations

import enum
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias

from agentd.base.errors import BadRequest

# What may come in a pause. A client has little to say then; one that talks ahead gets no further
# than this.
MAX_HELD_BYTES = 64 * 1024


class ProtocolError(BadRequest):
    """A client broke the rules of RFB; nothing that it sends can be understood any more."""

    code = "protocol_error"
    title = "Protocol error"


@dataclass(frozen=True, slots=True)
class Drop:
    """Throw away the next so many bytes, as they come; the script goes on at once."""

    size_bytes: int


class Pause(enum.Enum):
    """Read nothing until `resume` is called."""

    PAUSE = "pause"


Want: TypeAlias = int | Drop | Pause
Script: TypeAlias = Generator[Want, bytes, None]


class Reading:
    """Feeds a script with what it wants, from whatever pieces the bytes come in.

    Args:
        script: started here; it ends by returning or raising, and what comes then is ignored.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._held = bytearray()
        self._dropping = 0
        self._want: int | Pause | None = None
        self._advance(None)
        self._run()

    @property
    def held_bytes(self) -> int:
        """How much has come that the script has not taken."""
        return len(self._held)

    def feed(self, data: bytes) -> None:
        """Take bytes of any number. Raises: what the script raises."""
        if self._want is None:
            return
        self._held += data
        self._run()

    def resume(self) -> None:
        """Go on after a pause. Raises: what the script raises."""
        assert self._want is Pause.PAUSE, "the script waits for bytes"
        self._advance(b"")
        self._run()

    def take_held(self) -> bytes:
        """Take away what has come and is not the script's: it belongs to another protocol."""
        held = bytes(self._held)
        self._held.clear()
        return held

    def end(self) -> None:
        """Read nothing more."""
        self._want = None
        self._held.clear()

    def _run(self) -> None:
        start = 0
        try:
            while isinstance(self._want, int):
                if self._dropping:
                    dropped = min(self._dropping, len(self._held) - start)
                    self._dropping -= dropped
                    start += dropped
                    if self._dropping:
                        return
                end = start + self._want
                if end > len(self._held):
                    return
                piece = bytes(self._held[start:end])
                start = end
                self._advance(piece)
        finally:
            if self._want is None:
                self._held.clear()
            else:
                del self._held[:start]
        if self._want is Pause.PAUSE and len(self._held) > MAX_HELD_BYTES:
            self.end()
            raise ProtocolError(
                f"reading from a client: more than {MAX_HELD_BYTES} bytes came before their turn"
            )

    def _advance(self, piece: bytes | None) -> None:
        """Give the script its bytes and learn what it wants next; `None` starts it."""
        try:
            want = next(self._script) if piece is None else self._script.send(piece)
            while isinstance(want, Drop):
                self._dropping += want.size_bytes
                want = self._script.send(b"")
        except StopIteration:
            self.end()
        except BaseException:
            self.end()
            raise
        else:
            self._want = want
