"""`vnc.*`: who may look at the desktop and act on it, and who has it now.

Speaks JSON types on one side and the room's types on the other; decides nothing. What agents ask
of people is in `turn_commands.py`. A token leaves in the answer of `vnc.grant` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from agentd.base.command import Scope, command
from agentd.base.errors import Conflict
from agentd.vnc.access.access import Access, person_of
from agentd.vnc.access.control import Mode
from agentd.vnc.access.grants import Grant, Right
from agentd.vnc.access.state import HelpInfo, HolderInfo
from agentd.vnc.access.viewers import ViewerInfo

_A_DAY_S = 86_400.0
_OPERATOR = "an operator"

Label = Annotated[
    str,
    Meta(
        max_length=80,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="For people: who it is for",
        examples=["Ada, support"],
    ),
]
ViewerId = Annotated[
    str, Meta(max_length=64, description="A viewer, as vnc.viewers names it", examples=["v3"])
]
GrantName = Annotated[str, Meta(max_length=64, description="A grant's id", examples=["g-5f0c3a9e"])]


class Granted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A new grant. `token` and `password` are told this once.

    `url` is the viewer page with the token behind the `#`, which no server and no log sees;
    empty where no page is served. `password` is for plain VNC clients, which find us at `address`.
    `hint` is for whoever passes the link on: what it takes where the page is on loopback alone.
    """

    id: str
    token: str
    url: str
    rights: list[Right]
    label: str = ""
    expires_at: float | None = None
    uses: int | None = None
    password: str | None = None
    address: str = ""
    hint: str = ""


class GrantInfo(msgspec.Struct, frozen=True):
    """A grant without its secrets; times are Unix time in seconds, null is no limit."""

    id: str
    label: str
    rights: list[Right]
    created_at: float
    expires_at: float | None
    uses_left: int | None


class Revoked(msgspec.Struct, frozen=True):
    """A grant that has ended, and how many viewers were sent away with it."""

    id: str
    viewers: int


class VncStatus(msgspec.Struct, frozen=True):
    """Who acts and who looks on.

    `mode` is who acts while nobody has taken over; `holder` is the person who has the desktop,
    if one has; `withheld`: agents get no pictures; `help` is what an agent asks of people;
    `viewers` is how many are here; `addresses` is where they come in.
    """

    mode: Mode
    since: float
    holder: HolderInfo | None
    withheld: bool
    help: HelpInfo | None
    viewers: int
    addresses: list[str]


