"""What a selection holds, and how each kind is written and read as bytes of an X target.

Pure. Text, HTML, a PNG picture, a list of files: any of them at once. It does not know atoms,
owners or sizes of properties. Sources: ICCCM 2.0 section 2.6.2 (targets), RFC 2483 section 5
(text/uri-list), RFC 8089 (file URIs), PNG specification section 11.2.2 (IHDR).
"""

from __future__ import annotations

import enum
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from agentd.base.errors import BadRequest, FieldError, TooLarge
from agentd.desktop.clipboard.compound_text import decode_compound_text, encode_compound_text

MAX_BYTES = 64 * 1024 * 1024

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR_BYTES = 13
_MAX_PNG_EDGE = (1 << 31) - 1
# Browsers write it in front of their HTML, and Firefox believes nothing else about the encoding.
_HTML_HEAD = '<meta http-equiv="content-type" content="text/html; charset=utf-8">'
_HTML_CHARSET = re.compile(r"<meta[^>]+charset", re.IGNORECASE)
# What may stand in a path of a URI as it is (RFC 3986 section 3.3).
_URI_SAFE = "/-._~!$&'()*+,;=:@"


class Selection(enum.StrEnum):
    """The two selections: what Ctrl+C takes, and what the mouse has marked."""

    CLIPBOARD = "clipboard"
    PRIMARY = "primary"


class ContentType(enum.StrEnum):
    """The kinds of content that are told apart."""

    TEXT = "text"
    HTML = "html"
    PNG = "png"
    FILES = "files"


class Encoded(NamedTuple):
    """Content as a property: the name of the property's type, and the bytes (format 8)."""

    type: str
    data: bytes


