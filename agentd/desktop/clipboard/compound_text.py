"""COMPOUND_TEXT, the text encoding of X programs older than Unicode.

Pure. Latin-1 is written as it is, anything else as UTF-8 segments, which Xlib has known since
XFree86 4; what old programs write is read in all character sets that Python has. It does not
know selections. Sources: Compound Text Encoding 1.1 (X Consortium), ISO 2022; Xlib's lcCT.c for
the UTF-8 segments.
"""

from __future__ import annotations

import re

_UTF8_BEGIN, _UTF8_END = b"\x1b%G", b"\x1b%@"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Runs that the initial state, ASCII on the left and Latin-1 on the right, can say.
_PLAIN = re.compile(r"[\t\n\x20-\x7e\xa0-\xff]+")

# Final bytes of designations (Compound Text Encoding, section 4) to Python's codecs.
_ISO_8859 = zip("ABCDLGFHMVY_bf", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16), strict=True)
_RIGHT_96 = {final.encode(): f"iso8859-{part}" for final, part in _ISO_8859}
# Python has codecs that are no character sets, and some that take long.
_CHARACTER_SET = re.compile(r"(iso8859|koi8|big5|gb|euc|cp|tis|johab|utf)[\w-]{0,12}")
_MANY = {b"A": "gb2312", b"B": "euc_jp", b"C": "euc_kr", b"D": "jisx0212"}

_TOKEN = re.compile(
    rb"\x1b%G(?P<utf8>.*?)(?:\x1b%@|\Z)"
    rb"|\x1b%/[0-4](?P<length>[\x80-\xff]{2})"
    rb"|\x1b(?P<slot>\$[()]|[()\-])(?P<final>[\x30-\x7e])"
    rb"|\x9b[\x30-\x3f]*\]"  # The direction of writing.
    rb"|(?P<unknown>\x1b[\x20-\x2f]*[\x30-\x7e]?)"
    rb"|(?P<left>[\x00-\x1a\x1c-\x7f]+)"
    rb"|(?P<right>[\x80-\x9a\x9c-\xff]+)",
    re.DOTALL,
)


def encode_compound_text(text: str) -> bytes:
    """Return a text as COMPOUND_TEXT. Any Unicode text can be said."""
    parts: list[bytes] = []
    end = 0
    for run in _PLAIN.finditer(text):
        parts += [_utf8_segment(text[end : run.start()]), run[0].encode("latin-1")]
        end = run.end()
    return b"".join([*parts, _utf8_segment(text[end:])])


def decode_compound_text(encoded: bytes) -> str:
    """Return the text; what cannot be known is U+FFFD, never an error."""
    text: list[str] = []
    left, right = "", "latin-1"
    position = 0
    while position < len(encoded) and (token := _TOKEN.match(encoded, position)):
        position = token.end()
        if token["utf8"] is not None:
            text.append(token["utf8"].decode("utf-8", "replace"))
        elif token["length"] is not None:
            high, low = token["length"]
            end = position + (high - 128) * 128 + (low - 128)
            text.append(_extended(encoded[position:end]))
            position = end
        elif token["slot"] is not None:
            left, right = _designated(token["slot"], token["final"], left, right)
        elif token["left"] is not None:
            text.append(_decoded(token["left"], left) if left else token["left"].decode("ascii"))
        elif token["right"] is not None:
            text.append(_decoded(token["right"], right))
        elif token["unknown"] is not None:
            text.append(_REPLACEMENT)
    return "".join(text)


def _utf8_segment(text: str) -> bytes:
    return _UTF8_BEGIN + text.encode() + _UTF8_END if text else b""


def _designated(slot: bytes, final: bytes, left: str, right: str) -> tuple[str, str]:
    """Return what stands on the left and on the right after a designation."""
    match slot:
        case b"(":
            return "", right  # ASCII; JIS Roman differs from it in two signs.
        case b")":
            return left, "jisx0201" if final == b"I" else "unknown"
        case b"-":
            return left, _RIGHT_96.get(final, "unknown")
        case b"$(":
            return _MANY.get(final, "unknown"), right
        case _:
            return left, _MANY.get(final, "unknown")


def _decoded(run: bytes, charset: str) -> str:
    """Decode a run of one character set; on the left a set has bytes without the high bit."""
    if charset == "jisx0201":
        return b"".join(b"\x8e" + bytes([byte]) for byte in run).decode("euc_jp", "replace")
    if charset in _MANY.values():
        # Line breaks stand between runs of any set.
        pieces = re.split(rb"([\t\n ]+)", run) if run[0] < 128 else [run]
        return "".join(
            piece.decode("ascii") if index % 2 else _decoded_pairs(piece, charset)
            for index, piece in enumerate(pieces)
        )
    if charset == "unknown":
        return _REPLACEMENT
    return run.decode(charset, "replace")


def _decoded_pairs(run: bytes, charset: str) -> str:
    high = bytes(byte | 128 for byte in run)
    if charset == "jisx0212":
        high = b"".join(b"\x8f" + high[at : at + 2] for at in range(0, len(high), 2))
        charset = "euc_jp"
    return high.decode(charset, "replace")


def _extended(segment: bytes) -> str:
    """Decode an extended segment: the name of an encoding, STX, bytes (section 6)."""
    name, _, run = segment.partition(b"\x02")
    charset = name.decode("ascii", "replace").lower().removesuffix("-0")
    if not _CHARACTER_SET.fullmatch(charset):
        return _REPLACEMENT
    try:
        return run.decode(charset, "replace")
    except LookupError:
        return _REPLACEMENT
