"""Completion, in the candidates and in a real bash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentd.client.catalogue import packaged
from agentd.client.cli import _ALL
from agentd.client.completion import FILES, SCRIPTS, candidates
from agentd.client.verbs import VERBS


def words(line: str) -> list[str]:
    own = {name: (verb.summary, verb.options, verb.choices) for name, verb in VERBS.items()}
    found = candidates(packaged(), line.split(" "), options=_ALL, verbs=own)
    return [word for word, _ in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("desk", ["desktop"]),
        ("desktop cl", ["click"]),
        ("desktop key-", ["key-down", "key-up"]),
        ("desktop click --cou", ["--count"]),
        ("desktop screenshot --format j", ["jpeg"]),
        ("desktop screenshot --format jpeg --for", ["--format"]),
        ("desktop screenshot --no-c", ["--no-cursor"]),
        ("--json desktop screenshot --format w", ["webp"]),
        ("--socket x desktop cl", ["click"]),
        ("desktop screenshot -o ", [FILES]),
        ("--socket ", [FILES]),
        ("apps launch -- xt", [FILES]),
        ("completion z", ["zsh"]),
        ("events --si", ["--since"]),
        ("desktop nonsense ", []),
    ],
)
def test_candidates(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_every_command_can_be_completed() -> None:
    for command in packaged().commands:
        assert command.words in words(f"{command.namespace} ")


def test_bash_completes(tmp_path: Path) -> None:
    agentctl = tmp_path / "agentctl"
    agentctl.write_text(
        f"#!{sys.executable}\nimport sys\nfrom agentd.client.cli import main\nsys.exit(main())\n"
    )
    agentctl.chmod(0o755)
    (tmp_path / "shot one.png").touch()
    script = SCRIPTS["bash"] + (
        'complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agentctl; '
        "printf '%s\\n' \"${COMPREPLY[@]}\"; }\n"
        "compopt() { :; }\n"
        f"cd {tmp_path}\n"
        f"complete_words {agentctl} desktop scre\n"
        f"complete_words {agentctl} desktop screenshot -o sh\n"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["screenshot", "shot one.png"]
    assert done.stderr == ""