Value = str | bytes | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What is offered. Made by `content_of`, which checks it. `files` are absolute paths."""

    text: str | None = None
    html: str | None = None
    png: bytes | None = None
    files: tuple[str, ...] | None = None

    @property
    def types(self) -> list[ContentType]:
        """The kinds that can be had; a list of files can also be had as text."""
        return [kind for kind in ContentType if self.value(kind) is not None]

    def value(self, kind: ContentType) -> Value | None:
        """Return the content as one kind, None if it is not of that kind."""
        match kind:
            case ContentType.TEXT:
                return "\n".join(self.files) if self.text is None and self.files else self.text
            case ContentType.HTML:
                return self.html
            case ContentType.PNG:
                return self.png
            case ContentType.FILES:
                return self.files

    @property
    def targets(self) -> list[str]:
        """The X targets to list, without those of the protocol itself."""
        text = self.value(ContentType.TEXT)
        has_latin = isinstance(text, str) and _latin_1(text) is not None
        return [
            name
            for name, target in _TARGETS.items()
            # STRING can say Latin-1 alone: listed for any other text, it would be chosen by some.
            if self.value(target.kind) is not None and (name != "STRING" or has_latin)
        ]

    def encoded(self, target: str) -> Encoded | None:
        """Return the content as an X target, None if it cannot be had as that.

        STRING for a text that it cannot say is given with question marks: who asks for what was
        not listed knows nothing better.
        """
        known = _TARGETS.get(target)
        value = self.value(known.kind) if known is not None else None
        return None if known is None or value is None else known.encode(value)


def content_of(
    *,
    text: str | None = None,
    html: str | None = None,
    png: bytes | None = None,
    files: Sequence[str] | None = None,
) -> Content:
    """Return checked content.

    Raises: BadRequest for none at all, bytes that are no PNG, a path that is not absolute;
        TooLarge for a kind over 64 MiB. None of them quotes the content.
    """
    if text is None and html is None and png is None and files is None:
        raise BadRequest(
            "there is nothing to put into the selection",
            errors=[FieldError("text", "one or more of text, html, png, files", "nothing")],
            hint="clipboard.clear empties it",
        )
    paths = None if files is None else tuple(files)
    sizes = {
        "text": _size(text),
        "html": _size(html),
        "png": len(png or b""),
        "files": sum(map(_size, paths or ())),
    }
    for name, size_bytes in sizes.items():
        if size_bytes > MAX_BYTES:
            raise TooLarge(
                f"{name} has {size_bytes} bytes, a selection takes {MAX_BYTES}",
                code="selection_too_large",
            )
    if png is not None and (fault := png_fault(png)):
        raise BadRequest(
            "what is to be copied as png is no PNG",
            code="invalid_png",
            errors=[FieldError("png", "a PNG file in base64", fault)],
        )
    for index, path in enumerate(paths or ()):
        if not path.startswith("/") or "\0" in path:
            raise BadRequest(
                "a file to be copied is named by its absolute path",
                errors=[FieldError(f"files[{index}]", "an absolute path", "another text")],
            )
    return Content(text, html, png, paths)


def png_fault(data: bytes) -> str:
    """Return what is wrong with the head of a PNG file, or an empty text."""
    if not data.startswith(_PNG_SIGNATURE):
        return "bytes without the signature of a PNG"
    head, body = data[8:16], data[16 : 16 + _IHDR_BYTES]
    if head != _IHDR_BYTES.to_bytes(4, "big") + b"IHDR" or len(body) < _IHDR_BYTES:
        return "a PNG without its header"
    checksum = zlib.crc32(b"IHDR" + body).to_bytes(4, "big")
    if data[16 + _IHDR_BYTES : 20 + _IHDR_BYTES] != checksum:
        return "a PNG with a broken header"
    edges = (int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))
    if not all(0 < edge <= _MAX_PNG_EDGE for edge in edges):
        return "a PNG of no size"
    return ""


def best_target(kind: ContentType, offered: Sequence[str]) -> str | None:
    """Return which of the offered targets tells a kind best, None if none does."""
    by_name = {name.lower(): name for name in reversed(offered)}
    for name in _PREFERRED[kind]:
        if name.lower() in by_name:
            return by_name[name.lower()]
    return None


def types_among(offered: Sequence[str]) -> list[ContentType]:
    """Return the kinds that can be had from an owner who offers these targets."""
    return [kind for kind in ContentType if best_target(kind, offered) is not None]


def decoded(kind: ContentType, encoded: Encoded) -> Value:
    """Return what another owner has given: `encoded.type` is the type of its property.

    Bytes that the encoding does not know become U+FFFD; a list of files keeps as URIs what is no
    local file with a UTF-8 name.
    """
    match kind:
        case ContentType.TEXT:
            return _decoded_text(encoded)
        case ContentType.HTML:
            text = _decoded_html(encoded.data)
            has_head = text[: len(_HTML_HEAD)].lower() == _HTML_HEAD
            return text[len(_HTML_HEAD) :] if has_head else text
        case ContentType.PNG:
            return encoded.data
        case ContentType.FILES:
            return tuple(map(_path_of, _uris(encoded.data)))


def _size(text: str | None) -> int:
    return 0 if text is None else len(text) if text.isascii() else len(text.encode())


def _latin_1(text: str) -> bytes | None:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _utf8(type_: str) -> Callable[[str], Encoded]:
    return lambda text: Encoded(type_, text.encode())


def _polymorphic(text: str) -> Encoded:
    """TEXT: in the narrowest encoding that says it, named by the type (ICCCM 2.6.2)."""
    latin = _latin_1(text)
    if latin is not None:
        return Encoded("STRING", latin)
    return Encoded("COMPOUND_TEXT", encode_compound_text(text))


def _html(html: str) -> Encoded:
    head = "" if _HTML_CHARSET.search(html[:1024]) else _HTML_HEAD
    return Encoded("text/html", (head + html).encode())


def _uri_list(files: tuple[str, ...]) -> Encoded:
    return Encoded("text/uri-list", "".join(f"{_uri_of(path)}\r\n" for path in files).encode())


def _copied_files(files: tuple[str, ...]) -> Encoded:
    """What file managers of GNOME, MATE, Xfce and Cinnamon paste: the verb, then URIs."""
    lines = ["copy", *map(_uri_of, files)]
    return Encoded("x-special/gnome-copied-files", "\n".join(lines).encode())


class _Target(NamedTuple):
    kind: ContentType
    # Takes the value of its kind.
    encode: Callable[..., Encoded]


_TARGETS: Mapping[str, _Target] = {
    "UTF8_STRING": _Target(ContentType.TEXT, _utf8("UTF8_STRING")),
    "text/plain;charset=utf-8": _Target(ContentType.TEXT, _utf8("text/plain;charset=utf-8")),
    "text/plain": _Target(ContentType.TEXT, _utf8("text/plain")),
    "STRING": _Target(
        ContentType.TEXT, lambda text: Encoded("STRING", text.encode("latin-1", "replace"))
    ),
    "TEXT": _Target(ContentType.TEXT, _polymorphic),
    "COMPOUND_TEXT": _Target(
        ContentType.TEXT, lambda text: Encoded("COMPOUND_TEXT", encode_compound_text(text))
    ),
    "text/html": _Target(ContentType.HTML, _html),
    "image/png": _Target(ContentType.PNG, lambda png: Encoded("image/png", png)),
    "text/uri-list": _Target(ContentType.FILES, _uri_list),
    "x-special/gnome-copied-files": _Target(ContentType.FILES, _copied_files),
}

# Every target that content can be had as.
TARGETS = tuple(_TARGETS)

_PREFERRED: Mapping[ContentType, tuple[str, ...]] = {
    ContentType.TEXT: (
        *("UTF8_STRING", "text/plain;charset=utf-8", "COMPOUND_TEXT"),
        *("text/plain", "STRING", "TEXT"),
    ),
    ContentType.HTML: ("text/html", "text/html;charset=utf-8"),
    ContentType.PNG: ("image/png",),
    ContentType.FILES: ("text/uri-list", "x-special/gnome-copied-files"),
}


def _decoded_text(encoded: Encoded) -> str:
    match encoded.type:
        case "STRING" | "C_STRING":
            return encoded.data.decode("latin-1")
        case "COMPOUND_TEXT":
            return decode_compound_text(encoded.data)
        case _:
            return _decoded_utf8(encoded.data)


def _decoded_utf8(data: bytes) -> str:
    """Decode UTF-8; Tk cuts a large text between the halves of a surrogate pair, each encoded."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:
        halves = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decoded_html(data: bytes) -> str:
    """Decode HTML: UTF-8, or what a byte order mark says, as older browsers write it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _uris(data: bytes) -> list[str]:
    """Return the URIs of either list, without comments and the verb of file managers."""
    lines = data.decode("utf-8", "replace").replace("\0", "").splitlines()
    if lines[:1] in (["copy"], ["cut"]):
        del lines[0]
    return [line for line in lines if line and not line.startswith("#")]


def _uri_of(path: str) -> str:
    return "file://" + quote(path.encode("utf-8", "surrogateescape"), safe=_URI_SAFE)


def _path_of(uri: str) -> str:
    """Return the path that a file URI names; any other URI as it is."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    if parts.scheme.lower() != "file" or not parts.path.startswith("/"):
        return uri
    # Everything behind the host is the path: file managers forget to quote ? and #.
    path = uri.partition("://")[2].partition("/")[2] if "://" in uri else parts.path[1:]
    try:
        return "/" + unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return uri
