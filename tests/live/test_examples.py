"""Every example, and the README's ten lines, with a scripted model on a real desktop."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from agentd.base.errors import NotFound
from agentd.client.commands import values
from agentd.client.sync import SyncClient
from tests.live.daemon import DaemonProcess, running_daemon

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
# Each agent, who greets, and what the model was told of the call that could not be done.
AGENTS = {
    "anthropic": ("for Claude", "left_click: (4000, 20) is off the screen, which is 1280x800 here"),
    "openai": ("for GPT", "Action 1 of 2 failed: click: (4000, 20) is off the screen"),
    "gemini": ("for Gemini", "click: x: wanted a number 0..1000, got 4000"),
    "mcp": ("for MCP", "x: wanted 0 to 1279; the screen is 1280x800, got 4000"),
    "native": ("of our own", "wanted a point of the picture of 1280x800, got 4000, 20"),
}
KEYS = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"}
LIMIT_S = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("examples")) as daemon:
        yield daemon


@pytest.fixture
def daemon(running: DaemonProcess) -> DaemonProcess:
    """The daemon with an empty desktop."""
    with running.client() as client:
        client.desktop.restart()
    return running


def run(
    daemon: DaemonProcess, folder: Path, *words: str | Path, said: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a Python program as a user would who has agentd installed and no key."""
    agentctl = folder / "agentctl"
    call = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m agentd.client.cli "$@"'
    agentctl.write_text(f"#!/bin/sh\n{call}\n")
    agentctl.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in KEYS}
    environment |= {
        "AGENTD_SOCKET": os.fspath(daemon.socket),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(os.fspath, (ROOT, EXAMPLES, folder))),
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        input=said,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def lines_of(client: SyncClient) -> list[str]:
    """What the terminal shows: marked with the pointer, and read as the primary selection."""
    (terminal,) = client.windows.list()
    start = values.Point(terminal.x + 3, terminal.y + 3)
    end = values.Point(terminal.x + terminal.width - 3, terminal.y + terminal.height - 3)
    client.desktop.drag(path=[start, end])
    with suppress(NotFound):  # nothing is marked yet
        content = client.clipboard.get(selection="primary")
        return [line.strip() for line in (content.text or "").splitlines()]
    return []


def wait_greeted(daemon: DaemonProcess, who: str) -> None:
    greeting = f"Hello from a script {who}: Grüße, мир, 你好"
    with daemon.client() as client:
        daemon.wait_until(lambda: greeting in lines_of(client), f"the terminal shows {greeting}")


def code_lines(source: str) -> set[int]:
    """The lines that do something: no comments, docstrings and imports."""
    idle = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in idle | {tokenize.ENDMARKER}:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return lines


def ten_lines() -> str:
    """The README's agent."""
    section = (ROOT / "README.md").read_text().partition("## An agent in ten lines")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        *(f"{name}_agent" for name in AGENTS),
        "scripted",
    }


@pytest.mark.parametrize("name", AGENTS)
def test_agent_does_its_task_and_its_model_is_told_what_failed(
    daemon: DaemonProcess, tmp_path: Path, name: str
) -> None:
    who, told = AGENTS[name]
    done = run(daemon, tmp_path, EXAMPLES / f"{name}_agent.py")
    assert done.returncode == 0, done.stderr
    assert "this is a script" in done.stderr
    assert told in done.stdout
    assert int(re.findall(r"Different pictures seen: (\d+)", done.stdout)[0]) >= 1
    wait_greeted(daemon, who)
    if name != "mcp":
        with Image.open(tmp_path / "agent.png") as picture:
            assert picture.size == (1280, 800)


@pytest.mark.parametrize("name", AGENTS)
def test_agent_is_short(name: str) -> None:
    assert 20 <= len(code_lines((EXAMPLES / f"{name}_agent.py").read_text())) <= 40


@pytest.mark.parametrize("name", AGENTS)
def test_readme_links_the_agent(name: str) -> None:
    assert f"(examples/{name}_agent.py)" in (ROOT / "README.md").read_text()


def test_readme_has_an_agent_in_ten_lines(daemon: DaemonProcess, tmp_path: Path) -> None:
    source = ten_lines()
    assert len(code_lines(source)) <= 10
    (tmp_path / "anthropic.py").write_text("from scripted import Anthropic as Anthropic\n")
    with daemon.client() as client:
        client.apps.launch(["xterm"], wait_window_s=20)
    done = run(daemon, tmp_path, "-c", source)
    assert done.returncode == 0, done.stderr
    wait_greeted(daemon, "for Claude")


# A call that the vendor wants a person to see first, and what the daemon is handed then.
ASKING = {
    "openai": (
        {
            "type": "computer_call",
            "pending_safety_checks": [{"id": "check", "message": "Is this you?"}],
        },
        "'acknowledged_safety_checks': [{'id': 'check', 'message': 'Is this you?'}]",
    ),
    "gemini": (
        {
            "arguments": {
                "safety_decision": {
                    "decision": "require_confirmation",
                    "explanation": "Is this you?",
                },
            },
        },
        "'safety_acknowledgement': 'true'",
    ),
}


@pytest.mark.parametrize("name", ASKING)
def test_agent_asks_a_person_before_a_doubtful_call(
    running: DaemonProcess, tmp_path: Path, name: str
) -> None:
    call, acknowledged = ASKING[name]
    program = f"import scripted, {name}_agent as agent\n"
    program += f"print(agent.checked(scripted.item({call!r})))"
    yes = run(running, tmp_path, "-c", program, said="y\n")
    assert yes.stdout.startswith("Is this you? Go on? [y/N] ")
    assert acknowledged in yes.stdout
    no = run(running, tmp_path, "-c", program, said="\n")
    assert no.stderr.strip() == "stopped"
    assert acknowledged not in no.stdout
