"""Ways to let a client in: which are offered where, and whether a password was meant.

Pure. It knows no password and no grant, and says none of its bytes; `rfb` does. Sources: rfbproto
"Security Types", "VNC Authentication", "VeNCrypt"; for the order, what viewers choose: TigerVNC and
noVNC from 1.4 on the first that they know, noVNC 1.3 None before any other.
"""

from __future__ import annotations

import enum
import hmac
from dataclasses import dataclass

from agentd.vnc.numbers import SecurityType, VeNCryptType

CHALLENGE_BYTES = 16

# DES takes no more of a password.
VNC_PASSWORD_BYTES = 8


class Method(enum.Enum):
    """One way to be let in; its value is the number that a client chooses it by."""

    NONE = SecurityType.NONE
    VNC_AUTH = SecurityType.VNC_AUTH
    PLAIN = VeNCryptType.PLAIN
    X509_NONE = VeNCryptType.X509_NONE
    X509_VNC = VeNCryptType.X509_VNC
    X509_PLAIN = VeNCryptType.X509_PLAIN

    @property
    def security_type(self) -> SecurityType:
        """The type that it stands under in the first list."""
        if isinstance(self.value, SecurityType):
            return self.value
        return SecurityType.VENCRYPT

    @property
    def starts_tls(self) -> bool:
        """Whether the connection is encrypted from there on."""
        return self in (Method.X509_NONE, Method.X509_VNC, Method.X509_PLAIN)

    @property
    def asks_challenge(self) -> bool:
        """Whether a password is shown to be known, without being sent."""
        return self in (Method.VNC_AUTH, Method.X509_VNC)

    @property
    def asks_person(self) -> bool:
        """Whether somebody has to type something."""
        return self.asks_challenge or self.asks_name

    @property
    def asks_name(self) -> bool:
        """Whether a name and a password are sent."""
        return self in (Method.PLAIN, Method.X509_PLAIN)


@dataclass(frozen=True, slots=True)
class Security:
    """What a connection offers its client.

    Args:
        methods: strongest first, as many viewers take the first that they know.
        is_encrypted: the transport hides what is sent over it, so that a password may be.
        refusal: why nobody is let in here now; `methods` is empty then.

    Raises: ValueError for an offer that gives away what it should guard.
    """

    methods: tuple[Method, ...]
    is_encrypted: bool = False
    refusal: str = ""

    def __post_init__(self) -> None:
        if bool(self.methods) == bool(self.refusal):
            raise ValueError("security: either methods are offered, or the reason says why not")
        if Method.PLAIN in self.methods and not self.is_encrypted:
            raise ValueError("security: a password would be sent over an open connection")
        free = {Method.NONE, Method.X509_NONE} & set(self.methods)
        if free and free != set(self.methods):
            # Some viewers would never ask for the password.
            raise ValueError("security: a way without password beside one with a password")

    @classmethod
    def trusted(cls) -> Security:
        """Whoever gets here was let in before: by a token, or by who may open the socket."""
        return cls((Method.NONE,))

    @classmethod
    def password(cls) -> Security:
        """A password of 8 characters, as every viewer can give; loopback or a Unix socket."""
        return cls((Method.VNC_AUTH,))

    @classmethod
    def encrypted(cls) -> Security:
        """Name and password, or the password alone, where TLS is already around it all: wss."""
        return cls((Method.PLAIN, Method.VNC_AUTH), is_encrypted=True)

    @classmethod
    def certificate(cls, *, allow_unencrypted: bool) -> Security:
        """TLS with our certificate, then name and password, or the password alone.

        Args:
            allow_unencrypted: the password alone and no TLS too, for viewers that know no other.
        """
        methods = Method.X509_PLAIN, Method.X509_VNC
        return cls((*methods, Method.VNC_AUTH) if allow_unencrypted else methods)

    @classmethod
    def refused(cls, reason: str) -> Security:
        """Nobody is let in; the viewer shows `reason`."""
        return cls((), refusal=reason)

    @property
    def types(self) -> tuple[SecurityType, ...]:
        """The types of the first list, each once."""
        return tuple(dict.fromkeys(method.security_type for method in self.methods))

    @property
    def vencrypt_methods(self) -> tuple[Method, ...]:
        """What the second list, that of VeNCrypt, offers."""
        return tuple(m for m in self.methods if m.security_type is SecurityType.VENCRYPT)

    @property
    def method_of_3_3(self) -> Method | None:
        """What the server decides for a client that is not asked; `None` without one it knows."""
        known = (Method.NONE, Method.VNC_AUTH)
        return next((method for method in self.methods if method in known), None)


def vnc_auth_response(password: str, challenge: bytes) -> bytes:
    """Return what a client answers to a challenge.

    Args:
        password: only its first 8 bytes count.
        challenge: 16 bytes.
    """
    # Slow to load, and most viewers come with a token.
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    assert len(challenge) == CHALLENGE_BYTES
    key = password.encode()[:VNC_PASSWORD_BYTES].ljust(VNC_PASSWORD_BYTES, b"\0")
    # Each byte's bits are reversed: so did the first VNC, which every other one follows. Triple DES
    # with one key three times is DES.
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()


def vnc_auth_matches(password: str, challenge: bytes, response: bytes) -> bool:
    """Tell whether a response to a challenge was made with a password; takes as long either way."""
    return hmac.compare_digest(vnc_auth_response(password, challenge), response)
