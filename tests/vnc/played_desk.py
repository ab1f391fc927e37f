"""A front desk that tests play: who may come in and who has control, in plain fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agentd.base.errors import Conflict, Denied, Unauthorized
from agentd.vnc.pages import Deed, DesktopState, Help, Holder, PageState, You

WIDTH, HEIGHT = 1024, 640
EVERY_RIGHT = ("view", "pointer", "key", "clipboard", "resize")
AGENT = Holder("agent", "agent")
RUNNING = DesktopState(True, WIDTH, HEIGHT, "Research desktop")


@dataclass
class PlayedDesk:
    """What the page asks; the tests set it."""

    grants: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    holder: Holder = AGENT
    mode: str = "human_first"
    help: Help | None = None
    desktop: DesktopState = RUNNING
    withheld: bool = False
    refusal: str = ""
    done: list[tuple[str, Deed]] = field(default_factory=list)
    _callbacks: list[Callable[[], None]] = field(default_factory=list)

    async def state(self, token: str, address: str) -> PageState:
        if token not in self.grants:
            raise Unauthorized("the token opens nothing")
        label, rights = self.grants[token]
        return PageState(
            self.mode,
            self.holder,
            You(rights, label),
            self.help,
            self.desktop,
            withheld=self.withheld,
        )

    async def do(self, token: str, address: str, deed: Deed) -> None:
        label, rights = self.grants[token]
        if "pointer" not in rights:
            raise Denied("this grant is for viewing")
        if self.refusal:
            raise Conflict(self.refusal)
        self.done.append((label, deed))
        match deed:
            case Deed.TAKEOVER:
                self.holder = Holder("human", label, is_you=True, taken=True)
            case Deed.RELEASE:
                self.holder = AGENT
            case Deed.HELP_DONE:
                self.help = None
            case Deed.WITHHOLD | Deed.UNWITHHOLD:
                self.withheld = deed is Deed.WITHHOLD
                self.holder = Holder("human", label, is_you=True, taken=True)
        self.tell()

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    @property
    def followers(self) -> int:
        """How many want to be told."""
        return len(self._callbacks)

    def tell(self) -> None:
        """Let every page know."""
        for callback in list(self._callbacks):
            callback()
