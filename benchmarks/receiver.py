"""What runs inside `xterm -e`: reads its terminal raw and passes every byte on as it comes.

Started by `bench_typing` under any Python 3 with the path of a Unix socket; standard library
alone. It echoes like a shell, so that the terminal has to draw.
"""

import os
import socket
import sys
import tty


def main() -> None:
    """Pass bytes on until the terminal closes."""
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(sys.argv[1])
    tty.setraw(0)
    wire.sendall(b"\n")
    while received := os.read(0, 65536):
        wire.sendall(received)
        os.write(1, received)


if __name__ == "__main__":
    main()
