"""Answers as content: what is a picture, what is a file, and errors in words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from agentd.base.command import Blob
from agentd.base.errors import BadRequest, Conflict, FieldError, problem_of
from agentd.control.mcp_content import contents_of, failure_of, result_of
from tests.fakes import PNG, Echo, Snap

URI = "agentd://sample/thing"


def blocks(value: Any) -> list[dict[str, Any]]:
    return list(result_of(value, uri=URI)["content"])


class TestBlobs:
    def test_picture_is_shown_before_its_metadata(self) -> None:
        picture, text = blocks(Blob(PNG, "image/png", {"width": 3}))
        data = base64.b64encode(PNG).decode()
        assert picture == {"type": "image", "data": data, "mimeType": "image/png"}
        assert text == {"type": "text", "text": '{"width":3}'}

    def test_empty_one_is_its_metadata_alone(self) -> None:
        [text] = blocks(Blob(b"", "image/png", {"unchanged": True}))
        assert text["text"] == '{"unchanged":true}'

    def test_buffer_is_its_bytes(self) -> None:
        picture, _ = blocks(Blob(memoryview(PNG), "image/jpeg"))
        assert base64.b64decode(picture["data"]) == PNG

    def test_other_bytes_are_a_resource(self) -> None:
        file, _ = blocks(Blob(b"\0\1", "application/octet-stream"))
        assert file["resource"] == {
            "uri": URI,
            "mimeType": "application/octet-stream",
            "blob": "AAE=",
        }

    def test_text_is_readable(self) -> None:
        file, _ = blocks(Blob("größe".encode(), "text/plain; charset=utf-8"))
        assert file["resource"]["text"] == "größe"

    def test_text_that_is_none_is_bytes(self) -> None:
        file, _ = blocks(Blob(b"\xff", "text/plain"))
        assert file["resource"]["blob"] == "/w=="


class TestValues:
    def test_object_is_text_and_structure(self) -> None:
        result = result_of(Echo("é", 1, 0.5, None, [], flag=False), uri=URI)
        [text] = result["content"]
        assert json.loads(text["text"]) == result["structuredContent"]
        assert "é" in text["text"]

    def test_list_is_text_alone(self) -> None:
        result = result_of([1, 2], uri=URI)
        assert result["content"] == [{"type": "text", "text": "[1,2]"}]
        assert "structuredContent" not in result

    def test_nothing_is_done(self) -> None:
        assert blocks(None) == [{"type": "text", "text": "done"}]

    def test_picture_in_an_object_is_shown(self) -> None:
        result = result_of(Snap(["a"], 3, PNG, b"\0"), uri=URI)
        picture, text = result["content"]
        assert picture["mimeType"] == "image/png"
        assert json.loads(text["text"]) == {"steps": ["a"], "width": 3, "other": "AA=="}
        assert "structuredContent" not in result

    def test_pictures_anywhere_are_shown_in_order(self) -> None:
        jpeg = b"\xff\xd8\xff\xe0"
        value = {"all": [{"image": PNG}, {"image": jpeg, "n": 1}], "last": b"RIFF....WEBPx"}
        *pictures, text = blocks(value)
        assert [item["mimeType"] for item in pictures] == ["image/png", "image/jpeg", "image/webp"]
        assert json.loads(text["text"]) == {"all": [{}, {"n": 1}]}

    def test_gif_is_a_picture(self) -> None:
        picture, _ = blocks({"image": b"GIF89a..."})
        assert picture["mimeType"] == "image/gif"

    def test_object_without_its_picture_is_whole(self) -> None:
        [text] = blocks(Snap(["a"], 3))
        assert json.loads(text["text"])["image"] is None

    def test_value_that_is_no_json_is_an_error(self) -> None:
        with pytest.raises(TypeError):
            result_of(object(), uri=URI)


class TestFailures:
    def test_words_say_what_where_and_what_helps(self) -> None:
        error = BadRequest(
            "the point is off the screen",
            code="off_screen",
            hint="take a picture",
            errors=[FieldError("x", "0 to 9", "12"), FieldError("y", "0 to 9", "13")],
        )
        result = failure_of(problem_of(error, request_id="r1"))
        assert result["isError"] is True
        assert result["content"][0]["text"].splitlines() == [
            "error: the point is off the screen",
            "  x: wanted 0 to 9, got 12",
            "  y: wanted 0 to 9, got 13",
            "hint: take a picture",
            "code: off_screen, request id: r1",
        ]
        assert result["_meta"]["agentd/problem"]["code"] == "off_screen"

    def test_words_say_when_to_try_again(self) -> None:
        result = failure_of(problem_of(Conflict("it is taken", retry_after_s=2.5)))
        assert "hint: try again in 2.5 s" in result["content"][0]["text"]


class TestResources:
    def test_value_is_json(self) -> None:
        found = contents_of({"a": 1}, uri=URI)
        assert found == {"uri": URI, "mimeType": "application/json", "text": '{"a":1}'}

    def test_picture_is_bytes(self) -> None:
        found = contents_of(Blob(PNG, "image/png"), uri=URI)
        assert (found["mimeType"], base64.b64decode(found["blob"])) == ("image/png", PNG)
