"""Gemini at the desktop, with its computer use: gemini_agent.py [TASK]

Needs `pip install google-genai` and GEMINI_API_KEY; without a key, a script plays the model.
"""

import os
import sys

from agentd.client.sync import SyncClient

if "GEMINI_API_KEY" in os.environ:
    from google.genai import Client as Gemini
else:
    from scripted import Gemini

TASK = "In the terminal, print a greeting in three scripts."
TURNS = 50


def checked(call):
    """Return a call as the daemon takes it, confirmed by a person where the model asks for it."""
    decision = call.arguments.get("safety_decision") or {}
    if decision.get("decision") != "require_confirmation":
        return call.model_dump()
    if input(f"{decision.get('explanation')} Go on? [y/N] ") != "y":
        sys.exit("stopped")
    return {**call.model_dump(), "safety_acknowledgement": "true"}


def main(task: str) -> None:
    """Let the model act until it has nothing more to do."""
    model = Gemini()
    tools = [{"type": "computer_use", "environment": "desktop"}]
    turn = {"model": "gemini-3.5-flash", "tools": tools}
    with SyncClient() as agent:
        agent.desktop.start()  # returns when it can be used
        agent.apps.launch(["xterm"], wait_window_s=10)
        reply = model.interactions.create(**turn, input=task)
        for _ in range(TURNS):
            calls = [checked(step) for step in reply.steps if step.type == "function_call"]
            if not calls:
                break
            report = agent.desktop.act(calls, dialect="gemini")
            for step in report.steps:
                print(f"{step.action}: {step.error.detail if step.error else step.status}")
            # One result for each call, with what went wrong and a picture.
            reply = model.interactions.create(
                **turn, previous_interaction_id=reply.id, input=report.results
            )
        print(reply.output_text)
        agent.desktop.screenshot().save("agent.png")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or TASK)
