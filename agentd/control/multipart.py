"""A document with bytes in it as `multipart/mixed`: no base64 for who can do without.

Pure. The first part is the document, with `{"part": N, "media_type": T}` where bytes stood; part N
follows as it is, counted from 1. Sources: RFC 2046 section 5.1, RFC 9110 section 12.5.1 (Accept).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

MEDIA_TYPE = "multipart/mixed"

_BYTES = (bytes, bytearray, memoryview)


class Part(NamedTuple):
    """Bytes that stood in a document; the media type stood beside them, if any."""

    body: bytes
    media_type: str


def is_accepted(accept: str) -> bool:
    """Tell whether an Accept header names multipart/mixed."""
    ranges = (item.partition(";")[0].strip().lower() for item in accept.split(","))
    return MEDIA_TYPE in ranges


def split(value: object) -> tuple[Any, list[Part]]:
    """Return a value as a JSON document without bytes, and the bytes that were in it."""
    parts: list[Part] = []

    def without_bytes(item: Any, media_type: str) -> Any:
        if isinstance(item, _BYTES):
            parts.append(Part(bytes(item), media_type))
            return {"part": len(parts), "media_type": media_type}
        if isinstance(item, dict):
            # A picture's type stands beside it.
            beside = item.get("media_type") or "application/octet-stream"
            return {key: without_bytes(inner, str(beside)) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            return [without_bytes(inner, media_type) for inner in item]
        return item

    plain = msgspec.to_builtins(value, builtin_types=_BYTES)
    return without_bytes(plain, "application/octet-stream"), parts


def join(document: object, parts: list[Part], boundary: str) -> bytes:
    """Return the body of an answer.

    Args:
        boundary: must not be in any part; 16 random bytes in hexadecimal are not.
    """
    pieces: list[bytes] = []
    for body, media_type in (
        (msgspec.json.encode(document), "application/json"),
        *parts,
    ):
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        pieces += [head.encode(), body, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])
