"""Ways to be let in, and VNC authentication."""

from __future__ import annotations

import pytest

from agentd.vnc.numbers import SecurityType
from agentd.vnc.protocol.security import Method, Security, vnc_auth_matches, vnc_auth_response
from tests.vnc.protocol.conversations import CHALLENGE


# By OpenSSL: `enc -des-ecb -nopad`, the bits of each byte of the password reversed.
@pytest.mark.parametrize(
    ("password", "response"),
    [
        ("secret12", "adcd997f8e16fee575e973f93c2b62b4"),
        ("abc", "9c22b4f2088c3465a1562c4b9d6edb04"),
        ("", "491e890de9ace932838a49792f2213f3"),
    ],
)
def test_response_is_the_challenge_under_des(password: str, response: str) -> None:
    assert vnc_auth_response(password, CHALLENGE).hex() == response
    assert vnc_auth_matches(password, CHALLENGE, bytes.fromhex(response))


def test_only_8_characters_of_a_password_count() -> None:
    response = vnc_auth_response("secret12", CHALLENGE)
    assert vnc_auth_matches("secret12 and more", CHALLENGE, response)
    assert not vnc_auth_matches("secret1", CHALLENGE, response)


@pytest.mark.parametrize("response", [b"", bytes(16), bytes(17)])
def test_other_responses_do_not_match(response: bytes) -> None:
    assert not vnc_auth_matches("secret12", CHALLENGE, response)


def test_response_to_another_challenge_does_not_match() -> None:
    response = vnc_auth_response("secret12", CHALLENGE)
    assert not vnc_auth_matches("secret12", CHALLENGE[::-1], response)


@pytest.mark.parametrize(
    ("security", "types"),
    [
        (Security.trusted(), [SecurityType.NONE]),
        (Security.password(), [SecurityType.VNC_AUTH]),
        (Security.encrypted(), [SecurityType.VENCRYPT, SecurityType.VNC_AUTH]),
        (Security.certificate(allow_unencrypted=False), [SecurityType.VENCRYPT]),
        (
            Security.certificate(allow_unencrypted=True),
            [SecurityType.VENCRYPT, SecurityType.VNC_AUTH],
        ),
        (Security.refused("too many failures"), []),
    ],
)
def test_strongest_type_is_first(security: Security, types: list[SecurityType]) -> None:
    assert list(security.types) == types


def test_name_and_password_come_before_the_password_alone() -> None:
    offered = Security.certificate(allow_unencrypted=True).vencrypt_methods
    assert offered == (Method.X509_PLAIN, Method.X509_VNC)


def test_no_password_is_sent_over_an_open_connection() -> None:
    with pytest.raises(ValueError, match="open connection"):
        Security((Method.PLAIN,))


@pytest.mark.parametrize("free", [Method.NONE, Method.X509_NONE])
def test_nothing_without_a_password_stands_beside_one_with(free: Method) -> None:
    with pytest.raises(ValueError, match="without password"):
        Security((Method.X509_PLAIN, free))


@pytest.mark.parametrize(("methods", "refusal"), [((), ""), ((Method.NONE,), "no")])
def test_either_there_is_a_way_or_a_reason(methods: tuple[Method, ...], refusal: str) -> None:
    with pytest.raises(ValueError, match="either"):
        Security(methods, refusal=refusal)
