"""Any model with eyes and function calls, in agentd's own actions: native_agent.py [TASK]

Needs `pip install openai` and OPENAI_API_KEY; OPENAI_BASE_URL and MODEL name any other server that
speaks OpenAI's chat completions. Without a key, a script plays the model.
"""

import json
import os
import sys

from agentd.base.errors import AgentdError
from agentd.client.sync import SyncClient

if "OPENAI_API_KEY" in os.environ:
    from openai import OpenAI
else:
    from scripted import OpenAI

MODEL = os.environ.get("MODEL", "gpt-5.5")
TASK = "In the terminal, print a greeting in three scripts."
TURNS = 50


def looking(text, picture):
    """Return a message with a picture in it."""
    image = {"type": "image_url", "image_url": {"url": picture.data_url()}}
    return {"role": "user", "content": [{"type": "text", "text": text}, image]}


def main(task: str) -> None:
    """Let the model act until it has nothing more to do."""
    model = OpenAI()
    with SyncClient() as agent:
        agent.desktop.start()  # returns when it can be used
        agent.apps.launch(["xterm"], wait_window_s=10)
        # The daemon knows its actions as JSON Schema, which is what the model wants.
        commands = {command["name"]: command for command in agent.daemon.describe()["commands"]}
        actions = commands["desktop.act"]["parameters"]["properties"]["actions"]
        schema = {"type": "object", "properties": {"actions": actions}, "required": ["actions"]}
        tools = [{"type": "function", "function": {"name": "act", "parameters": schema}}]
        picture = agent.desktop.screenshot(max_long_edge=1280)
        messages = [looking(task, picture)]
        for _ in range(TURNS):
            reply = model.chat.completions.create(model=MODEL, tools=tools, messages=messages)
            said = reply.choices[0].message
            messages.append(said.model_dump(exclude_none=True))
            if not said.tool_calls:
                break
            for call in said.tool_calls:
                try:
                    given = json.loads(call.function.arguments)["actions"]
                    # Points are those of the picture that the model was shown.
                    steps = agent.desktop.act(given, space="image", frame=picture.meta.frame).steps
                    told = [step.error.detail if step.error else step.status for step in steps]
                except (AgentdError, ValueError, KeyError) as exc:
                    told = [str(exc)]
                print(*told, sep="\n")
                messages.append({"role": "tool", "tool_call_id": call.id, "content": str(told)})
            picture = agent.desktop.screenshot(max_long_edge=1280)
            messages.append(looking("The screen now:", picture))
        print(said.content)
        picture.save("agent.png")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or TASK)
