"""Completion of agentctl's words in bash, zsh and fish.

Pure. The scripts ask `agentctl __complete WORDS...`, which answers from the packaged description:
one candidate a line, a tab, what it means; `:files` stands for the shell's own file names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentd.client.arguments import options_of
from agentd.client.catalogue import Catalogue, CommandEntry, Parameter
from agentd.client.options import Option

FILES = ":files"
_FILE_OPTIONS = frozenset({"output", "socket"})

Candidates = list[tuple[str, str]]

SCRIPTS = {
    "bash": r"""# agentctl completion for bash; in ~/.bashrc: source <(agentctl completion bash)
_agentctl() {
  local word _ current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    if [[ $word == :files ]]; then
      compopt -o filenames
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$word")
    fi
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _agentctl agentctl
""",
    "zsh": r"""#compdef agentctl
# agentctl completion for zsh; in ~/.zshrc, after compinit: source <(agentctl completion zsh)
_agentctl() {
  local line word note
  local -a candidates
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    note=${line#*$'\t'}
    if [[ $word == :files ]]; then
      _files
    else
      candidates+=("${word//:/\\:}:$note")
    fi
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe agentctl candidates
}
compdef _agentctl agentctl
""",
    "fish": r"""# agentctl completion for fish; in ~/.config/fish/config.fish:
#   agentctl completion fish | source
function __agentctl_candidates
    set -l words (commandline -opc)
    for line in ($words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)
        if string match -q ':files*' -- $line
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c agentctl -f -a '(__agentctl_candidates)'
""",
}


def candidates(
    catalogue: Catalogue,
    words: Sequence[str],
    *,
    options: Sequence[Option],
    verbs: Mapping[str, tuple[str, Sequence[Option], Sequence[str]]],
) -> Candidates:
    """Return what may stand in the place of the last word, each with its meaning.

    Args:
        words: behind `agentctl`, up to the cursor; the last is begun, or empty.
        options: those of every command.
        verbs: of agentctl itself: their meaning, options, and first words.
    """
    *before, current = words or [""]
    found = _places(catalogue, before, current, options, verbs)
    return [item for item in found if item[0].startswith(current) or item[0] == FILES]


def _places(
    catalogue: Catalogue,
    before: Sequence[str],
    current: str,
    options: Sequence[Option],
    verbs: Mapping[str, tuple[str, Sequence[Option], Sequence[str]]],
) -> Candidates:
    """Return all that fits where the cursor is, whatever has been begun."""
    command, known = _command_in(catalogue, before, options, verbs)
    plain, open_option = _read(before, known)
    if "--" in before:
        return [(FILES, "")]
    if open_option is not None:
        parameter = catalogue.parameters(command).get(open_option.name) if command else None
        if parameter is not None:
            return _values(parameter)
        return [(FILES, "")] if open_option.name in _FILE_OPTIONS else []
    if current.startswith("-"):
        return [(flag, o.help) for o in known for flag in _flags(o) if flag.startswith("--")]
    namespaces = catalogue.namespaces()
    if not plain:
        own = [(name, text) for name, (text, _, _) in verbs.items()]
        others = {name: _verbs_of(namespaces[name]) for name in namespaces if name not in verbs}
        return [*others.items(), *own]
    if len(plain) == 1:
        own = [(word, "") for word in verbs[plain[0]][2]] if plain[0] in verbs else []
        entries = namespaces.get(plain[0], [])
        return own + [(entry.words, entry.summary) for entry in entries]
    if command is not None and len(plain) - 2 < len(command.positional):
        return _values(catalogue.parameters(command)[command.positional[len(plain) - 2]])
    return []


def _command_in(
    catalogue: Catalogue,
    before: Sequence[str],
    options: Sequence[Option],
    verbs: Mapping[str, tuple[str, Sequence[Option], Sequence[str]]],
) -> tuple[CommandEntry | None, list[Option]]:
    """Return the command that the words name, if any, and the options that may follow."""
    plain, _ = _read(before, options)
    command = catalogue.find(plain[0], plain[1]) if len(plain) > 1 else None
    if command is None and plain and plain[0] in verbs:
        return None, [*verbs[plain[0]][1], *options]
    return command, [*(options_of(catalogue, command) if command else []), *options]


def _read(words: Sequence[str], known: Sequence[Option]) -> tuple[list[str], Option | None]:
    """Return the plain words, and the option that still waits for its value."""
    takes_value = {flag: option for option in known if option.value for flag in option.flags}
    plain: list[str] = []
    waiting: Option | None = None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in takes_value:
            waiting = takes_value[word]
        elif not word.startswith("-"):
            plain.append(word)
    return plain, waiting


def _values(parameter: Parameter) -> Candidates:
    schema = parameter.schema
    if "enum" in schema:
        return [(str(value), parameter.description) for value in schema["enum"]]
    if schema.get("type") == "string" and "path" in parameter.description.lower():
        return [(FILES, "")]
    return []


def _flags(option: Option) -> list[str]:
    cleared = [] if option.value else [f"--no-{option.name.replace('_', '-')}"]
    return [*option.flags, *(flag for flag in cleared if flag != "--no-help")]


def _verbs_of(entries: Sequence[CommandEntry]) -> str:
    return ", ".join(entry.words for entry in entries)
