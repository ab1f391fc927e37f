"""The commands for the clipboard and the primary selection.

Speaks JSON types on one side and the room's types on the other; decides nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agentd.base.command import Caller, Scope, command
from agentd.desktop.clipboard.clipboard import Clipboard
from agentd.desktop.clipboard.icccm import Owner
from agentd.desktop.clipboard.selection_content import (
    MAX_BYTES,
    ContentType,
    Selection,
    Value,
    content_of,
)
from agentd.desktop.clipboard.selection_record import Fetch
from agentd.desktop.desktop import Desktop

Which = Annotated[
    Selection,
    Meta(
        description="clipboard is what Ctrl+C fills; primary is the text marked last, which the "
        "middle button pastes",
        examples=["primary"],
    ),
]
SilenceMs = Annotated[
    int,
    Meta(
        ge=1,
        le=60_000,
        description="How long the program that owns it may be silent, ms",
        examples=[2000],
    ),
]


class ClipboardContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a selection holds as one type; it is under the name of the type."""

    type: ContentType
    selection: Selection
    serial: int
    owner: Owner
    text: str | None = None
    html: str | None = None
    png: bytes | None = None
    files: list[str] | None = None


class ClipboardTypes(msgspec.Struct, frozen=True):
    """What can be had from a selection: as types, and as the X targets behind them."""

    selection: Selection
    serial: int
    owner: Owner
    types: list[ContentType]
    targets: list[str]


class ClipboardSerial(msgspec.Struct, frozen=True):
    """The number of a selection's content; the next content has a higher one."""

    selection: Selection
    serial: int


class Fetched(msgspec.Struct, frozen=True):
    """Who was given the content, the first first."""

    selection: Selection
    serial: int
    fetches: list[Fetch]


class ClipboardCommands:
    """`clipboard.*`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    @command("clipboard.get", scope=Scope.VIEW, read_only=True, deadline_s=90)
    async def get(
        self,
        *,
        selection: Which = Selection.CLIPBOARD,
        type: Annotated[
            ContentType,
            Meta(
                description="What to get it as: files are paths, png is base64", examples=["html"]
            ),
        ] = ContentType.TEXT,
        timeout_ms: SilenceMs = 2000,
        max_bytes: Annotated[
            int,
            Meta(ge=1, le=MAX_BYTES, description="Refuse more than this", examples=[1000000]),
        ] = MAX_BYTES,
    ) -> ClipboardContent:
        """Get what was copied last, by whatever program.

        `owner` is who copied it. An empty selection, and a type that its owner does not offer,
        are errors with status 404; the latter lists what is offered.
        """
        self._desktop.curtain.check()
        held = await self._clipboard().get(
            selection, type, limit_bytes=max_bytes, silence_s=timeout_ms / 1000
        )
        return _content(selection, type, held.serial, held.owner, held.value)

    @command("clipboard.types", scope=Scope.VIEW, read_only=True, deadline_s=90)
    async def types(
        self, *, selection: Which = Selection.CLIPBOARD, timeout_ms: SilenceMs = 2000
    ) -> ClipboardTypes:
        """Tell as what types the content can be had, without fetching it."""
        found = await self._clipboard().offered(selection, silence_s=timeout_ms / 1000)
        return ClipboardTypes(selection, found.serial, found.owner, found.types, found.targets)

    @command("clipboard.set", scope=Scope.INPUT, positional=("text",))
    async def set(
        self,
        caller: Caller,
        *,
        text: Annotated[str, Meta(description="Any Unicode text", examples=["Grüße, 你好 🎉"])]
        | None = None,
        html: Annotated[
            str, Meta(description="HTML, best with a text beside it", examples=["<b>bold</b>"])
        ]
        | None = None,
        png: Annotated[
            bytes,
            Meta(
                description="A PNG file, in base64",
                examples=[
                    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAA"
                    "SUVORK5CYII="
                ],
            ),
        ]
        | None = None,
        files: Annotated[
            list[str],
            Meta(
                min_length=1,
                max_length=4096,
                description="Absolute paths, to be pasted in a file manager",
                examples=[["/home/agent/report.pdf"]],
            ),
        ]
        | None = None,
        selection: Which = Selection.CLIPBOARD,
    ) -> ClipboardSerial:
        """Put something into the clipboard, to be pasted in any program.

        Several types at once are one content in several forms: the program that pastes takes the
        one it likes best. It stays until another program copies something; a restarted X server
        is given it again. Each type takes up to 64 MiB, but no call may be larger than
        control.max_body_bytes.
        """
        content = content_of(text=text, html=html, png=png, files=files)
        clipboard = self._desktop.live_to_change(caller).clipboard
        return ClipboardSerial(selection, await clipboard.set(selection, content))

    @command("clipboard.clear", scope=Scope.INPUT, destructive=True)
    async def clear(
        self, caller: Caller, *, selection: Which = Selection.CLIPBOARD
    ) -> ClipboardSerial:
        """Empty the clipboard, whichever program filled it."""
        clipboard = self._desktop.live_to_change(caller).clipboard
        return ClipboardSerial(selection, await clipboard.clear(selection))

    @command(
        "clipboard.wait_fetched",
        scope=Scope.VIEW,
        read_only=True,
        positional=("serial",),
        deadline_s=70,
    )
    async def wait_fetched(
        self,
        *,
        serial: Annotated[int, Meta(ge=1, description="What clipboard.set has told", examples=[7])],
        selection: Which = Selection.CLIPBOARD,
        timeout_ms: Annotated[
            int, Meta(ge=0, le=60_000, description="Wait at most, ms", examples=[5000])
        ] = 5000,
    ) -> Fetched:
        """Wait until a program has been given what clipboard.set has put there.

        Returns at once if it has happened before. Then the program needs the clipboard no more:
        what is set next cannot be pasted in its place.
        """
        fetches = await self._clipboard().wait_fetched(
            selection, serial, timeout_s=timeout_ms / 1000
        )
        return Fetched(selection, serial, fetches)

    def _clipboard(self) -> Clipboard:
        return self._desktop.live().clipboard


def _content(
    selection: Selection, type_: ContentType, serial: int, owner: Owner, value: Value
) -> ClipboardContent:
    plain = list(value) if isinstance(value, tuple) else value
    return msgspec.structs.replace(
        ClipboardContent(type_, selection, serial, owner), **{str(type_): plain}
    )
