"""`desktop.act`: a batch of actions in our words or a vendor's, then a settled picture.

Decides what a batch means: which space its points are in, which screen they were computed on,
whether it was done before. It runs nothing (`act.py`) and translates nothing (`dialects/`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agentd.base.command import Caller, Scope, command
from agentd.base.errors import BadRequest, Conflict, FieldError
from agentd.desktop.act import Batch, BatchRun, Course, Show
from agentd.desktop.actions import MAX_ACTIONS, Mapping, read_actions, schema_of_actions
from agentd.desktop.commands.act_parameters import ActReport, DeclaredDisplay, Observe, Settle
from agentd.desktop.commands.act_reports import native_report, vendor_report, weight_of
from agentd.desktop.desktop import Desktop
from agentd.desktop.dialects.dialect import Read, View
from agentd.desktop.dialects.names import dialect_named
from agentd.desktop.idempotency import Answers
from agentd.desktop.parameters import MODEL_PICTURE, Generation, Milliseconds
from agentd.desktop.pictures.screenshot import PictureRequest, ScreenSpace
from agentd.desktop.screen.frame import Rect, Size, Space, fit

_NATIVE = "native"
_SETTLE = Settle()
_OBSERVE = Observe()

SpaceName = Literal["screen", "image", "normalised"]


class ActCommands:
    """`desktop.act`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop
        self._answers = Answers(weight_of)

    @command(
        "desktop.act",
        scope=Scope.INPUT,
        deadline_s=660,
        positional=("actions",),
        model_defaults={"observe": MODEL_PICTURE},
    )
    async def act(
        self,
        caller: Caller,
        *,
        actions: Annotated[
            list[Annotated[dict[str, Any], Meta(extra_json_schema=schema_of_actions())]],
            Meta(
                max_length=MAX_ACTIONS,
                description="In order; a vendor's tool calls as they are with `dialect`",
                examples=[
                    [
                        {"action": "click", "x": 640, "y": 400},
                        {"action": "type", "text": "hello"},
                        {"action": "press", "keys": "Return"},
                    ]
                ],
            ),
        ],
        dialect: Annotated[
            str,
            Meta(
                description="Whose words: native, anthropic, openai, gemini, or the exact tool, "
                "as computer_20251124",
                examples=["anthropic"],
            ),
        ] = _NATIVE,
        display: Annotated[
            DeclaredDisplay | None,
            Meta(
                description="With a dialect: the display as the vendor's tool declares it",
                examples=[{"width": 1280, "height": 800}],
            ),
        ] = None,
        settle: Annotated[
            Settle | None,
            Meta(
                description="Wait until the screen is quiet before a picture; null = do not",
                examples=[{"quiet_ms": 150, "timeout_ms": 5000}],
            ),
        ] = _SETTLE,
        observe: Annotated[
            Observe | None,
            Meta(
                description="The picture at the end, as desktop.screenshot takes it; null = none",
                examples=[{"show": "if_changed", "max_long_edge": 1568}],
            ),
        ] = _OBSERVE,
        generation: Generation | None = None,
        space: Annotated[
            SpaceName,
            Meta(
                description="What points are given in: screen pixels, pixels of a picture, "
                "or 0..1 of the screen"
            ),
        ] = "screen",
        frame: Annotated[
            int,
            Meta(ge=0, description="Frame number of the picture of space image", examples=[17]),
        ]
        | None = None,
        picture: Annotated[
            ScreenSpace | None,
            Meta(
                description="Instead of frame: `space` of the picture's metadata, as it is",
                examples=[
                    {
                        "x": 0,
                        "y": 0,
                        "width": 1280,
                        "height": 800,
                        "scale": 0.8,
                        "screen_width": 1280,
                        "screen_height": 800,
                    }
                ],
            ),
        ] = None,
        step_timeout_ms: Milliseconds = 300_000,
        timeout_ms: Milliseconds = 600_000,
        idempotency_key: Annotated[
            str,
            Meta(
                min_length=1,
                max_length=128,
                description="The same call sent again under its key is not done again",
                examples=["turn-17"],
            ),
        ]
        | None = None,
    ) -> ActReport:
        """Do a batch of actions, wait until the screen is quiet, take one picture.

        All actions are checked before the first one runs. The batch halts at the first that
        fails: `steps` tells what became of each, keys that were held are lifted, and the picture
        is taken all the same. A screenshot or zoom in the midst settles the screen first.
        """
        where = _Where(generation, space, frame, picture, display)

        async def work() -> ActReport:
            if dialect != _NATIVE:
                return await self._act_as(dialect, actions, where, limits, caller)
            mapping = self._mapping(where)
            steps = [Read((action,)) for action in read_actions(actions, mapping)]
            batch = limits.batch(steps, mapping.screen)
            return native_report(batch, await self._run(batch, caller))

        limits = _Limits(settle, observe, step_timeout_ms / 1000, timeout_ms / 1000)
        if idempotency_key is None:
            return await work()
        fingerprint = msgspec.json.encode([actions, dialect, where, limits])
        return await self._answers.once(caller.principal, idempotency_key, fingerprint, work)

    async def _act_as(
        self,
        name: str,
        calls: list[dict[str, Any]],
        where: _Where,
        limits: _Limits,
        caller: Caller,
    ) -> ActReport:
        """Run a vendor's calls and answer in its shape."""
        vendor = dialect_named(name)
        for given, value in (
            ("space", where.space != "screen"),
            ("frame", where.frame is not None),
            ("picture", where.picture is not None),
        ):
            if value:
                raise _unfit(given, f"nothing: {name} has its own space")
        screen = self._screen(where.generation)
        declared = where.display and Size(where.display.width, where.display.height)
        view = vendor.view(screen, declared or None)
        reads = [vendor.read(call, view) for call in calls]
        batch = limits.batch([read for group in reads for read in group], screen, view=view)
        if limits.observe is None and vendor.ends_with_picture:
            batch = replace(batch, observe=batch.picture)
        return vendor_report(vendor, calls, reads, view, batch, await self._run(batch, caller))

    async def _run(self, batch: Batch, caller: Caller) -> Course:
        """Run a batch on the screen as it is now, and on no other."""
        desktop, live = self._desktop, self._desktop.live()
        state = desktop.display.state
        generation = state.generation if state else 0
        check = partial(desktop.display.check_generation, generation)
        return await BatchRun(live, desktop.performer, batch, caller, check=check).run()

    def _screen(self, generation: int | None) -> Size:
        """Return the screen's size. Raises: Conflict for another generation; Unavailable."""
        self._desktop.live()
        self._desktop.display.check_generation(generation)
        state = self._desktop.display.state
        assert state is not None, "what is live has a display"
        return Size(state.width, state.height)

    def _mapping(self, where: _Where) -> Mapping:
        """Return how points lead to the screen.

        Raises: BadRequest for words that do not fit each other; Conflict for a picture of another
            screen; NotFound for a frame that is not remembered.
        """
        if where.display is not None:
            raise _unfit("display", "nothing: it belongs to a dialect")
        named = [name for name in ("frame", "picture") if getattr(where, name) is not None]
        if where.space != "image" and named:
            raise _unfit("space", f"image, as there is a {named[0]}")
        if where.space == "image" and len(named) != 1:
            raise _unfit("frame", "a frame, or a picture's space: one of both")
        screen = self._screen(where.generation)
        if where.frame is not None:
            generation, space = self._desktop.live().screenshots.spaces.find(where.frame)
            return Mapping(self._screen(generation), "image", space)
        if where.picture is not None:
            return Mapping(screen, "image", self._space_of(where.picture, screen))
        return Mapping(screen, where.space)

    def _space_of(self, picture: ScreenSpace, screen: Size) -> Space:
        """Return the space that a picture's metadata tell of."""
        if (picture.screen_width, picture.screen_height) != (screen.width, screen.height):
            raise Conflict(
                f"the picture is of a screen of {picture.screen_width}x{picture.screen_height}; "
                f"the screen is now {screen.width}x{screen.height}",
                code="stale_generation",
                hint="take a new screenshot",
            )
        try:
            crop = Rect(picture.x, picture.y, picture.width, picture.height)
            space = Space(crop, fit(Size(crop.width, crop.height), picture.scale), screen)
        except ValueError as exc:
            raise _unfit("picture", "the space of a picture's metadata, as it is") from exc
        if not Rect(0, 0, screen.width, screen.height).covers(crop):
            raise _unfit("picture", "a part of the screen")
        return space


