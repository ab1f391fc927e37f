"""What the members of vendors' vocabularies have in common: fields in, checked actions out.

Pure. A member is one struct: its fields are the vendor's, its `actions` say what they mean here,
its `done` is what the model is told afterwards. It knows no vendor.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import convert, nearest_name, shown
from agentd.desktop.actions import Action, Mapping, on_screen
from agentd.desktop.dialects.dialect import Outcome, Read, View

Seconds = Annotated[float, Meta(ge=0, le=300)]
Magnitude = Annotated[float, Meta(ge=0, le=10_000)]

_MAX_TEXT = 100_000


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of a vocabulary, with the fields that it takes."""

    def actions(self, view: View) -> Sequence[Action]:
        """Return what is to be done, in screen pixels.

        Raises: BadRequest for names that are unknown; ValueError for points off the picture.
        """
        raise NotImplementedError

    def done(self, outcome: Outcome, view: View) -> str:
        """Return what the model is told when it was done; empty where a picture tells all."""
        return ""


def member_of(kind: type[Member], fields: Object[str, object]) -> Member:
    """Return a member with a call's fields; null counts as left out.

    Raises: BadRequest with every fault.
    """
    return convert(_given(fields), kind, what="")


def read_member(name: str, kind: type[Member], fields: Object[str, object], view: View) -> Read:
    """Read one call of a member; what is wrong with it is a fault that a model can mend."""
    try:
        member = member_of(kind, fields)
        return Read(tuple(_checked(action, view) for action in member.actions(view)))
    except BadRequest as exc:
        return Read(fault=f"{name}: {_told(exc)}")
    except (ValueError, OverflowError) as exc:
        return Read(fault=f"{name}: {exc}")


def unknown(noun: str, name: object, known: Sequence[str]) -> str:
    """Return the fault for a member that does not exist, with the nearest or all that do."""
    if name is None:
        return f"The call names no {noun}; there are {', '.join(known)}"
    nearest = nearest_name(name, known) if isinstance(name, str) else ""
    advice = f"did you mean {nearest}?" if nearest else f"there are {', '.join(known)}"
    return f"There is no {noun} {shown(name)}; {advice}"


def text_of(text: str, *, path: str) -> str:
    """Return a text that can be typed. Raises: BadRequest, without the text, for a longer one."""
    if len(text) > _MAX_TEXT:
        fault = FieldError(path, f"at most {_MAX_TEXT} characters", str(len(text)))
        raise BadRequest(str(fault), errors=[fault])
    return text


def cursor_of(outcome: Outcome) -> tuple[int, int] | None:
    """Return where the pointer was left, in screen pixels, if the last result tells."""
    # Results are told apart by their fields: the structs belong to the performer, which is not
    # pure.
    if not outcome.results:
        return None
    x, y = (getattr(outcome.results[-1], axis, None) for axis in ("x", "y"))
    return (x, y) if isinstance(x, int) and isinstance(y, int) else None


def typed(outcome: Outcome) -> str:
    """Return what the model is told of a text that was typed."""
    if any(getattr(result, "disturbed", 0) for result in outcome.results):
        return "Typed, but the keyboard was changed meanwhile; check the text."
    return "Typed."


def in_milliseconds(seconds: float) -> int:
    """Return a duration as actions take it."""
    return round(seconds * 1000)


def object_of(value: object) -> Object[str, object] | None:
    """Return a JSON object as such; None for anything else."""
    if isinstance(value, Object) and all(isinstance(key, str) for key in value):
        return cast(Object[str, object], value)
    return None


def _told(exc: BadRequest) -> str:
    """Return faults in words. Null counts as left out, so that it is no value to advise."""
    faults = [
        msgspec.structs.replace(fault, wanted=fault.wanted.removesuffix(" or null"))
        for fault in exc.errors[:3]
    ]
    return "; ".join(map(str, faults)) or exc.detail


def _given(fields: Object[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _checked(action: Action, view: View) -> Action:
    """Hold an action to every limit of the model: what a vendor allows may be more."""
    checked: Action = convert(msgspec.to_builtins(action), Action, what="")  # type: ignore[arg-type]
    return on_screen(checked, Mapping(view.screen))
