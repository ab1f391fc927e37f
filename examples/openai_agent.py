"""GPT at the desktop, with OpenAI's computer tool: openai_agent.py [TASK]

Needs `pip install openai` and OPENAI_API_KEY; without a key, a script plays the model.
"""

import os
import sys

from agentd.client.sync import SyncClient

if "OPENAI_API_KEY" in os.environ:
    from openai import OpenAI
else:
    from scripted import OpenAI

TASK = "In the terminal, print a greeting in three scripts."
TURNS = 50


def checked(call):
    """Return a call as the daemon takes it, with its safety checks as a person has seen them."""
    for check in call.pending_safety_checks:
        if input(f"{check.message} Go on? [y/N] ") != "y":
            sys.exit("stopped")
    seen = [check.model_dump() for check in call.pending_safety_checks]
    return {**call.model_dump(), "acknowledged_safety_checks": seen}


def main(task: str) -> None:
    """Let the model act until it has nothing more to do."""
    model = OpenAI()
    turn = {"model": "gpt-5.5", "tools": [{"type": "computer"}]}
    with SyncClient() as agent:
        agent.desktop.start()  # returns when it can be used
        agent.apps.launch(["xterm"], wait_window_s=10)
        reply = model.responses.create(**turn, input=task)
        for _ in range(TURNS):
            calls = [checked(item) for item in reply.output if item.type == "computer_call"]
            if not calls:
                break
            report = agent.desktop.act(calls, dialect="openai")
            for step in report.steps:
                print(f"{step.action}: {step.error.detail if step.error else step.status}")
            # One output for each call, with a picture; what went wrong follows as a message.
            reply = model.responses.create(
                **turn, previous_response_id=reply.id, input=report.results
            )
        print(reply.output_text)
        agent.desktop.screenshot().save("agent.png")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or TASK)
