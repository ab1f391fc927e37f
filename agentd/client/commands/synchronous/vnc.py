"""The `vnc` commands of the synchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.client.commands import values
from agentd.client.sync_transport import SyncTransport


class Vnc:
    """`vnc.*`.

    `deadline_s` is how long the daemon may take, in seconds. A call blocks until its answer is
    here.
    """

    def __init__(self, transport: SyncTransport) -> None:
        self._transport = transport

    def grant(
        self,
        *,
        rights: Sequence[values.Right] = (),
        ttl_s: float | None = 3600,
        uses: int | None = None,
        label: str = "",
        deadline_s: float = 30.0,
    ) -> values.Granted:
        """Make a link by which a person can look at the desktop, or act on it.

        Open `url` in a browser. A grant ends with its time (null: never) or by vnc.revoke, and
        its viewers with it. A use is a viewer that comes in; one whose connection was lost comes
        back within 20 s without another. A view link and a control link are two grants.

        Args:
            rights: What its viewers may do besides view, which is always among them; for example
                ["view", "pointer", "key"].
            ttl_s: It ends after this; above 0, at most 315360000; for example 900.
            uses: So many viewers may come in; 1..100000; for example 1.
            label: For people: who it is for; for example "Ada, support".
        """
        return self._transport.json(
            "vnc.grant",
            {"rights": rights, "ttl_s": ttl_s, "uses": uses, "label": label},
            values.Granted,
            deadline_s,
        )

    def grants(self, *, deadline_s: float = 30.0) -> list[values.GrantInfo]:
        """List the grants that hold, the oldest first, without their secrets."""
        return self._transport.json("vnc.grants", {}, list[values.GrantInfo], deadline_s)

    def help_done(self, *, by: str = "an operator", deadline_s: float = 30.0) -> bool:
        """Tell the agent that what it asked for is done, as the viewer page can.

        Answers whether anything was asked.

        Args:
            by: Who has seen to it; for example "Ada".
        """
        return self._transport.json("vnc.help_done", {"by": by}, bool, deadline_s)

    def kick(self, id: str, *, deadline_s: float = 30.0) -> values.ViewerInfo:
        """Send a viewer away; its grant holds, so that it can come back.

        What it had taken over it gives back. vnc.revoke keeps it out.

        Args:
            id: A viewer, as vnc.viewers names it; for example "v3".
        """
        return self._transport.json("vnc.kick", {"id": id}, values.ViewerInfo, deadline_s)

    def mode(self, mode: values.Mode, *, deadline_s: float = 30.0) -> values.VncStatus:
        """Set who acts while nobody has taken over.

        It holds over restarts, until it is set again. Whoever has taken over keeps the desktop.

        Args:
            mode: agent: viewers look on. human: agents do. shared: both act. human_first: both act,
                and an agent waits while a person acts.
        """
        return self._transport.json("vnc.mode", {"mode": mode}, values.VncStatus, deadline_s)

    def release(self, *, deadline_s: float = 30.0) -> values.VncStatus:
        """Give the desktop back to the agent, whoever has it.

        Where nobody has it, nothing happens. In mode human agents have to wait all the same.
        """
        return self._transport.json("vnc.release", {}, values.VncStatus, deadline_s)

    def revoke(self, id: str, *, deadline_s: float = 30.0) -> values.Revoked:
        """End a grant now, and send away whoever came in by it.

        Args:
            id: A grant's id; for example "g-5f0c3a9e".
        """
        return self._transport.json("vnc.revoke", {"id": id}, values.Revoked, deadline_s)

    def status(self, *, deadline_s: float = 30.0) -> values.VncStatus:
        """Tell who has the desktop, what agents ask of people, and how many look on."""
        return self._transport.json("vnc.status", {}, values.VncStatus, deadline_s)

    def takeover(
        self,
        *,
        label: str | None = None,
        viewer: str | None = None,
        lease_s: float | None = None,
        withhold: bool = False,
        deadline_s: float = 30.0,
    ) -> values.VncStatus:
        """Take the desktop from the agent, for one viewer or for all of them.

        Until vnc.release, the end of the lease, or 20 s after that viewer has left, agents'
        actions are refused with human_in_control; what they do now ends, what they hold goes up.
        For one viewer the hands of others count no more. Takes it from another person, too.

        Args:
            label: Who has it then; agents are told; for example "Ada, support".
            viewer: A viewer, as vnc.viewers names it; for example "v3".
            lease_s: It is given back after this; above 0, at most 86400; for example 300.
            withhold: Agents get no pictures meanwhile, nor do recordings.
        """
        return self._transport.json(
            "vnc.takeover",
            {"label": label, "viewer": viewer, "lease_s": lease_s, "withhold": withhold},
            values.VncStatus,
            deadline_s,
        )

    def viewers(self, *, deadline_s: float = 30.0) -> list[values.ViewerInfo]:
        """List who looks at the desktop now, the first to come first."""
        return self._transport.json("vnc.viewers", {}, list[values.ViewerInfo], deadline_s)
