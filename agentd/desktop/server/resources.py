"""X resources: how old programs look on our display. Functions for an X lane.

xterm is the one that matters: a scalable font with fall-backs for other scripts, UTF-8, and
colours that are easy to read on a picture. Source: X(7) RESOURCES, xterm(1).
"""

from __future__ import annotations

from Xlib import Xatom
from Xlib.display import Display

_RESOURCES = """\
Xft.dpi: {dpi}
Xft.antialias: true
Xft.hinting: true
Xft.hintstyle: hintslight
Xft.rgba: none
XTerm*faceName: DejaVu Sans Mono
XTerm*faceNameDoublesize: Noto Sans Mono CJK SC
XTerm*faceSize: 11
XTerm*utf8: 2
XTerm*metaSendsEscape: true
XTerm*scrollBar: false
XTerm*saveLines: 4096
XTerm*background: #fbfbf8
XTerm*foreground: #1c1c1c
XTerm*cursorColor: #26415f
"""


def set_resources(display: Display, dpi: int) -> None:
    """Put our resources on the root window, where programs look for them as they start."""
    text = _RESOURCES.format(dpi=dpi).encode()
    display.screen().root.change_property(Xatom.RESOURCE_MANAGER, Xatom.STRING, 8, text)
    display.sync()
