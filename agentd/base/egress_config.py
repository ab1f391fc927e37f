"""The configuration's `[storage.egress]`: what of the agent's own traffic may go out, and how.

Pure. What a rule means is said in the storage room.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class InjectedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A header that the proxy sets, whatever the client sent; its value is read from a file."""

    name: Annotated[str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]
    value_file: Annotated[str, Meta(pattern=r"^/[^\x00]*$", max_length=4096)]
    before: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{0,64}$")] = ""


class EgressRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where traffic may go: a host, or all names below one (`*.example.org`), and its ports.

    `intercept` ends TLS at the proxy, with a certificate of the local authority; `headers` of an
    https host need it. `methods` and `path_prefixes` hold for what the proxy can read.
    """

    host: Annotated[
        str, Meta(pattern=r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^\[[0-9a-fA-F:]+\]$")
    ]
    ports: tuple[Annotated[int, Meta(ge=1, le=65535)], ...] = (443,)
    methods: tuple[Annotated[str, Meta(pattern="^[A-Z]{1,20}$")], ...] = ()
    path_prefixes: tuple[Annotated[str, Meta(pattern="^/")], ...] = ()
    headers: tuple[InjectedHeader, ...] = ()
    intercept: bool = False


class EgressConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The allow-list proxy for the agent's own HTTP; off while `listen` is empty."""

    listen: Annotated[str, Meta(pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")] = ""
    allow_addresses: tuple[str, ...] = ()
    authority_dir: Annotated[str, Meta(pattern=r"^$|^/[^\x00]*$", max_length=4096)] = ""
    rules: tuple[EgressRule, ...] = ()
