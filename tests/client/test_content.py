"""What agentctl prints bare, and the files that it sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.base.errors import BadRequest
from agentd.client.catalogue import packaged
from agentd.client.content import CONTENT, content_in, with_files

CATALOGUE = packaged()
SET = CATALOGUE.find("clipboard", "set")


@pytest.mark.parametrize(
    ("answer", "content", "is_text"),
    [
        ({"type": "text", "text": "ü\n"}, "ü\n".encode(), True),
        ({"type": "text", "text": ""}, b"", True),
        ({"type": "html", "html": "<b>"}, b"<b>", True),
        ({"type": "files", "files": ["/a b", "/c"]}, b"/a b\n/c\n", True),
        ({"type": "png", "png": b"\x89PNG"}, b"\x89PNG", False),
    ],
)
def test_content_is_what_was_copied_and_nothing_else(answer, content, is_text):
    assert content_in(answer) == (content, is_text)


def test_commands_whose_content_is_printed_exist():
    assert all(CATALOGUE.find(*name.split(".")) for name in CONTENT)


def test_bytes_can_be_given_as_a_file(tmp_path: Path):
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG")
    given = with_files(CATALOGUE, SET, {"png": f"@{path}", "text": f"@{path}"})
    assert given == {"png": "iVBORw==", "text": f"@{path}"}


def test_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(BadRequest, match=r"png: cannot read .*/none: No such file"):
        with_files(CATALOGUE, SET, {"png": f"@{tmp_path}/none"})
