"""What commands answer, as MCP content: text, pictures, files, and errors in words.

Pure. It does not run commands and does not send. Source: Model Context Protocol 2025-11-25, tools,
section "Tool Result".
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from agentd.base.command import Blob
from agentd.base.errors import Problem

# What clients show to models as pictures.
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_JSON = "application/json"


def result_of(value: Any, *, uri: str) -> dict[str, Any]:
    """Return the result of a tool.

    Bytes that are a picture become a picture, wherever in an object they lie; other bytes of a
    Blob become a resource, and within an object stay base64.

    Args:
        value: what the command returned: a Blob, None, or anything that is JSON.
        uri: the name of a resource that the content may need.
    """
    if isinstance(value, Blob):
        blocks = [_block_of(value, uri)] if len(value.body) else []
        return {"content": [*blocks, _text(_json(value.meta))], "isError": False}
    if value is None:
        return {"content": [_text("done")], "isError": False}
    pictures: list[dict[str, Any]] = []
    document = _without_pictures(msgspec.to_builtins(value, builtin_types=(bytes,)), pictures)
    result = {"content": [*pictures, _text(_json(document))], "isError": False}
    if isinstance(document, dict) and not pictures:
        result["structuredContent"] = document
    return result


def failure_of(problem: Problem) -> dict[str, Any]:
    """Return the result of a tool that failed: words for the model, the problem for programs."""
    return {
        "content": [_text("\n".join(_lines(problem)))],
        "isError": True,
        "_meta": {"agentd/problem": msgspec.to_builtins(problem)},
    }


def contents_of(value: Any, *, uri: str) -> dict[str, Any]:
    """Return what a resource holds."""
    if isinstance(value, Blob):
        return _file_of(value, uri)
    return {"uri": uri, "mimeType": _JSON, "text": _json(value)}


def _block_of(blob: Blob, uri: str) -> dict[str, Any]:
    if blob.media_type in _PICTURES:
        return _picture(bytes(blob.body), blob.media_type)
    return {"type": "resource", "resource": _file_of(blob, uri)}


def _file_of(blob: Blob, uri: str) -> dict[str, Any]:
    """Return bytes as the contents of a resource: text where they are text."""
    document = {"uri": uri, "mimeType": blob.media_type}
    if blob.media_type.startswith("text/") or blob.media_type == _JSON:
        try:
            return {**document, "text": bytes(blob.body).decode()}
        except UnicodeDecodeError:
            pass  # It is not what it calls itself; as bytes it can still be had.
    return {**document, "blob": _base64(bytes(blob.body))}


def _without_pictures(value: Any, pictures: list[dict[str, Any]]) -> Any:
    """Take the pictures out of an object's fields, in their order."""
    if isinstance(value, list | tuple):
        return [_without_pictures(item, pictures) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        media_type = _media_type_of(item) if isinstance(item, bytes) else ""
        if media_type:
            pictures.append(_picture(item, media_type))
        else:
            kept[key] = _without_pictures(item, pictures)
    return kept


def _media_type_of(body: bytes) -> str:
    """Return the type of a picture by its first bytes (PNG, JFIF, RFC 9649, GIF89a), or nothing."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/gif" if body.startswith((b"GIF87a", b"GIF89a")) else ""


def _lines(problem: Problem) -> list[str]:
    """Return what a model is told: what happened, every fault once, what helps."""
    faults = [text for text in map(str, problem.errors) if text not in problem.detail]
    lines = [f"error: {problem.detail}", *(f"  {text}" for text in faults)]
    if problem.hint:
        lines.append(f"hint: {problem.hint}")
    if problem.retry_after_s is not None:
        lines.append(f"hint: try again in {problem.retry_after_s:g} s")
    lines.append(f"code: {problem.code}, request id: {problem.request_id}")
    return lines


def _picture(body: bytes, media_type: str) -> dict[str, Any]:
    return {"type": "image", "data": _base64(body), "mimeType": media_type}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
