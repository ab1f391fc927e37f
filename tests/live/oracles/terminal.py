"""What runs inside `xterm -e`: reads its terminal raw and tells what arrives as text.

Standard library alone. It echoes, as a shell would, so that the terminal draws.
"""

import os
import select
import sys
import termios
import tty

from wire import Wire

wire = Wire()
terminal = sys.stdin.fileno()
before = termios.tcgetattr(terminal)
tty.setraw(terminal)
wire.tell("ready", window=int(os.environ["WINDOWID"]))
wire.tell("focus")
received = b""
while True:
    readable, _, _ = select.select([terminal, wire.socket], [], [])
    if terminal in readable:
        received += os.read(terminal, 65536)
        os.write(sys.stdout.fileno(), received[-1:].replace(b"\r", b"\r\n"))
        wire.tell("text", text=received.decode("utf-8", "replace").replace("\r", "\n"))
    if wire.socket in readable and "clear" in wire.commands():
        received = b""
        wire.tell("cleared")