class _Where(msgspec.Struct, frozen=True):
    """Which screen points belong to, and what they are given in."""

    generation: int | None
    space: SpaceName
    frame: int | None
    picture: ScreenSpace | None
    display: DeclaredDisplay | None


class _Limits(msgspec.Struct, frozen=True):
    """What holds for every batch, whatever its words."""

    settle: Settle | None
    observe: Observe | None
    step_timeout_s: float
    timeout_s: float

    def batch(self, steps: list[Read], screen: Size, *, view: View | None = None) -> Batch:
        """Return the batch of some steps; with a view all pictures are as the model sees them."""
        observe = self.observe.request() if self.observe else None
        picture = PictureRequest()
        if view is not None:
            picture = replace(picture, size=view.picture)
            observe = observe and replace(observe, region=None, size=view.picture)
        return Batch(
            steps,
            screen,
            settle=self.settle.request() if self.settle else None,
            observe=observe,
            show=Show(self.observe.show) if self.observe and view is None else Show.WHOLE,
            picture=picture,
            step_timeout_s=self.step_timeout_s,
            timeout_s=self.timeout_s,
        )


def _unfit(path: str, wanted: str) -> BadRequest:
    fault = FieldError(path, wanted, "")
    return BadRequest(f"desktop.act: {fault}", errors=[fault])
