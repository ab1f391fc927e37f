"""The keyboard of one display as it is now: a model kept true, and plans carried out on it.

Everything here runs on the input lane. It does not wait for programs; `typing.py` does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from Xlib.display import Display

from agentd.base.errors import Conflict
from agentd.desktop.hands.injection import (
    HELD_MASK,
    LOCK_MASK,
    Injector,
    KeyboardState,
    PointerState,
    pointer_state,
    send,
)
from agentd.desktop.hands.keymap import Keymap, Round, Stroke
from agentd.desktop.hands.keynames import SHIFT_L


class Keyboard:
    """Plans on a true model and carries plans out. Thread: the lane's, except where said."""

    def __init__(self, injector: Injector) -> None:
        self.injector = injector
        self._keymap: Keymap | None = None
        self._known: tuple[KeyboardState, int] | None = None
        # Bindings were planned that may never have been sent; set from any thread.
        self._is_doubtful = False

    @property
    def keymap(self) -> Keymap:
        """The model as of the last `refresh`."""
        assert self._keymap is not None
        return self._keymap

    @property
    def modifier_keycodes(self) -> frozenset[int]:
        """The keys that are modifiers, as of the last `refresh`."""
        assert self._known is not None
        return self._known[0].modifier_keycodes

    def open(self, display: Display) -> None:
        """Lift what a predecessor left down and make the server use our device.

        The server copies a device's map to the core keyboard when the device changes, and tells
        all programs of a new map then: that must not fall between the first keys.
        """
        down = keys_down(display)
        send(display, [self.injector.key(code, down=False) for code in down])
        mask = pointer_state(display).mask
        buttons = [number for number in range(1, 6) if mask & (0x80 << number)]
        send(display, [self.injector.button(number, down=False) for number in buttons])
        keymap = self.refresh(display, pointer_state(display).group)
        if shift := keymap.find(SHIFT_L):
            send(display, self._tap(shift.keycode))
        pointer_state(display)

    def refresh(self, display: Display, group: int) -> Keymap:
        """Return the model, made anew if the map is not the known one.

        The whole map is asked for each time (0.1 ms): an event that tells of a change may come
        after the keys that meet it.
        """
        return self._note(self.injector.keyboard(display), group)

    def look(self, display: Display) -> tuple[Keymap, PointerState]:
        """Return the model as by `refresh` for the group in effect, and the pointer's state."""
        state, pointer = self.injector.look(display)
        return self._note(state, pointer.group), pointer

    def _note(self, state: KeyboardState, group: int) -> Keymap:
        if self._keymap is None or self._known != (state, group) or self._is_doubtful:
            self._is_doubtful = False
            self._keymap = Keymap(
                state.first_keycode,
                state.rows(),
                state.modifier_keycodes,
                group=group,
                before=self._keymap,
            )
            self._known = (state, group)
        return self._keymap

    def doubt(self) -> None:
        """Make the model anew before its next use. Thread: any."""
        self._is_doubtful = True

    def is_changed(self, display: Display) -> bool:
        """Whether somebody else has changed the map since the model was made."""
        return self._known is None or self.injector.keyboard(display) != self._known[0]

    def bind(self, display: Display, plan: Round) -> None:
        """Carry out the bindings of a plan."""
        if not plan.bindings:
            return
        send(display, [self.injector.binding(binding) for binding in plan.bindings])
        assert self._known is not None
        self._known = (self.injector.keyboard(display), self._known[1])

    def strike(self, display: Display, strokes: Sequence[Stroke]) -> None:
        """Press and release keys, with Shift where a key needs it. Shift is up at the end."""
        shift = self.keymap.find(SHIFT_L)
        requests: list[bytes] = []
        is_shifted = False
        for stroke in strokes:
            if stroke.shift != is_shifted and shift is not None:
                is_shifted = stroke.shift
                requests.append(self.injector.key(shift.keycode, down=is_shifted))
            requests += self._tap(stroke.keycode)
        if is_shifted and shift is not None:
            requests.append(self.injector.key(shift.keycode, down=False))
        send(display, requests)

    def _tap(self, keycode: int) -> list[bytes]:
        injector = self.injector
        return [injector.key(keycode, down=True), injector.key(keycode, down=False)]

    def clear_modifiers(
        self, display: Display, held: Collection[int], before: PointerState
    ) -> None:
        """Lift all held keys and put Caps Lock out; `restore_modifiers` is the way back.

        Raises: Conflict when a modifier stays on: a key of a real keyboard, or a latch.
        """
        lifted = list(held)
        if before.mask & HELD_MASK:
            lifted += [code for code in keys_down(display) if code in self._modifiers(display)]
        requests = [self.injector.key(code, down=False) for code in dict.fromkeys(lifted)]
        requests += self.injector.lock(before.mask & LOCK_MASK, on=False)
        if not requests:
            return
        send(display, requests)
        after = pointer_state(display)
        if after.mask & (HELD_MASK | LOCK_MASK):
            raise Conflict(
                "a modifier is held on the display by something else",
                code="modifiers_held",
                data={"mask": after.mask & 0xFF},
            )

    def restore_modifiers(
        self, display: Display, held: Iterable[int], before: PointerState
    ) -> None:
        """Press what is still held again and set Caps Lock as it was."""
        requests = [self.injector.key(code, down=True) for code in held]
        requests += self.injector.lock(before.mask & LOCK_MASK, on=True)
        send(display, requests)

    def _modifiers(self, display: Display) -> frozenset[int]:
        return self.injector.keyboard(display).modifier_keycodes


def keys_down(display: Display) -> list[int]:
    """Return the keycodes that are down now (QueryKeymap)."""
    bits = display.query_keymap()
    return [code for code in range(256) if bits[code // 8] & (1 << code % 8)]
