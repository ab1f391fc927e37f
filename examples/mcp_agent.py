"""A model at the desktop through MCP, which works with every command: mcp_agent.py [TASK]

Needs `pip install mcp` and agentctl on the PATH, and for Claude `pip install anthropic` and
ANTHROPIC_API_KEY; without a key, a script plays the model. Any model that calls functions would do.
"""

import asyncio
import os
import sys

from mcp import Client, StdioServerParameters

if "ANTHROPIC_API_KEY" in os.environ:
    from anthropic import AsyncAnthropic
else:
    from scripted import AsyncAnthropic

TASK = "Open a terminal and print a greeting in it, in three scripts."
TURNS = 50
# The client hands on few variables by itself; AGENTD_SOCKET is not among them.
PLACE = {name: value for name, value in os.environ.items() if name.startswith("AGENTD_")}
SERVER = StdioServerParameters(command="agentctl", args=["mcp"], env=PLACE)


def shown(block):
    """Return what a tool answered as the model takes it."""
    if block.type == "text":
        return {"type": "text", "text": block.text}
    source = {"type": "base64", "media_type": block.mime_type, "data": block.data}
    return {"type": "image", "source": source}


async def main(task: str) -> None:
    """Let the model call tools until it has nothing more to do."""
    model = AsyncAnthropic()
    turn = {"model": "claude-opus-5-5", "max_tokens": 4096}
    messages = [{"role": "user", "content": task}]
    async with Client(SERVER) as agent:
        turn["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
            for tool in (await agent.list_tools()).tools
        ]
        for _ in range(TURNS):
            reply = await model.messages.create(**turn, messages=messages)
            messages.append({"role": "assistant", "content": reply.content})
            results = []
            for call in (block for block in reply.content if block.type == "tool_use"):
                done = await agent.call_tool(call.name, call.input)
                print(f"{call.name}: {'failed' if done.is_error else 'done'}")
                result = {"type": "tool_result", "tool_use_id": call.id, "is_error": done.is_error}
                results.append({**result, "content": [shown(block) for block in done.content]})
            if not results:
                break
            messages.append({"role": "user", "content": results})
        print(*(block.text for block in reply.content if block.type == "text"))


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or TASK))
