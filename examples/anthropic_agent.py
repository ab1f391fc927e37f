"""Claude at the desktop, with Anthropic's computer toolset: anthropic_agent.py [TASK]

Needs `pip install anthropic` and ANTHROPIC_API_KEY; without a key, a script plays the model.
"""

import os
import sys

from agentd.client.sync import SyncClient

if "ANTHROPIC_API_KEY" in os.environ:
    from anthropic import Anthropic
else:
    from scripted import Anthropic

TASK = "In the terminal, print a greeting in three scripts."
TURNS = 50


def main(task: str) -> None:
    """Let the model act until it has nothing more to do."""
    model = Anthropic()
    messages = [{"role": "user", "content": task}]
    with SyncClient() as agent:
        agent.desktop.start()  # returns when it can be used
        agent.apps.launch(["xterm"], wait_window_s=10)
        for _ in range(TURNS):
            reply = model.messages.create(
                model="claude-opus-5-5",
                max_tokens=4096,
                tools=[{"type": "computer_toolset_20260801"}],
                messages=messages,
            )
            messages.append({"role": "assistant", "content": reply.content})
            calls = [block.model_dump() for block in reply.content if block.type == "tool_use"]
            if not calls:
                break
            report = agent.desktop.act(calls, dialect="anthropic")
            for step in report.steps:
                print(f"{step.action}: {step.error.detail if step.error else step.status}")
            # One result for each call, with what went wrong and a picture of how it looks now.
            messages.append({"role": "user", "content": report.results})
        print(*(block.text for block in reply.content if block.type == "text"))
        agent.desktop.screenshot().save("agent.png")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or TASK)
