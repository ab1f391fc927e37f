"""What a viewer can take besides pixels, as its list of encodings says.

Pure. How its pixels are encoded is decided by `encodings/encoder.py`. Source: rfbproto
"Pseudo-encodings".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentd.vnc.encodings.cursor import CursorEncoding, choose_cursor
from agentd.vnc.numbers import Encoding

_PLACES = (Encoding.VMWARE_CURSOR_POSITION, Encoding.POINTER_POSITION)
_LEDS = (Encoding.LED_STATE, Encoding.VMWARE_LED_STATE)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a viewer can take.

    Args:
        sizes: another size of the screen. `extended_sizes`: with its layout, and may ask for one.
        shape: how it takes the shape of the pointer; None if not at all.
        place: how it takes the place of the pointer; None if not at all.
        leds: how it takes the lights of the keyboard; None if not at all.
        names: another name of the desktop.
        fences: it answers fences. `goes_on`: it takes updates that it has not asked for.
        scan_keys, more_buttons, clipboard: it will use these messages when told that it may.
    """

    sizes: bool = False
    extended_sizes: bool = False
    shape: CursorEncoding | None = None
    place: Encoding | None = None
    leds: Encoding | None = None
    names: bool = False
    fences: bool = False
    goes_on: bool = False
    scan_keys: bool = False
    more_buttons: bool = False
    clipboard: bool = False

    @classmethod
    def of(cls, encodings: Sequence[int]) -> Abilities:
        """Read them from SetEncodings."""
        known = frozenset(encodings)
        return cls(
            sizes=not known.isdisjoint((Encoding.DESKTOP_SIZE, Encoding.EXTENDED_DESKTOP_SIZE)),
            extended_sizes=Encoding.EXTENDED_DESKTOP_SIZE in known,
            shape=choose_cursor(encodings),
            place=_first(_PLACES, known),
            leds=_first(_LEDS, known),
            names=Encoding.DESKTOP_NAME in known,
            fences=Encoding.FENCE in known,
            goes_on=Encoding.CONTINUOUS_UPDATES in known,
            scan_keys=Encoding.QEMU_KEY_EVENT in known,
            more_buttons=Encoding.EXTENDED_MOUSE_BUTTONS in known,
            clipboard=Encoding.EXTENDED_CLIPBOARD in known,
        )


def _first(wanted: Sequence[Encoding], known: frozenset[int]) -> Encoding | None:
    return next((number for number in wanted if number in known), None)