class VncCommands:
    """`vnc.*`.

    Args:
        page_url: where the viewer page is, without a token; empty: nowhere.
        addresses: where viewers come in, as URLs and addresses for people.
        takes_passwords: whether clients that know passwords alone can connect.
        rfb_address: where those come in; empty: nowhere.
    """

    def __init__(
        self,
        access: Access,
        *,
        page_url: Callable[[], str],
        addresses: Callable[[], list[str]],
        takes_passwords: Callable[[], bool],
        rfb_address: Callable[[], str],
    ) -> None:
        self._access = access
        self._page_url = page_url
        self._addresses = addresses
        self._takes_passwords = takes_passwords
        self._rfb_address = rfb_address

    @command("vnc.grant", scope=Scope.ADMIN)
    async def grant(
        self,
        *,
        rights: Annotated[
            list[Right],
            Meta(
                max_length=5,
                description="What its viewers may do besides view, which is always among them",
                examples=[["view", "pointer", "key"]],
            ),
        ] = [],
        ttl_s: Annotated[
            float,
            Meta(gt=0, le=3650 * _A_DAY_S, description="It ends after this", examples=[900]),
        ]
        | None = 3600,
        uses: Annotated[
            int,
            Meta(ge=1, le=100_000, description="So many viewers may come in", examples=[1]),
        ]
        | None = None,
        label: Label = "",
    ) -> Granted:
        """Make a link by which a person can look at the desktop, or act on it.

        Open `url` in a browser. A grant ends with its time (null: never) or by vnc.revoke, and
        its viewers with it. A use is a viewer that comes in; one whose connection was lost comes
        back within 20 s without another. A view link and a control link are two grants.
        """
        issued = self._access.grants.issue(
            rights=rights,
            ttl_s=ttl_s,
            uses=uses,
            label=label,
            with_password=self._takes_passwords(),
        )
        grant, page = issued.grant, self._page_url()
        return Granted(
            grant.id,
            issued.token,
            f"{page}#token={issued.token}" if page else "",
            sorted(grant.rights),
            grant.label,
            grant.expires_at,
            grant.uses_left,
            issued.password,
            self._rfb_address() if issued.password is not None else "",
            _hint(page),
        )

    @command("vnc.grants", scope=Scope.VIEW, read_only=True)
    async def grants(self) -> list[GrantInfo]:
        """List the grants that hold, the oldest first, without their secrets."""
        return [_grant_info(grant) for grant in self._access.grants.list()]

    @command("vnc.revoke", scope=Scope.ADMIN, positional=("id",))
    async def revoke(self, *, id: GrantName) -> Revoked:
        """End a grant now, and send away whoever came in by it."""
        grant = self._access.grants.get(id)
        viewers = sum(viewer.grant == grant.id for viewer in self._access.viewers.list())
        self._access.grants.revoke(id)
        return Revoked(id, viewers)

    @command("vnc.viewers", scope=Scope.VIEW, read_only=True)
    async def viewers(self) -> list[ViewerInfo]:
        """List who looks at the desktop now, the first to come first."""
        return self._access.viewers.list()

    @command("vnc.kick", scope=Scope.ADMIN, positional=("id",))
    async def kick(self, *, id: ViewerId) -> ViewerInfo:
        """Send a viewer away; its grant holds, so that it can come back.

        What it had taken over it gives back. vnc.revoke keeps it out.
        """
        info = self._access.viewers.get(id).info()
        self._access.kick(id)
        return info

    @command("vnc.takeover", scope=Scope.ADMIN)
    async def takeover(
        self,
        *,
        label: Annotated[Label, Meta(description="Who has it then; agents are told")] | None = None,
        viewer: ViewerId | None = None,
        lease_s: Annotated[
            float,
            Meta(gt=0, le=_A_DAY_S, description="It is given back after this", examples=[300]),
        ]
        | None = None,
        withhold: Annotated[
            bool, Meta(description="Agents get no pictures meanwhile, nor do recordings")
        ] = False,
    ) -> VncStatus:
        """Take the desktop from the agent, for one viewer or for all of them.

        Until vnc.release, the end of the lease, or 20 s after that viewer has left, agents'
        actions are refused with human_in_control; what they do now ends, what they hold goes up.
        For one viewer the hands of others count no more. Takes it from another person, too.
        """
        person = None
        if viewer is not None:
            found = self._access.viewers.get(viewer)
            if not {Right.POINTER, Right.KEY} & set(found.info().rights):
                raise Conflict(
                    f"viewer {viewer} may only look on",
                    code="cannot_act",
                    hint="a grant with pointer or key lets a viewer act",
                )
            person = person_of(found)
        name = label or (person.label if person is not None else _OPERATOR)
        await self._access.desk.takeover_as_operator(
            name, person=person, lease_s=lease_s, withholds=withhold
        )
        return await self.status()

    @command("vnc.release", scope=Scope.ADMIN)
    async def release(self) -> VncStatus:
        """Give the desktop back to the agent, whoever has it.

        Where nobody has it, nothing happens. In mode human agents have to wait all the same.
        """
        self._access.desk.release_as_operator(_OPERATOR)
        return await self.status()

    @command("vnc.status", scope=Scope.VIEW, read_only=True)
    async def status(self) -> VncStatus:
        """Tell who has the desktop, what agents ask of people, and how many look on."""
        state = self._access.desk.state()
        return VncStatus(
            state.mode,
            state.since,
            state.holder,
            state.withheld,
            state.help,
            len(self._access.viewers),
            self._addresses(),
        )

    @command("vnc.mode", scope=Scope.ADMIN, positional=("mode",))
    async def mode(
        self,
        *,
        mode: Annotated[
            Mode,
            Meta(
                description="agent: viewers look on. human: agents do. shared: both act. "
                "human_first: both act, and an agent waits while a person acts"
            ),
        ],
    ) -> VncStatus:
        """Set who acts while nobody has taken over.

        It holds over restarts, until it is set again. Whoever has taken over keeps the desktop.
        """
        await self._access.desk.set_mode(mode)
        return await self.status()


def _hint(page: str) -> str:
    """Say how a page on loopback is reached from elsewhere."""
    parts = urlsplit(page)
    if parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        return ""
    forward = f"{parts.port}:{parts.netloc}"
    return f"url is for this machine; on another one first: ssh -N -L {forward} HOST"


def _grant_info(grant: Grant) -> GrantInfo:
    return GrantInfo(
        grant.id,
        grant.label,
        sorted(grant.rights),
        grant.created_at,
        grant.expires_at,
        grant.uses_left,
    )
