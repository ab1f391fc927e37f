"""What is derived from the commands is what the registry yields now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentd.__main__ import generated_files
from agentd.base.config import Environment
from agentd.daemon import Daemon

ROOT = Path(__file__).parents[2]
MODULES = "agentd/client/commands"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return generated_files(Daemon(None, Environment.read({"HOME": "/nonexistent"})))


def test_generated_files_are_what_the_commands_yield(files: dict[str, str]) -> None:
    stale = [
        name
        for name, text in files.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]
    found = {str(path.relative_to(ROOT)) for path in (ROOT / MODULES).rglob("*.py")}
    stale += sorted(found - set(files))
    if stale:
        pytest.fail(
            "no longer what the commands yield: " + ", ".join(stale) + "\n"
            "write them anew: .venv/bin/python -m agentd --write-generated ."
        )


def test_generated_modules_please_ruff(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        if name.endswith(".py"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for verb in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *verb, "--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run(
            [*ruff, "--no-cache", str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
