"""agentctl: every command of the daemon from a shell, and a few verbs of its own.

Words are sorted here and sent on their way; what they mean comes from the description. Exit codes
are those of `base/errors.FACES`. What a plain call does not need is not imported: agentctl starts
quickly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from agentd.base.errors import AgentdError, Unavailable, numbers_of
from agentd.client.arguments import in_format_of, options_of, parameters_of
from agentd.client.catalogue import Catalogue, CommandEntry, packaged
from agentd.client.content import CONTENT, with_files
from agentd.client.options import Option, Scanned, scan, usage
from agentd.client.session import Session, terminal_of_stdout
from agentd.client.verbs import VERBS

_COMMON = (
    Option("json", ("--json",), help="Print one JSON document, errors too"),
    Option("socket", ("--socket",), "PATH", "The control socket; also AGENTD_SOCKET"),
    Option("url", ("--url",), "URL", "The TCP listener instead; its token in AGENTD_TOKEN"),
    Option("timeout", ("--timeout",), "S", "Seconds that the daemon may take"),
    Option("help", ("--help", "-h"), help="Print this"),
)
_OUTPUT = Option("output", ("--output", "-o"), "FILE", "Where the bytes go; - is standard output")
_ALL = (_OUTPUT, *_COMMON)
_INTERRUPTED = 130
_USAGE = 2


def main() -> int:
    """Run agentctl with the process's words and return the exit code."""
    words = sys.argv[1:]
    try:
        return run(words)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has gone: nothing is left to say, also not by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _INTERRUPTED
    except AgentdError as exc:
        from agentd.client.failure import tell

        tell(exc, as_json="--json" in words)
        return numbers_of(exc).exit_code


def run(words: Sequence[str]) -> int:
    """Run agentctl with these words. Raises: AgentdError for whatever went wrong."""
    if words[:1] == ["__complete"]:
        return _complete(words[1:])
    catalogue = packaged()
    head = scan(words, _ALL, limit=1)
    if not head.words:
        return _overview(catalogue, head)
    first = head.words[0]
    # `events` is a verb of ours and a namespace: `events subscribe` means the latter.
    if first in VERBS and catalogue.find(first, "".join(head.rest[:1])) is None:
        return _run_verb(catalogue, first, head)
    second = scan(head.rest, _ALL, limit=1)
    settings = _merged(head, second)
    if not second.words:
        return _namespace(catalogue, first, settings)
    catalogue, command = _find(catalogue, first, second.words[0], words)
    return _run_command(catalogue, command, second.rest, settings)


def _run_command(
    catalogue: Catalogue, command: CommandEntry, words: Sequence[str], settings: Scanned
) -> int:
    """Run a command of the daemon; a parameter's name goes before ours behind the verb."""
    options = options_of(catalogue, command)
    names = {option.name for option in options}
    has_file = command.kind == "blob" or command.name in CONTENT or catalogue.answers_image(command)
    common = _ALL if has_file else _COMMON
    ours = [option for option in common if option.name not in names]
    found = scan(words, [*options, *ours])
    theirs = Scanned({n: v for n, v in found.values.items() if n in names}, found.words, [])
    settings = _merged(settings, found, without=names)
    if settings.has("help"):
        from agentd.client import help as pages

        print(pages.of_command(catalogue, command, ours, terminal_of_stdout()))
        return 0
    parameters = with_files(catalogue, command, parameters_of(catalogue, command, theirs))
    output = settings.text("output")
    if output:
        parameters = in_format_of(output, catalogue, command, parameters)
    with _session(catalogue, settings) as session:
        session.run(command, parameters, output)
    return 0


def _run_verb(catalogue: Catalogue, name: str, head: Scanned) -> int:
    """Run a verb of our own."""
    verb = VERBS[name]
    found = scan(head.rest, [*verb.options, *_COMMON])
    settings = _merged(head, found)
    if settings.has("help"):
        from agentd.client import help as pages

        options = [*verb.options, *_COMMON]
        text = f"{verb.summary}."
        print(pages.of_verb(name, verb.words, text, options, terminal_of_stdout()))
        return 0
    with _session(catalogue, settings) as session:
        return verb.run(session, found)


def _overview(catalogue: Catalogue, settings: Scanned) -> int:
    from agentd.client import help as pages

    own = [(f"{name} {verb.words}".rstrip(), verb.summary) for name, verb in VERBS.items()]
    print(pages.overview(catalogue, own, _COMMON, terminal_of_stdout()))
    return 0 if settings.has("help") else _USAGE


def _namespace(catalogue: Catalogue, name: str, settings: Scanned) -> int:
    """Print the commands of a namespace; right if they were asked for, else a hint what lacks."""
    from agentd.client import help as pages

    if name not in catalogue.namespaces():
        _refuse(catalogue, name)
    print(pages.of_namespace(catalogue, name, _COMMON, terminal_of_stdout()))
    return 0 if settings.has("help") else _USAGE


def _find(
    catalogue: Catalogue, namespace: str, verb: str, words: Sequence[str]
) -> tuple[Catalogue, CommandEntry]:
    """Return a command; one that this agentctl does not know is looked up at the daemon."""
    command = catalogue.find(namespace, verb)
    if command is None:
        try:
            with _session(catalogue, _early(words)) as session:
                session.look_up()
                catalogue = session.catalogue
        except Unavailable:
            pass  # Without a daemon the packaged description is all there is.
        command = catalogue.find(namespace, verb)
    if command is None:
        _refuse(catalogue, f"{namespace} {verb}")
    return catalogue, command


def _refuse(catalogue: Catalogue, name: str) -> NoReturn:
    """Raise what is to be said of an unknown command, with the nearest known one."""
    from agentd.base.schema import nearest_name

    namespace, _, verb = name.partition(" ")
    entries = catalogue.namespaces().get(namespace)
    if entries and verb:
        known = [f"{namespace} {entry.words}" for entry in entries]
    else:
        known = [*catalogue.namespaces(), *VERBS]
    near = nearest_name(name if entries else namespace, known)
    listed = f"agentctl {namespace} --help lists all" if entries else "agentctl --help lists all"
    raise usage(
        f"there is no command {name!r}", f"did you mean {near!r}? {listed}" if near else listed
    )


def _complete(words: Sequence[str]) -> int:
    from agentd.client.completion import candidates

    own = {name: (verb.summary, verb.options, verb.choices) for name, verb in VERBS.items()}
    for word, note in candidates(packaged(), words, options=_ALL, verbs=own):
        print(f"{word}\t{note}")
    return 0


def _session(catalogue: Catalogue, settings: Scanned) -> Session:
    return Session.made(
        catalogue,
        socket=settings.text("socket"),
        url=settings.text("url"),
        timeout=settings.text("timeout"),
        as_json=settings.has("json"),
    )


def _early(words: Sequence[str]) -> Scanned:
    """Return where the daemon is, from words whose meaning is not known yet."""
    found = Scanned({}, [], [])
    for index, word in enumerate(words):
        flag, equals, text = word.partition("=")
        if word == "--":
            break
        if flag in ("--socket", "--url"):
            following = words[index + 1] if index + 1 < len(words) else ""
            found.values[flag[2:]] = [text if equals else following]
    return found


def _merged(*parts: Scanned, without: set[str] | frozenset[str] = frozenset()) -> Scanned:
    """Return the options of several stretches of a command line; the last word holds."""
    values: dict[str, list[str]] = {}
    for index, part in enumerate(parts):
        hidden = without if index else frozenset()
        values |= {name: texts for name, texts in part.values.items() if name not in hidden}
    return Scanned(values, [], [])


if __name__ == "__main__":
    sys.exit(main())
