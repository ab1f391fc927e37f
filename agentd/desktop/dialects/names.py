"""The dialects by name."""

from __future__ import annotations

from agentd.base.errors import BadRequest
from agentd.desktop.dialects.dialect import Dialect


def dialect_named(name: str) -> Dialect:
    """Return a dialect. Raises: BadRequest for an unknown name."""
    raise BadRequest(f"there is no dialect {name!r}")
