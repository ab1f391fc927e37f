"""The numbers of RFB's encodings, and the lists of them that viewers send.

Pure. Sources: rfbproto, "Encodings"; each viewer's own source for its list.
"""

from __future__ import annotations

RAW, COPY_RECT, RRE, HEXTILE, ZLIB, TIGHT, ZRLE, H264, TIGHT_PNG = 0, 1, 2, 5, 6, 7, 16, 50, -260
PICTURES = frozenset((RAW, COPY_RECT, RRE, HEXTILE, ZLIB, TIGHT, ZRLE, H264, TIGHT_PNG))
DESKTOP_SIZE, LAST_RECT, CURSOR, X_CURSOR, DESKTOP_NAME = -223, -224, -239, -240, -307
EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES, CURSOR_WITH_ALPHA = -308, -312, -313, -314
QEMU_KEY, LED_STATE, EXTENDED_MOUSE_BUTTONS, POINTER_POSITION = -258, -261, -316, -232
VMWARE_CURSOR, VMWARE_CURSOR_POSITION, VMWARE_LED = 0x574D5664, 0x574D5666, 0x574D5668
EXTENDED_CLIPBOARD = 0xC0A1E5CE - (1 << 32)

_PSEUDO = (
    *(DESKTOP_SIZE, LAST_RECT, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES),
    *(DESKTOP_NAME, VMWARE_CURSOR, CURSOR),
)


def quality(level: int) -> int:
    """The pseudo-encoding that permits JPEG, 0 to 9."""
    return -32 + level


def compression(level: int) -> int:
    """The pseudo-encoding for how hard to compress, 0 to 9."""
    return -256 + level


# What viewers ask for. noVNC's list is that of 1.7 without the encodings that nobody here sends.
RAW_LIST = (RAW, COPY_RECT, *_PSEUDO)
TIGHT_LIST = (TIGHT, COPY_RECT, RAW, compression(2), *_PSEUDO)
ZRLE_LIST = (ZRLE, COPY_RECT, RAW, compression(2), *_PSEUDO)
NOVNC_LIST = (
    *(COPY_RECT, TIGHT, TIGHT_PNG, ZRLE, HEXTILE, RRE, ZLIB, RAW, quality(6), compression(2)),
    *(QEMU_KEY, LED_STATE, VMWARE_LED, EXTENDED_MOUSE_BUTTONS, EXTENDED_CLIPBOARD, *_PSEUDO),
)
NOVNC_H264_LIST = (COPY_RECT, H264, *NOVNC_LIST[1:])

LISTS = {
    "raw": RAW_LIST,
    "tight": TIGHT_LIST,
    "zrle": ZRLE_LIST,
    "noVNC": NOVNC_LIST,
    "H.264": NOVNC_H264_LIST,
}
