"""What is told of who has the desktop: the words of the wire for `vnc.status` and the page.

Pure. It decides nothing: `control.py` does.
"""

from __future__ import annotations

import msgspec

from agentd.vnc.access.control import Holder, Mode


class HolderInfo(msgspec.Struct, frozen=True):
    """Who has the desktop. Times are Unix time in seconds.

    `kind` is viewer, or operator: all viewers then; `taken` by taking over, not by a touch;
    `until` it ends by itself; `away`: the viewer's connection was lost and may come back.
    """

    kind: str
    label: str
    viewer: str
    since: float
    taken: bool
    until: float | None = None
    away: bool = False


class HelpInfo(msgspec.Struct, frozen=True):
    """What an agent asks a person to do; `since` is Unix time in seconds."""

    reason: str
    since: float


class DeskState(msgspec.Struct, frozen=True):
    """Who acts, `since` when (Unix time in seconds). `withheld`: agents get no pictures now."""

    mode: Mode
    since: float
    holder: HolderInfo | None = None
    help: HelpInfo | None = None
    withheld: bool = False


class HelpAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a person has seen to it, and who; without, they may still."""

    done: bool
    elapsed_s: float
    by: str = ""


def holder_info(holder: Holder, ahead_s: float) -> HolderInfo:
    """Return a holder in the words of the wire; `ahead_s` leads from its clock to Unix time."""
    return HolderInfo(
        str(holder.kind),
        holder.label,
        holder.person.viewer_id if holder.person is not None else "",
        round(holder.since + ahead_s, 3),
        holder.is_taken,
        None if holder.until is None else round(holder.until + ahead_s, 3),
        holder.is_away,
    )


def is_news(before: Holder | None, after: Holder | None) -> bool:
    """Whether others must be told of a change; a later end alone is none."""
    return _told(before) != _told(after)


def _told(holder: Holder | None) -> tuple[object, ...] | None:
    if holder is None:
        return None
    who = holder.person.viewer_id if holder.person is not None else ""
    return holder.kind, holder.label, who, holder.is_taken, holder.withholds, holder.is_away
