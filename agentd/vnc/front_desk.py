"""The front desk: what the viewer page may know and do, by the token of its grant.

It joins the page's words to the room's: a grant's buttons act for a viewer of that grant. It keeps
nothing and decides nothing: the door, the desk and the viewers do.
"""

from __future__ import annotations

from collections.abc import Callable

from agentd.base.errors import Conflict, Denied
from agentd.base.events import EventBus
from agentd.vnc.access.control import Mode, Person
from agentd.vnc.access.desk import Desk
from agentd.vnc.access.door import Door
from agentd.vnc.access.grants import Grant, Grants
from agentd.vnc.access.state import DeskState
from agentd.vnc.access.viewers import ViewerInfo, Viewers
from agentd.vnc.pages import Deed, DesktopState, Help, Holder, PageState, You


class GrantDesk:
    """A front desk over the room's own parts. Event loop only.

    Args:
        desktop: what is told of the desktop; whoever knows of its changes calls `tell`.
    """

    def __init__(
        self,
        door: Door,
        grants: Grants,
        desk: Desk,
        viewers: Viewers,
        *,
        desktop: Callable[[], DesktopState],
    ) -> None:
        self._door = door
        self._desk = desk
        self._viewers = viewers
        self._desktop = desktop
        self._told: list[Callable[[], None]] = []
        grants.on_change(lambda _: self.tell())
        desk.on_change(lambda _why, _state: self.tell())
        viewers.on_join(lambda _: self.tell())
        viewers.on_leave(lambda _: self.tell())

    async def state(self, token: str, address: str) -> PageState:
        """Return what the token's holder may see now. Raises: Unauthorized."""
        grant = await self._door.peek(token, address)
        state = self._desk.state()
        own = self._own(grant)
        return PageState(
            str(state.mode),
            _holder(state, own),
            You(sorted(grant.rights), grant.name, own[-1].id if own else None),
            Help(state.help.reason, state.help.since) if state.help is not None else None,
            self._desktop(),
            exact=all(viewer.is_exact for viewer in own),
            withheld=state.withheld,
        )

    async def do(self, token: str, address: str, deed: Deed) -> None:
        """Do what a button asks, for the grant's viewer.

        Raises: Unauthorized; Denied for a grant without hands; Conflict while another person has
            the desktop, or no viewer of the grant is here.
        """
        grant = await self._door.peek(token, address)
        if not grant.may_act:
            raise Denied("this grant is for looking on", code="view_only")
        person = self._person(grant)
        match deed:
            case Deed.TAKEOVER:
                await self._desk.takeover(person)
            case Deed.RELEASE:
                self._desk.release(person)
            case Deed.HELP_DONE:
                self._desk.help_done(grant.name, person)
            case Deed.WITHHOLD:
                await self._desk.takeover(person, withholds=True)
            case Deed.UNWITHHOLD:
                self._desk.withhold(person, withholds=False)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever a state may have changed; return what ends that."""
        self._told.append(callback)
        return lambda: self._told.remove(callback)

    def tell(self) -> None:
        """Let every page know that something may have changed."""
        for callback in list(self._told):
            callback()

    def _own(self, grant: Grant) -> list[ViewerInfo]:
        return [viewer for viewer in self._viewers.list() if viewer.grant == grant.id]

    def _person(self, grant: Grant) -> Person:
        """Return who acts for a grant: its viewer that has the desktop, else the newest."""
        own = [viewer.id for viewer in self._own(grant)]
        if not own:
            raise Conflict("no viewer of this grant is connected", code="not_watching")
        holder = self._desk.state().holder
        chosen = holder.viewer if holder is not None and holder.viewer in own else own[-1]
        return Person(chosen, grant.id, grant.name)


class DesktopNews:
    """Has the page told when the desktop comes, goes, or has another size. A service.

    Args:
        tell: lets every page know.
    """

    name = "vnc.desktop_news"

    def __init__(self, bus: EventBus, tell: Callable[[], None]) -> None:
        self._bus = bus
        self._tell = tell

    async def run(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled."""
        subscription = self._bus.subscribe(["desktop.display", "service.state"])
        try:
            ready()
            while True:
                event = await subscription.next()
                if event.type != "service.state" or event.data["name"] == "desktop.session":
                    self._tell()
        finally:
            self._bus.unsubscribe(subscription)


def _holder(state: DeskState, own: list[ViewerInfo]) -> Holder:
    holder = state.holder
    if holder is not None:
        is_you = any(viewer.id == holder.viewer for viewer in own)
        return Holder("human", holder.label, is_you=is_you, taken=holder.taken)
    if state.mode in (Mode.AGENT, Mode.HUMAN_FIRST):
        return Holder("agent", "agent")
    return Holder("nobody", "")
