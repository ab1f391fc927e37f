"""A model of the X server's keyboard: which key makes which keysym, and how to make the others.

Pure. Does not talk to the server: it is built from the server's answers, plans what to bind and
what to press, and believes that the plan is carried out. Source: X11 protocol, section 5
(keyboards); X keyboard extension, section 12 (how a core map becomes types and levels).

The traps that shape it, all of them met in real programs:

- A client looks a keycode up when it handles the event, not when the event was made. A keycode
  whose strokes may still be on their way must not get another keysym.
- One upper-case letter alone on a key makes the server turn the key into an alphabetic one, and
  the letter arrives in lower case. A binding puts its keysym on both levels.
- Chromium acts on some physical keys whatever their keysym is (`_BROWSER_KEYS`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agentd.base.errors import Conflict
from agentd.desktop.hands.keynames import SHIFT_L, SHIFTS

# Keycodes that browsers take for Back, Refresh, Home, Stop, volume and so on. Measured: strokes
# of 166, 167 and 181 never reach a page in Chromium. The others are of the same kind.
_BROWSER_KEYS = frozenset(
    {121, 122, 123, 124, 136, 150, 151, 158, 163, 164, 166, 167, 171, 172, 173, 174, 180, 181, 225}
)

# A key with two different keypad symbols follows Num Lock; a text is never typed with such a key.
_KEYPAD = range(0xFF80, 0xFFBE)

_UNICODE = 0x01000000

# The most strokes of one round: they go out in one write, and other calls wait that long.
MAX_STROKES = 1000


class Stroke(NamedTuple):
    """A key to press and release, and whether Shift must be down."""

    keycode: int
    shift: bool


class Binding(NamedTuple):
    """The keysyms of consecutive keycodes; each goes on both levels of its key, 0 means none."""

    first_keycode: int
    keysyms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """A part of a text: first the bindings, then the strokes.

    Attributes:
        bindings: one ChangeKeyboardMapping request each.
        bound: how many keysyms are new.
        overtakes: strokes of a keycode that is bound anew may still be on their way to a client.
        uses_bound: some strokes are of keycodes that we have bound, now or before.
        end: the index in the text behind the last stroke.
    """

    bindings: tuple[Binding, ...]
    bound: int
    overtakes: bool
    uses_bound: bool
    strokes: tuple[Stroke, ...]
    end: int


class Keymap:
    """The keyboard of one X server.

    Args:
        first_keycode: the keycode of the first row.
        rows: the keysyms of each keycode, as GetKeyboardMapping tells them.
        modifier_keycodes: all keycodes that are modifiers.
        group: the effective group (layout), from 0.
        before: the model that this one replaces; its bindings that are still there, and what it
            knew of strokes on their way, are taken over.
    """

    def __init__(
        self,
        first_keycode: int,
        rows: Sequence[Sequence[int]],
        modifier_keycodes: Collection[int],
        *,
        group: int = 0,
        before: Keymap | None = None,
    ) -> None:
        self.modifier_keycodes = frozenset(modifier_keycodes)
        self._strokes: dict[int, Stroke] = {}
        self._levels: dict[int, tuple[int, int]] = {}
        # keysym -> keycode and level of the keys that follow Num Lock.
        self._keypad: dict[int, tuple[int, int]] = {}
        # keysym -> keycode, least recently used first.
        self._bound: OrderedDict[int, int] = OrderedDict()
        self._spare: set[int] = set()
        self._value: dict[int, int] = {}
        self._typed_in: dict[int, int] = {}
        self._round: int = before._round if before else 0
        self._consumed_round: int = before._consumed_round if before else 0
        values = before._value if before else {}
        ours: dict[int, int] = {}
        for keycode, row in enumerate(rows, first_keycode):
            if keycode in modifier_keycodes:
                self._note_natural(keycode, row, 0)
            elif not any(row):
                self._spare.add(keycode)
            elif _is_ours(row) or _holds(row, values.get(keycode, 0)):
                self._spare.add(keycode)
                ours[keycode] = row[0]
            else:
                self._note_natural(keycode, row, group)
        if SHIFT_L not in self._strokes:
            self._strokes = {k: stroke for k, stroke in self._strokes.items() if not stroke.shift}
        # A predecessor, or another program, may have bound a key that browsers act on.
        usable = self._spare - _BROWSER_KEYS or self._spare
        self._value = dict(ours)
        self._bound.update((k, keycode) for keycode, k in ours.items() if keycode in usable)
        if before:
            self._typed_in = before._typed_in
            for keysym in before._bound:
                if keysym in self._bound:
                    self._bound.move_to_end(keysym)
        # Spare keycodes without a keysym, the next to use last. Consecutive keycodes take one
        # request, and some programs answer each request by reading the whole map again: the
        # high ones form the longest run.
        self._free = sorted(usable - self._value.keys())

    def _note_natural(self, keycode: int, row: Sequence[int], group: int) -> None:
        columns = row[2 * group : 2 * group + 2]
        if not any(columns):
            columns = row[:2]
        plain, shifted, *_ = (*columns, 0, 0)
        self._levels[keycode] = plain, shifted
        if len(set(columns) - {0}) > 1 and any(keysym in _KEYPAD for keysym in columns):
            for level, keysym in enumerate(columns):
                self._keypad.setdefault(keysym, (keycode, level))
            columns = ()
        for level, keysym in enumerate(columns):
            # An unshifted key is better than a shifted one, a low keycode than a high one.
            if keysym and (keysym not in self._strokes or self._strokes[keysym].shift > level):
                self._strokes[keysym] = Stroke(keycode, bool(level))

    @property
    def spare_count(self) -> int:
        """How many keysyms can be bound at a time."""
        return len(self._free) + len(self._bound)

    def note_consumed(self, up_to_round: int) -> None:
        """Note that the strokes of all rounds up to this one have been handled."""
        self._consumed_round = max(self._consumed_round, up_to_round)

    @property
    def last_round(self) -> int:
        """The number of the last round that was planned."""
        return self._round

    def find(self, keysym: int) -> Stroke | None:
        """Return the stroke that makes a keysym now, or None."""
        if stroke := self._strokes.get(keysym):
            return stroke
        keycode = self._bound.get(keysym)
        return None if keycode is None else Stroke(keycode, shift=False)

    def levels(self, keycode: int) -> tuple[int, int]:
        """Return the keysyms of a key without and with Shift; 0 where there is none."""
        if levels := self._levels.get(keycode):
            return levels
        keysym = self._value.get(keycode, 0)
        return keysym, keysym

    def is_bound(self, keycode: int) -> bool:
        """Whether a key is one that typing has bound."""
        return keycode in self._spare

    def keypad(self, keysym: int) -> tuple[int, int] | None:
        """Return the key that makes a keysym if Num Lock is right, and its level; or None."""
        return self._keypad.get(keysym)

    def next_round(
        self,
        keysyms: Sequence[int],
        start: int = 0,
        *,
        busy: Collection[int] = (),
        limit: int = MAX_STROKES,
    ) -> Round:
        """Plan the longest part of a text, from `start`, that one set of bindings can make.

        Args:
            busy: keycodes that are held down and must keep their keysym.
            limit: the most strokes.

        Raises: Conflict when a keysym needs a spare keycode and there is none.
        """
        self._round += 1
        kept = set(busy)
        changed: set[int] = set()
        overtakes = uses_bound = False
        strokes: list[Stroke] = []
        end = min(len(keysyms), start + limit)
        for position in range(start, end):
            keysym = keysyms[position]
            stroke = self.find(keysym)
            if stroke is None:
                keycode = self._take_spare(kept)
                if keycode is None:
                    end = position
                    break
                overtakes |= self._typed_in.get(keycode, 0) > self._consumed_round
                self._bind(keycode, keysym)
                changed.add(keycode)
                stroke = Stroke(keycode, shift=False)
            if keysym in self._bound:
                self._bound.move_to_end(keysym)
                kept.add(stroke.keycode)
                self._typed_in[stroke.keycode] = self._round
                uses_bound = True
            strokes.append(stroke)
        if end == start < len(keysyms):
            raise Conflict(
                "the keyboard of this display has no spare key to make a character with",
                code="no_spare_key",
            )
        return Round(
            self._bindings(changed), len(changed), overtakes, uses_bound, tuple(strokes), end
        )

    def chord(
        self, keysyms: Sequence[int], *, busy: Collection[int] = ()
    ) -> tuple[tuple[int, ...], Round]:
        """Plan keys to be held together; return their keycodes in order of pressing.

        The round's bindings come first; its strokes do not matter here. A key that needs Shift
        gets it, unless the chord has a Shift.
        """
        plan = self.next_round(keysyms, busy=busy, limit=len(keysyms))
        if plan.end < len(keysyms):
            raise Conflict(
                "the keyboard of this display has too few spare keys for the chord",
                code="no_spare_key",
            )
        shift = self.find(SHIFT_L)
        has_shift = any(keysym in SHIFTS for keysym in keysyms)
        keycodes: list[int] = []
        for stroke in plan.strokes:
            if stroke.shift and not has_shift and shift is not None:
                keycodes.append(shift.keycode)
                has_shift = True
            keycodes.append(stroke.keycode)
        return tuple(dict.fromkeys(keycodes)), plan

    def _take_spare(self, kept: Collection[int]) -> int | None:
        while self._free:
            keycode = self._free.pop()
            if keycode not in kept:
                return keycode
        for keysym, keycode in self._bound.items():
            if keycode not in kept:
                del self._bound[keysym]
                return keycode
        return None

    def _bind(self, keycode: int, keysym: int) -> None:
        self._bound[keysym] = keycode
        self._value[keycode] = keysym

    def _bindings(self, changed: Collection[int]) -> tuple[Binding, ...]:
        """Cover the changed keycodes with as few runs of spare keycodes as possible.

        A run also writes the unchanged keycodes between its ends, as they are, which disturbs
        no stroke on its way.
        """
        bindings: list[Binding] = []
        run: list[int] = []
        for keycode in sorted(changed):
            if run and all(code in self._spare for code in range(run[-1], keycode)):
                run.extend(range(run[-1] + 1, keycode + 1))
                continue
            if run:
                bindings.append(self._binding(run))
            run = [keycode]
        if run:
            bindings.append(self._binding(run))
        return tuple(bindings)

    def _binding(self, run: Sequence[int]) -> Binding:
        return Binding(run[0], tuple(self._value.get(keycode, 0) for keycode in run))


def _is_ours(row: Sequence[int]) -> bool:
    """Whether a row is a binding of an agentd, perhaps of one that ran before this one.

    Ours have one character beyond ASCII on all levels; no layout has that, and other programs
    that bind for a moment leave it behind.
    """
    return (0xA0 <= row[0] <= 0xFF or row[0] > _UNICODE) and _holds(row, row[0])


def _holds(row: Sequence[int], keysym: int) -> bool:
    """Whether a key has this keysym on both levels of its only group.

    The server shows a key's only group in the columns of the second one too, if the map is wide.
    """
    first, second, *others = row
    return keysym != 0 and first == second == keysym and set(others) <= {0, keysym}
