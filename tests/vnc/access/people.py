"""A viewer without a screen, for the tests of who may do what."""

from __future__ import annotations

from agentd.vnc.access.grants import GrantId, Right
from agentd.vnc.access.viewers import ViewerInfo


class FakeViewer:
    """Somebody who is here and notes why it is sent away."""

    def __init__(
        self, id: str, grant: str = "g-1", *, label: str = "Ada", rights: tuple[Right, ...] = ()
    ) -> None:
        self.id = id
        self.grant_id = GrantId(grant)
        self.closed: list[str] = []
        self._label = label
        self._rights = [Right.VIEW, *rights]

    def info(self) -> ViewerInfo:
        return ViewerInfo(
            id=self.id,
            grant=self.grant_id,
            label=self._label,
            rights=self._rights,
            address="127.0.0.1",
            transport="websocket",
            since=1.0,
        )

    def close(self, reason: str) -> None:
        self.closed.append(reason)

    def rights_changed(self, rights: frozenset[Right]) -> None:
        self._rights = sorted(rights)
