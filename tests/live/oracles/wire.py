"""The wire between an oracle and its test: JSON lines over a Unix socket, both ways.

Runs under Debian's own Python, so it imports the standard library alone. It does not know any
toolkit: a toolkit watches `socket` for reading and calls `commands`.
"""

import json
import socket
import sys


class Wire:
    """The oracle's end; the path of the test's socket is the first argument of the program."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(sys.argv[1])
        self._buffer = b""

    def tell(self, event, **values):
        """Send one event."""
        self.socket.sendall(json.dumps({"event": event, **values}).encode() + b"\n")

    def commands(self):
        """Read what is there and return the commands in it; ends the program at the end."""
        piece = self.socket.recv(65536)
        if not piece:
            raise SystemExit(0)
        self._buffer += piece
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines]


class TextReport:
    """Tells a text once after a burst of changes, not once a change."""

    def __init__(self, wire, read, later):
        self._wire, self._read, self._later = wire, read, later
        self._waiting = False

    def changed(self, *_):
        """Note a change; `later(function)` runs the report when the toolkit is idle."""
        if not self._waiting:
            self._waiting = True
            self._later(self._report)

    def _report(self, *_):
        self._waiting = False
        self._wire.tell("text", text=self._read())
        return False


def modifiers_of(state):
    """Return the names of the modifiers in an X event's state."""
    names = ("shift", "lock", "ctrl", "alt", "num", "mod3", "super", "mod5")
    return [name for bit, name in enumerate(names) if state & (1 << bit) and name[:3] != "mod"]


def buttons_of(state):
    """Return the numbers of the buttons in an X event's state."""
    return [button for button in range(1, 6) if state & (0x80 << button)]


def picture():
    """Return width, height and RGB bytes of a small picture in which no two pixels are alike."""
    width, height = 7, 5
    places = [(x, y) for y in range(height) for x in range(width)]
    return width, height, bytes(value for x, y in places for value in (x * 36, y * 60, x * y))
