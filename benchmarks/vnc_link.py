"""A slow, long line between a viewer and the servers, made of two tunnel devices.

The kernel's own TCP runs on both sides, one of them in a network namespace; packets cross in a
process that holds each for the line's delay and lets through so many bits a second, with a queue
that drops what does not fit. It does what `tc netem` does, on kernels that have none. Needs root.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from benchmarks.harness import running, wait_until

NAMESPACE = f"agentd-bench-{os.getpid()}"
NEAR, FAR = "10.213.77.1", "10.213.77.2"

_NEAR_DEVICE, _FAR_DEVICE = "agentdbench0", "agentdbench1"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000
_CLONE_NEWNET = 0x40000000
_PACKET_BYTES = 2048


class NoLink(Exception):
    """This machine cannot make one; says why."""


@dataclass(frozen=True)
class Link:
    """The line.

    Args:
        delay_ms: of each direction.
    """

    delay_ms: float = 25.0
    megabits: float = 10.0
    queue_packets: int = 100

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a socket that has reached a server through the line."""
        found: list[socket.socket] = []

        def work() -> None:
            # A thread has a network of its own; its sockets keep it.
            _enter(NAMESPACE)
            connected = socket.create_connection((host, port), timeout=10)
            connected.setblocking(False)
            found.append(connected)

        thread = Thread(target=work, name="link: connect")
        thread.start()
        thread.join()
        if not found:
            raise ConnectionError(f"{host}:{port} cannot be reached through the line")
        return found[0]


def _enter(namespace: str) -> None:
    descriptor = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the network namespace")
    finally:
        os.close(descriptor)


@contextmanager
def shaped(link: Link) -> Iterator[str]:
    """Make the line; gives the address where servers have to listen. Raises: NoLink."""
    if os.geteuid() != 0:
        raise NoLink("a network namespace needs root")
    if not Path("/dev/net/tun").exists():
        raise NoLink("there is no /dev/net/tun")
    _ip("netns", "add", NAMESPACE)
    try:
        argv = [sys.executable, "-m", "benchmarks.vnc_link", str(link.delay_ms)]
        argv += [str(link.megabits), str(link.queue_packets), NAMESPACE]
        with running(argv):
            inside = ("netns", "exec", NAMESPACE, "ip")
            wait_until(lambda: _has_device(), "the tunnel is there")
            wait_until(lambda: _has_device(*inside[:3]), "its other end is there")
            _ip("addr", "add", NEAR, "peer", FAR, "dev", _NEAR_DEVICE)
            _ip("link", "set", _NEAR_DEVICE, "up")
            _ip(*inside, "addr", "add", FAR, "peer", NEAR, "dev", _FAR_DEVICE)
            _ip(*inside, "link", "set", _FAR_DEVICE, "up")
            yield NEAR
    finally:
        _ip("netns", "del", NAMESPACE)


def _has_device(*before: str) -> bool:
    device = _FAR_DEVICE if before else _NEAR_DEVICE
    argv = ["ip", *before, *(["ip"] if before else []), "link", "show", device]
    return subprocess.run(argv, capture_output=True).returncode == 0


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise NoLink(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class _Direction:
    """Packets on their way, each with the moment at which it arrives."""

    def __init__(self, to: int, delay_s: float, bytes_per_s: float, most: int) -> None:
        self._to = to
        self._delay_s = delay_s
        self._bytes_per_s = bytes_per_s
        self._most = most
        self._free_at = 0.0
        self.waiting: list[tuple[float, int, bytes]] = []
        self._count = 0

    def enter(self, now: float, packet: bytes) -> None:
        """Take a packet, or drop it: the queue is what waits for the line, not what is on it."""
        begins = max(now, self._free_at)
        if (begins - now) * self._bytes_per_s > self._most * 1500:
            return
        self._free_at = begins + len(packet) / self._bytes_per_s
        self._count += 1
        heapq.heappush(self.waiting, (self._free_at + self._delay_s, self._count, packet))

    def leave(self, now: float) -> None:
        """Give out what has arrived."""
        while self.waiting and self.waiting[0][0] <= now:
            packet = heapq.heappop(self.waiting)[2]
            try:
                os.write(self._to, packet)
            except OSError:  # The device is not up yet: lost, as on any line.
                continue


def _tunnel(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    fcntl.ioctl(device, _TUNSETIFF, request)
    return device


def carry(link: Link, namespace: str) -> None:
    """Carry packets until killed."""
    near = _tunnel(_NEAR_DEVICE)
    _enter(namespace)
    far = _tunnel(_FAR_DEVICE)
    options = (link.delay_ms / 1000, link.megabits * 125_000, link.queue_packets)
    ways = {near: _Direction(far, *options), far: _Direction(near, *options)}
    while True:
        now = time.monotonic()
        arrivals = [way.waiting[0][0] for way in ways.values() if way.waiting]
        wait_s = max(0.0, min(arrivals) - now) if arrivals else None
        readable, _, _ = select.select([near, far], [], [], wait_s)
        now = time.monotonic()
        for device in readable:
            ways[device].enter(now, os.read(device, _PACKET_BYTES))
        for way in ways.values():
            way.leave(now)


if __name__ == "__main__":
    delay, rate, queue, inside = sys.argv[1:]
    carry(Link(float(delay), float(rate), int(queue)), inside)
