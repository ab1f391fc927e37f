"""Documents with bytes in them, sent in parts, and put together again by the client."""

from __future__ import annotations

import email
import email.policy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.base.errors import Fault
from agentd.client import wire
from agentd.control import multipart


class Shot(msgspec.Struct, frozen=True):
    image: bytes | None
    media_type: str | None = None


class Report(msgspec.Struct, frozen=True):
    name: str
    shots: list[Shot]
    image: bytes | None = None
    media_type: str | None = None


REPORT = Report("r", [Shot(b"\x89PNG", "image/png"), Shot(None)], b"--x--\r\n", "image/jpeg")


def sent(value: object, boundary: str = "b0") -> bytes:
    document, parts = multipart.split(value)
    return multipart.join(document, parts, boundary)


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("multipart/mixed", True),
        ("application/json, Multipart/Mixed;q=0.5", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
    ],
)
def test_accept_must_name_it(accept: str, accepted: bool) -> None:
    assert multipart.is_accepted(accept) is accepted


def test_bytes_leave_a_reference_with_their_type() -> None:
    document, parts = multipart.split(REPORT)
    assert document["shots"][0]["image"] == {"part": 1, "media_type": "image/png"}
    assert document["shots"][1]["image"] is None
    assert [part.media_type for part in parts] == ["image/png", "image/jpeg"]


def test_other_readers_of_multipart_understand_it() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
    message = email.message_from_bytes(head + sent(REPORT), policy=email.policy.HTTP)
    first, second, third = message.iter_parts()
    assert msgspec.json.decode(first.get_content())["name"] == "r"
    assert second.get_content() == b"\x89PNG"
    assert third.get_content_type() == "image/jpeg"


@given(st.lists(st.binary(max_size=40) | st.none(), max_size=5), st.binary(max_size=99))
def test_client_puts_every_byte_back(images: list[bytes | None], last: bytes) -> None:
    report = Report("r", [Shot(image, "image/png") for image in images], last)
    kind = "multipart/mixed; boundary=0123456789abcdef0123456789abcdef"
    body = sent(report, "0123456789abcdef0123456789abcdef")
    assert wire.answer_in(kind, body, Report, "x.y") == report


@given(st.data())
def test_cut_answer_is_an_error_of_its_own(data: st.DataObject) -> None:
    body = sent(REPORT)
    cut = body[: data.draw(st.integers(0, len(body) - 3))]
    with pytest.raises(Fault, match="not as this client knows it"):
        wire.answer_in("multipart/mixed; boundary=b0", cut, Report, "x.y")


def test_json_needs_no_parts() -> None:
    assert wire.answer_in("application/json", msgspec.json.encode(REPORT), Report, "x.y") == REPORT
