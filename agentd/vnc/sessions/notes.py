"""What one viewer was told besides pixels: sizes, the name, the lights of the keyboard.

Pure. Compares what is with what was told, and writes the pseudo-rectangles of the difference. The
pointer is in `pointer_view.py`. Source: rfbproto "Pseudo-encodings".
"""

from __future__ import annotations

from agentd.desktop.screen.frame import Rect, Size
from agentd.vnc.numbers import Encoding, Led, SizeReason, SizeStatus
from agentd.vnc.protocol import server_messages
from agentd.vnc.protocol.messages import Screen
from agentd.vnc.sessions.abilities import Abilities

_YES = (SizeReason.THIS_CLIENT, SizeStatus.OK)


class Notes:
    """What one viewer is to be told.

    Attributes:
        size: of the screen. name: of the desktop; empty while nobody has given it another one.

    Args:
        size: that the viewer was told when it came in.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.name = ""
        self._abilities = Abilities()
        self._told_size = size
        self._told_name = ""
        self._told_leds: Led | None = None
        self._wants_size = False
        self._answers: list[tuple[SizeReason, SizeStatus]] = []
        self._supports: list[Encoding] = []

    def begin(self, abilities: Abilities) -> None:
        """The viewer says what it can take: tell it what it may use."""
        before, self._abilities = self._abilities, abilities
        if abilities.scan_keys and not before.scan_keys:
            self._supports.append(Encoding.QEMU_KEY_EVENT)
        if abilities.more_buttons and not before.more_buttons:
            self._supports.append(Encoding.EXTENDED_MOUSE_BUTTONS)
        if abilities.extended_sizes != before.extended_sizes:
            self._wants_size = abilities.extended_sizes

    def want_size(self) -> None:
        """The viewer asks for all of the picture: it is told the layout as well."""
        self._wants_size = self._abilities.extended_sizes

    def answer_size(self, reason: SizeReason, status: SizeStatus) -> None:
        """Answer a viewer that has asked for a size."""
        if self._abilities.extended_sizes:
            self._answers.append((reason, status))

    def has_new_size(self) -> bool:
        """Whether sizes are to be told, in an update of their own."""
        return self._told_size != self.size or bool(self._answers)

    def has_news(self, leds: Led | None) -> bool:
        """Whether anything is to be told."""
        return (
            self.has_new_size()
            or self._wants_size
            or bool(self._supports)
            or self._has_new_name()
            or self._has_new_leds(leds)
        )

    def take_sizes(self) -> list[bytes]:
        """Return the rectangles that tell sizes; they count as told."""
        rects = [self._size_rect(*answer) for answer in self._answers]
        # An answer that says yes tells the size as well.
        if self._told_size != self.size and (_YES not in self._answers):
            rects.append(self._size_rect(SizeReason.SERVER, SizeStatus.OK))
        self._told_size = self.size
        self._wants_size = False
        self._answers.clear()
        return rects

    def take(self, leds: Led | None) -> list[bytes]:
        """Return the rectangles that tell all else; they count as told."""
        rects = [server_messages.support(encoding) for encoding in self._supports]
        self._supports.clear()
        if self._wants_size:
            self._wants_size = False
            rects.append(self._size_rect(SizeReason.SERVER, SizeStatus.OK))
        if self._has_new_name():
            self._told_name = self.name
            rects.append(server_messages.desktop_name(self.name))
        if leds is not None and self._has_new_leds(leds):
            self._told_leds = leds
            write = server_messages.led_state
            if self._abilities.leds is Encoding.VMWARE_LED_STATE:
                write = server_messages.vmware_led_state
            rects.append(write(leds))
        return rects

    def _has_new_name(self) -> bool:
        return self._abilities.names and self.name != self._told_name

    def _has_new_leds(self, leds: Led | None) -> bool:
        return None not in (leds, self._abilities.leds) and leds != self._told_leds

    def _size_rect(self, reason: SizeReason, status: SizeStatus) -> bytes:
        if not self._abilities.extended_sizes:
            return server_messages.desktop_size(self.size)
        whole = Rect(0, 0, self.size.width, self.size.height)
        return server_messages.extended_desktop_size(
            self.size, [Screen(0, whole)], reason=reason, status=status
        )
