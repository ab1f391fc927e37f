"""Hears every key, button and motion that reaches an X server, whoever made it.

Through the RECORD extension, on two connections of its own and a thread of its own, as the
extension wants it. Source: recordproto.txt.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.ext import record
from Xlib.protocol import rq

from agentd.desktop.xlink import DisplayAddress, authority_environment

_NAMES = {
    X.KeyPress: "key_down",
    X.KeyRelease: "key_up",
    X.ButtonPress: "button_down",
    X.ButtonRelease: "button_up",
    X.MotionNotify: "motion",
}


class Injected:
    """What was heard: tuples such as `("motion", 10, 20)`, `("button_down", 1)`."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.failure: BaseException | None = None

    def wait(self, condition: Callable[[list[tuple[Any, ...]]], bool]) -> list[tuple[Any, ...]]:
        """Wait until the events fit; AssertionError with what was heard after ten seconds."""
        deadline = time.monotonic() + 10
        while not condition(self.events):
            if time.monotonic() > deadline:
                raise AssertionError(f"heard {self.events}") from self.failure
            select.select([], [], [], 0.005)
        return self.events

    def clear(self) -> None:
        """Forget what was heard."""
        self.events.clear()

    def _take(self, display: Display, reply: Any) -> None:
        if reply.category != record.FromServer or reply.client_swapped:
            return
        rest = reply.data
        while rest:
            event, rest = rq.EventField(None).parse_binary_value(rest, display.display, None, None)
            name = _NAMES.get(event.type)
            if name == "motion":
                self.events.append((name, event.root_x, event.root_y))
            elif name is not None:
                self.events.append((name, event.detail))


@contextmanager
def hearing(address: DisplayAddress) -> Iterator[Injected]:
    """Hear everything inside this block."""
    heard = Injected()
    with authority_environment(address):
        control, data = Display(address.name), Display(address.name)
    devices = {
        "core_requests": (0, 0),
        "core_replies": (0, 0),
        "ext_requests": (0, 0, 0, 0),
        "ext_replies": (0, 0, 0, 0),
        "delivered_events": (0, 0),
        "device_events": (X.KeyPress, X.MotionNotify),
        "errors": (0, 0),
        "client_started": False,
        "client_died": False,
    }
    context = control.record_create_context(0, [record.AllClients], [devices])
    control.sync()
    begun = threading.Event()

    def take(reply: Any) -> None:
        if reply.category == record.StartOfData:
            begun.set()
        heard._take(data, reply)

    def listen() -> None:
        try:
            data.record_enable_context(context, take)
        except Exception as exc:  # Told by the waiter: an exception in a thread is lost.
            heard.failure = exc

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert begun.wait(10), f"the RECORD extension does not answer: {heard.failure}"
        yield heard
    finally:
        control.record_disable_context(context)
        control.flush()
        thread.join(10)
        control.record_free_context(context)
        control.close()
        data.close()


def keycode(address: DisplayAddress, keysym: int) -> int:
    """Return a key's number on the display."""
    with authority_environment(address):
        display = Display(address.name)
    try:
        return int(display.keysym_to_keycode(keysym))
    finally:
        display.close()
