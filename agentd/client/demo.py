"""The tour of `./run demo`: a terminal, an editor, mixed scripts, a click, a scroll, a picture.

Uses the public door alone, as an agent would. Prints a table of what it did and how long each
step took, and exits 0 when every step did what it should. It does not start the daemon.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentd.base.errors import AgentdError
from agentd.client.sync import SyncClient

_TEXT = """Hello from agentd!
Grüße aus Zürich · naïve café · ÅÄÖ
Привет, мир · Γειά σου κόσμε
你好，世界 · こんにちは · 안녕하세요
مرحبا بالعالم · שלום עולם
∀x ∈ ℝ: x² ≥ 0 → €42 ≠ ½  🎉🚀👩‍🚀
"""
_WINDOW_S = 20.0


class Tour:
    """The steps, in order, each timed."""

    def __init__(self, client: SyncClient, picture: Path) -> None:
        self._client = client
        self._picture = picture
        self._rows: list[tuple[str, float, str]] = []
        self._editor: Any = None

    def run(self) -> None:
        """Do all steps; a step that fails raises."""
        steps: list[tuple[str, Callable[[], str]]] = [
            ("wait for the desktop", self._start),
            ("open a terminal", self._open_terminal),
            ("type a command", self._type_command),
            ("open an editor", self._open_editor),
            ("type six scripts and emoji", self._type_text),
            ("select a word by double click", self._double_click),
            ("scroll", self._scroll),
            ("wait until the screen is quiet", self._wait_quiet),
            ("take a screenshot", self._screenshot),
        ]
        for name, step in steps:
            started = time.perf_counter()
            note = step()
            self._rows.append((name, (time.perf_counter() - started) * 1000, note))

    def table(self) -> str:
        """Return what was done as a table."""
        width = max(len(name) for name, _, _ in self._rows)
        lines = [
            f"  {'step':<{width}}  {'ms':>8}  result",
            f"  {'─' * width}  {'─' * 8}  {'─' * 34}",
        ]
        lines += [f"  {name:<{width}}  {ms:8.1f}  {note}" for name, ms, note in self._rows]
        return "\n".join(lines)

    def _start(self) -> str:
        status = self._client.desktop.start()
        assert status.display is not None
        return f"{status.display.width}x{status.display.height} on {status.display.name}"

    def _open_terminal(self) -> str:
        argv = ["xterm", "-geometry", "84x18+20+40", "-title", "terminal"]
        launched = self._client.apps.launch(argv=argv, wait_window_s=_WINDOW_S)
        assert launched.window is not None
        return f"window {launched.window.id}, pid {launched.pid}"

    def _type_command(self) -> str:
        report = self._client.desktop.type(text="echo 'agents have hands now' && uname -sr\n")
        self._client.desktop.wait()
        return f"{report.characters} characters"

    def _open_editor(self) -> str:
        # Without a place for its data it does not ask whether to restore an earlier tour's text.
        launched = self._client.apps.launch(
            argv=["mousepad"], env={"XDG_DATA_HOME": "/dev/null"}, wait_window_s=_WINDOW_S
        )
        assert launched.window is not None
        windows = self._client.windows
        windows.resize(id=launched.window.id, width=700, height=420)
        self._editor = windows.move(id=launched.window.id, x=500, y=330)
        self._client.desktop.wait()
        return f"window {self._editor.id}: {self._editor.title}"

    def _type_text(self) -> str:
        report = self._client.desktop.type(text=_TEXT)
        self._client.desktop.wait()
        return f"{report.characters} characters, {report.bound} bound to spare keys"

    def _double_click(self) -> str:
        point = {"x": self._editor.x + 60, "y": self._editor.y + 60}
        self._client.desktop.click(**point, count=2)
        return f"at {point['x']},{point['y']}"

    def _scroll(self) -> str:
        x, y = self._editor.x + 300, self._editor.y + 200
        self._client.desktop.scroll(x=x, y=y, dy=2)
        self._client.desktop.scroll(x=x, y=y, dy=-2)
        return "2 ticks down, 2 ticks up"

    def _wait_quiet(self) -> str:
        report = self._client.desktop.wait(quiet_ms=300)
        return "quiet" if report.stable else f"still changing: {report.changing}"

    def _screenshot(self) -> str:
        picture = self._client.desktop.screenshot()
        picture.save(self._picture)
        return f"{self._picture} ({len(picture.body) // 1000} kB)"


def main() -> int:
    """Run the tour and return the exit code."""
    parser = argparse.ArgumentParser(prog="agentd-demo", description="A tour of the desktop.")
    parser.add_argument("--socket", help="the control socket")
    parser.add_argument("--picture", type=Path, default=Path("agentd-demo.png"))
    arguments = parser.parse_args()
    try:
        with SyncClient(arguments.socket) as client:
            tour = Tour(client, arguments.picture)
            try:
                tour.run()
            finally:
                print(tour.table())
    except AgentdError as exc:
        print(f"the tour failed: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
