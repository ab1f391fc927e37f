"""Every promise in docs/semantics.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROMISE = re.compile(r"^- (?P<sentence>.+\.) `(?P<file>tests/\S+\.py)::(?:\w+::)?(?P<test>\w+)`$")


def test_each_promise_has_its_test():
    lines = (ROOT / "docs/semantics.md").read_text().splitlines()
    promises = [line for line in lines if line.startswith("- ")]
    assert promises
    for line in promises:
        match = PROMISE.match(line)
        assert match, f"not a sentence with a test: {line}"
        source = (ROOT / match["file"]).read_text()
        assert re.search(rf"^ *(async )?def {match['test']}\(", source, re.MULTILINE), line
