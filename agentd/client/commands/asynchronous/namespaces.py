"""Every namespace of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from agentd.client.commands.asynchronous.apps import Apps
from agentd.client.commands.asynchronous.clipboard import Clipboard
from agentd.client.commands.asynchronous.daemon import Daemon
from agentd.client.commands.asynchronous.desktop import Desktop
from agentd.client.commands.asynchronous.events import Events
from agentd.client.commands.asynchronous.vnc import Vnc
from agentd.client.commands.asynchronous.windows import Windows
from agentd.client.transport import AsyncTransport

# What is pressed belongs to the connection that pressed it: one carries all of these.
ORDERED: frozenset[str] = frozenset(
    {
        "desktop.act",
        "desktop.button_down",
        "desktop.button_up",
        "desktop.click",
        "desktop.drag",
        "desktop.key_down",
        "desktop.key_up",
        "desktop.move",
        "desktop.press",
        "desktop.request_help",
        "desktop.scroll",
        "desktop.type",
    }
)


class Namespaces:
    """The namespaces of the control socket, by name."""

    def __init__(self, transport: AsyncTransport) -> None:
        self.apps = Apps(transport)
        self.clipboard = Clipboard(transport)
        self.daemon = Daemon(transport)
        self.desktop = Desktop(transport)
        self.events = Events(transport)
        self.vnc = Vnc(transport)
        self.windows = Windows(transport)
