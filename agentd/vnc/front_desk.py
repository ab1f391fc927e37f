"""What the viewer page may know and do: the desk in the page's words, by the page's token.

Behind `pages.py`. Who may act at all is decided by the grant here, who has the desktop by the desk.
"""

from __future__ import annotations

from collections.abc import Callable

from agentd.base.errors import Conflict, Denied
from agentd.vnc.access.access import Access, person_of
from agentd.vnc.access.control import Mode, Person
from agentd.vnc.access.grants import Grant
from agentd.vnc.access.state import DeskState, HolderInfo
from agentd.vnc.access.viewers import Viewer
from agentd.vnc.pages import Deed, DesktopState, Help, Holder, PageState, You
from agentd.vnc.sessions.house import House


class FrontDesk:
    """Answers the page.

    Args:
        access: who may look and act.
        house: the desktop.
    """

    def __init__(self, access: Access, house: House) -> None:
        self._access = access
        self._house = house

    async def state(self, token: str, address: str) -> PageState:
        """Return what the token's holder may see now. Raises: Unauthorized."""
        grant = await self._access.door.peek(token, address)
        viewer = self._viewer(grant)
        return self._page_state(grant, viewer, self._access.desk.state())

    async def do(self, token: str, address: str, deed: Deed) -> None:
        """Do what a button asks. Raises: Unauthorized, Denied, Conflict."""
        grant = await self._access.door.peek(token, address)
        if not grant.may_act:
            raise Denied("this link is for looking on", code="view_only")
        viewer = self._viewer(grant)
        if viewer is None:
            raise Conflict("the viewer is not connected", code="not_connected")
        await self._do(deed, person_of(viewer))

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever a state may have changed; return what ends that."""
        return self._access.desk.on_change(lambda why, state: callback())

    async def _do(self, deed: Deed, person: Person) -> None:
        desk = self._access.desk
        match deed:
            case Deed.TAKEOVER:
                await desk.takeover(person)
            case Deed.RELEASE:
                desk.release(person)
            case Deed.HELP_DONE:
                desk.help_done(person.label, person)
            case Deed.WITHHOLD:
                await desk.takeover(person, withholds=True)
            case Deed.UNWITHHOLD:
                desk.withhold(person, withholds=False)

    def _viewer(self, grant: Grant) -> Viewer | None:
        """Return the viewer of a grant that came last: the page that asks, most likely."""
        return next(reversed(self._access.viewers.of_grant(grant.id)), None)

    def _page_state(self, grant: Grant, viewer: Viewer | None, state: DeskState) -> PageState:
        asked = None if state.help is None else Help(state.help.reason, state.help.since)
        size = self._house.size()
        desktop = DesktopState(
            self._house.live_or_none() is not None, size.width, size.height, self._house.name()
        )
        return PageState(
            str(state.mode),
            self._holder(grant, state),
            You(sorted(grant.rights), grant.name, viewer.id if viewer is not None else None),
            asked,
            desktop,
            withheld=state.withheld,
        )

    def _holder(self, grant: Grant, state: DeskState) -> Holder:
        """Say who has the desktop; where nobody has, the agent, unless the mode keeps it out."""
        held: HolderInfo | None = state.holder
        if held is None:
            return Holder("nobody" if state.mode is Mode.HUMAN else "agent", "agent")
        is_you = any(viewer.id == held.viewer for viewer in self._access.viewers.of_grant(grant.id))
        return Holder("human", held.label, is_you=is_you, taken=held.taken)
