"""Every namespace of the synchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from agentd.client.commands.synchronous.apps import Apps
from agentd.client.commands.synchronous.clipboard import Clipboard
from agentd.client.commands.synchronous.daemon import Daemon
from agentd.client.commands.synchronous.desktop import Desktop
from agentd.client.commands.synchronous.events import Events
from agentd.client.commands.synchronous.vnc import Vnc
from agentd.client.commands.synchronous.windows import Windows
from agentd.client.sync_transport import SyncTransport


class Namespaces:
    """The namespaces of the control socket, by name."""

    def __init__(self, transport: SyncTransport) -> None:
        self.apps = Apps(transport)
        self.clipboard = Clipboard(transport)
        self.daemon = Daemon(transport)
        self.desktop = Desktop(transport)
        self.events = Events(transport)
        self.vnc = Vnc(transport)
        self.windows = Windows(transport)
