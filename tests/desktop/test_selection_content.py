"""What a selection holds: kinds, X targets, encodings, and what is refused."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import AgentdError, BadRequest, TooLarge
from agentd.desktop.clipboard import selection_content
from agentd.desktop.clipboard.selection_content import (
    TARGETS,
    ContentType,
    Encoded,
    best_target,
    content_of,
    decoded,
    png_fault,
    types_among,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
paths = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map("/{}".format),
    min_size=1,
    max_size=5,
)


def header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("target", ["UTF8_STRING", "text/plain;charset=utf-8", "COMPOUND_TEXT"])
@given(text=texts)
def test_text_comes_back_exactly(target, text):
    encoded = content_of(text=text).encoded(target)
    assert encoded.type == target
    assert decoded(ContentType.TEXT, encoded) == text


@given(texts)
def test_text_says_in_its_type_how_it_is_encoded(text):
    assert decoded(ContentType.TEXT, content_of(text=text).encoded("TEXT")) == text


def test_halves_of_a_letter_that_tk_has_cut_are_joined():
    halves = "x🎉".encode("utf-16-be")[2:]
    cut = b"".join(
        chr(int.from_bytes(halves[at : at + 2], "big")).encode("utf-8", "surrogatepass")
        for at in (0, 2)
    )
    found = decoded(ContentType.TEXT, Encoded("UTF8_STRING", b"a" + cut + "ü🎉".encode()))
    assert found == "a🎉ü🎉"
    assert decoded(ContentType.TEXT, Encoded("UTF8_STRING", cut[:3] + b"\xff")) == "\ufffd" * 4


def test_string_is_latin_1_and_listed_only_where_that_says_it():
    latin, other = content_of(text="Grüße"), content_of(text="你好ü")
    assert latin.encoded("STRING") == Encoded("STRING", b"Gr\xfc\xdfe")
    assert "STRING" in latin.targets
    assert "STRING" not in other.targets
    assert other.encoded("STRING") == Encoded("STRING", b"??\xfc")


@given(texts)
def test_html_comes_back_exactly(html):
    assert decoded(ContentType.HTML, content_of(html=html).encoded("text/html")) == html


def test_html_names_its_encoding_once():
    head = b'<meta http-equiv="content-type" content="text/html; charset=utf-8">'
    assert content_of(html="<b>ü</b>").encoded("text/html").data.startswith(head)
    own = '<html><head><meta charset="utf-8"></head>ü</html>'
    assert content_of(html=own).encoded("text/html").data == own.encode()


def test_html_of_older_browsers_is_read():
    for encoding in ("utf-16", "utf-8-sig"):
        found = decoded(ContentType.HTML, Encoded("text/html", "<i>ü🎉</i>".encode(encoding)))
        assert found == "<i>ü🎉</i>"


@pytest.mark.parametrize("target", ["text/uri-list", "x-special/gnome-copied-files"])
@given(files=paths)
def test_paths_come_back_exactly(target, files):
    assert decoded(ContentType.FILES, content_of(files=files).encoded(target)) == tuple(files)


def test_files_are_written_as_file_managers_read_them():
    content = content_of(files=["/a b/ü#?%.txt", "/c"])
    uris = ["file:///a%20b/%C3%BC%23%3F%25.txt", "file:///c"]
    assert content.encoded("text/uri-list").data.decode() == "".join(f"{u}\r\n" for u in uris)
    copied = content.encoded("x-special/gnome-copied-files").data.decode()
    assert copied == "\n".join(["copy", *uris])
    assert content.encoded("UTF8_STRING").data.decode() == "/a b/ü#?%.txt\n/c"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("file:///tmp/a%20b", "/tmp/a b"),
        ("file://localhost/tmp/x", "/tmp/x"),
        ("file:/tmp/x", "/tmp/x"),
        ("FILE:///tmp/a#b?c", "/tmp/a#b?c"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("file:///tmp/%ff", "file:///tmp/%ff"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_a_uri_that_is_no_readable_local_file_stays_one(line, path):
    found = decoded(ContentType.FILES, Encoded("text/uri-list", f"# note\r\n{line}\r\n".encode()))
    assert found == (path,)


@given(st.binary(max_size=300), st.sampled_from(list(ContentType)), st.sampled_from(TARGETS))
def test_any_bytes_of_any_owner_are_read_without_an_error(data, kind, target):
    decoded(kind, Encoded(target, data))


def test_several_kinds_are_offered_at_once():
    content = content_of(html="<b>x</b>", text="x", png=PNG)
    assert content.types == [ContentType.TEXT, ContentType.HTML, ContentType.PNG]
    assert {"UTF8_STRING", "text/html", "image/png"} <= set(content.targets)
    assert content.encoded("text/uri-list") is None
    assert content.encoded("image/jpeg") is None


def test_empty_text_is_content():
    assert content_of(text="").types == [ContentType.TEXT]
    assert content_of(text="").encoded("UTF8_STRING") == Encoded("UTF8_STRING", b"")


def test_best_target_is_the_one_that_loses_nothing():
    offered = ["TARGETS", "STRING", "TEXT", "text/plain;charset=UTF-8", "UTF8_STRING"]
    assert best_target(ContentType.TEXT, offered) == "UTF8_STRING"
    assert best_target(ContentType.TEXT, offered[:-1]) == "text/plain;charset=UTF-8"
    assert best_target(ContentType.TEXT, ["STRING", "COMPOUND_TEXT"]) == "COMPOUND_TEXT"
    assert best_target(ContentType.PNG, offered) is None
    assert types_among(["text/uri-list", "image/png"]) == [ContentType.PNG, ContentType.FILES]


def test_header_of_a_png_is_checked():
    assert png_fault(PNG) == ""
    assert png_fault(header(1, 1)) == ""
    assert "signature" in png_fault(b"GIF89a")
    assert "without its header" in png_fault(PNG[:20])
    assert "broken" in png_fault(PNG[:17] + b"\xff" + PNG[18:])
    assert "no size" in png_fault(header(0, 7))
    assert "no size" in png_fault(header(1 << 31, 1))


@pytest.mark.parametrize("end", range(33))
def test_png_that_ends_in_its_header_is_refused(end):
    assert png_fault(PNG[:end])


@pytest.mark.parametrize(
    ("given_", "path"),
    [({}, "text"), ({"png": b"no"}, "png"), ({"files": ["/a", "b"]}, "files[1]")],
)
def test_content_that_makes_no_sense_is_refused_by_name(given_, path):
    with pytest.raises(BadRequest) as caught:
        content_of(**given_)
    assert caught.value.errors[0].path == path


def test_refusals_do_not_quote_the_content(monkeypatch):
    monkeypatch.setattr(selection_content, "MAX_BYTES", 4)
    for given_ in ({"text": "hunter2"}, {"files": ["hunter2"]}, {"png": b"hunter2"}):
        with pytest.raises(AgentdError) as caught:
            content_of(**given_)
        assert "hunter2" not in f"{caught.value} {caught.value.errors}"


def test_size_counts_in_bytes(monkeypatch):
    monkeypatch.setattr(selection_content, "MAX_BYTES", 4)
    assert content_of(text="üü")
    with pytest.raises(TooLarge, match="text has 5 bytes"):
        content_of(text="üüx")
