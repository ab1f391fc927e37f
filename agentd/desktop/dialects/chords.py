"""Vendors' ways to write keys, as chords that the key table reads.

Pure. Models write `CTRL+C` for what is ctrl+c: inside a chord a letter stands for its key,
whatever its case. A letter alone is itself, so that `A` types an upper-case A.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.base.errors import BadRequest, FieldError
from agentd.desktop.hands.keynames import CAPS_LOCK, parse_key, split_chord

MAX_CHORDS = 32
MAX_KEYS = 16

# Shift_L to Hyper_R, and AltGr.
_MODIFIERS = (frozenset(range(0xFFE1, 0xFFEF)) | {0xFE03}) - {CAPS_LOCK}


def chord(text: str, *, path: str) -> str:
    """Return one chord, as `ctrl+c`. Raises: BadRequest under `path` for an unknown key."""
    return _joined(_keys(text, path), path)


def chord_of(keys: Sequence[str], *, path: str) -> str:
    """Return the chord of several keys, pressed in their order. Raises: BadRequest."""
    return _joined([key for text in keys for key in _keys(text, path)], path)


def modifiers(text: str | None, *, path: str) -> list[str]:
    """Return the keys of a chord that is held during an action. Raises: BadRequest."""
    return [_folded(key) for key in _keys(text, path)] if text else []


def chords(text: str, *, path: str) -> list[str]:
    """Return the chords of a text like xdotool's arguments: `ctrl+a Delete` is two.

    Raises: BadRequest.
    """
    try:
        return [chord(text, path=path)]
    except BadRequest:
        parts = text.split()
        if not 1 < len(parts) <= MAX_CHORDS:
            raise
        return [chord(part, path=path) for part in parts]


def chords_of(keys: Sequence[str], *, path: str) -> list[str]:
    """Return what a list of keys asks for: one chord, but one after another if a key repeats.

    `["DOWN", "DOWN"]` cannot be one chord: a key that is down cannot be pressed. The modifiers of
    such a list are held for each of the others.

    Raises: BadRequest.
    """
    plain = [key for text in keys for key in _keys(text, path)]
    keysyms = [parse_key(key, path=path, fold_case=True) for key in plain]
    if len(set(keysyms)) == len(keysyms):
        return [_joined(plain, path)]
    held = [key for key, keysym in zip(plain, keysyms, strict=True) if keysym in _MODIFIERS]
    held = list(dict.fromkeys(held))
    others = [key for key, keysym in zip(plain, keysyms, strict=True) if keysym not in _MODIFIERS]
    return [_joined([*held, key], path) for key in others] or [_joined(held, path)]


def _keys(text: str, path: str) -> list[str]:
    """Return the names in a chord, each of them known."""
    if len(text) > 200:
        fault = FieldError(path, "at most 200 characters", f"{len(text)}")
        raise BadRequest(str(fault), errors=[fault])
    keys = split_chord(text, path=path)
    for key in keys:
        parse_key(key, path=path, fold_case=True)
    return keys


def _joined(keys: Sequence[str], path: str) -> str:
    if not 1 <= len(keys) <= MAX_KEYS:
        fault = FieldError(path, f"1 to {MAX_KEYS} keys", str(len(keys)))
        raise BadRequest(str(fault), errors=[fault])
    if len(keys) == 1:
        return keys[0]
    return "+".join("plus" if key == "+" else _folded(key) for key in keys)


def _folded(key: str) -> str:
    return key.lower() if len(key) == 1 and len(key.lower()) == 1 else key
