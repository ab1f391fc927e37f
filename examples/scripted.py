"""Scripts in the place of models, so that the examples run without a key.

Each class has the shape of one SDK's client, as far as the examples use it, and answers with the
next turn of a fixed list, whatever the screen shows. One call in each list cannot be done: the last
answer repeats what was said about it, and tells how many pictures came.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

# Of each turn its calls: a name, and what is given.
Turns = Sequence[Sequence[tuple[str, dict[str, Any]]]]

OFF = {"x": 4000, "y": 20}
HERE = {"x": 640, "y": 400}
REFUSED = re.compile(r"is off the screen|\bwanted\b")


def command(who: str) -> str:
    """Return what is typed into the terminal."""
    return f"echo 'Hello from {who}: Grüße, мир, 你好'"


class Item(dict[str, Any]):
    """A part of an answer: a dictionary with the attributes and the model_dump of the SDKs'."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def model_dump(self, **_: object) -> dict[str, Any]:
        """Return the plain dictionary."""
        return dict(self)


def item(document: object) -> Any:
    """Return a document with an Item for each of its dictionaries."""
    return json.loads(json.dumps(document), object_hook=Item)


class Script:
    """The turns of one script, and what has come back."""

    def __init__(self, who: str, turns: Turns) -> None:
        print(f"no key for {who}: this is a script", file=sys.stderr)
        self._turns = iter(turns)
        self._came: dict[str, None] = {}

    def next(self, sent: object) -> list[tuple[str, str, dict[str, Any]]]:
        """Return the calls of the next turn, each with an id; after the last, none."""
        self._came |= dict.fromkeys(texts(sent))
        calls = next(self._turns, ())
        return [(f"{name}_{number}", name, given) for number, (name, given) in enumerate(calls)]

    def closing(self) -> str:
        """Return the last words."""
        pictures = sum("iVBORw0KGgo" in text for text in self._came)  # how every PNG begins
        refused = [text for text in self._came if REFUSED.search(text)]
        return f"Different pictures seen: {pictures}. Refused: {' | '.join(refused)}"


def texts(document: object) -> Iterator[str]:
    """Return every text in a document, in order."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for part in document.values() if isinstance(document, dict) else document:
            yield from texts(part)


class Anthropic:
    """As `anthropic.Anthropic`; `messages.create` plays the computer toolset."""

    toolset: str | None = "computer"
    turns: Turns = (
        [("screenshot", {})],
        [("left_click", {"coordinate": list(OFF.values())}), ("type", {"text": "not typed"})],
        [
            ("left_click", {"coordinate": list(HERE.values())}),
            ("type", {"text": command("a script for Claude")}),
            ("key", {"text": "Return"}),
        ],
    )

    def __init__(self) -> None:
        self._script = Script(type(self).__name__, self.turns)
        self.messages = SimpleNamespace(create=self.create)

    def create(self, *, messages: object, **_: object) -> Any:
        """Return a Message."""
        calls = self._script.next(messages)
        block = {"type": "tool_use", "toolset_name": self.toolset}
        content: list[dict[str, Any]] = [
            {**block, "id": ident, "name": name, "input": given} for ident, name, given in calls
        ]
        stop = "tool_use" if calls else "end_turn"
        content = content or [{"type": "text", "text": self._script.closing()}]
        return item(
            {"type": "message", "role": "assistant", "content": content, "stop_reason": stop}
        )


class AsyncAnthropic(Anthropic):
    """As `anthropic.AsyncAnthropic`; `messages.create` plays tools that an MCP server has."""

    toolset = None
    turns: Turns = (
        [("apps_launch", {"argv": ["xterm"], "wait_window_s": 10})],
        [("desktop_click", OFF)],
        [("desktop_type", {"text": command("a script for MCP") + "\n"}), ("desktop_wait", {})],
        [("desktop_screenshot", {})],
    )

    async def create(self, **request: Any) -> Any:
        """Return a Message."""
        return super().create(**request)


class OpenAI:
    """As `openai.OpenAI`.

    `responses.create` plays the computer tool, `chat.completions.create` a function `act`.
    """

    computer = (
        {"type": "click", "button": "left", **HERE},
        {"type": "type", "text": command("a script for GPT")},
        {"type": "keypress", "keys": ["ENTER"]},
    )
    native = (
        {"action": "click", **HERE},
        {"action": "type", "text": command("a script of our own")},
        {"action": "press", "keys": "Return"},
    )

    def __init__(self) -> None:
        self.responses = SimpleNamespace(create=self.respond)
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.complete))
        screenshot, off = {"type": "screenshot"}, {"type": "click", "button": "left", **OFF}
        batches = [[screenshot], [off, screenshot], self.computer]
        natives = [[{"action": "click", **OFF}], [{"action": "shout"}], self.native]
        self._responding = [[("computer_call", {"actions": batch})] for batch in batches]
        self._completing = [[("act", {"actions": batch})] for batch in natives]
        self._script: Script | None = None

    def respond(self, *, input: object, **_: object) -> Any:
        """Return a Response."""
        self._script = self._script or Script("OpenAI", self._responding)
        calls = self._script.next(input)
        output = [
            {
                "type": name,
                "id": ident,
                "call_id": ident,
                "status": "completed",
                "pending_safety_checks": [],
                **given,
            }
            for ident, name, given in calls
        ]
        words = "" if calls else self._script.closing()
        return item({"id": "response", "output": output, "output_text": words})

    def complete(self, *, messages: object, **_: object) -> Any:
        """Return a ChatCompletion."""
        self._script = self._script or Script("a model with functions", self._completing)
        calls = [
            {
                "id": ident,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for ident, name, given in self._script.next(messages)
        ]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None,
            "tool_calls": calls or None,
        }
        if not calls:
            message["content"] = self._script.closing()
        return item({"choices": [{"index": 0, "message": message}]})


class Gemini:
    """As `google.genai.Client`; `interactions.create` plays computer use on a desktop."""

    # Points are 0..999 over the screen, whatever its size.
    turns: Turns = (
        [("take_screenshot", {})],
        [("click", {"x": 4000, "y": 25, "intent": "Try a point that is not there"})],
        [
            ("click", {"x": 500, "y": 500, "intent": "Go to the terminal"}),
            (
                "type",
                {"text": command("a script for Gemini"), "press_enter": True, "intent": "Greet"},
            ),
        ],
    )

    def __init__(self) -> None:
        self._script = Script("Gemini", self.turns)
        self.interactions = SimpleNamespace(create=self.create)

    def create(self, *, input: object, **_: object) -> Any:
        """Return an Interaction."""
        calls = self._script.next(input)
        steps = [
            {"type": "function_call", "id": ident, "name": name, "arguments": given}
            for ident, name, given in calls
        ]
        words = "" if calls else self._script.closing()
        return item({"id": "interaction", "steps": steps, "output_text": words})
