"""Words of a command line to options and the rest, for every verb of agentctl alike.

Pure. `--name value`, `--name=value`, switches with `--no-name`, options that repeat, words behind
`--` as they are. A negative number is a word. It does not know what an option means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from agentd.base.errors import BadRequest

_NUMBER = re.compile(r"-\.?\d.*")


class Option(NamedTuple):
    """An option: `value` names what it takes in the help, empty for a switch."""

    name: str
    flags: tuple[str, ...]
    value: str = ""
    help: str = ""
    repeats: bool = False


class Scanned(NamedTuple):
    """What was found: the texts of each option by name, plain words, and what was not looked at."""

    values: dict[str, list[str]]
    words: list[str]
    rest: list[str]

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.values.get(name, ["no"])[-1] == "yes"

    def text(self, name: str) -> str:
        """Return the last value of an option, or an empty text."""
        return self.values.get(name, [""])[-1]


def usage(text: str, hint: str = "") -> BadRequest:
    """Return the error for words that do not make sense."""
    return BadRequest(text, code="usage", hint=hint)


def scan(words: Sequence[str], options: Sequence[Option], *, limit: int | None = None) -> Scanned:
    """Sort words into options and plain words.

    Args:
        limit: stop after so many plain words; what follows is `rest`.

    Raises: BadRequest for an unknown option, one without its value, or one given twice.
    """
    flags = {flag: option for option in options for flag in option.flags}
    switches = {f"--no-{o.name.replace('_', '-')}": o for o in options if not o.value}
    found = Scanned({}, [], list(words))
    rest = found.rest
    while rest and (limit is None or len(found.words) < limit):
        word = rest.pop(0)
        if word == "--":
            if limit is None:
                found.words.extend(rest)
                rest.clear()
            else:
                rest.insert(0, word)
                break
        elif not word.startswith("-") or word == "-" or _NUMBER.fullmatch(word):
            found.words.append(word)
        else:
            _take_option(word, flags, switches, found)
    return found


def _take_option(
    word: str, flags: dict[str, Option], switches: dict[str, Option], found: Scanned
) -> None:
    flag, equals, text = word.partition("=")
    if flag.startswith("--"):
        flag = flag.replace("_", "-")
    option = flags.get(flag) or switches.get(flag)
    if option is None:
        raise _unknown(flag, [*flags, *switches])
    if not option.value:
        is_on = flag in flags
        if equals:
            if text not in ("true", "false"):
                raise usage(f"{flag} is a switch: true or false, not {text!r}")
            is_on = is_on == (text == "true")
        text = "yes" if is_on else "no"
    elif not equals:
        if not found.rest:
            raise usage(f"{flag} needs a value: {flag} {option.value}")
        text = found.rest.pop(0)
    if option.name in found.values and option.value and not option.repeats:
        raise usage(f"{flag} is given twice")
    found.values.setdefault(option.name, []).append(text)


def _unknown(flag: str, known: Sequence[str]) -> BadRequest:
    # The nearest name costs an import that a right command line need not pay.
    from agentd.base.schema import nearest_name

    near = nearest_name(flag, [name for name in known if name.startswith("--")])
    return usage(f"there is no option {flag}", f"did you mean {near}?" if near else "")
